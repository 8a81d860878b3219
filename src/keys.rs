//! Keys: the ring that opens and seals, and sealing with associated data (AES-256-GCM).
//!
//! Pure: nonces and handles are drawn by the caller.

pub mod ring;
pub mod seal;

pub use self::{
    ring::{KeyId, Ring, RingError, RingKey, generate},
    seal::{Binding, Opened, Purpose, Unreadable, open, seal},
};
