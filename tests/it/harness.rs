//! What the integration tests share.

pub mod door;
pub mod provider;
pub mod raw;
pub mod upstream;
