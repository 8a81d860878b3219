//! The key set: rows DJ-05 to DJ-08 and IP-05.

use std::time::Duration;

use doorward::{gate::SignInFailure, provider::ExchangeError};
use futures_util::future::join_all;
use serde_json::json;

use super::Rig;
use crate::harness::provider::Rotation;

#[tokio::test]
async fn the_key_set_is_fetched_once_and_kept() {
    let rig = Rig::new().await;
    for signed_in in join_all((0..10).map(|_| rig.sign_in())).await {
        signed_in.unwrap();
    }
    assert_eq!(rig.op.count("jwks"), 1);
}

#[tokio::test]
async fn a_rotation_costs_one_fetch() {
    // DJ-08, IP-05
    for rotation in [Rotation::Gradual, Rotation::Immediate, Rotation::SameKid] {
        let rig = Rig::new().await;
        rig.sign_in().await.unwrap();
        rig.op.rotate(rotation);
        for signed_in in join_all((0..10).map(|_| rig.sign_in())).await {
            signed_in.unwrap_or_else(|error| panic!("{rotation:?}: {error}"));
        }
        assert_eq!(rig.op.count("jwks"), 2, "{rotation:?}");
    }
}

#[tokio::test]
async fn an_emptied_set_verifies_nothing_and_is_asked_for_again() {
    // IP-05
    let rig = Rig::new().await;
    rig.sign_in().await.unwrap();
    rig.op.rotate(Rotation::Empty);
    let failed = rig.sign_in().await.unwrap_err();
    assert_eq!(failed, ExchangeError::Failed(SignInFailure::TokenInvalid));
    rig.op.rotate(Rotation::Immediate);
    rig.later();
    rig.sign_in().await.unwrap();
}

#[tokio::test]
async fn tokens_with_unknown_keys_cannot_hammer_the_provider() {
    // DJ-06
    let rig = Rig::new().await;
    rig.sign_in().await.unwrap();
    rig.op.script(|script| {
        script.id_token.header(|header| {
            header.insert("kid".to_owned(), json!("../../etc/passwd"));
        });
    });
    for _ in 0..20 {
        let failed = rig.sign_in().await.unwrap_err();
        assert_eq!(failed, ExchangeError::Failed(SignInFailure::TokenInvalid));
    }
    let asked = rig.op.count("jwks");
    assert!((2..=3).contains(&asked), "once in ten seconds, not {asked} times");
    rig.later();
    rig.sign_in().await.unwrap_err();
    assert_eq!(rig.op.count("jwks"), asked + 1);
}

#[tokio::test]
async fn a_stale_set_serves_through_an_outage_but_not_for_ever() {
    // DJ-07, IP-05
    let rig = Rig::new().await;
    rig.sign_in().await.unwrap();
    rig.op.script(|script| script.jwks.status = 404);
    rig.clock.advance(Duration::from_secs(3600));
    rig.sign_in().await.unwrap();
    assert_eq!(rig.op.count("jwks"), 2);
    rig.clock.advance(Duration::from_secs(24 * 3600));
    let failed = rig.sign_in().await.unwrap_err();
    assert!(matches!(failed, ExchangeError::Unreachable(_)), "{failed}");
    rig.op.script(|script| script.jwks.status = 0);
    rig.later();
    rig.sign_in().await.unwrap();
}

#[tokio::test]
async fn a_key_that_was_taken_back_verifies_nothing_once_the_set_is_stale() {
    // DJ-07
    let rig = Rig::new().await;
    rig.sign_in().await.unwrap();
    rig.op.script(|script| {
        script.jwks_document(|document| {
            document.insert("keys".to_owned(), json!([]));
        });
    });
    rig.clock.advance(Duration::from_secs(601));
    let failed = rig.sign_in().await.unwrap_err();
    assert_eq!(failed, ExchangeError::Failed(SignInFailure::TokenInvalid));
}
