//! The proxy to compare with: pingora's own server and proxy service, one thread, with nothing in its hooks but what
//! every proxy must say: one upstream (the options of Doorward's peers) and how long to wait.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use pingora::{
    Result,
    modules::http::HttpModules,
    protocols::ALPN,
    proxy::{ProxyHttp, Session, http_proxy_service},
    server::{Server, configuration::ServerConf},
    upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy},
};

/// Doorward's defaults, for both.
const MINUTE: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(5);
const KEEPALIVE_SECS: u64 = 75;

struct Bare {
    peer: HttpPeer,
}

/// Serves until the process is ended.
pub(crate) fn play(port: &str, origin: SocketAddr) {
    let conf = ServerConf {
        threads: 1,
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut service = http_proxy_service(&Arc::clone(&server.configuration), Bare { peer: peer(origin) });
    let address = format!("127.0.0.1:{port}");
    service.add_tcp(&address);
    server.add_service(service);
    println!("{address}");
    server.run_forever();
}

fn peer(origin: SocketAddr) -> HttpPeer {
    let mut peer = HttpPeer::new(origin, false, String::new());
    let options = &mut peer.options;
    options.connection_timeout = Some(CONNECT);
    options.total_connection_timeout = Some(CONNECT);
    options.read_timeout = Some(MINUTE);
    options.write_timeout = Some(MINUTE);
    options.idle_timeout = Some(MINUTE);
    options.http_upstream_request_policy = HttpUpstreamRequestPolicy::deny_upgrades();
    options.alpn = ALPN::H1;
    peer
}

#[async_trait]
impl ProxyHttp for Bare {
    type CTX = ();

    fn new_ctx(&self) {}

    fn init_downstream_modules(&self, _: &mut HttpModules) {}

    async fn early_request_filter(&self, session: &mut Session, (): &mut ()) -> Result<()> {
        session.set_keepalive(Some(KEEPALIVE_SECS));
        session.set_read_timeout(Some(MINUTE));
        session.set_write_timeout(Some(MINUTE));
        session.set_total_drain_timeout(Some(MINUTE));
        Ok(())
    }

    async fn upstream_peer(&self, _: &mut Session, (): &mut ()) -> Result<Box<HttpPeer>> {
        Ok(Box::new(self.peer.clone()))
    }
}
