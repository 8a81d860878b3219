//! Signing out at the provider, and taking tokens back.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward::{provider::ClientAuth, secret::Secret};
use serde_json::json;
use url::Url;

use super::{Rig, parameter};
use crate::harness::provider::{CLIENT_ID, CLIENT_SECRET, Endpoint, Fault, Script};

const BACK: &str = "https://app.example.org/.doorward/signed-out";

fn without(name: &'static str) -> impl Fn(&mut Script) {
    move |script| {
        script.metadata(move |document| {
            document.remove(name);
        });
    }
}

fn names(url: &Url) -> Vec<String> {
    let mut names: Vec<_> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn signing_out_goes_by_the_provider_where_it_can() {
    // RL-01, RL-03
    let rig = Rig::new().await;
    let url = rig.provider.end_session("the.id.token", BACK, "s").await;
    let url = url.unwrap().redirect().unwrap();
    assert_eq!(url.path(), "/end-session");
    for (name, value) in [
        ("id_token_hint", "the.id.token"),
        ("post_logout_redirect_uri", BACK),
        ("state", "s"),
        ("client_id", CLIENT_ID),
    ] {
        assert_eq!(parameter(&url, name).as_deref(), Some(value));
    }
    assert_eq!(url.query_pairs().count(), 4);
    let off = Rig::with(|settings| settings.logout.rp_initiated = false).await;
    assert!(off.provider.end_session("t", BACK, "s").await.is_none());
    assert_eq!(off.provider.end_session_origin().await, None);
    let none = Rig::new().await;
    none.op.script(without("end_session_endpoint"));
    assert!(none.provider.end_session("t", BACK, "s").await.is_none());
}

#[tokio::test]
async fn the_endpoints_own_parameters_are_kept_and_none_stands_twice() {
    // RL-01
    let rig = Rig::new().await;
    rig.op.script(|script| {
        script.metadata(|document| {
            let own = format!(
                "{}?tenant=7&state=theirs",
                document["end_session_endpoint"].as_str().unwrap()
            );
            document.insert("end_session_endpoint".to_owned(), json!(own));
        });
    });
    let url = rig.provider.end_session("t", BACK, "ours").await.unwrap().redirect();
    let url = url.unwrap();
    assert_eq!(parameter(&url, "tenant").as_deref(), Some("7"));
    assert_eq!(parameter(&url, "state").as_deref(), Some("ours"), "{url}");
    let expected = [
        "client_id",
        "id_token_hint",
        "post_logout_redirect_uri",
        "state",
        "tenant",
    ];
    assert_eq!(names(&url), expected);
}

#[tokio::test]
async fn what_is_too_long_for_an_address_goes_by_a_form() {
    // RL-02
    let rig = Rig::new().await;
    let long = "x".repeat(3000);
    let request = rig.provider.end_session(&long, BACK, "s").await.unwrap();
    assert_eq!(request.redirect(), None);
    let (endpoint, fields) = request.form();
    assert_eq!(endpoint.as_str(), format!("{}/end-session", rig.op.issuer()));
    assert!(fields.contains(&("id_token_hint", long)));
    assert!(fields.contains(&("post_logout_redirect_uri", BACK.to_owned())));
    let short = request.short_redirect();
    assert_eq!(names(&short), ["client_id", "post_logout_redirect_uri", "state"]);
    let fits = rig.provider.end_session(&"x".repeat(2000), BACK, "s").await.unwrap();
    assert_eq!(fits.redirect(), Some(fits.short_redirect()));
}

#[tokio::test]
async fn a_hint_that_the_provider_gave_out_is_handed_back() {
    let rig = Rig::new().await;
    let encode = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let id_token = |hint: serde_json::Value| {
        let claims = encode(json!({"sub": "ada", "login_hint": hint}));
        format!("{}.{claims}.c2ln", encode(json!({"alg": "RS256"})))
    };
    for (hint, expected) in [
        (json!("O.CiQ-opaque"), Some("O.CiQ-opaque")),
        (json!(""), None),
        (json!(7), None),
        (json!(null), None),
    ] {
        let request = rig.provider.end_session(&id_token(hint), BACK, "s").await.unwrap();
        assert_eq!(
            parameter(&request.redirect().unwrap(), "logout_hint").as_deref(),
            expected
        );
    }
}

#[tokio::test]
async fn signing_out_waits_a_second_at_most() {
    let rig = Rig::new().await;
    let hold = rig.op.hold("discovery");
    let request = rig.provider.end_session("t", BACK, "s").await;
    assert!(request.is_none(), "while the metadata is held back");
    hold.release();
}

#[tokio::test]
async fn the_refresh_token_is_taken_back_and_then_the_access_token() {
    // RV-01
    let secret = || Secret::from(CLIENT_SECRET);
    for (auth, in_header, in_form) in [
        (ClientAuth::Basic(secret()), true, false),
        (ClientAuth::Post(secret()), false, true),
        (ClientAuth::None, false, false),
    ] {
        let public = auth == ClientAuth::None;
        let rig = Rig::with(|settings| settings.client_auth = auth).await;
        if public {
            rig.op.script(|script| script.client_secret = None);
        }
        let tokens = rig.sign_in().await.unwrap().tokens;
        rig.provider.revoke(&tokens).await;
        let sent = rig.op.requests("revoke");
        let said: Vec<_> = sent
            .iter()
            .map(|request| (request.form("token_type_hint").unwrap(), request.form("token").unwrap()))
            .collect();
        let refresh_token = tokens.refresh_token.as_ref().unwrap();
        assert_eq!(
            said,
            [
                ("refresh_token", refresh_token.expose().as_str()),
                ("access_token", tokens.access_token.expose()),
            ]
        );
        for request in &sent {
            assert_eq!(request.method, "POST");
            assert!(request.query.is_empty(), "no token in an address");
            assert_eq!(request.header("authorization").is_some(), in_header);
            assert_eq!(request.form("client_secret").is_some(), in_form);
            assert_eq!(request.form("client_id").is_some(), in_form || public);
        }
        assert!(rig.op.revoked(refresh_token.expose()));
    }
}

#[tokio::test]
async fn what_need_not_be_taken_back_is_not() {
    // RV-01
    let off = Rig::with(|settings| settings.logout.revoke = false).await;
    let tokens = off.sign_in().await.unwrap().tokens;
    off.provider.revoke(&tokens).await;
    assert_eq!(off.op.count("revoke"), 0, "by configuration");

    let none = Rig::new().await;
    none.op.script(without("revocation_endpoint"));
    let tokens = none.sign_in().await.unwrap().tokens;
    none.provider.revoke(&tokens).await;
    assert_eq!(none.op.count("revoke"), 0, "no endpoint");

    let rig = Rig::new().await;
    let tokens = rig.sign_in().await.unwrap().tokens;
    rig.clock.advance(Duration::from_secs(301));
    rig.provider.revoke(&tokens).await;
    let sent = rig.op.requests("revoke");
    assert_eq!(sent.len(), 1, "the access token has expired");
    assert_eq!(sent[0].form("token_type_hint"), Some("refresh_token"));
}

#[tokio::test]
async fn a_failed_revocation_is_counted_and_not_tried_again() {
    // RV-01
    type Break = fn(&mut Endpoint);
    let table: [(&str, Break, usize); 6] = [
        ("ok", |_| {}, 2),
        (
            "ok",
            |at| at.answer(400, "application/json", r#"{"error":"unsupported_token_type"}"#),
            2,
        ),
        (
            "refused",
            |at| at.answer(401, "application/json", r#"{"error":"invalid_client"}"#),
            1,
        ),
        ("refused", |at| at.answer(403, "text/html", "<html>"), 1),
        (
            "failed",
            |at| {
                at.status = 503;
                at.headers = vec![("retry-after".to_owned(), "120".to_owned())];
            },
            1,
        ),
        ("failed", |at| at.fault = Fault::Reset, 1),
    ];
    for (call, break_it, asked) in table {
        let rig = Rig::new().await;
        let tokens = rig.sign_in().await.unwrap().tokens;
        rig.op.script(|script| break_it(&mut script.revoke));
        rig.provider.revoke(&tokens).await;
        assert_eq!(rig.op.count("revoke"), asked, "{call}");
        let counted = format!(
            r#"doorward_provider_call_seconds_count{{call="{call}",endpoint="revocation",provider="corporate"}} {asked}"#
        );
        assert!(rig.telemetry.render().contains(&counted), "{counted}");
    }
}

#[tokio::test]
async fn an_address_of_three_kibibytes_is_the_longest() {
    // RL-02
    let rig = Rig::new().await;
    let request = async |length| {
        let token = "x".repeat(length);
        rig.provider.end_session(&token, BACK, "s").await.unwrap()
    };
    let around = request(1).await.redirect().unwrap().as_str().len() - 1;
    let longest = 3 * 1024 - around;
    assert_eq!(request(longest).await.redirect().unwrap().as_str().len(), 3 * 1024);
    assert_eq!(request(longest + 1).await.redirect(), None);
}

#[tokio::test]
async fn a_provider_that_hangs_holds_a_few_revocations_and_no_more() {
    // RV-01
    let rig = Rig::new().await;
    let tokens = rig.sign_in().await.unwrap().tokens;
    let held = rig.op.hold("revoke");
    let few = futures_util::future::join_all((0..32).map(|_| rig.provider.revoke(&tokens)));
    let one_more = async {
        rig.op.seen("revoke", 32).await;
        rig.provider.revoke(&tokens).await;
        assert_eq!(rig.op.count("revoke"), 32, "it was not waited for");
        held.release();
    };
    tokio::join!(few, one_more);
    let counted = r#"doorward_provider_call_seconds_count{call="failed",endpoint="revocation",provider="corporate"} 1"#;
    assert!(rig.telemetry.render().contains(counted), "{}", rig.telemetry.render());
}
