//! Codes into identities: rows AR-01, AR-02, AR-05, AR-15, AR-17, TE-01, TE-02, UI-01 to UI-05.

use std::{collections::BTreeMap, time::Duration};

use doorward::{
    gate::SignInFailure,
    policy::Prompt,
    provider::{ClientAuth, ExchangeError, UserInfoUse},
    secret::Secret,
};
use serde_json::{Value, json};

use super::{CALLBACK, Rig, STATE, parameter, terms, text};
use crate::harness::provider::{CLIENT_ID, CLIENT_SECRET, Script, SignWith};

fn failed(outcome: Result<doorward::provider::Proved, ExchangeError>) -> SignInFailure {
    match outcome {
        Err(ExchangeError::Failed(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_sign_in_proves_who_it_is() {
    let rig = Rig::new().await;
    rig.op.login_as(
        "bob",
        json!({"email": "bob@example.org", "email_verified": true, "groups": ["ops", "dev"]}),
    );
    let proved = rig.sign_in().await.unwrap();
    assert_eq!(proved.identity.subject(), "bob");
    assert_eq!(proved.identity.issuer().as_str(), rig.op.issuer());
    assert_eq!(proved.identity.email(), Some("bob@example.org"));
    assert_eq!(proved.identity.groups(), ["ops", "dev"]);
    let tokens = proved.tokens;
    assert!(tokens.refresh_token.is_some());
    assert_eq!(tokens.access_expires, Some(tokens.received + Duration::from_secs(300)));
    assert_eq!(tokens.scope.as_deref(), Some("openid email"));
    assert_eq!(rig.op.count("token"), 1);
    assert_eq!(rig.op.count("userinfo"), 0);
}

#[tokio::test]
async fn the_authorization_request_is_the_protocols() {
    // AR-01, AR-02, AR-05
    let rig = Rig::with(|settings| {
        settings.scopes = ["email", "openid", "profile"].map(ToOwned::to_owned).to_vec();
        settings.extra = BTreeMap::from([
            ("access_type".to_owned(), "offline".to_owned()),
            ("audience".to_owned(), "provider".to_owned()),
            ("redirect_uri".to_owned(), "https://evil.example".to_owned()),
        ]);
    })
    .await;
    let mut terms = terms();
    terms.scopes = vec!["groups".to_owned(), "email".to_owned()];
    terms.extra = [
        ("audience", "route"),
        ("state", "x"),
        ("nonce", "x"),
        ("scope", "x"),
        ("code_challenge_method", "plain"),
        ("response_type", "token"),
        ("response_mode", "fragment"),
        ("max_age", "9"),
        ("request_uri", "https://evil.example"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let attempt = rig.attempt();
    let url = rig
        .provider
        .authorization_url(&attempt, STATE, &terms, false)
        .await
        .unwrap();
    let challenge = doorward::oidc::pkce::challenge(&attempt.verifier);
    let sent: BTreeMap<_, _> = url.query_pairs().collect();
    let expected = [
        ("access_type", "offline"),
        ("audience", "route"),
        ("client_id", CLIENT_ID),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("nonce", &attempt.nonce),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid email profile groups"),
        ("state", STATE),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(name, value)| (name.into(), value.into())).into();
    assert_eq!(sent, expected);
    assert_eq!(url.query_pairs().count(), expected.len(), "each once");
}

#[tokio::test]
async fn demands_and_prompts_are_sent() {
    // AR-17
    let rig = Rig::new().await;
    let mut attempt = rig.attempt();
    attempt.acr_values = vec!["gold".to_owned(), "silver".to_owned()];
    attempt.max_age = Some(0);
    let mut terms = terms();
    terms.prompt = Some(Prompt::Consent);
    let url = rig
        .provider
        .authorization_url(&attempt, STATE, &terms, false)
        .await
        .unwrap();
    assert_eq!(parameter(&url, "acr_values").unwrap(), "gold silver");
    assert_eq!(parameter(&url, "max_age").unwrap(), "0");
    assert_eq!(parameter(&url, "prompt").unwrap(), "consent");
    let url = rig
        .provider
        .authorization_url(&attempt, STATE, &terms, true)
        .await
        .unwrap();
    assert_eq!(parameter(&url, "prompt").unwrap(), "select_account");
}

#[tokio::test]
async fn switching_accounts_asks_for_a_login_where_there_is_no_choice_of_accounts() {
    let rig = Rig::new().await;
    rig.op.script(|script| {
        script.metadata(|document| {
            document.insert("prompt_values_supported".to_owned(), json!(["none", "login"]));
            let with_query = format!("{}?tenant=7&scope=x", text(&document["authorization_endpoint"]));
            document.insert("authorization_endpoint".to_owned(), json!(with_query));
        });
    });
    let url = rig
        .provider
        .authorization_url(&rig.attempt(), STATE, &terms(), true)
        .await
        .unwrap();
    assert_eq!(parameter(&url, "prompt").unwrap(), "login");
    assert_eq!(parameter(&url, "tenant").unwrap(), "7");
    assert_eq!(url.query_pairs().filter(|(name, _)| name == "scope").count(), 1);
}

#[tokio::test]
async fn each_kind_of_client_authentication_is_used_alone() {
    // TE-01, TE-02: the secret has characters that show a missing encoding
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
        let record = rig.record().await;
        rig.renew(&record).await.unwrap();
        for request in [rig.op.requests("token"), rig.op.requests("refresh")].concat() {
            assert_eq!(request.header("authorization").is_some(), in_header);
            assert_eq!(request.form("client_secret").is_some(), in_form);
            assert_eq!(request.form("client_id").is_some(), !in_header);
        }
    }
}

#[tokio::test]
async fn a_wrong_secret_is_the_clients_fault() {
    // IP-10
    let rig = Rig::with(|settings| settings.client_auth = ClientAuth::Basic(Secret::from("old"))).await;
    assert_eq!(failed(rig.sign_in().await), SignInFailure::ClientRejected);
}

#[tokio::test]
async fn a_code_is_good_once_and_for_its_own_attempt() {
    // TE-08, AR-08
    let rig = Rig::new().await;
    let attempt = rig.attempt();
    let code = rig.code(&attempt).await;
    rig.provider.exchange(&code, &attempt).await.unwrap();
    assert_eq!(
        failed(rig.provider.exchange(&code, &attempt).await),
        SignInFailure::CodeRefused
    );
    let stolen = rig.code(&attempt).await;
    let outcome = rig.provider.exchange(&stolen, &rig.attempt()).await;
    assert_eq!(failed(outcome), SignInFailure::CodeRefused, "another verifier");
}

#[tokio::test]
async fn an_attempt_of_another_issuer_spends_nothing_here() {
    // AR-15: mix-up
    let (rig, other) = (Rig::new().await, Rig::new().await);
    let attempt = rig.attempt();
    let code = rig.code(&attempt).await;
    assert_eq!(
        failed(other.provider.exchange(&code, &attempt).await),
        SignInFailure::WrongIssuer
    );
    assert_eq!(other.op.count("token"), 0);
    rig.provider.exchange(&code, &attempt).await.unwrap();
}

fn claim(script: &mut Script, name: &'static str, value: Value) {
    script.id_token.claims(move |claims| {
        claims.insert(name.to_owned(), value.clone());
    });
}

fn header(script: &mut Script, name: &'static str, value: &'static str) {
    script.id_token.header(move |header| {
        header.insert(name.to_owned(), json!(value));
    });
}

/// Signs nobody in while falsified, and somebody as soon as not.
async fn refuses(index: usize, falsify: fn(&mut Script), expected: SignInFailure) {
    let rig = Rig::new().await;
    rig.op.script(falsify);
    assert_eq!(failed(rig.sign_in().await), expected, "case {index}");
    assert_eq!(rig.calls("id_token", "refused"), usize::from(index != 0));
    rig.op.script(|script| *script = Script::default());
    rig.later();
    rig.sign_in().await.unwrap();
}

#[tokio::test]
async fn a_falsified_id_token_signs_nobody_in() {
    let falsifications: [fn(&mut Script); 15] = [
        |s| s.id_token.omit = true,
        |s| s.id_token.sign_with = SignWith::Nothing,
        |s| s.id_token.sign_with = SignWith::Stranger,
        |s| s.id_token.sign_with = SignWith::Secret,
        |s| s.id_token.sign_with = SignWith::Es256,
        |s| s.id_token.raw(|token| format!("{token}=")),
        |s| s.id_token.raw(|token| token.replacen('.', "..", 1)),
        |s| header(s, "typ", "at+jwt"),
        |s| header(s, "kid", "elsewhere"),
        |s| claim(s, "iss", json!("https://other.example.org")),
        |s| claim(s, "aud", json!([CLIENT_ID, "other"])),
        |s| claim(s, "azp", json!("other")),
        |s| claim(s, "nonce", json!("other")),
        |s| claim(s, "at_hash", json!("AAAA")),
        |s| claim(s, "sub", json!(7)),
    ];
    for (index, falsify) in falsifications.into_iter().enumerate() {
        refuses(index, falsify, SignInFailure::TokenInvalid).await;
    }
}

#[tokio::test]
async fn clocks_a_day_apart_are_told_as_such() {
    // IP-06
    refuses(1, |s| s.clock_skew = 86_400, SignInFailure::ClockSkew).await;
    refuses(2, |s| s.clock_skew = -86_400, SignInFailure::ClockSkew).await;
}

#[tokio::test]
async fn clocks_may_differ_within_the_skew() {
    // IP-06
    let rig = Rig::new().await;
    for skew in [-50, 50] {
        rig.op.script(|script| script.clock_skew = skew);
        rig.sign_in().await.unwrap();
    }
}

#[tokio::test]
async fn what_was_demanded_must_be_reached() {
    // ID-11, ID-12, AR-17
    let rig = Rig::new().await;
    let mut attempt = rig.attempt();
    attempt.acr_values = vec!["gold".to_owned()];
    attempt.max_age = Some(300);
    let proved = rig.sign_in_as(attempt.clone()).await.unwrap();
    assert_eq!(proved.identity.acr(), Some("gold"));
    for (name, value) in [("acr", json!("bronze")), ("auth_time", json!(1_000_000_000))] {
        rig.op.script(|script| {
            script.id_token.claims(move |claims| {
                claims.insert(name.to_owned(), value.clone());
            });
        });
        assert_eq!(
            failed(rig.sign_in_as(attempt.clone()).await),
            SignInFailure::StepUpUnmet
        );
    }
}

#[tokio::test]
async fn es256_and_hs256_serve_where_configured() {
    // ID-06
    for (with, alg) in [(SignWith::Es256, "ES256"), (SignWith::Secret, "HS256")] {
        let rig = Rig::with(|settings| settings.algs = vec![alg.to_owned()]).await;
        rig.op.script(|script| script.id_token.sign_with = with);
        rig.sign_in().await.unwrap();
        rig.op.script(|script| script.id_token.sign_with = SignWith::Rs256);
        assert_eq!(failed(rig.sign_in().await), SignInFailure::TokenInvalid);
    }
}

#[tokio::test]
async fn userinfo_is_asked_for_when_a_mapped_claim_is_missing() {
    // UI-02
    let rig = Rig::with(|settings| {
        settings.userinfo = UserInfoUse::WhenMissing;
        settings.mapped_claims = vec!["email".to_owned(), "groups".to_owned()];
    })
    .await;
    rig.op
        .login_as("ada", json!({"email": "ada@example.org", "groups": ["dev"]}));
    rig.sign_in().await.unwrap();
    assert_eq!(rig.op.count("userinfo"), 0);
    rig.op.script(|script| script.only_userinfo = vec!["groups".to_owned()]);
    let proved = rig.sign_in().await.unwrap();
    assert_eq!(proved.identity.groups(), ["dev"]);
    let asked = rig.op.requests("userinfo");
    assert_eq!(asked.len(), 1);
    let bearer = format!("Bearer {}", proved.tokens.access_token.expose());
    assert_eq!(asked[0].header("authorization"), Some(bearer.as_str()));
    assert!(asked[0].query.is_empty(), "TE-11");
}

#[tokio::test]
async fn userinfo_about_somebody_else_signs_nobody_in() {
    // UI-01, UI-03; UI-04: nobody registers for a signed answer, and none is taken
    let rig = Rig::with(|settings| settings.userinfo = UserInfoUse::Always).await;
    rig.sign_in().await.unwrap();
    assert_eq!(rig.op.count("userinfo"), 1);
    rig.op.script(|script| {
        script.userinfo_claims(|claims| {
            claims.insert("sub".to_owned(), json!("root"));
        });
    });
    assert_eq!(failed(rig.sign_in().await), SignInFailure::UserInfoInvalid);
    rig.op.script(|script| script.userinfo_claims(|_| {}));
    for (content_type, body) in [
        ("application/json", "[]"),
        ("application/json", "null"),
        ("application/jwt", "e30.e30.e30"),
        ("text/html", r#"{"sub":"ada"}"#),
    ] {
        rig.op.script(|script| script.userinfo.answer(200, content_type, body));
        assert_eq!(failed(rig.sign_in().await), SignInFailure::UserInfoInvalid, "{body}");
    }
    rig.op
        .script(|script| script.userinfo.answer(401, "application/json", "{}"));
    assert_eq!(failed(rig.sign_in().await), SignInFailure::UserInfoInvalid);
}

#[tokio::test]
async fn userinfo_that_must_be_and_is_not_published_signs_nobody_in() {
    let without = |script: &mut Script| {
        script.metadata(|document| {
            document.remove("userinfo_endpoint");
        });
    };
    let rig = Rig::with(|settings| settings.userinfo = UserInfoUse::Always).await;
    rig.op.script(without);
    assert_eq!(failed(rig.sign_in().await), SignInFailure::UserInfoInvalid);
    let rig = Rig::with(|settings| {
        settings.userinfo = UserInfoUse::WhenMissing;
        settings.mapped_claims = vec!["groups".to_owned()];
    })
    .await;
    rig.op.script(without);
    assert!(rig.sign_in().await.unwrap().identity.groups().is_empty());
}

#[tokio::test]
async fn distributed_claims_are_not_followed() {
    // UI-05
    let rig = Rig::with(|settings| settings.userinfo = UserInfoUse::Always).await;
    let endpoint = format!("{}/jwks", rig.op.issuer());
    rig.sign_in().await.unwrap();
    let before = rig.op.count("jwks");
    rig.op.script(|script| {
        script.userinfo_claims(move |claims| {
            claims.insert("_claim_names".to_owned(), json!({"groups": "src1"}));
            claims.insert("_claim_sources".to_owned(), json!({"src1": {"endpoint": endpoint}}));
        });
    });
    assert!(rig.sign_in().await.unwrap().identity.groups().is_empty());
    assert_eq!(rig.op.count("jwks"), before);
}
