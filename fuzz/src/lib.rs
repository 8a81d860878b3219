//! One target for each reader of bytes from outside: what it promises of whatever it accepts.
//!
//! The targets run in two ways. `cargo fuzz run NAME` looks for inputs for as long as one likes (`fuzz/README.md`);
//! the gateway's own tests include this file and hold the same promises against the seeds and a few thousand inputs
//! made of them, on every run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a broken promise ends the run"
)]

pub mod callback;
pub mod caller;
pub mod certificate;
pub mod claim_path;
pub mod config;
pub mod handle;
pub mod header_values;
pub mod host;
pub mod id_token;
pub mod id_token_compact;
pub mod import;
pub mod key_set;
pub mod measure;
pub mod metadata;
pub mod path_pattern;
pub mod proxy_protocol;
pub mod record;
pub mod request_target;
pub mod return_to;
pub mod sealed;
pub mod token_response;
pub mod userinfo;

mod signed;

/// A target: takes any bytes, and panics when a promise is broken.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also the name of its folder of seeds.
pub const ALL: [(&str, Target); 22] = [
    ("callback", callback::run),
    ("caller", caller::run),
    ("certificate", certificate::run),
    ("claim_path", claim_path::run),
    ("config", config::run),
    ("handle", handle::run),
    ("header_values", header_values::run),
    ("host", host::run),
    ("id_token", id_token::run),
    ("id_token_compact", id_token_compact::run),
    ("import", import::run),
    ("key_set", key_set::run),
    ("measure", measure::run),
    ("metadata", metadata::run),
    ("path_pattern", path_pattern::run),
    ("proxy_protocol", proxy_protocol::run),
    ("record", record::run),
    ("request_target", request_target::run),
    ("return_to", return_to::run),
    ("sealed", sealed::run),
    ("token_response", token_response::run),
    ("userinfo", userinfo::run),
];

/// The ring of every target that needs one.
fn ring() -> doorward::keys::Ring {
    use doorward::keys::{Ring, RingKey, generate};
    let key = |name: &str, fill| RingKey::decode(name, &generate([fill; 32])).expect("a key");
    Ring::new(vec![key("k1", 1), key("k2", 2)]).expect("a ring")
}

/// The part before the first line end, and the rest.
fn first_line(data: &[u8]) -> (&[u8], &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (line, rest) = data.split_at(end);
    (line, rest.strip_prefix(b"\n").unwrap_or(rest))
}
