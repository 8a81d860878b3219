//! Refresh tokens: rows RF-05 to RF-08, IP-03, IP-09, IP-10.

use std::time::Duration;

use doorward::{
    provider::{RenewFailure, UserInfoUse},
    session::Record,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Rig;
use crate::harness::{
    provider::{Fault, IdTokenEdit, Rotation, Script},
    service::until,
};

async fn refused(rig: &Rig, record: &Record) -> RenewFailure {
    rig.renew(record).await.unwrap_err()
}

fn refreshed(name: &'static str, value: Value) -> impl FnOnce(&mut Script) {
    move |script| {
        let mut edit = IdTokenEdit::default();
        edit.claims(move |claims| {
            claims.insert(name.to_owned(), value.clone());
        });
        script.refreshed_id_token = Some(edit);
    }
}

#[tokio::test]
async fn a_renewal_brings_new_tokens() {
    let rig = Rig::new().await;
    let record = rig.record().await;
    rig.clock.advance(Duration::from_secs(250));
    let renewed = rig.renew(&record).await.unwrap();
    assert_ne!(renewed.tokens.access_token, record.tokens.access_token);
    assert_ne!(renewed.tokens.refresh_token, record.tokens.refresh_token);
    assert_ne!(renewed.tokens.id_token, record.tokens.id_token);
    assert!(renewed.tokens.access_expires > record.tokens.access_expires);
    assert_eq!(renewed.identity.subject(), "ada");
    assert_eq!(renewed.identity.auth_time(), record.identity.auth_time());
    let request = &rig.op.requests("refresh")[0];
    let spent = record.tokens.refresh_token.as_ref().unwrap();
    assert_eq!(request.form("refresh_token"), Some(spent.expose().as_str()));
    assert_eq!(rig.op.reused(), 0);
}

#[tokio::test]
async fn what_the_answer_leaves_out_stays() {
    // RF-05
    let rig = Rig::new().await;
    rig.op.script(|script| {
        script.rotate_refresh = false;
        script.refreshed_id_token = None;
    });
    let record = rig.record().await;
    for _ in 0..2 {
        let renewed = rig.renew(&record).await.unwrap();
        assert_eq!(renewed.tokens.refresh_token, record.tokens.refresh_token);
        assert_eq!(renewed.tokens.id_token, record.tokens.id_token);
        assert_eq!(renewed.identity, record.identity);
        assert_ne!(renewed.tokens.access_token, record.tokens.access_token);
    }
}

#[tokio::test]
async fn a_changed_claim_is_taken_over_and_the_sign_in_kept() {
    // RF-06, IP-09
    let rig = Rig::new().await;
    let record = rig.record().await;
    rig.op.script(|script| {
        let mut edit = IdTokenEdit::default();
        edit.claims(|claims| {
            claims.insert("groups".to_owned(), json!(["new"]));
            claims.remove("auth_time");
            claims.remove("sid");
        });
        script.refreshed_id_token = Some(edit);
    });
    let mut record = record;
    for _ in 0..3 {
        let renewed = rig.renew(&record).await.unwrap();
        assert_eq!(renewed.identity.groups(), ["new"]);
        assert_eq!(renewed.identity.auth_time(), record.identity.auth_time());
        assert_eq!(renewed.identity.sid(), record.identity.sid());
        record = record.renewed(renewed.tokens, renewed.identity, rig.clock.now());
    }
}

#[tokio::test]
async fn a_refreshed_token_of_somebody_else_is_refused() {
    // RF-06
    for (name, value) in [
        ("sub", json!("root")),
        ("iss", json!("https://other.example.org")),
        ("aud", json!("other")),
        ("azp", json!("doorward")),
        ("auth_time", json!(1)),
    ] {
        let rig = Rig::new().await;
        let record = rig.record().await;
        rig.op.script(refreshed(name, value));
        let failure = refused(&rig, &record).await;
        assert!(matches!(failure, RenewFailure::Changed(_)), "{name}: {failure}");
    }
}

#[tokio::test]
async fn a_refreshed_id_token_that_proves_nothing_counts_as_not_sent() {
    // RF-04, RF-06
    for (name, value) in [("nonce", json!("other")), ("exp", json!(1)), ("sub", json!(7))] {
        let rig = Rig::new().await;
        let record = rig.record().await;
        rig.op.script(refreshed(name, value));
        let renewed = rig.renew(&record).await.unwrap();
        assert_ne!(renewed.tokens.refresh_token, record.tokens.refresh_token, "{name}");
        assert_eq!(renewed.tokens.id_token, record.tokens.id_token, "{name}");
        assert_eq!(renewed.identity, record.identity, "{name}");
    }
}

#[tokio::test]
async fn a_client_that_is_refused_is_not_refused_at_every_request() {
    // RF-08, IP-10
    for code in ["invalid_client", "invalid_scope"] {
        let rig = Rig::new().await;
        let record = rig.record().await;
        rig.op.script(|script| script.refresh_error = Some(code.to_owned()));
        for _ in 0..50 {
            refused(&rig, &record).await;
        }
        let asked = rig.op.count("refresh");
        assert!((3..=5).contains(&asked), "{code}: asked {asked} times");
    }
}

#[tokio::test]
async fn a_refresh_token_is_not_sent_to_another_issuer() {
    let (rig, other) = (Rig::new().await, Rig::new().await);
    let record = rig.record().await;
    assert_eq!(refused(&other, &record).await, RenewFailure::OtherIssuer);
    assert_eq!(other.op.count("refresh"), 0);
}

#[tokio::test]
async fn refusals_are_told_apart() {
    // RF-07, IP-10
    let rig = Rig::new().await;
    let record = rig.record().await;
    for (code, expected) in [
        ("invalid_grant", RenewFailure::Refused),
        ("login_required", RenewFailure::Refused),
        ("interaction_required", RenewFailure::Refused),
        ("consent_required", RenewFailure::Refused),
        (
            "invalid_client",
            RenewFailure::ClientRejected("invalid_client".to_owned()),
        ),
        (
            "unauthorized_client",
            RenewFailure::ClientRejected("unauthorized_client".to_owned()),
        ),
        (
            "temporarily_unavailable",
            RenewFailure::Unavailable { retry_after: None },
        ),
    ] {
        rig.op.script(|script| script.refresh_error = Some(code.to_owned()));
        assert_eq!(refused(&rig, &record).await, expected);
        rig.later();
    }
    rig.op
        .script(|script| script.refresh_error = Some("invalid_scope".to_owned()));
    assert!(matches!(refused(&rig, &record).await, RenewFailure::Odd(_)));
    rig.later();
    rig.op.script(|script| script.refresh_error = None);
    rig.renew(&record).await.unwrap();
    assert_eq!(refused(&rig, &record).await, RenewFailure::Refused, "spent twice");
    assert_eq!(rig.op.reused(), 1);
}

#[tokio::test]
async fn without_a_refresh_token_nothing_is_asked() {
    let rig = Rig::new().await;
    rig.op.script(|script| script.refresh_tokens = false);
    let record = rig.record().await;
    assert_eq!(refused(&rig, &record).await, RenewFailure::Refused);
    assert_eq!(rig.op.count("refresh"), 0);
}

#[tokio::test]
async fn an_outage_is_never_a_refusal_and_one_request_is_one_try() {
    // RF-07, IP-03, IP-13, TE-08
    let outages: [fn(&mut Script); 9] = [
        |s| s.refresh.status = 500,
        |s| s.refresh.status = 429,
        |s| s.refresh.fault = Fault::Reset,
        |s| s.refresh.fault = Fault::Hang,
        |s| s.refresh.fault = Fault::Truncate,
        |s| s.refresh.fault = Fault::Endless,
        |s| s.refresh.fault = Fault::Redirect("/elsewhere".to_owned()),
        |s| s.refresh.answer(200, "text/html", "<h1>captive</h1>"),
        |s| s.refresh.answer(400, "text/html", "<h1>bad gateway</h1>"),
    ];
    for (index, outage) in outages.into_iter().enumerate() {
        let rig = Rig::with(|settings| settings.timeout = Duration::from_millis(300)).await;
        rig.op.script(|script| script.rotate_refresh = false);
        let record = rig.record().await;
        rig.op.script(outage);
        let failure = refused(&rig, &record).await;
        assert!(
            matches!(failure, RenewFailure::Unavailable { .. }),
            "case {index}: {failure}"
        );
        assert_eq!(rig.op.count("refresh"), 1, "case {index}");
        rig.op.script(|script| *script = Script::default());
        rig.later();
        rig.renew(&record).await.unwrap();
    }
}

#[tokio::test]
async fn what_the_provider_fails_over_for_one_person_keeps_nobody_else_waiting() {
    // RF-07, IP-03. Dex answers 500 for somebody who is gone from the directory behind it.
    let rig = Rig::new().await;
    let (gone, other) = (rig.record().await, rig.record().await);
    rig.op.script(|script| script.refresh.status = 500);
    for _ in 0..20 {
        let failure = refused(&rig, &gone).await;
        assert!(matches!(failure, RenewFailure::Unavailable { .. }), "{failure}");
    }
    assert_eq!(rig.op.count("refresh"), 3, "this one is not asked for at every request");
    rig.op.script(|script| script.refresh.status = 0);
    rig.renew(&other).await.unwrap();
    let held = refused(&rig, &gone).await;
    assert!(
        matches!(held, RenewFailure::Unavailable { retry_after: Some(_) }),
        "{held}"
    );
    rig.later();
    rig.renew(&gone).await.unwrap();
}

#[tokio::test]
async fn a_refresh_token_that_dex_no_longer_knows_is_refused() {
    // RF-07. Dex keeps one for a person and a client: the sign-in of another browser replaces it.
    let rig = Rig::new().await;
    let record = rig.record().await;
    let said = r#"{"error":"invalid_request","error_description":"Refresh token is invalid or has already been claimed by another client."}"#;
    rig.op
        .script(|script| script.refresh.answer(400, "application/json", said));
    assert_eq!(refused(&rig, &record).await, RenewFailure::Refused);
}

#[tokio::test]
async fn after_failures_in_a_row_nobody_waits_for_the_provider() {
    // RF-07, IP-03
    let rig = Rig::new().await;
    let record = rig.record().await;
    rig.op.script(|script| script.refresh.status = 502);
    for _ in 0..50 {
        let failure = refused(&rig, &record).await;
        assert!(matches!(failure, RenewFailure::Unavailable { .. }));
    }
    let asked = rig.op.count("refresh");
    assert!((3..=5).contains(&asked), "asked {asked} times");
    let RenewFailure::Unavailable {
        retry_after: Some(wait),
    } = refused(&rig, &record).await
    else {
        panic!("it does not say when");
    };
    assert!(wait <= Duration::from_secs(30));
    rig.op.script(|script| script.refresh.status = 0);
    rig.clock.advance(Duration::from_secs(31));
    rig.renew(&record).await.unwrap();
}

#[tokio::test]
async fn retry_after_is_kept_to() {
    // IP-03
    let rig = Rig::new().await;
    let record = rig.record().await;
    rig.op.script(|script| {
        script.refresh.status = 429;
        script.refresh.headers = vec![("retry-after".to_owned(), "20".to_owned())];
    });
    let twenty = RenewFailure::Unavailable {
        retry_after: Some(Duration::from_secs(20)),
    };
    assert_eq!(refused(&rig, &record).await, twenty);
    refused(&rig, &record).await;
    assert_eq!(rig.op.count("refresh"), 1);
}

#[tokio::test]
async fn odd_lifetimes_are_read_or_left() {
    // RF-08, TE-06
    for (expires_in, life) in [
        (json!(1), Some(1)),
        (json!("120"), Some(120)),
        (json!(120.7), Some(120)),
        (json!(0), None),
        (json!(-5), None),
        (json!("soon"), None),
        (json!(null), None),
    ] {
        let rig = Rig::new().await;
        rig.op.script(|script| script.expires_in = expires_in.clone());
        let tokens = rig.record().await.tokens;
        let expected = life.map(|secs| tokens.received + Duration::from_secs(secs));
        assert_eq!(tokens.access_expires, expected, "{expires_in}");
    }
}

#[tokio::test]
async fn without_keys_no_refresh_token_is_spent() {
    let rig = Rig::new().await;
    let record = rig.record().await;
    rig.op.script(|script| script.jwks.status = 503);
    rig.clock.advance(Duration::from_secs(2 * 24 * 3600));
    assert!(matches!(refused(&rig, &record).await, RenewFailure::Unavailable { .. }));
    assert_eq!(rig.op.count("refresh"), 0);
}

#[tokio::test]
async fn a_new_refresh_token_is_kept_though_its_id_token_cannot_be_verified_now() {
    let rig = Rig::new().await;
    let record = rig.record().await;
    rig.op.rotate(Rotation::Immediate);
    rig.op.script(|script| script.jwks.status = 503);
    let renewed = rig.renew(&record).await.unwrap();
    assert_ne!(renewed.tokens.refresh_token, record.tokens.refresh_token);
    assert_eq!(renewed.tokens.id_token, record.tokens.id_token, "counts as not sent");
    assert_eq!(renewed.identity, record.identity);
}

#[tokio::test]
async fn a_key_set_that_lags_behind_signs_nobody_out() {
    // IP-05: two rotations within the pause between two fetches, and a set without the key that signs.
    for rotations in [
        [Rotation::Immediate, Rotation::Immediate],
        [Rotation::Gradual, Rotation::Empty],
    ] {
        let rig = Rig::new().await;
        let first = rig.record().await;
        rig.op.rotate(rotations[0]);
        let renewed = rig.renew(&first).await.unwrap();
        assert_ne!(renewed.tokens.id_token, first.tokens.id_token);
        let second = first.renewed(renewed.tokens, renewed.identity, rig.clock.now());
        rig.op.rotate(rotations[1]);
        let renewed = rig.renew(&second).await.unwrap();
        assert_ne!(
            renewed.tokens.refresh_token, second.tokens.refresh_token,
            "{rotations:?}"
        );
        assert_eq!(renewed.tokens.id_token, second.tokens.id_token, "counts as not sent");
        assert_eq!(renewed.identity, second.identity);
    }
}

#[tokio::test]
async fn groups_from_userinfo_survive_a_renewal() {
    let rig = Rig::with(|settings| {
        settings.userinfo = UserInfoUse::WhenMissing;
        settings.mapped_claims = vec!["groups".to_owned()];
    })
    .await;
    rig.op.login_as("ada", json!({"groups": ["dev"]}));
    rig.op.script(|script| script.only_userinfo = vec!["groups".to_owned()]);
    let record = rig.record().await;
    let renewed = rig.renew(&record).await.unwrap();
    assert_eq!(renewed.identity.groups(), ["dev"]);
    rig.op.script(|script| script.userinfo.status = 503);
    let record = record.renewed(renewed.tokens, renewed.identity, rig.clock.now());
    let renewed = rig.renew(&record).await.unwrap();
    assert_eq!(renewed.identity.groups(), ["dev"], "the person is still who they were");
    rig.op.script(|script| {
        script.userinfo.status = 0;
        script.userinfo_claims(|claims| {
            claims.insert("sub".to_owned(), json!("root"));
        });
    });
    let record = record.renewed(renewed.tokens, renewed.identity, rig.clock.now());
    let renewed = rig.renew(&record).await.unwrap();
    assert_ne!(renewed.tokens.refresh_token, record.tokens.refresh_token, "RF-04");
    assert_eq!(renewed.identity, record.identity, "UI-01: nothing of it is used");
}

#[tokio::test]
async fn what_follows_the_spending_ends_with_the_renewals_deadline() {
    // RF-04: until the new token is stored, nobody else may spend the old one.
    let rig = Rig::with(|settings| {
        settings.userinfo = UserInfoUse::Always;
        settings.connect_timeout = Duration::from_millis(200);
        settings.timeout = Duration::from_secs(2);
    })
    .await;
    let record = rig.record().await;
    rig.op.script(|script| script.userinfo.fault = Fault::Hang);
    let hold = rig.op.hold("refresh");
    let began = Instant::now();
    let held = async {
        rig.op.seen("refresh", 1).await;
        until("the call takes longer than to connect", String::new, || {
            began.elapsed() > Duration::from_millis(500)
        })
        .await;
        drop(hold);
    };
    let (renewed, ()) = tokio::join!(rig.renew(&record), held);
    let took = began.elapsed().as_secs_f64();
    let renewed = renewed.unwrap();
    assert_ne!(renewed.tokens.refresh_token, record.tokens.refresh_token, "it is kept");
    assert_eq!(renewed.tokens.id_token, record.tokens.id_token);
    assert_eq!(renewed.identity, record.identity);
    assert_eq!(rig.op.count("userinfo"), 2, "asked at the sign-in, and now");
    assert_eq!(rig.calls("id_token", "timed_out"), 1);
    assert_eq!(
        rig.calls("userinfo", "timed_out"),
        0,
        "its own deadline was further off"
    );
    let booked = rig.seconds("refresh", "ok") + rig.seconds("id_token", "timed_out");
    assert!(booked <= took, "one call after the other: {booked} of {took} s");
}
