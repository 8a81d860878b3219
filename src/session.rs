//! What a session is, when it ends, and the cookie that names it. Pure.

pub mod client;
pub mod index;
pub mod open;
pub mod record;
pub mod routes;
pub mod terms;
pub mod ticket;

pub use self::{
    client::Client,
    index::{Entry, Mark, Named},
    open::Session,
    record::{BadRecord, Record, SessionTokens},
    routes::Routes,
    terms::{Freshness, Life, Terms},
    ticket::{CookieName, Handle, StoreKey},
};
