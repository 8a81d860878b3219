//! Integration tests: real sockets, real keys, real stores.

mod harness;

mod provider;
