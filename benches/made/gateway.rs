//! Doorward from a written configuration, with one session in its store.

use std::{future, path::Path};

use doorward::{
    config,
    entropy::Entropy,
    proxy::Bind,
    server::{assemble, start},
    session::Client,
    telemetry::log,
    time::Clock,
};

use super::person;

/// Serves until the process is ended. Says its address and the session's cookie value on standard output, where log
/// lines follow.
pub(crate) fn play(file: &str) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let plan = config::load(Path::new(file)).unwrap_or_else(|report| panic!("{report}"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let (clock, telemetry) = (Clock::system(), plan.telemetry.clone());
        let house = assemble(plan, &clock, &Entropy::system()).expect("a house");
        let (who, tokens) = (person::identity(0), person::tokens(clock.now(), 1024));
        let create = house.sessions.create(who, tokens, Client::default());
        let session = create.await.expect("a session");
        let up = start(house).expect("a gateway");
        let Some(Bind::Tcp(address)) = up.addresses().first() else {
            panic!("a TCP listener");
        };
        println!("{address} {}", session.handle.encode());
        let _guard = log::install(&telemetry).expect("logs");
        future::pending::<()>().await;
    });
}
