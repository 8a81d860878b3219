//! The page of a person's own sessions.

use askama::Template;

use super::{
    csp::FormAction,
    layout::{Page, local},
    refusal::span,
};
use crate::time::UnixTime;

/// One of a person's sessions.
#[derive(Clone, Copy, Debug)]
pub struct Device<'a> {
    /// The session's public identifier.
    pub id: &'a str,
    /// Browser and system, if known.
    pub agent: Option<&'a str>,
    /// The address it was made from, as far as it is kept.
    pub address: Option<&'a str>,
    /// When the person signed in.
    pub signed_in: UnixTime,
    /// When it was last used, coarse.
    pub used: UnixTime,
    /// Whether this page was asked for with it.
    pub is_this: bool,
}

/// What the page of a person's sessions needs.
#[derive(Clone, Copy, Debug)]
pub struct OwnSessions<'a> {
    /// The id under which the operator finds this request in the log.
    pub request_id: &'a str,
    /// Now.
    pub now: UnixTime,
    /// The sessions.
    pub devices: &'a [Device<'a>],
    /// The path of this page, which ends sessions too.
    pub path: &'a str,
    /// The path that signs out here.
    pub sign_out: &'a str,
}

/// The page on which a person sees their sessions and ends them.
#[must_use]
pub fn own_sessions(facts: &OwnSessions<'_>) -> Page {
    let ago = |moment: UnixTime| format!("{} ago", span(facts.now.since(moment).as_secs()));
    let rows = facts.devices.iter().map(|device| Row {
        id: device.id,
        agent: device.agent.unwrap_or("Unknown browser"),
        address: device.address,
        signed_in: (device.signed_in.to_string(), ago(device.signed_in)),
        used: (device.used.to_string(), ago(device.used)),
        is_this: device.is_this,
    });
    let template = OwnSessionsPage {
        request_id: facts.request_id,
        others: facts.devices.iter().any(|device| !device.is_this),
        rows: rows.collect(),
        path: facts.path,
        sign_out: local(Some(facts.sign_out)).unwrap_or("/"),
    };
    Page::render(&template, FormAction::Here(&[]))
}

#[derive(Template)]
#[template(path = "own_sessions.html")]
struct OwnSessionsPage<'a> {
    request_id: &'a str,
    rows: Vec<Row<'a>>,
    others: bool,
    path: &'a str,
    sign_out: &'a str,
}

/// One session: each moment for a machine and for a person.
struct Row<'a> {
    id: &'a str,
    agent: &'a str,
    address: Option<&'a str>,
    signed_in: (String, String),
    used: (String, String),
    is_this: bool,
}
