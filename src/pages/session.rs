//! The pages of a session: who you are, sign out?, signed out.

use askama::Template;

use super::{
    csp::{FormAction, framed_by},
    layout::{Action, Page, local},
    refusal::span,
};
use crate::time::UnixTime;

/// What the page after a sign-out tells.
#[derive(Clone, Copy, Debug)]
pub struct SignedOut<'a> {
    /// The id under which the operator finds this request in the log.
    pub request_id: &'a str,
    /// A path on this site that signs in again.
    pub sign_in: Option<&'a str>,
    /// Whether the provider was not told, so that its own session may live on.
    pub provider_session_may_remain: bool,
}

/// The page that says that the session has ended.
#[must_use]
pub fn signed_out(facts: &SignedOut<'_>) -> Page {
    let template = SignedOutPage {
        request_id: facts.request_id,
        sign_in: local(facts.sign_in),
        provider_session_may_remain: facts.provider_session_may_remain,
    };
    Page::render(&template, FormAction::Nowhere)
}

/// What the step on to the provider needs.
#[derive(Clone, Copy, Debug)]
pub struct FinishSignOut<'a> {
    /// The id under which the operator finds this request in the log.
    pub request_id: &'a str,
    /// The provider's end-session endpoint, a whole URL.
    pub endpoint: &'a str,
    /// Its origin.
    pub origin: &'a str,
    /// Hidden fields, as name and value.
    pub fields: &'a [(&'a str, &'a str)],
    /// A path on this site to go to instead.
    pub stay: Option<&'a str>,
}

/// The page whose button signs out at the provider, when what it must be told is too long for an address.
#[must_use]
pub fn finish_sign_out(facts: &FinishSignOut<'_>) -> Page {
    let template = FinishPage {
        request_id: facts.request_id,
        stay: local(facts.stay),
        action: facts.endpoint,
        fields: facts.fields,
    };
    Page::render(&template, FormAction::Here(&[facts.origin]))
}

/// The page that a provider loads into a frame of its own to end a session: nobody looks at it. To be sent without
/// `X-Frame-Options`, which cannot name anybody.
#[must_use]
pub fn logout_frame(origins: &[&str]) -> Page {
    Page {
        html: "<!doctype html>\n<html lang=\"en\"><title>Signed out</title>".to_owned(),
        csp: framed_by(origins),
    }
}

/// What the question before a sign-out needs.
#[derive(Clone, Copy, Debug)]
pub struct ConfirmSignOut<'a> {
    /// The id under which the operator finds this request in the log.
    pub request_id: &'a str,
    /// Who is signed in: name or email.
    pub who: Option<&'a str>,
    /// A path on this site to go back to instead.
    pub stay: Option<&'a str>,
    /// The form.
    pub action: Action<'a>,
}

/// The page that asks before it signs out: a link from elsewhere must not be able to.
#[must_use]
pub fn confirm_sign_out(facts: &ConfirmSignOut<'_>) -> Page {
    let template = ConfirmPage {
        request_id: facts.request_id,
        who: facts.who,
        stay: local(facts.stay),
        action: facts.action.path,
        fields: facts.action.fields,
    };
    Page::render(&template, FormAction::Here(facts.action.leads_to))
}

/// The moments of a session that a person may see.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Now.
    pub now: UnixTime,
    /// When the person signed in here.
    pub signed_in: UnixTime,
    /// When the session ends unless it is used before, if it can idle out.
    pub idle_end: Option<UnixTime>,
    /// When the session ends however much it is used.
    pub end: UnixTime,
    /// When the access token is due for renewal, if there is one.
    pub token_end: Option<UnixTime>,
}

/// An identity and its session, as shown to the person it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct WhoAmI<'a> {
    /// The id under which the operator finds this request in the log.
    pub request_id: &'a str,
    /// The person's name, if known.
    pub name: Option<&'a str>,
    /// The email address, if known.
    pub email: Option<&'a str>,
    /// The provider's identifier of the person.
    pub subject: &'a str,
    /// The provider's issuer.
    pub issuer: &'a str,
    /// The groups, in the provider's order.
    pub groups: &'a [&'a str],
    /// All claims, as name and printed value.
    pub claims: &'a [(&'a str, &'a str)],
    /// The session's times.
    pub times: Times,
    /// The sign-out form.
    pub sign_out: Action<'a>,
}

/// The page that shows a person what this gateway knows of them.
#[must_use]
pub fn whoami(facts: &WhoAmI<'_>) -> Page {
    let template = WhoAmIPage {
        request_id: facts.request_id,
        heading: facts.name.or(facts.email).unwrap_or(facts.subject),
        email: facts.email,
        subject: facts.subject,
        issuer: facts.issuer,
        groups: facts.groups,
        times: rows(&facts.times),
        claims: facts.claims,
        action: facts.sign_out.path,
        fields: facts.sign_out.fields,
    };
    Page::render(&template, FormAction::Here(facts.sign_out.leads_to))
}

#[derive(Template)]
#[template(path = "signed_out.html")]
struct SignedOutPage<'a> {
    request_id: &'a str,
    sign_in: Option<&'a str>,
    provider_session_may_remain: bool,
}

#[derive(Template)]
#[template(path = "finish_sign_out.html")]
struct FinishPage<'a> {
    request_id: &'a str,
    stay: Option<&'a str>,
    action: &'a str,
    fields: &'a [(&'a str, &'a str)],
}

#[derive(Template)]
#[template(path = "confirm_sign_out.html")]
struct ConfirmPage<'a> {
    request_id: &'a str,
    who: Option<&'a str>,
    stay: Option<&'a str>,
    action: &'a str,
    fields: &'a [(&'a str, &'a str)],
}

#[derive(Template)]
#[template(path = "whoami.html")]
struct WhoAmIPage<'a> {
    request_id: &'a str,
    heading: &'a str,
    email: Option<&'a str>,
    subject: &'a str,
    issuer: &'a str,
    groups: &'a [&'a str],
    times: Vec<Row>,
    claims: &'a [(&'a str, &'a str)],
    action: &'a str,
    fields: &'a [(&'a str, &'a str)],
}

/// One moment: for a machine, for a person, and how far off it is.
struct Row {
    label: &'static str,
    machine: String,
    person: String,
    distance: String,
}

fn rows(times: &Times) -> Vec<Row> {
    let moments = [
        ("Signed in", Some(times.signed_in)),
        ("Token renewed by", times.token_end),
        ("Ends if unused", times.idle_end),
        ("Ends in any case", Some(times.end)),
    ];
    moments
        .into_iter()
        .filter_map(|(label, moment)| Some(row(label, moment?, times.now)))
        .collect()
}

fn row(label: &'static str, moment: UnixTime, now: UnixTime) -> Row {
    let machine = moment.to_string();
    let distance = if moment <= now {
        format!("{} ago", span(now.since(moment).as_secs()))
    } else {
        format!("in {}", span(moment.since(now).as_secs()))
    };
    Row {
        label,
        person: machine.replace('T', " ").replace('Z', " UTC"),
        machine,
        distance,
    }
}
