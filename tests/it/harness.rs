//! What the integration tests share.

pub mod browser;
pub mod door;
pub mod gateway;
pub mod haproxy;
pub mod provider;
pub mod raw;
pub mod shell;
pub mod tls;
pub mod upstream;
