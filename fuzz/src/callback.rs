//! The authorization response: the first line is the query, every other a cookie. `{state}` and `{cookie}` stand for a
//! real attempt's, which nobody can make up.

use doorward::{
    gate::{
        Attempt, ReturnTo,
        callback::{Received, receive},
        sign_in::{Begun, Draws},
    },
    oidc::{Issuer, ProviderName},
    time::UnixTime,
};

use super::ring;

const START: UnixTime = UnixTime::from_secs(0x6500_0000);

/// An attempt is found only by its own state and its own cookie, and a code that is passed on is fit for a form.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let begun = begun();
    let filled = text
        .replace("{state}", &begun.state)
        .replace("{cookie}", &format!("{}={}", begun.cookie_name, begun.cookie_value));
    let (query, cookies) = filled.split_once('\n').unwrap_or((&filled, ""));
    let cookies: Vec<(&str, &str)> = cookies.lines().filter_map(|line| line.split_once('=')).collect();
    match receive(query, &cookies, &ring(), true, START) {
        Received::Refused(_) => {}
        Received::Stray { return_to, again } => {
            assert!(query.contains(&begun.state));
            assert_eq!((return_to.as_str(), again), ("/deep?x=1", 1));
        }
        Received::Ours {
            attempt,
            answer,
            cookie_name,
        } => {
            assert!(query.contains(&begun.state), "by its state");
            assert!(
                cookies.contains(&(&begun.cookie_name, &begun.cookie_value)),
                "by its cookie"
            );
            assert_eq!((*attempt, cookie_name), (attempt_of_test(), begun.cookie_name));
            if let Ok(answer) = answer {
                assert!((1..=4096).contains(&answer.code.len()));
                assert!(answer.code.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            }
        }
    }
}

fn begun() -> Begun {
    let draws = Draws {
        id: [3; 9],
        cookie_nonce: [4; 12],
        state_nonce: [5; 12],
    };
    attempt_of_test().begin(&ring(), &draws, &[], true)
}

fn attempt_of_test() -> Attempt {
    Attempt {
        provider: ProviderName::new("corporate"),
        issuer: Issuer::new("https://id.test"),
        nonce: "n".repeat(43),
        verifier: "v".repeat(43),
        redirect_uri: "https://app.test/.doorward/callback".to_owned(),
        return_to: ReturnTo::parse("/deep?x=1").unwrap(),
        acr_values: Vec::new(),
        max_age: None,
        fresh: false,
        again: 1,
        started: START,
    }
}
