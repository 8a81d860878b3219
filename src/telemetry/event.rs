//! Events: what happened, in a closed list, without anything personal or secret.

use std::time::Duration;

use super::{Audit, Reload, TurnedAway, trace::Export};
use crate::{
    gate::Outcome,
    keys::{KeyId, Ring},
    oidc::ProviderName,
    policy::Site,
    time::UnixTime,
};

/// How a call to a store or provider went.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Call {
    /// An answer that says what it should.
    Ok,
    /// An answer that refuses (an OAuth error, a wrong type, a version conflict).
    Refused,
    /// No answer in time.
    TimedOut,
    /// No connection, a broken one, 5xx, or not an answer at all.
    Failed,
}

/// Whether the session store may drop sessions by itself when its memory is full.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Eviction {
    /// It refuses new ones instead.
    Never,
    /// It may: people are signed out before their time.
    May,
    /// It does not say.
    Unknown,
}

/// What a ring key was used for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KeyUse {
    /// Sealing.
    Seal,
    /// Opening.
    Open,
    /// Signing an assertion.
    Sign,
    /// Naming the place where a session was found, whichever key sealed it there.
    Find,
}

/// How a provider asks to end a session.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Channel {
    /// By a POST of its own, signed.
    Back,
    /// By a frame in the browser.
    Front,
}

/// One request, for the access line.
#[derive(Clone, Copy, Debug)]
pub struct RequestLine<'a> {
    /// The request's identifier.
    pub request_id: &'a str,
    /// W3C trace identifier, where there is one.
    pub trace_id: Option<&'a str>,
    /// When it ended, in nanoseconds since the epoch, where that trace is recorded, and this request in it.
    pub recorded_at: Option<u64>,
    /// Method.
    pub method: &'a str,
    /// Host in normal form, or empty.
    pub host: &'a str,
    /// Path without query, or empty when it is not in normal form.
    pub path: &'a str,
    /// The route's name; `none` where none was asked for, as at the gateway's own endpoints.
    pub route: &'a str,
    /// `forwarded`, a refusal's code, or the endpoint's name.
    pub outcome: &'static str,
    /// Status sent, 0 when the client went away before.
    pub status: u16,
    /// First 16 hex digits of a keyed hash of issuer and subject, where there is an identity.
    pub subject_hash: Option<&'a str>,
    /// Client address, by the trusted proxies.
    pub client: Option<std::net::IpAddr>,
    /// From first byte to last.
    pub took: Duration,
    /// Of it, in the gate: session, decision, renewal.
    pub decided: Duration,
    /// Of it, until the upstream's response head.
    pub upstream: Option<Duration>,
    /// Bytes of response body sent.
    pub sent: u64,
    /// Bytes of request body received.
    pub received: u64,
    /// An error in words for the operator, where there was one.
    pub error: Option<&'a str>,
}

/// What happens to opened sessions in this process.
#[derive(Clone, Copy, Debug)]
pub enum CacheEvent<'a> {
    /// An opened session was looked for in this process: `hit`, `miss`, `bypassed` (the feed of changes is down).
    Lookup {
        /// What came of it.
        what: &'static str,
    },
    /// Another replica, or this one, changed a session: what is kept of it is dropped.
    Invalidated,
    /// What is kept of opened sessions in this process.
    Size {
        /// How many.
        sessions: u64,
        /// Their size, about.
        bytes: u64,
    },
    /// The feed of changes by other replicas came up or went down.
    Feed {
        /// Whether it is up.
        up: bool,
        /// Why not.
        error: Option<&'a str>,
    },
}

/// What became of an upstream's target.
#[derive(Clone, Copy, Debug)]
pub struct TargetChange<'a> {
    /// Upstream name.
    pub upstream: &'a str,
    /// Target address.
    pub target: &'a str,
    /// `ejected` (for a rest, after which it counts again by itself), `unhealthy`, `healthy`.
    pub what: &'static str,
    /// What the last health check met.
    pub cause: Option<&'a str>,
}

/// A certificate that a listener shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateInForce {
    /// Where the listener listens.
    pub listener: String,
    /// The file that it was read from.
    pub file: String,
    /// Since when it is valid.
    pub not_before: UnixTime,
    /// Until when.
    pub not_after: UnixTime,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A request ended.
    Request(RequestLine<'a>),
    /// A connection ended before its first request.
    TurnedAway {
        /// Why.
        why: TurnedAway,
        /// Whose it was.
        peer: Option<std::net::IpAddr>,
        /// Whether another of its kind was told of a moment ago.
        again: bool,
    },
    /// The gate decided: route, and `admit`, `sign_in`, `renew` or the refusal's code.
    Decision {
        /// Route name.
        route: &'a str,
        /// Verdict.
        verdict: &'static str,
    },
    /// A sign-in began at a provider.
    SignInBegun {
        /// Where.
        provider: &'a ProviderName,
    },
    /// A sign-in ended: `ok`, `already` (a session was there) or a failure's code.
    SignIn {
        /// Where.
        provider: &'a ProviderName,
        /// How.
        outcome: &'static str,
    },
    /// A renewal ended.
    Renewal {
        /// Where.
        provider: &'a ProviderName,
        /// How.
        outcome: Outcome,
        /// When another try makes sense, where that is known.
        retry_after: Option<Duration>,
    },
    /// A person signed out here.
    SignOut {
        /// Provider of the session.
        provider: &'a ProviderName,
    },
    /// A provider asked to end a session.
    ProviderLogout {
        /// Which.
        provider: &'a ProviderName,
        /// How it asked.
        channel: Channel,
        /// What came of it: `ended`, `nothing_to_end`, `repeated` or a refusal's code.
        outcome: &'static str,
        /// How many sessions ended.
        ended: usize,
    },
    /// A session was made or ended: `created`, `replaced` (by another sign-in), `refused` (its renewal), `signed_out`,
    /// `ended_by_person` (from their list), `administered`. Time ends a session without an event: nobody looks.
    Session {
        /// What.
        what: &'static str,
    },
    /// A call to the session store.
    StoreCall {
        /// Operation.
        op: &'static str,
        /// How it went.
        call: Call,
        /// How long.
        took: Duration,
        /// The cause in words, for the log, when it failed.
        error: Option<&'a str>,
    },
    /// Connected to a store that may, may not or does not say whether it may drop sessions by itself.
    StoreEviction {
        /// Which of them.
        what: Eviction,
        /// Its policy; empty when unknown.
        policy: &'a str,
    },
    /// What is kept of opened sessions in this process.
    Cache(CacheEvent<'a>),
    /// A call to a provider.
    ProviderCall {
        /// Which.
        provider: &'a ProviderName,
        /// `discovery`, `keys`, `token`, `refresh`, `userinfo`, `id_token`, `logout_token`, `revocation`.
        endpoint: &'static str,
        /// How it went.
        call: Call,
        /// How long.
        took: Duration,
        /// The cause in words, for the log, when it failed. Never a part of a token.
        error: Option<&'a str>,
    },
    /// A ring key was used.
    Key {
        /// Which.
        kid: &'a KeyId,
        /// For what.
        what: KeyUse,
        /// When.
        at: UnixTime,
    },
    /// A key ring is in force.
    Ring {
        /// Which.
        ring: &'a Ring,
        /// Since when.
        at: UnixTime,
    },
    /// A cookie or record did not open: `session_cookie`, `session_record`,
    /// `newer_session_record`, `session_entry`.
    Unreadable {
        /// What.
        what: &'static str,
    },
    /// Something for the audit trail.
    Audit(Audit<'a>),
    /// An upstream target changed.
    Target(TargetChange<'a>),
    /// The certificates of all listeners that are in force, read just now.
    Certificates(&'a [CertificateInForce]),
    /// A configuration is in force, from the start or from now on.
    Configuration {
        /// Of its text, in hex.
        digest: &'a str,
        /// Its routes.
        site: &'a Site,
    },
    /// The configuration was read again.
    Reload(Reload<'a>),
    /// No other process came in place of this one, which goes on.
    UpgradeFailed {
        /// Why, for the log.
        why: &'a str,
    },
    /// What became of spans on their way to the collector.
    Export(Export<'a>),
}
