use proptest::prelude::*;

use super::*;
use crate::{
    keys::{KeyId, RingKey},
    secret::Secret,
    session::record::tests::identity,
};

pub(in crate::gate) const START: UnixTime = UnixTime::from_secs(0x6500_0000);

pub(in crate::gate) fn ring(keys: &[(&str, u8)]) -> Ring {
    let key = |(id, byte): &(&str, u8)| RingKey::new(KeyId::parse(id).unwrap(), &Secret::new([*byte; 32]));
    Ring::new(keys.iter().map(key).collect()).unwrap()
}

pub(in crate::gate) fn draws(byte: u8) -> Draws {
    Draws {
        id: [byte; 9],
        cookie_nonce: [byte; 12],
        state_nonce: [byte.wrapping_add(1); 12],
    }
}

pub(in crate::gate) fn attempt(return_to: &str) -> Attempt {
    Attempt {
        provider: ProviderName::new("corporate"),
        issuer: Issuer::new("https://id.test"),
        nonce: "n".repeat(43),
        verifier: "v".repeat(43),
        redirect_uri: "https://app.test/.doorward/callback".to_owned(),
        return_to: ReturnTo::parse(return_to).unwrap(),
        acr_values: vec!["phr".to_owned()],
        max_age: Some(300),
        fresh: false,
        again: 1,
        started: START,
    }
}

fn begun(return_to: &str) -> Begun {
    attempt(return_to).begin(&ring(&[("a", 1)]), &draws(7), &[], true)
}

#[test]
fn nothing_secret_of_an_attempt_prints() {
    let attempt = attempt("/x?token=t0k3n");
    let shown = format!("{attempt:?}");
    for secret in [attempt.nonce.as_str(), &attempt.verifier, "t0k3n"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let begun = begun("/x");
    let shown = format!("{begun:?}");
    assert!(
        !shown.contains(&begun.state) && !shown.contains(&begun.cookie_value),
        "{shown}"
    );
    let answer = crate::gate::callback::Answer {
        code: "c0d3".to_owned(),
        iss: None,
    };
    assert!(!format!("{answer:?}").contains("c0d3"));
}

/// The cookie of an attempt begun some seconds after [`START`].
fn cookie(secs: i64) -> String {
    cookie_name(&name(UnixTime::from_secs(START.secs() + secs), &[9; 9]), true)
}

fn dropped_of(present: &[String], secure: bool) -> Vec<String> {
    dropped(&present.iter().map(String::as_str).collect::<Vec<_>>(), secure)
}

#[test]
fn an_attempt_comes_back_whole() {
    let ring = ring(&[("a", 1)]);
    let begun = begun("/deep/url?x=//y");
    assert_eq!(
        Attempt::open(&ring, &begun.cookie_name, &begun.cookie_value),
        Some(attempt("/deep/url?x=//y"))
    );
    let state = State::open(&ring, &begun.state).unwrap();
    assert_eq!(cookie_name(&state.name, true), begun.cookie_name);
    assert_eq!(
        (state.return_to, state.again),
        (Some(attempt("/deep/url?x=//y").return_to), 1)
    );
    assert!(begun.dropped.is_empty());
}

#[test]
fn names_tell_scheme_time_and_nothing_else() {
    assert_eq!(begun("/").cookie_name, "__Host-doorward-attempt-065000000-BwcHBwcHBwcH");
    let plain = attempt("/").begin(&ring(&[("a", 1)]), &draws(7), &[], false);
    assert_eq!(plain.cookie_name, "doorward-attempt-065000000-BwcHBwcHBwcH");
    assert!(cookie(1) < cookie(2) && cookie(2) < cookie(0x1_0000_0000));
}

#[test]
fn state_and_cookie_hide_their_content() {
    // AR-07
    let begun = begun("/secret-page");
    for sealed in [&begun.state, &begun.cookie_value] {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"secret"));
    }
}

#[test]
fn every_attempt_has_keys_of_its_own() {
    // The worst case: the nonces of two attempts meet. Under one key equal text would be equal bytes.
    let begin = |id| {
        let draws = Draws { id, ..draws(7) };
        attempt("/").begin(&ring(&[("a", 1)]), &draws, &[], true)
    };
    let (one, two) = (begin([1; 9]), begin([2; 9]));
    let text = |sealed: &str| URL_SAFE_NO_PAD.decode(sealed).unwrap()[HEAD..HEAD + 16].to_vec();
    assert_ne!(text(&one.cookie_value), text(&two.cookie_value));
    // `{"n":"` and the time are equal in both.
    assert_ne!(text(&one.state[DRAWN..]), text(&two.state[DRAWN..]));
}

/// Format, length of the key's name, the name `a`, version and nonce.
const HEAD: usize = 1 + 1 + 1 + 8 + 12;

#[test]
fn no_changed_byte_opens() {
    // AR-07, CK-08
    let ring = ring(&[("a", 1)]);
    let begun = begun("/x");
    let flipped = |value: &str, at: usize| {
        let mut bytes = URL_SAFE_NO_PAD.decode(value).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= 1;
        URL_SAFE_NO_PAD.encode(bytes)
    };
    for at in 0..begun.cookie_value.len() {
        assert_eq!(
            Attempt::open(&ring, &begun.cookie_name, &flipped(&begun.cookie_value, at)),
            None,
            "{at}"
        );
        assert_eq!(State::open(&ring, &flipped(&begun.state, at)), None, "{at}");
    }
}

#[test]
fn each_value_opens_in_its_own_place_only() {
    let ring = ring(&[("a", 1)]);
    let begun = begun("/x");
    assert_eq!(Attempt::open(&ring, &cookie(0), &begun.cookie_value), None);
    assert_eq!(Attempt::open(&ring, &begun.cookie_name, &begun.state), None);
    assert_eq!(State::open(&ring, &begun.cookie_value), None);
    let plain_name = begun.cookie_name.replace("__Host-", "");
    assert_eq!(Attempt::open(&ring, &plain_name, &begun.cookie_value), None);
}

#[test]
fn keys_rotate_while_people_sign_in() {
    // CK-09
    let begun = begun("/x");
    assert!(Attempt::open(&ring(&[("b", 2), ("a", 1)]), &begun.cookie_name, &begun.cookie_value).is_some());
    assert_eq!(
        Attempt::open(&ring(&[("b", 2)]), &begun.cookie_name, &begun.cookie_value),
        None
    );
    assert_eq!(
        Attempt::open(&ring(&[("a", 3)]), &begun.cookie_name, &begun.cookie_value),
        None
    );
}

#[test]
fn an_address_too_long_is_replaced_by_home() {
    // CK-03
    let of_length = |length: usize| format!("/{}", "p".repeat(length - 1));
    let ring = ring(&[("a", 1)]);
    let remembered = |length: usize| {
        let begun = begun(&of_length(length));
        assert!(
            begun.cookie_name.len() + begun.cookie_value.len() <= LONGEST_COOKIE,
            "{length}"
        );
        Attempt::open(&ring, &begun.cookie_name, &begun.cookie_value)
            .unwrap()
            .return_to
            .as_str()
            .len()
    };
    let carried = |length: usize| {
        State::open(&ring, &begun(&of_length(length)).state)
            .unwrap()
            .return_to
            .is_some()
    };
    assert_eq!(remembered(LONGEST_REMEMBERED), LONGEST_REMEMBERED);
    assert_eq!(remembered(LONGEST_REMEMBERED + 1), 1);
    assert_eq!(remembered(8192), 1);
    assert!(carried(LONGEST_CARRIED) && !carried(LONGEST_CARRIED + 1));
}

#[test]
fn the_oldest_is_dropped_when_there_would_be_too_many() {
    // AR-20
    let present: Vec<String> = [5, 3, 1, 4, 2, 6].map(cookie).into();
    assert_eq!(dropped_of(&present, true), Vec::<String>::new());
    let present: Vec<String> = [5, 3, 7, 1, 4, 2, 6].map(cookie).into();
    assert_eq!(dropped_of(&present, true), [cookie(1)]);
    let present: Vec<String> = [5, 3, 7, 1, 4, 2, 6, 9, 8].map(cookie).into();
    assert_eq!(dropped_of(&present, true), [cookie(1), cookie(2), cookie(3)]);
    assert_eq!(dropped_of(&present, false), Vec::<String>::new());
}

#[test]
fn only_attempts_count_and_odd_ones_go_first() {
    let mut present: Vec<String> = [1, 2, 3, 4, 5, 6].map(cookie).into();
    present.extend(
        [
            "session",
            "__Host-doorward",
            "__host-doorward-attempt-x",
            "__Host-doorward-attempt-\u{e9}",
        ]
        .map(str::to_owned),
    );
    assert_eq!(dropped_of(&present, true), Vec::<String>::new());
    present.push("__Host-doorward-attempt-odd".to_owned());
    assert_eq!(dropped_of(&present, true), ["__Host-doorward-attempt-odd"]);
    // CK-06: the same name twice is one cookie to us.
    let twice: Vec<String> = [1, 1, 2, 3, 4, 5, 6].map(cookie).into();
    assert_eq!(dropped_of(&twice, true), Vec::<String>::new());
}

#[test]
fn the_issuer_is_compared_byte_for_byte() {
    // AR-14
    let attempt = attempt("/");
    for (iss, required, good) in [
        (Some("https://id.test"), true, true),
        (Some("https://id.test"), false, true),
        (Some("https://id.test/"), false, false),
        (Some("https://ID.test"), false, false),
        (Some(""), false, false),
        (None, true, false),
        (None, false, true),
    ] {
        let expected = if good { Ok(()) } else { Err(SignInFailure::WrongIssuer) };
        assert_eq!(attempt.check_issuer(iss, required), expected, "{iss:?}");
    }
}

#[test]
fn an_answer_counts_at_its_own_address_and_from_its_own_provider() {
    // AR-14, AR-15
    let (attempt, issuer) = (attempt("/"), Issuer::new("https://id.test"));
    assert_eq!(
        attempt.check_address(&issuer, "https://app.test/.doorward/callback"),
        Ok(())
    );
    for (issuer, here) in [
        ("https://other.test", "https://app.test/.doorward/callback"),
        ("https://id.test", "https://app.test/.doorward/callback/2"),
        ("https://id.test", "http://app.test/.doorward/callback"),
    ] {
        let checked = attempt.check_address(&Issuer::new(issuer), here);
        assert_eq!(checked, Err(SignInFailure::WrongIssuer), "{issuer} {here}");
    }
}

#[test]
fn a_session_made_meanwhile_serves_only_what_was_asked_for() {
    let reached = |acr: &str, provider: &str, auth_time: i64| -> VerifiedIdentity {
        let mut written = serde_json::to_value(identity()).unwrap();
        written["acr"] = acr.into();
        written["provider"] = provider.into();
        written["auth_time"] = auth_time.into();
        serde_json::from_value(written).unwrap()
    };
    let (now, skew) = (START + Duration::from_secs(1000), Duration::from_secs(60));
    let recent = START.secs() + 990;
    let met = |attempt: &Attempt, identity| attempt.is_met_by(&identity, skew, now);
    let plain = attempt("/");
    assert!(met(&plain, reached("phr", "corporate", recent)));
    assert!(
        !met(&plain, reached("pwd", "corporate", recent)),
        "weaker than asked for"
    );
    assert!(!met(&plain, reached("phr", "partners", recent)), "of another provider");
    assert!(!met(&plain, reached("phr", "corporate", START.secs())), "too long ago");
    let other_account = Attempt { fresh: true, ..plain };
    assert!(!met(&other_account, reached("phr", "corporate", recent)));
}

proptest! {
    #[test]
    fn whatever_is_remembered_fits_a_cookie(
        path in "/[a-z]{0,2500}",
        nonce in "[a-z]{0,200}",
        acr_values in proptest::collection::vec("[a-z:]{0,30}", 0..4),
        secure in any::<bool>(),
        byte in any::<u8>(),
    ) {
        let ring = ring(&[("a", 1)]);
        let attempt = Attempt { nonce, acr_values, ..attempt(&path) };
        let begun = attempt.begin(&ring, &draws(byte), &[], secure);
        prop_assert!(begun.cookie_name.len() + begun.cookie_value.len() <= LONGEST_COOKIE);
        let opened = Attempt::open(&ring, &begun.cookie_name, &begun.cookie_value).unwrap();
        let home = Attempt { return_to: ReturnTo::home(), ..attempt.clone() };
        prop_assert!(opened == attempt || opened == home);
        let of_value = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
        prop_assert!(begun.state.bytes().chain(begun.cookie_value.bytes()).all(of_value));
    }

    #[test]
    fn there_are_never_more_than_the_most(secs in proptest::collection::vec(0_i64..1000, 0..30)) {
        let present: std::collections::BTreeSet<String> = secs.into_iter().map(cookie).collect();
        let present: Vec<String> = present.into_iter().collect();
        let dropped = dropped_of(&present, true);
        prop_assert!(present.len() + 1 - dropped.len() <= MOST);
        prop_assert_eq!(&present[..dropped.len()], &dropped[..]);
        prop_assert!(dropped.is_empty() || present.len() + 1 - dropped.len() == MOST);
    }

    #[test]
    fn nothing_made_up_opens(value in "[A-Za-z0-9_-]{0,200}|\\PC{0,40}") {
        let ring = ring(&[("a", 1)]);
        prop_assert_eq!(State::open(&ring, &value), None);
        prop_assert_eq!(Attempt::open(&ring, &cookie(1), &value), None);
    }
}

// GW-09: begun by today's program, finished by any later one. Never made anew.
#[test]
fn an_attempt_of_the_first_format_opens() {
    let lines: Vec<&str> = include_str!("golden-1.txt").lines().collect();
    let [name, value, state] = lines.try_into().unwrap();
    let ring = ring(&[("b", 2), ("a", 1)]);
    assert!(Attempt::open(&ring, name, value) == Some(attempt("/deep?x=1")));
    let state = State::open(&ring, state).expect("it opens");
    assert_eq!((state.again, name.ends_with(&state.name)), (1, true));
}
