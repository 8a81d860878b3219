//! Rows DJ-01, DJ-02, DJ-07, DJ-09, DJ-10, IP-01, IP-07, AR-03, AR-18, AR-19.

use std::{sync::Arc, time::Duration};

use doorward::provider::Unreachable;
use futures_util::future::join_all;
use serde_json::json;

use super::{Rig, STATE, terms};

#[tokio::test]
async fn nothing_is_asked_before_it_is_needed_and_then_once_for_all() {
    let rig = Rig::new().await;
    assert!(!rig.provider.reachable());
    assert_eq!(rig.op.count("discovery"), 0);
    let hold = rig.op.hold("discovery");
    let all = join_all((0..50).map(|_| rig.provider.metadata()));
    let release = async {
        rig.op.seen("discovery", 1).await;
        hold.release();
    };
    let (metadata, ()) = tokio::join!(all, release);
    let first = metadata[0].as_ref().unwrap();
    assert!(metadata.iter().all(|one| Arc::ptr_eq(one.as_ref().unwrap(), first)));
    assert_eq!(rig.op.count("discovery"), 1);
    assert!(rig.provider.reachable());
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_the_others_served() {
    let rig = Rig::new().await;
    let hold = rig.op.hold("discovery");
    let leaver = tokio::time::timeout(Duration::from_millis(50), rig.provider.metadata());
    let (left, stayed, ()) = tokio::join!(leaver, rig.provider.metadata(), async {
        rig.op.seen("discovery", 2).await;
        hold.release();
    });
    assert!(left.is_err());
    stayed.unwrap();
}

#[tokio::test]
async fn a_provider_that_is_down_is_not_hammered_and_found_when_it_is_back() {
    // IP-01, DJ-09
    let rig = Rig::new().await;
    rig.op.script(|script| script.discovery.status = 503);
    let failures = join_all((0..50).map(|_| rig.provider.metadata())).await;
    for failure in failures {
        let Unreachable { cause, .. } = failure.unwrap_err();
        assert_eq!(cause, "discovery: status 503 of /.well-known/openid-configuration");
    }
    let asked = rig.op.count("discovery");
    assert!(asked <= 2, "a second may have passed meanwhile, no more: {asked}");
    rig.op.script(|script| script.discovery.status = 0);
    rig.clock.advance(Duration::from_secs(5));
    rig.provider.metadata().await.unwrap();
}

#[tokio::test]
async fn the_first_failure_is_forgiven_after_a_second() {
    let rig = Rig::new().await;
    rig.op.down().await;
    let failure = rig.provider.metadata().await.unwrap_err();
    assert!(failure.cause.contains("refused"), "{}", failure.cause);
    rig.op.up().await;
    rig.clock.advance(Duration::from_secs(1));
    rig.provider.metadata().await.unwrap();
}

#[tokio::test]
async fn a_stale_document_is_served_at_once_and_renewed_behind() {
    // DJ-07, DJ-10
    let rig = Rig::new().await;
    rig.provider.metadata().await.unwrap();
    let moved = json!(format!("{}/moved", rig.op.issuer()));
    rig.op.script(|script| {
        script.metadata(move |document| {
            document.insert("token_endpoint".to_owned(), moved.clone());
        });
    });
    let hold = rig.op.hold("discovery");
    rig.clock.advance(Duration::from_secs(599));
    rig.provider.metadata().await.unwrap();
    assert_eq!(rig.op.count("discovery"), 1, "fresh for ten minutes");
    rig.clock.advance(Duration::from_secs(2));
    for _ in 0..20 {
        let stale = rig.provider.metadata().await.unwrap();
        assert_eq!(stale.token_endpoint.path(), "/token");
    }
    rig.op.seen("discovery", 2).await;
    hold.release();
    until(|| async { rig.provider.metadata().await.unwrap().token_endpoint.path() == "/moved" }).await;
    assert_eq!(rig.op.count("discovery"), 2);
}

#[tokio::test]
async fn max_age_counts_within_bounds() {
    // DJ-07
    let rig = Rig::new().await;
    rig.op.script(|script| {
        let header = ("cache-control".to_owned(), "max-age=1".to_owned());
        script.discovery.headers = vec![header];
    });
    rig.provider.metadata().await.unwrap();
    rig.clock.advance(Duration::from_secs(58));
    rig.provider.metadata().await.unwrap();
    assert_eq!(rig.op.count("discovery"), 1, "a minute at least");
    rig.clock.advance(Duration::from_secs(3));
    rig.provider.metadata().await.unwrap();
    rig.op.seen("discovery", 2).await;
}

#[tokio::test]
async fn another_issuer_is_refused_and_the_last_good_one_kept() {
    // DJ-01, IP-07
    let rig = Rig::new().await;
    let other = |document: &mut crate::harness::provider::Members| {
        document.insert("issuer".to_owned(), json!("https://other.example.org"));
    };
    rig.op.script(|script| script.metadata(other));
    let failure = rig.provider.metadata().await.unwrap_err();
    assert!(failure.cause.contains("https://other.example.org"), "{}", failure.cause);
    rig.op.script(|script| script.metadata(|_| {}));
    rig.later();
    rig.provider.metadata().await.unwrap();
    rig.op.script(|script| script.metadata(other));
    rig.clock.advance(Duration::from_secs(3600));
    assert!(rig.provider.metadata().await.is_ok());
    rig.op.seen("discovery", 3).await;
    until(|| async { rig.calls("discovery", "refused") == 2 }).await;
    let kept = rig.provider.metadata().await.unwrap();
    assert_eq!(kept.issuer.as_str(), rig.op.issuer());
}

#[tokio::test]
async fn a_provider_that_takes_other_requests_only_renews_and_signs_nobody_in() {
    // AR-18, AR-19
    for (member, told) in [
        ("require_pushed_authorization_requests", "RFC 9126"),
        ("require_signed_request_object", "RFC 9101"),
    ] {
        let before = Rig::new().await;
        let record = before.record().await;
        before.op.script(|script| {
            script.metadata(move |document| drop(document.insert(member.to_owned(), json!(true))));
        });
        let asked = before.op.count("authorize");
        let Rig { op, clock, .. } = before;
        let restarted = Rig::around(op, clock, |_| {});
        let renewed = restarted.renew(&record).await.unwrap();
        assert_ne!(renewed.tokens.access_token, record.tokens.access_token, "{member}");
        assert!(restarted.provider.end_session_origin().await.is_some(), "{member}");
        let (attempt, terms) = (restarted.attempt(), terms());
        let ask = || restarted.provider.authorization_url(&attempt, STATE, &terms, false);
        let refused = ask().await.unwrap_err();
        assert!(refused.cause.contains(told), "{}", refused.cause);
        assert_eq!(restarted.calls("discovery", "refused"), 1, "{member}");
        assert_eq!(restarted.op.count("authorize"), asked, "{member}");
        // Switched off, it is seen within a minute.
        restarted.op.script(|script| script.metadata(|_| {}));
        restarted.clock.advance(Duration::from_secs(61));
        until(|| async { ask().await.is_ok() }).await;
    }
}

#[tokio::test]
async fn a_provider_with_plain_pkce_only_is_refused() {
    // AR-03
    let rig = Rig::new().await;
    rig.op.script(|script| {
        script.metadata(|document| {
            document.insert("code_challenge_methods_supported".to_owned(), json!(["plain"]));
        });
    });
    let failure = rig.provider.metadata().await.unwrap_err();
    assert!(failure.cause.contains("S256"), "{}", failure.cause);
}

/// Waits for something that a task behind the caller's back does.
async fn until<F: Future<Output = bool>>(fits: impl Fn() -> F) {
    let waiting = async {
        while !fits().await {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(10), waiting).await;
    assert!(waited.is_ok(), "it did not happen");
}
