//! The end of a process, and what comes in its place: under a service manager, one replica after the other, and in place.

mod in_place;
mod load;
mod rolling;
mod service_manager;

use std::net::SocketAddr;

use crate::harness::upstream::Upstream;

/// One plain listener and an admin listener, on these ports.
fn config(ports: [u16; 2], upstream: &Upstream, more: &str) -> String {
    let [port, admin] = ports;
    let upstream = upstream.address();
    format!(
        "public_url: https://app.test\n\
         listeners: [{{ address: \"127.0.0.1:{port}\", behind_tls_proxy: true }}]\n\
         admin: {{ address: \"127.0.0.1:{admin}\" }}\nlogging: {{ access_log: false }}\n\
         routes: [{{ host: \"*\", path: /, upstream: \"http://{upstream}\", access: open }}]\n{more}"
    )
}

/// A port that is free now, for a service that comes back to it.
fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = socket.local_addr().unwrap();
    address.port()
}
