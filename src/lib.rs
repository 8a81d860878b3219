//! Doorward: a reverse-proxy authentication gateway.
//!
//! The order of the `mod` lines below is the order of dependency: a room uses only rooms above it.
//! A request goes `proxy` → `gate` (which route) → `store` (session) → `gate` (where the caller stands,
//! policy) → `provider` (renew, if due) → `gate` (settle) → `identity` (headers) → `proxy` (upstream).
//! The pure rooms take facts and return enums; the effect rooms beside them do what was decided.

#![cfg_attr(
    test,
    allow(
        clippy::needless_pass_by_value,
        clippy::too_many_lines,
        clippy::similar_names,
        clippy::format_push_string,
        clippy::unnecessary_wraps,
        clippy::string_slice,
        clippy::struct_excessive_bools,
        reason = "tables and helpers of tests read better without"
    )
)]

// words
pub mod time;
pub mod secret;
pub mod entropy;
// pure
pub mod keys;
pub mod oidc;
pub mod identity;
pub mod session;
pub mod policy;
pub mod gate;
pub mod pages;
// effects
pub mod telemetry;
pub mod task;
pub mod store;
pub mod provider;
pub mod flow;
// shell
pub mod proxy;
pub mod admin;
pub mod config;
pub mod import;
pub mod server;
pub mod doctor;
#[cfg(feature = "demo")]
pub mod demo;
pub mod cli;
