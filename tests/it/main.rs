//! Integration tests: real sockets, real keys, real stores.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::too_many_lines,
    clippy::missing_panics_doc,
    clippy::needless_pass_by_value,
    clippy::disallowed_methods,
    clippy::similar_names,
    clippy::unused_async,
    reason = "a test that panics has failed"
)]

// No more is let off than this: a test that lost its attribute would not be missed.
#[allow(dead_code, reason = "not every test uses the whole harness")]
mod harness;
#[path = "../docs/page.rs"]
#[allow(dead_code, reason = "shared with tests/docs, which uses all of it")]
mod page;

mod access;
mod audit;
mod behind_nginx;
mod client_certificates;
mod cors;
mod doctor;
mod figures;
mod former;
mod identity;
mod limits;
mod logs;
mod open;
mod outage;
mod process;
mod provider;
mod provider_logout;
mod proxy_edges;
mod proxy_faults;
mod proxy_protocol;
mod proxy_rows;
mod proxy_server;
mod proxy_tls;
mod redis_tls;
mod reload;
mod renewal;
mod rotation;
mod route_options;
mod rows;
mod sessions;
mod sessions_cli;
mod sign_in;
mod sign_out;
mod step_up;
mod system_roots;
mod tls;
mod traces;
mod trust;
mod upgrade;
mod web_sockets;
