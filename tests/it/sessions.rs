//! Sessions seen and ended: by an administrator with a token, and by the person they belong to.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    harness::{
        browser::{Browser, Page},
        gateway::{Wishes, World},
    },
    outage::Redis,
};

const TOKEN: &str = "a-token-for-these-tests";
const BEARER: (&str, &str) = ("authorization", "Bearer a-token-for-these-tests");

async fn world() -> World {
    World::with(Wishes {
        token: Some(TOKEN),
        ..Wishes::default()
    })
    .await
}

async fn signed_in(world: &World) -> Browser {
    let browser = Browser::new();
    assert_eq!(browser.open(&world.url("/")).await.status, StatusCode::OK);
    browser
}

/// What the admin listener answers.
async fn admin(world: &World, method: Method, query: &str, headers: &[(&str, &str)]) -> Page {
    let url = format!("{}/sessions{query}", world.admin);
    Browser::new().ask(method, &url, headers).await
}

async fn listed(world: &World, query: &str) -> Vec<Value> {
    let page = admin(world, Method::GET, query, &[BEARER]).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert_eq!(page.header("cache-control"), "no-store");
    page.json()["sessions"].as_array().unwrap().clone()
}

async fn lives(world: &World, browser: &Browser) -> bool {
    browser.fetch(&world.url("/")).await.status == StatusCode::OK
}

#[tokio::test]
async fn without_a_token_in_the_configuration_there_is_no_administration() {
    let world = World::start().await;
    for method in [Method::GET, Method::DELETE] {
        let page = admin(&world, method, "", &[BEARER]).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn who_has_another_token_or_none_learns_nothing() {
    let world = world().await;
    let browser = signed_in(&world).await;
    for headers in [
        &[][..],
        &[("authorization", "Bearer another-token-of-these-tests")],
        &[("authorization", "Basic a-token-for-these-tests")],
        &[BEARER, BEARER],
    ] {
        for (method, query) in [
            (Method::GET, ""),
            (Method::GET, "?nonsense=1"),
            (Method::DELETE, "?all=true"),
        ] {
            let page = admin(&world, method, query, headers).await;
            assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{headers:?}");
            assert_eq!(page.header("content-type"), "application/problem+json");
            assert_eq!(page.header("www-authenticate"), "Bearer");
            assert_eq!(page.json()["type"], "urn:doorward:problem:admin_token");
        }
    }
    assert!(lives(&world, &browser).await);
    let refused = world.metric("doorward_audit_events_total", &["list_sessions", "wrong_token"]);
    assert!(refused.await >= 1.0);
    // It is not on the listeners that people reach.
    let outside = browser.ask(Method::GET, &world.url("/sessions"), &[BEARER]).await;
    assert!(!outside.body.contains("\"sessions\""));
}

#[tokio::test]
async fn another_token_is_in_force_at_once_and_the_one_before_no_more() {
    let mut world = world().await;
    let browser = signed_in(&world).await;
    let other = ("authorization", "Bearer another-token-of-these-tests");
    let status = async |world: &World, bearer| admin(world, Method::GET, "", &[bearer]).await.status;
    assert_eq!(status(&world, other).await, StatusCode::UNAUTHORIZED);
    let yaml = world.yaml.replace(TOKEN, "another-token-of-these-tests");
    let reloaded = world.reload(&yaml).unwrap();
    assert!(reloaded.waits.is_empty(), "{reloaded:?}");
    assert_eq!(status(&world, BEARER).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&world, other).await, StatusCode::OK);
    let none = world.yaml.replace(&format!(", token: \"{TOKEN}\""), "");
    world.reload(&none).unwrap();
    assert_eq!(status(&world, other).await, StatusCode::NOT_FOUND);
    assert!(lives(&world, &browser).await);
}

#[tokio::test]
async fn an_administrator_lists_and_ends() {
    let world = world().await;
    let (one, two) = (signed_in(&world).await, signed_in(&world).await);
    let all = listed(&world, "").await;
    assert_eq!(all.len(), 2);
    let (entry, text) = (&all[0], all[0].to_string());
    assert_eq!(entry["provider"], "op");
    assert_eq!(entry["issuer"], world.provider.issuer());
    assert_eq!(entry["client"]["address"], "127.0.0.0/24");
    for secret in [one.cookie("app.test", "doorward"), two.cookie("app.test", "doorward")] {
        assert!(!text.contains(&secret.unwrap()));
    }
    let subject = entry["subject"].as_str().unwrap();
    assert_eq!(listed(&world, &format!("?subject={subject}")).await.len(), 2);
    assert_eq!(listed(&world, "?subject=nobody").await.len(), 0);
    assert_eq!(listed(&world, "?provider=op&older_than=0").await.len(), 2);
    assert_eq!(listed(&world, "?provider=another").await.len(), 0);
    assert_eq!(listed(&world, "?older_than=3600").await.len(), 0);

    // One by its identifier: it is the one that is gone.
    let id = entry["id"].as_str().unwrap();
    assert_eq!(listed(&world, &format!("?id={id}")).await.len(), 1);
    let ended = admin(&world, Method::DELETE, &format!("?id={id}"), &[BEARER]).await;
    assert_eq!(ended.json()["ended"], 1, "{}", ended.body);
    let left = listed(&world, "").await;
    assert_eq!(left.len(), 1);
    assert_ne!(left[0]["id"], entry["id"]);
    assert!(lives(&world, &one).await != lives(&world, &two).await);

    // Everybody: only when it is said.
    let everything = admin(&world, Method::DELETE, "", &[BEARER]).await;
    assert_eq!(everything.status, StatusCode::BAD_REQUEST);
    assert_eq!(everything.json()["type"], "urn:doorward:problem:everything");
    let ended = admin(&world, Method::DELETE, "?all=true", &[BEARER]).await;
    assert_eq!(ended.json()["ended"], 1);
    assert!(!lives(&world, &one).await && !lives(&world, &two).await);
    assert!(listed(&world, "").await.is_empty());
}

/// Until a list comes to this many; what is noted of a use is noted beside the request.
async fn comes_to(world: &World, query: &str, count: usize) {
    let asking = async {
        while listed(world, query).await.len() != count {
            tokio::task::yield_now().await;
        }
    };
    let asked = tokio::time::timeout(std::time::Duration::from_secs(10), asking).await;
    assert!(asked.is_ok(), "{query} never came to {count}");
}

#[tokio::test]
async fn who_used_a_route_is_listed_and_ended_by_it() {
    let redis = Redis::start().await;
    for session in ["  store: memory\n".to_owned(), redis.yaml()] {
        let world = World::with(Wishes {
            token: Some(TOKEN),
            session,
            ..Wishes::default()
        })
        .await;
        let (both, one, refused) = (
            signed_in(&world).await,
            signed_in(&world).await,
            signed_in(&world).await,
        );
        comes_to(&world, "?route=app.test/", 3).await;
        assert_eq!(both.fetch(&world.url("/token")).await.status, StatusCode::OK);
        assert_eq!(both.fetch(&world.url("/hello")).await.status, StatusCode::OK);
        assert_eq!(one.fetch(&world.url("/open")).await.status, StatusCode::OK);
        assert_eq!(refused.fetch(&world.url("/admin")).await.status, StatusCode::FORBIDDEN);
        for (route, count) in [("token", 1), ("hello", 1), ("open", 0), ("admin", 0)] {
            comes_to(&world, &format!("?route=app.test/{route}"), count).await;
        }
        assert_eq!(
            listed(&world, "?route=app.test/token").await[0]["routes"][0],
            "app.test/"
        );
        assert_eq!(listed(&world, "?route=app.test/token&provider=another").await.len(), 0);

        // What it is found by stays through a renewal.
        world.clock.advance(std::time::Duration::from_secs(3590));
        assert_eq!(both.fetch(&world.url("/")).await.status, StatusCode::OK);
        comes_to(&world, "?route=app.test/token&idle_for=60", 0).await;
        let ended = admin(&world, Method::DELETE, "?route=app.test/token", &[BEARER]).await;
        assert_eq!(ended.json()["ended"], 1, "{}", ended.body);
        assert!(!lives(&world, &both).await);
        assert!(lives(&world, &one).await && lives(&world, &refused).await);
    }
}

#[tokio::test]
async fn ending_by_subject_ends_all_of_a_person() {
    // BL-07
    let world = world().await;
    let browsers = [
        signed_in(&world).await,
        signed_in(&world).await,
        signed_in(&world).await,
    ];
    let subject = listed(&world, "").await[0]["subject"].as_str().unwrap().to_owned();
    let ended = admin(
        &world,
        Method::DELETE,
        &format!("?subject={subject}&provider=op"),
        &[BEARER],
    )
    .await;
    assert_eq!(ended.json()["ended"], 3);
    for browser in &browsers {
        assert!(!lives(&world, browser).await);
    }
}

#[tokio::test]
async fn sessions_are_ended_by_sid_by_age_and_by_provider() {
    let world = world().await;
    let one = signed_in(&world).await;
    let [sid] = world.provider.sids("ada").try_into().unwrap();
    let two = signed_in(&world).await;
    world.clock.advance(Duration::from_secs(600));
    let later = signed_in(&world).await;
    let end = async |query: &str| {
        let shown = listed(&world, query).await.len();
        let ended = admin(&world, Method::DELETE, query, &[BEARER]).await;
        assert_eq!(ended.json()["ended"], shown, "{query}: what is listed is what is ended");
        let lives = [lives(&world, &one), lives(&world, &two), lives(&world, &later)];
        (shown, futures_util::future::join_all(lives).await)
    };
    assert_eq!(end("?sid=unheard-of").await, (0, vec![true, true, true]));
    assert_eq!(
        end(&format!("?sid={sid}&provider=op")).await,
        (1, vec![false, true, true])
    );
    assert_eq!(end("?older_than=1200").await, (0, vec![false, true, true]));
    assert_eq!(end("?older_than=300").await, (1, vec![false, false, true]));
    assert_eq!(end("?provider=another").await, (0, vec![false, false, true]));
    assert_eq!(end("?provider=op").await, (1, vec![false, false, false]));
}

#[tokio::test]
async fn a_list_comes_in_pages_and_bad_queries_are_told() {
    let world = world().await;
    for _ in 0..5 {
        signed_in(&world).await;
    }
    let mut ids = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let page = admin(&world, Method::GET, &query, &[BEARER]).await.json();
        let sessions = page["sessions"].as_array().unwrap();
        assert!(sessions.len() <= 2);
        ids.extend(sessions.iter().map(|session| session["id"].to_string()));
        match page["next"].as_str() {
            Some(next) => query = format!("?limit=2&after={next}"),
            None => break,
        }
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
    for bad in [
        "?limit=0",
        "?limit=501",
        "?limit=x",
        "?after=x",
        "?colour=blue",
        "?older_than=1h",
        "?all=perhaps",
        "?subject=one&subject=two",
    ] {
        let page = admin(&world, Method::GET, bad, &[BEARER]).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{bad}");
        assert_eq!(page.header("content-type"), "application/problem+json");
    }
}

/// What a person sees of their sessions, as a script of their page gets it.
async fn own(world: &World, browser: &Browser) -> Vec<Value> {
    let page = browser.fetch(&world.url("/.doorward/sessions")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    page.json()["sessions"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_person_sees_and_ends_their_own() {
    let world = World::start().await;
    let (here, there, elsewhere) = (
        signed_in(&world).await,
        signed_in(&world).await,
        signed_in(&world).await,
    );
    let sessions = own(&world, &here).await;
    assert_eq!(sessions.len(), 3);
    assert_eq!(sessions.iter().filter(|session| session["this"] == true).count(), 1);
    assert_eq!(sessions[0]["this"], true, "this one first");
    let of_there = own(&world, &there).await;
    let id = of_there[0]["id"].as_str().unwrap();

    let page = here.open(&world.url("/.doorward/sessions")).await;
    assert!(page.body.contains("This browser"), "{}", page.body);
    assert_eq!(
        page.body.matches("<form").count(),
        3,
        "one for each other, and one for all others"
    );
    assert!(page.body.contains(&format!("end={id}")), "{}", page.body);

    let end = world.url(&format!("/.doorward/sessions?end={id}"));
    let after = here.submit(&end, "same-origin").await;
    assert_eq!(after.status, StatusCode::SEE_OTHER);
    assert_eq!(after.location().unwrap().path(), "/.doorward/sessions");
    assert!(!lives(&world, &there).await);
    assert!(lives(&world, &here).await && lives(&world, &elsewhere).await);

    // This one is for signing out, and an unknown one is nobody's.
    let this = own(&world, &here).await[0]["id"].as_str().unwrap().to_owned();
    for id in [this.as_str(), "unknown"] {
        here.submit(&world.url(&format!("/.doorward/sessions?end={id}")), "same-origin")
            .await;
    }
    assert!(lives(&world, &here).await && lives(&world, &elsewhere).await);
    here.submit(&world.url("/.doorward/sessions?end=others"), "same-origin")
        .await;
    assert!(lives(&world, &here).await && !lives(&world, &elsewhere).await);
    assert_eq!(own(&world, &here).await.len(), 1);
}

#[tokio::test]
async fn another_site_or_another_person_cannot_end_anybodys() {
    // RL-01, BF-03
    let world = World::start().await;
    let (here, there) = (signed_in(&world).await, signed_in(&world).await);
    let url = world.url("/.doorward/sessions?end=others");
    assert_eq!(here.submit(&url, "cross-site").await.status, StatusCode::FORBIDDEN);
    assert_eq!(here.ask(Method::POST, &url, &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        here.visit(&url).await.status,
        StatusCode::OK,
        "a GET shows and ends nothing"
    );
    assert_eq!(
        here.ask(Method::DELETE, &url, &[("sec-fetch-site", "same-origin")])
            .await
            .status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert!(lives(&world, &there).await);

    // Somebody else, who knows the identifier.
    let id = own(&world, &there).await[0]["id"].as_str().unwrap().to_owned();
    world.provider.login_as("mallory", json!({}));
    let mallory = signed_in(&world).await;
    assert_eq!(own(&world, &mallory).await.len(), 1);
    mallory
        .submit(&world.url(&format!("/.doorward/sessions?end={id}")), "same-origin")
        .await;
    assert!(lives(&world, &there).await);

    // Nobody: a page asks to sign in, a script is told.
    let nobody = Browser::new();
    let fetched = nobody.fetch(&world.url("/.doorward/sessions")).await;
    assert_eq!(fetched.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        nobody.visit(&world.url("/.doorward/sessions")).await.status,
        StatusCode::FOUND
    );
}

#[tokio::test]
async fn what_is_audited_is_counted() {
    let world = world().await;
    let browser = signed_in(&world).await;
    assert_eq!(browser.fetch(&world.url("/admin")).await.status, StatusCode::FORBIDDEN);
    browser.submit(&world.url("/.doorward/sign-out"), "cross-site").await;
    browser.submit(&world.url("/.doorward/sign-out"), "same-origin").await;
    listed(&world, "").await;
    for (act, outcome) in [
        ("sign_in", "\"ok\""),
        ("access", "not_allowed"),
        ("sign_out", "cross_site"),
        ("sign_out", "\"ok\""),
        ("list_sessions", "\"ok\""),
    ] {
        let act_label = format!("act=\"{act}\"");
        let counted = world
            .metric("doorward_audit_events_total", &[&act_label, outcome])
            .await;
        assert!((counted - 1.0).abs() < 0.5, "{act} {outcome}: {counted}");
    }
}

#[tokio::test]
async fn filters_together_name_only_what_fits_all() {
    let world = world().await;
    let ada = signed_in(&world).await;
    world.provider.login_as("bob", json!({}));
    let bob = signed_in(&world).await;
    let sid = world.provider.sids("ada").remove(0);
    let of_ada = listed(&world, "?subject=ada").await;
    let id = of_ada[0]["id"].as_str().unwrap();
    for (query, count) in [
        (format!("?sid={sid}"), 1),
        (
            format!("?id={id}&subject=ada&sid={sid}&provider=op&route=app.test/&older_than=0&idle_for=0"),
            1,
        ),
        (format!("?id={id}&subject=bob"), 0),
        (format!("?sid={sid}&subject=bob"), 0),
        (format!("?id={id}&sid=another"), 0),
        (format!("?id={id}&provider=another"), 0),
        ("?subject=ada&older_than=60".to_owned(), 0),
        ("?subject=ada&idle_for=60".to_owned(), 0),
        ("?subject=ada&route=app.test/never".to_owned(), 0),
        ("?subject=bob&id=unheard-of".to_owned(), 0),
    ] {
        comes_to(&world, &query, count).await;
        if count == 0 {
            let ended = admin(&world, Method::DELETE, &query, &[BEARER]).await;
            assert_eq!(ended.json()["ended"], 0, "{query}");
        }
    }
    assert!(lives(&world, &ada).await && lives(&world, &bob).await);
    world.clock.advance(Duration::from_secs(900));
    assert!(lives(&world, &bob).await);
    comes_to(&world, "?idle_for=600", 1).await;
    let ended = admin(&world, Method::DELETE, "?idle_for=600", &[BEARER]).await;
    assert_eq!(ended.json()["ended"], 1);
    assert!(!lives(&world, &ada).await && lives(&world, &bob).await);
}

#[tokio::test]
async fn an_administrator_ends_a_sign_in_that_is_under_way() {
    // BL-11
    let world = world().await;
    let browser = Browser::new();
    let held = world.provider.hold("token");
    let url = world.url("/");
    let (page, ()) = tokio::join!(browser.open(&url), async {
        world.provider.seen("token", 1).await;
        let query = format!("?sid={}", world.provider.sids("ada")[0]);
        let ended = admin(&world, Method::DELETE, &query, &[BEARER]).await;
        assert_eq!(ended.json()["ended"], 0, "{}", ended.body);
        held.release();
    });
    assert_eq!(page.status, StatusCode::FORBIDDEN, "{}", page.body);
    assert!(page.body.contains("sign_in_signed_out"), "{}", page.body);
    assert!(listed(&world, "").await.is_empty());
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_told_to_the_administrator() {
    // RS-01
    let mut redis = Redis::start().await;
    let world = World::with(Wishes {
        token: Some(TOKEN),
        session: redis.yaml(),
        ..Wishes::default()
    })
    .await;
    let browser = signed_in(&world).await;
    redis.stop().await;
    for (method, query) in [
        (Method::GET, ""),
        (Method::DELETE, "?subject=ada"),
        (Method::DELETE, "?all=true"),
    ] {
        let page = admin(&world, method, query, &[BEARER]).await;
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{query}");
        assert_eq!(page.json()["type"], "urn:doorward:problem:store_down");
    }
    for act in ["list_sessions", "end_sessions"] {
        assert!(world.metric("doorward_audit_events_total", &[act, "store_down"]).await >= 1.0);
    }
    redis.restart().await;
    while !lives(&world, &browser).await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
