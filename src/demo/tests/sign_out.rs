use super::*;

#[tokio::test]
async fn with_its_id_token_a_client_ends_the_session_at_once() {
    let mut world = World::new().await;
    let tokens = world.tokens().await;
    world.clock.advance(Duration::from_secs(3600));
    let query = form(&[
        ("id_token_hint", tokens.get("id_token")),
        ("post_logout_redirect_uri", AFTER),
        ("state", "s"),
    ]);
    let response = world.get(&format!("/end-session?{query}")).await; // RL-01
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()[header::LOCATION], format!("{AFTER}?state=s"));
    assert!(
        response.headers()[header::SET_COOKIE]
            .to_str()
            .unwrap()
            .contains("Max-Age=0")
    );
    assert_eq!(
        world.authorize(&[]).await.status(),
        StatusCode::OK,
        "the old cookie is worth nothing"
    );
    assert_eq!(
        world.refresh(tokens.get("refresh_token")).await.1["error"],
        "invalid_grant"
    );
}

#[tokio::test]
async fn without_it_the_person_is_asked() {
    let mut world = World::new().await;
    world.code().await;
    let query = form(&[("client_id", "demo"), ("post_logout_redirect_uri", AFTER)]);
    let page = world.get(&format!("/end-session?{query}")).await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.unwrap().contains("Ada Lovelace"));
    assert_eq!(
        world.authorize(&[]).await.status(),
        StatusCode::SEE_OTHER,
        "still signed in"
    );
    let response = world
        .post("/end-session", form(&[("agreed", "1"), ("carried", &query)]))
        .await;
    assert_eq!(response.headers()[header::LOCATION], AFTER);
    assert_eq!(world.authorize(&[]).await.status(), StatusCode::OK, "signed out");
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_is_not_registered() {
    let mut world = World::new().await;
    let tokens = world.tokens().await;
    let query = form(&[
        ("id_token_hint", tokens.get("id_token")),
        ("post_logout_redirect_uri", "https://evil.example/"),
    ]);
    let response = world.get(&format!("/end-session?{query}")).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers().get(header::LOCATION).is_none());
    let forged = world.get("/end-session?id_token_hint=a.b.c").await;
    assert_eq!(forged.status(), StatusCode::BAD_REQUEST);
}
