//! TLS and names: rows TE-09, IP-12, DJ-02.

use doorward::{provider::SetupError, time::Clock};

use super::{Rig, settings};
use crate::harness::provider::Provider as Op;

async fn over_tls(trusting: bool) -> Rig {
    let clock = Clock::system();
    let op = Op::start_with(clock.clone(), "/realm", true).await;
    let ca_pem = if trusting {
        op.ca_pem()
    } else {
        Op::start_with(clock.clone(), "", true).await.ca_pem()
    };
    Rig::around(op, clock, |settings| {
        settings.ca_pem = ca_pem;
        settings.allow_http = false;
    })
}

#[tokio::test]
async fn the_configured_ca_is_trusted_and_no_other() {
    // TE-09, IP-12
    let trusting = over_tls(true).await;
    let metadata = trusting.provider.metadata().await.unwrap();
    assert_eq!(metadata.token_endpoint.path(), "/realm/token");
    let wary = over_tls(false).await;
    let failure = wary.provider.metadata().await.unwrap_err();
    assert!(failure.cause.contains("invalid peer certificate"), "{}", failure.cause);
    assert!(
        failure.cause.ends_with("name that CA in `ca_file` of the provider"),
        "{}",
        failure.cause
    );
    assert_eq!(wary.op.count("discovery"), 0);
}

#[tokio::test]
async fn the_certificate_must_be_of_the_name() {
    // TE-09
    let clock = Clock::system();
    let op = Op::start_with(clock.clone(), "", true).await;
    let by_address = op.issuer().replace("localhost", "127.0.0.1");
    let ca_pem = op.ca_pem();
    let rig = Rig::around(op, clock, |settings| {
        settings.ca_pem = ca_pem;
        settings.issuer = doorward::oidc::Issuer::new(&by_address);
    });
    let failure = rig.provider.metadata().await.unwrap_err();
    assert!(
        failure.cause.to_lowercase().contains("certificate"),
        "{}",
        failure.cause
    );
}

#[tokio::test]
async fn plain_http_needs_its_word() {
    // DJ-02, TE-09
    let rig = Rig::with(|settings| settings.allow_http = false).await;
    let failure = rig.provider.metadata().await.unwrap_err();
    assert!(failure.cause.contains("https"), "{}", failure.cause);
    assert_eq!(rig.op.count("discovery"), 0, "nothing was sent");
}

#[tokio::test]
async fn an_https_provider_does_not_hand_out_plain_endpoints() {
    // DJ-02
    let rig = over_tls(true).await;
    rig.op.script(|script| {
        script.metadata(|document| {
            let plain = super::text(&document["token_endpoint"]).replace("https:", "http:");
            document.insert("token_endpoint".to_owned(), plain.into());
        });
    });
    let failure = rig.provider.metadata().await.unwrap_err();
    assert!(failure.cause.contains("token_endpoint"), "{}", failure.cause);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_told() {
    // IP-02
    let rig = Rig::with(|settings| {
        settings.issuer = doorward::oidc::Issuer::new("http://nowhere.invalid");
    })
    .await;
    let failure = rig.provider.metadata().await.unwrap_err();
    assert!(failure.cause.contains("dns"), "{}", failure.cause);
}

#[test]
fn a_ca_that_is_none_is_told_at_once() {
    let mut settings = settings("https://id.example.org");
    settings.ca_pem = Some(b"hello".to_vec());
    let made = doorward::provider::Provider::new(
        settings,
        Clock::system(),
        doorward::entropy::Entropy::system(),
        doorward::telemetry::Telemetry::new(false),
    );
    assert!(matches!(made, Err(SetupError::Ca(_))));
}
