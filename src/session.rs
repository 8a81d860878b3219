//! What a session is, when it ends, and the cookie that names it. Pure.

pub mod open;
pub mod record;
pub mod terms;
pub mod ticket;

pub use self::{
    open::Session,
    record::{BadRecord, Record, SessionTokens},
    terms::{Freshness, Life, Terms},
    ticket::{CookieName, Handle, StoreKey},
};
