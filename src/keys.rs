//! Keys: the ring that opens and seals, its file, how it is rotated, and sealing with associated data (AES-256-GCM).
//!
//! Pure: nonces and handles are drawn by the caller.

pub mod file;
pub mod ring;
pub mod rotation;
pub mod seal;

pub use self::{
    file::RingFile,
    ring::{KeyId, Ring, RingError, RingKey, generate},
    seal::{Binding, Opened, Purpose, Unreadable, open, seal},
};
