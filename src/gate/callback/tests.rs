use std::{sync::Arc, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{
    gate::{
        Begun,
        sign_in::tests::{START, attempt, draws, ring},
    },
    session::{Handle, Session, StoreKey, record::tests::record},
};

fn begun() -> Begun {
    attempt("/deep?x=1").begin(&ring(&[("a", 1)]), &draws(7), &[], true)
}

/// Receives with the attempt's cookie; `{state}` stands for its state.
fn received(query: &str) -> Received {
    let begun = begun();
    let cookies = [
        ("other", "x"),
        (begun.cookie_name.as_str(), begun.cookie_value.as_str()),
    ];
    receive(
        &query.replace("{state}", &begun.state),
        &cookies,
        &ring(&[("a", 1)]),
        true,
        START,
    )
}

fn answer(query: &str) -> Result<Answer, SignInFailure> {
    match received(query) {
        Received::Ours {
            attempt: found,
            answer,
            cookie_name,
        } => {
            assert_eq!((*found, cookie_name), (attempt("/deep?x=1"), begun().cookie_name));
            answer
        }
        Received::Stray { .. } => panic!("stray"),
        Received::Refused(failure) => panic!("{failure:?}"),
    }
}

#[test]
fn a_code_is_an_answer() {
    let code = |code: &str, iss: Option<&str>| {
        Ok(Answer {
            code: code.to_owned(),
            iss: iss.map(str::to_owned),
        })
    };
    assert_eq!(answer("code=abc&state={state}"), code("abc", None));
    assert_eq!(
        answer("state={state}&code=a%2Bb+c&iss=https%3A%2F%2Fid.test"),
        code("a+b c", Some("https://id.test"))
    );
    assert_eq!(
        answer("code=abc&state={state}&session_state=1&session_state=2&x"),
        code("abc", None)
    );
}

#[test]
fn an_error_is_an_answer_that_uses_the_attempt_up() {
    // AR-06, AR-09
    for (error, failure) in [
        ("access_denied", SignInFailure::Denied),
        ("consent_required", SignInFailure::Denied),
        ("login_required", SignInFailure::ProviderError),
        ("interaction_required", SignInFailure::ProviderError),
        ("server_error", SignInFailure::ProviderError),
        ("temporarily_unavailable", SignInFailure::ProviderError),
        ("invalid_request", SignInFailure::ProviderError),
        ("<script>", SignInFailure::ProviderError),
        ("", SignInFailure::ProviderError),
        ("unauthorized_client", SignInFailure::ClientRejected),
        ("unmet_authentication_requirements", SignInFailure::StepUpUnmet),
    ] {
        assert_eq!(
            answer(&format!("error={error}&error_description=<b>&state={{state}}")),
            Err(failure),
            "{error}"
        );
    }
}

#[test]
fn a_malformed_answer_uses_the_attempt_up_too() {
    // AR-06, AR-10, AR-11
    let long = format!("code={}&state={{state}}", "a".repeat(5000));
    for query in [
        "state={state}",
        "code=&state={state}",
        "code=a&error=access_denied&state={state}",
        "code=a&code=a&state={state}",
        "code=a&code=b&state={state}",
        "code=a&iss=x&iss=x&state={state}",
        "error=a&error=a&state={state}",
        "code=a%0Ab&state={state}",
        "code=%C3%A9&state={state}",
        &long,
    ] {
        assert_eq!(answer(query), Err(SignInFailure::Malformed), "{query}");
    }
}

#[test]
fn without_a_state_of_ours_nothing_happens() {
    // AR-13
    let refused = |query: &str, failure| assert_eq!(received(query), Received::Refused(failure), "{query}");
    refused("", SignInFailure::NoAttempt);
    refused("code=abc", SignInFailure::NoAttempt);
    refused("code=abc&state=", SignInFailure::NoAttempt);
    refused("code=abc&state=abc", SignInFailure::NoAttempt);
    refused("code=abc&state={state}x", SignInFailure::NoAttempt);
    refused("code=abc&State={state}", SignInFailure::NoAttempt);
    refused("error=access_denied", SignInFailure::NoAttempt);
    // AR-11
    refused("code=abc&state={state}&state={state}", SignInFailure::Malformed);
    refused("code=abc&state=a&state={state}", SignInFailure::Malformed);
}

fn with_cookies(cookies: &[(&str, &str)], secure: bool, now: UnixTime) -> Received {
    receive(
        &format!("code=abc&state={}", begun().state),
        cookies,
        &ring(&[("a", 1)]),
        secure,
        now,
    )
}

#[test]
fn without_its_cookie_a_state_is_a_stray() {
    // AR-04
    let begun = begun();
    let (name, value) = (begun.cookie_name.as_str(), begun.cookie_value.as_str());
    let another = attempt("/other").begin(&ring(&[("a", 1)]), &draws(8), &[], true);
    let stray = Received::Stray {
        return_to: attempt("/deep?x=1").return_to,
        again: 1,
    };
    for cookies in [
        vec![],
        vec![("other", value)],
        vec![(another.cookie_name.as_str(), another.cookie_value.as_str())],
        vec![(name, another.cookie_value.as_str())],
        vec![(name, "")],
        vec![(name, begun.state.as_str())],
        vec![("__HOST-doorward-attempt-065000000-BwcHBwcHBwcH", value)],
    ] {
        assert_eq!(with_cookies(&cookies, true, START), stray, "{cookies:?}");
    }
    assert_eq!(with_cookies(&[(name, value)], false, START), stray);
}

#[test]
fn a_tossed_cookie_of_the_same_name_does_not_count() {
    // CK-06
    let begun = begun();
    let (name, value) = (begun.cookie_name.as_str(), begun.cookie_value.as_str());
    for cookies in [[(name, "tossed"), (name, value)], [(name, value), (name, "tossed")]] {
        assert!(matches!(
            with_cookies(&cookies, true, START),
            Received::Ours { answer: Ok(_), .. }
        ));
    }
}

#[test]
fn an_attempt_lasts_ten_minutes() {
    let begun = begun();
    let at = |secs: u64| {
        let cookies = [(begun.cookie_name.as_str(), begun.cookie_value.as_str())];
        match with_cookies(&cookies, true, START + Duration::from_secs(secs)) {
            Received::Ours { answer, .. } => answer.map(|answer| answer.code),
            Received::Stray { .. } | Received::Refused(_) => panic!("not ours"),
        }
    };
    assert_eq!(at(600), Ok("abc".to_owned()));
    assert_eq!(at(601), Err(SignInFailure::Expired));
    let early = UnixTime::from_secs(START.secs() - 30);
    let cookies = [(begun.cookie_name.as_str(), begun.cookie_value.as_str())];
    assert!(matches!(
        with_cookies(&cookies, true, early),
        Received::Ours { answer: Ok(_), .. }
    ));
}

#[test]
fn a_long_address_is_not_in_the_state() {
    let long = format!("/{}", "a".repeat(1500));
    let begun = attempt(&long).begin(&ring(&[("a", 1)]), &draws(7), &[], true);
    let query = format!("code=abc&state={}", begun.state);
    let stray = receive(&query, &[], &ring(&[("a", 1)]), true, START);
    assert_eq!(
        stray,
        Received::Stray {
            return_to: ReturnTo::home(),
            again: 1
        }
    );
    let cookies = [(begun.cookie_name.as_str(), begun.cookie_value.as_str())];
    let Received::Ours { attempt, .. } = receive(&query, &cookies, &ring(&[("a", 1)]), true, START) else {
        panic!()
    };
    assert_eq!(attempt.return_to.as_str(), long);
}

proptest! {
    #[test]
    fn no_query_without_our_state_is_ours(query in "((code|state|error|iss)=[a-zA-Z0-9%_-]{0,30}&){0,5}|\\PC{0,60}") {
        prop_assert!(matches!(received(&query), Received::Refused(_)));
    }
}

#[test]
fn what_comes_of_a_stray_answer() {
    let session = || Presence::Session(session());
    // (what is there, whether it serves, whether other attempts are under way, starts lost before)
    for (presence, serves, others, again, expected) in [
        (session(), true, false, 0, Strayed::GoOn),
        (session(), true, true, MOST_LOST, Strayed::GoOn),
        (session(), false, false, 0, Strayed::Fail),
        (session(), false, true, 0, Strayed::Again(1)),
        (Presence::Down, false, true, 0, Strayed::StoreDown),
        (Presence::Nothing, false, false, 0, Strayed::Fail),
        (Presence::Nothing, false, true, MOST_LOST - 1, Strayed::Again(MOST_LOST)),
        (Presence::Nothing, false, true, MOST_LOST, Strayed::Fail),
        (Presence::Unreadable, false, true, 1, Strayed::Again(2)),
    ] {
        let found = strayed(&presence, serves, others, again);
        assert_eq!(found, expected, "{presence:?}, {serves}, {others}, {again}");
    }
}

fn session() -> Arc<Session> {
    Arc::new(Session::new(Handle::new([1; 32]), StoreKey([2; 32]), record(START)))
}
