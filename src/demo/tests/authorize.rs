use super::*;

#[tokio::test]
async fn discovery_names_what_is_there() {
    let world = World::new().await;
    let body = world
        .get("/.well-known/openid-configuration")
        .await
        .text()
        .await
        .unwrap();
    let issuer = &world.provider.url;
    let document: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(document["issuer"], issuer.as_str());
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
    assert_eq!(
        document["code_challenge_methods_supported"],
        serde_json::json!(["S256"])
    );
    for endpoint in [
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
        "end_session_endpoint",
    ] {
        assert!(document[endpoint].as_str().unwrap().starts_with(issuer), "{endpoint}");
    }
}

#[tokio::test]
async fn a_strict_client_reads_the_metadata() {
    use openidconnect::core::CoreProviderMetadata;
    let world = World::new().await;
    let document = world
        .get("/.well-known/openid-configuration")
        .await
        .text()
        .await
        .unwrap();
    let metadata: CoreProviderMetadata = serde_json::from_str(&document).unwrap();
    assert_eq!(metadata.issuer().as_str(), world.provider.url);
    let keys = world.get("/jwks").await.text().await.unwrap();
    let keys: openidconnect::core::CoreJsonWebKeySet = serde_json::from_str(&keys).unwrap();
    assert_eq!(keys.keys().len(), 1);
}

#[tokio::test]
async fn the_form_is_a_page_that_may_lead_to_the_client_only() {
    let world = World::new().await;
    let response = world
        .authorize(&[("login_hint", "grace@example.com"), ("fill", "1")])
        .await;
    assert_eq!(response.status(), StatusCode::OK);
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(policy.contains("form-action 'self' http://localhost:1;"), "{policy}");
    let html = response.text().await.unwrap();
    assert!(
        html.contains("value=\"grace@example.com\"") && html.contains("value=\"compiler\""),
        "{html}"
    );
    assert!(!html.contains("<script"));
    for person in PEOPLE {
        assert!(html.contains(person.email));
    }
}

#[tokio::test]
async fn signing_in_sends_the_code_home() {
    let mut world = World::new().await;
    let response = world.sign_in("Ada@example.com ", "analytical", &[]).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert!(
        response.headers()[header::LOCATION]
            .to_str()
            .unwrap()
            .starts_with(REDIRECT)
    );
    let answer = answer(&response);
    assert_eq!(answer["state"], "a state & more");
    assert_eq!(answer["iss"], world.provider.url); // AR-14
    assert_eq!(answer["code"].len(), 43);
}

#[tokio::test]
async fn a_wrong_password_asks_again() {
    let mut world = World::new().await;
    let response = world.sign_in("ada@example.com", "compiler", &[]).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(world.cookie.is_none());
    assert!(response.text().await.unwrap().contains("role=\"alert\""));
}

#[tokio::test]
async fn a_form_from_another_site_is_refused() {
    let world = World::new().await;
    let request = World::query(&[]);
    let body = form(&[
        ("request", &request),
        ("email", "ada@example.com"),
        ("password", "analytical"),
    ]);
    let url = format!("{}/sign-in", world.provider.url);
    let response = world
        .http
        .post(url)
        .header("sec-fetch-site", "cross-site")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(response.headers().get(header::SET_COOKIE).is_none());
}

#[tokio::test]
async fn a_second_tab_is_not_asked() {
    let mut world = World::new().await;
    world.code().await;
    let response = world.authorize(&[("state", "second")]).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(answer(&response)["state"], "second");
    world.clock.advance(Duration::from_secs(8 * 3600));
    assert_eq!(
        world.authorize(&[]).await.status(),
        StatusCode::OK,
        "the session is over"
    );
}

#[tokio::test]
async fn prompt_and_max_age_decide_who_is_asked() {
    let mut world = World::new().await;
    let nobody = world.authorize(&[("prompt", "none")]).await;
    assert_eq!(answer(&nobody)["error"], "login_required"); // AR-16
    world.code().await;
    assert!(answer(&world.authorize(&[("prompt", "none")]).await).contains_key("code"));
    for ask in [
        ("prompt", "login"),
        ("prompt", "select_account"),
        ("max_age", "0"),
        ("login_hint", "grace@example.com"),
    ] {
        assert_eq!(world.authorize(&[ask]).await.status(), StatusCode::OK, "{ask:?}");
    }
    world.clock.advance(Duration::from_secs(100));
    assert_eq!(world.authorize(&[("max_age", "60")]).await.status(), StatusCode::OK); // AR-17
    assert_eq!(
        world.authorize(&[("max_age", "200")]).await.status(),
        StatusCode::SEE_OTHER
    );
    let stale = world.authorize(&[("max_age", "60"), ("prompt", "none")]).await;
    assert_eq!(answer(&stale)["error"], "login_required");
}

#[tokio::test]
async fn choosing_an_account_can_go_on_or_change() {
    let mut world = World::new().await;
    world.code().await;
    let page = world
        .authorize(&[("prompt", "select_account")])
        .await
        .text()
        .await
        .unwrap();
    assert!(page.contains("Go on as Ada Lovelace"));
    let request = World::query(&[("prompt", "select_account")]);
    let response = world
        .post("/sign-in", form(&[("request", &request), ("go_on", "1")]))
        .await;
    assert!(answer(&response).contains_key("code"));
    let forced = World::query(&[("prompt", "login")]);
    let response = world
        .post("/sign-in", form(&[("request", &forced), ("go_on", "1")]))
        .await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let response = world
        .sign_in("grace@example.com", "compiler", &[("prompt", "select_account")])
        .await;
    let (_, body) = world.redeem(&answer(&response)["code"], VERIFIER, REDIRECT).await;
    assert_eq!(Tokens(body).claims("id_token")["email"], "grace@example.com");
}

#[tokio::test]
async fn an_untrusted_client_gets_a_page_and_no_redirect() {
    let world = World::new().await;
    let exact = format!("{REDIRECT}/");
    for change in [
        ("client_id", "other"),
        ("redirect_uri", "https://evil.example/"),
        ("redirect_uri", &exact),
        ("redirect_uri", ""),
    ] {
        let response = world.authorize(&[change]).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{change:?}"); // AR-08
        assert!(response.headers().get(header::LOCATION).is_none());
    }
}

#[tokio::test]
async fn bad_requests_are_told_to_the_client() {
    let world = World::new().await;
    let cases = [
        (("response_type", "token"), "unsupported_response_type"), // AR-01
        (("response_mode", "fragment"), "invalid_request"),
        (("scope", "profile"), "invalid_scope"),
        (("code_challenge", ""), "invalid_request"), // AR-02
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("prompt", "none login"), "invalid_request"),
        (("prompt", "surprise"), "invalid_request"),
        (("max_age", "-1"), "invalid_request"),
        (("request", "x.y.z"), "request_not_supported"),
        (("request_uri", "urn:x"), "request_uri_not_supported"),
    ];
    for (change, error) in cases {
        let response = world.authorize(&[change]).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{change:?}");
        let answer = answer(&response);
        assert_eq!(answer["error"], error, "{change:?}");
        assert_eq!(
            (answer["state"].as_str(), &answer["iss"]),
            ("a state & more", &world.provider.url)
        );
    }
    let twice = format!("/authorize?{}&state=b", World::query(&[]));
    assert_eq!(answer(&world.get(&twice).await)["error"], "invalid_request"); // AR-11
}
