//! What a person sees, and the problem JSON a program gets instead. Pure: a refusal or a state goes in, text comes out.
//!
//! Every page is one HTML file without script, with its style inline and allowed by hash, so that the answer to a
//! failed request never depends on a second one. Every value is escaped by the template engine.

mod csp;
mod devices;
mod layout;
mod problem;
mod refusal;
mod session;
mod words;

pub use self::{
    csp::STYLE,
    devices::{Device, OwnSessions, own_sessions},
    layout::{Action, HEADERS, Page},
    problem::{PROBLEM_JSON, problem},
    refusal::{Context, refusal},
    session::{
        ConfirmSignOut, FinishSignOut, SignedOut, Times, WhoAmI, confirm_sign_out, finish_sign_out, logout_frame,
        signed_out, whoami,
    },
};

#[cfg(feature = "demo")]
pub(crate) use self::csp::FormAction;

#[cfg(test)]
mod tests;
