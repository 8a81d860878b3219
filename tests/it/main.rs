//! Integration tests: real sockets, real keys, real stores.

mod harness;

mod provider;
mod proxy_faults;
mod proxy_rows;
mod proxy_server;
