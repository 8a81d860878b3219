use openidconnect::{
    ClientId, IssuerUrl, JsonWebKeySet, Nonce,
    core::{CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJwsSigningAlgorithm},
};

use super::*;

async fn key_set(world: &World) -> CoreJsonWebKeySet {
    serde_json::from_str(&world.get("/jwks").await.text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_code_becomes_tokens_that_a_strict_client_accepts() {
    let mut world = World::new().await;
    let tokens = world.tokens().await;
    assert_eq!(
        (tokens.get("token_type"), &tokens.0["expires_in"]),
        ("Bearer", &Value::from(30))
    );
    assert_eq!(tokens.get("scope"), "openid profile email groups");

    let issuer = IssuerUrl::new(world.provider.url.clone()).unwrap();
    let keys: JsonWebKeySet<_> = key_set(&world).await;
    let verifier = CoreIdTokenVerifier::new_public_client(ClientId::new("demo".into()), issuer, keys)
        .set_allowed_algs([CoreJwsSigningAlgorithm::EcdsaP256Sha256]);
    let id_token: CoreIdToken = tokens.get("id_token").parse().unwrap();
    let claims = id_token.claims(&verifier, &Nonce::new("n-1".into())).unwrap();
    assert_eq!(claims.email().unwrap().as_str(), "ada@example.com");
    assert!(id_token.claims(&verifier, &Nonce::new("n-2".into())).is_err());

    let claims = tokens.claims("id_token");
    assert_eq!(claims["groups"], serde_json::json!(["engineering", "admins"]));
    assert_eq!(
        (&claims["name"], &claims["email_verified"]),
        (&"Ada Lovelace".into(), &true.into())
    );
    let hash = digest(&SHA256, tokens.get("access_token").as_bytes());
    assert_eq!(claims["at_hash"], URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])); // ID-13
    assert!(claims["sid"].is_string() && claims["auth_time"].is_i64());
}

#[tokio::test]
async fn basic_works_as_well_as_post() {
    let mut world = World::new().await;
    let code = world.code().await;
    let body = form(&[
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("code_verifier", VERIFIER),
        ("redirect_uri", REDIRECT),
    ]);
    let url = format!("{}/token", world.provider.url);
    let send = |secret: String| {
        world
            .http
            .post(&url)
            .basic_auth("demo", Some(secret))
            .body(body.clone())
            .send()
    };
    let refused = send(SECRET.to_owned()).await.unwrap(); // TE-01: not form-encoded
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert!(refused.headers().contains_key(header::WWW_AUTHENTICATE));
    let encoded: String = form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    assert_eq!(send(encoded).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_code_needs_its_verifier_and_its_redirect_uri() {
    let mut world = World::new().await;
    let other = "x".repeat(43);
    for (verifier, redirect_uri) in [(other.as_str(), REDIRECT), ("short", REDIRECT), (VERIFIER, AFTER)] {
        let code = world.code().await;
        let (status, body) = world.redeem(&code, verifier, redirect_uri).await;
        assert_eq!(
            (status, &body["error"]),
            (StatusCode::BAD_REQUEST, &"invalid_grant".into())
        );
        let (_, body) = world.redeem(&code, VERIFIER, REDIRECT).await;
        assert_eq!(body["error"], "invalid_grant", "a code presented wrongly is void");
    }
}

#[tokio::test]
async fn a_code_is_good_once_and_for_a_minute() {
    let mut world = World::new().await;
    let code = world.code().await;
    let (_, first) = world.redeem(&code, VERIFIER, REDIRECT).await;
    let tokens = Tokens(first);
    let (status, body) = world.redeem(&code, VERIFIER, REDIRECT).await;
    assert_eq!(
        (status, &body["error"]),
        (StatusCode::BAD_REQUEST, &"invalid_grant".into())
    );
    assert_eq!(
        world.refresh(tokens.get("refresh_token")).await.0,
        StatusCode::BAD_REQUEST,
        "its tokens are revoked"
    );
    assert_eq!(
        world.userinfo(tokens.get("access_token")).await.0,
        StatusCode::UNAUTHORIZED
    );

    let code = world.code().await;
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(
        world.redeem(&code, VERIFIER, REDIRECT).await.1["error"],
        "invalid_grant"
    );
}

#[tokio::test]
async fn refresh_tokens_rotate_and_reuse_ends_the_family() {
    let mut world = World::new().await;
    let first = world.tokens().await;
    world.clock.advance(Duration::from_secs(20));
    let (status, body) = world.refresh(first.get("refresh_token")).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let second = Tokens(body);
    let (before, after) = (first.claims("id_token"), second.claims("id_token"));
    for same in ["iss", "sub", "aud", "auth_time", "sid"] {
        assert_eq!(before[same], after[same], "{same}"); // RF-06
    }
    assert!(after.get("nonce").is_none());
    assert!(after["iat"].as_i64() >= Some(before["iat"].as_i64().unwrap() + 20));
    assert_eq!(
        (
            first.claims("access_token")["renewal"].as_i64(),
            second.claims("access_token")["renewal"].as_i64()
        ),
        (Some(0), Some(1))
    );

    assert_eq!(
        world.refresh(first.get("refresh_token")).await.1["error"],
        "invalid_grant"
    );
    assert_eq!(
        world.refresh(second.get("refresh_token")).await.1["error"],
        "invalid_grant",
        "the family is gone"
    );
    assert_eq!(
        world.userinfo(second.get("access_token")).await.0,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn userinfo_wants_a_living_access_token() {
    let mut world = World::new().await;
    let tokens = world.tokens().await;
    let (status, claims) = world.userinfo(tokens.get("access_token")).await;
    assert_eq!(
        (status, &claims["sub"]),
        (StatusCode::OK, &tokens.claims("id_token")["sub"])
    ); // UI-01
    assert_eq!(claims["preferred_username"], "ada");
    assert_eq!(world.userinfo(tokens.get("id_token")).await.0, StatusCode::UNAUTHORIZED);
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(
        world.userinfo(tokens.get("access_token")).await.0,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn other_grants_and_doubled_parameters_are_refused() {
    let world = World::new().await;
    assert_eq!(
        world.token(&[("grant_type", "password")]).await.1["error"],
        "unsupported_grant_type"
    );
    assert_eq!(world.token(&[]).await.1["error"], "invalid_request");
    assert_eq!(
        world.token(&[("grant_type", "refresh_token")]).await.1["error"],
        "invalid_request"
    );
    assert_eq!(
        world.token(&[("code", "a"), ("code", "b")]).await.1["error"],
        "invalid_request"
    );
}
