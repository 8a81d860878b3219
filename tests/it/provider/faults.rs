//! Each fault at each endpoint: rows IP-02, IP-03, IP-13, TE-07, TE-08, DJ-03, DJ-04.

use std::time::Duration;

use doorward::{
    gate::SignInFailure,
    provider::{ExchangeError, UserInfoUse},
};

use super::Rig;
use crate::harness::provider::{Endpoint, Fault, Script};

fn faults() -> Vec<(&'static str, Endpoint)> {
    let broken = |fault| Endpoint {
        fault,
        ..Endpoint::default()
    };
    let answers = |status, content_type: &str, body: &str| {
        let mut endpoint = Endpoint::default();
        endpoint.answer(status, content_type, body);
        endpoint
    };
    vec![
        ("reset", broken(Fault::Reset)),
        ("hang", broken(Fault::Hang)),
        ("hang in body", broken(Fault::HangInBody)),
        ("truncated", broken(Fault::Truncate)),
        ("huge", broken(Fault::Huge)),
        ("endless", broken(Fault::Endless)),
        ("500", answers(500, "application/json", "{}")),
        ("503", answers(503, "text/html", "<h1>soon</h1>")),
        ("429", answers(429, "application/json", "{}")),
        (
            "captive page",
            answers(200, "text/html", "<h1>sign in to the Wi-Fi</h1>"),
        ),
        ("empty", answers(200, "application/json", "")),
        ("not JSON", answers(200, "application/json", "{\"keys\":")),
        ("404", answers(404, "text/html", "<h1>no</h1>")),
    ]
}

fn endpoint<'a>(script: &'a mut Script, name: &str) -> &'a mut Endpoint {
    match name {
        "discovery" => &mut script.discovery,
        "jwks" => &mut script.jwks,
        "token" => &mut script.token,
        "userinfo" => &mut script.userinfo,
        other => panic!("{other}"),
    }
}

async fn impatient() -> Rig {
    Rig::with(|settings| {
        settings.timeout = Duration::from_millis(300);
        settings.userinfo = UserInfoUse::Always;
    })
    .await
}

/// A sign-in that fails by this fault, and one after it that goes well: nothing needs a restart.
async fn strike(name: &str, fault: &str, with: Endpoint) {
    let rig = impatient().await;
    let attempt = rig.attempt();
    if name == "discovery" {
        rig.op.script(|script| script.discovery = with);
        let failure = rig.provider.metadata().await.unwrap_err();
        assert!(failure.cause.starts_with("discovery: "), "{fault}: {}", failure.cause);
    } else {
        let code = rig.code(&attempt).await;
        rig.op.script(|script| *endpoint(script, name) = with);
        let outcome = rig.provider.exchange(&code, &attempt).await;
        // Userinfo that answers and proves nothing is another thing than userinfo that does not answer.
        let answers = matches!(fault, "captive page" | "empty" | "not JSON" | "404");
        match outcome.unwrap_err() {
            ExchangeError::Unreachable(unreachable) => assert!(!unreachable.cause.is_empty()),
            ExchangeError::Failed(SignInFailure::UserInfoInvalid) if name == "userinfo" && answers => {}
            other @ ExchangeError::Failed(_) => panic!("{name} {fault}: {other}"),
        }
        assert_eq!(rig.op.count("token"), 1, "{name} {fault}: TE-08");
    }
    rig.op.script(|script| *script = Script::default());
    rig.later();
    rig.sign_in()
        .await
        .unwrap_or_else(|error| panic!("{name} {fault}: no recovery: {error}"));
}

#[tokio::test]
async fn discovery_that_fails() {
    for (fault, with) in faults() {
        strike("discovery", fault, with).await;
    }
}

#[tokio::test]
async fn a_key_set_that_fails() {
    for (fault, with) in faults() {
        strike("jwks", fault, with).await;
    }
}

#[tokio::test]
async fn a_token_endpoint_that_fails() {
    for (fault, with) in faults() {
        strike("token", fault, with).await;
    }
}

#[tokio::test]
async fn userinfo_that_fails() {
    for (fault, with) in faults() {
        strike("userinfo", fault, with).await;
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    // DJ-03, TE-07
    for name in ["discovery", "jwks", "token", "userinfo"] {
        let (rig, other) = (impatient().await, Rig::new().await);
        let attempt = rig.attempt();
        let code = rig.code(&attempt).await;
        let path = if name == "discovery" {
            ".well-known/openid-configuration"
        } else {
            name
        };
        let to = format!("{}/{path}", other.op.issuer());
        if name == "discovery" {
            rig.clock.advance(Duration::from_secs(601));
        }
        rig.op
            .script(|script| endpoint(script, name).fault = Fault::Redirect(to));
        let outcome = rig.provider.exchange(&code, &attempt).await;
        // Discovery is stale and kept, so its redirect harms nothing.
        assert_eq!(outcome.is_ok(), name == "discovery", "{name}");
        rig.op.seen(name, 1).await;
        assert_eq!(other.op.count(name), 0, "{name}");
    }
}

#[tokio::test]
async fn a_reset_after_the_code_was_sent_is_not_answered_by_a_second_try() {
    // TE-08
    let rig = Rig::new().await;
    rig.op.script(|script| {
        script.token.fault = Fault::Reset;
        script.token.times = Some(1);
    });
    let outcome = rig.sign_in().await;
    assert!(matches!(outcome, Err(ExchangeError::Unreachable(_))));
    assert_eq!(rig.op.count("token"), 1);
}

#[tokio::test]
async fn each_call_is_counted_and_no_token_is_in_the_metrics() {
    // TE-11
    let rig = Rig::new().await;
    let proved = rig.sign_in().await.unwrap();
    rig.op.script(|script| script.token.status = 500);
    drop(rig.sign_in().await);
    for (endpoint, call, times) in [
        ("discovery", "ok", 1),
        ("keys", "ok", 1),
        ("token", "ok", 1),
        ("token", "failed", 1),
        ("token", "refused", 0),
    ] {
        assert_eq!(rig.calls(endpoint, call), times, "{endpoint} {call}");
    }
    let rendered = rig.telemetry.render();
    assert!(!rendered.contains(proved.tokens.access_token.expose()));
}
