//! The audit trail: who did what, when, where from, and how it ended; never a token, code, cookie or secret.
//!
//! Each is one JSON line of target `doorward::audit`. The line's own timestamp says when. `docs/audit.md` lists them.

use std::net::IpAddr;

use crate::oidc::ProviderName;

/// The target of every line.
pub const TARGET: &str = "doorward::audit";

/// What was done, or tried.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Act {
    /// Somebody came back from the provider: `ok`, `already`, or why there is no session.
    SignIn,
    /// Somebody who is signed in was refused: the refusal's code.
    Access,
    /// A renewal failed: `ended`, `renewing_elsewhere`, `provider_down`, `provider_error`, `client_rejected`, `store_down`.
    Renewal,
    /// Somebody signed out here: `ok`, `store_down`, `cross_site`.
    SignOut,
    /// The provider asked to end sessions, by a signed token: as `doorward_provider_logouts_total` says.
    BackChannelLogout,
    /// The provider, or somebody in its place, asked to end a session by a frame.
    FrontChannelLogout,
    /// Somebody ended sessions of their own from another one: `ok`, `store_down`, `cross_site`.
    EndOwnSessions,
    /// An administrator looked at sessions: `ok`, `store_down`, `no_token`, `wrong_token`.
    ListSessions,
    /// An administrator ended sessions: `ok`, `store_down`, `no_token`, `wrong_token`.
    EndSessions,
    /// An administrator had a request explained: `ok`, `no_token`, `wrong_token`.
    Explain,
}

/// Whose session it is about.
#[derive(Clone, Copy, Debug)]
pub struct Whose<'a> {
    /// The operator's name of the provider.
    pub provider: &'a ProviderName,
    /// The subject at the provider, for installations that log it.
    pub subject: &'a str,
    /// First 16 hex digits of a keyed hash of issuer and subject, as on access lines.
    pub subject_hash: &'a str,
    /// The session's public identifier.
    pub session: &'a str,
}

/// One line.
#[derive(Clone, Copy, Debug)]
pub struct Audit<'a> {
    /// What.
    pub act: Act,
    /// How it ended: of a closed list.
    pub outcome: &'static str,
    /// Whose session; `None` when nobody is known.
    pub whose: Option<Whose<'a>>,
    /// The provider, where there is no session.
    pub provider: Option<&'a ProviderName>,
    /// The route's name, for [`Act::Access`].
    pub route: Option<&'a str>,
    /// Where from, by the trusted proxies.
    pub client: Option<IpAddr>,
    /// The request's identifier; empty for what no request waits for.
    pub request_id: &'a str,
    /// How many sessions it was about, where that is a number.
    pub sessions: Option<usize>,
    /// What an administrator asked for: names of filters, not their values.
    pub by: Option<&'a str>,
}

/// How the person is named.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Naming {
    /// By the keyed hash only: two lines are one person's, and it is not said whose.
    #[default]
    Hash,
    /// By the provider's subject too.
    Subject,
}

impl Act {
    /// The name on the line and in the metric.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Access => "access",
            Self::Renewal => "renewal",
            Self::SignOut => "sign_out",
            Self::BackChannelLogout => "back_channel_logout",
            Self::FrontChannelLogout => "front_channel_logout",
            Self::EndOwnSessions => "end_own_sessions",
            Self::ListSessions => "list_sessions",
            Self::EndSessions => "end_sessions",
            Self::Explain => "explain",
        }
    }
}

impl Audit<'_> {
    /// A line about nobody yet.
    #[must_use]
    pub const fn new(act: Act, outcome: &'static str) -> Self {
        Self {
            act,
            outcome,
            whose: None,
            provider: None,
            route: None,
            client: None,
            request_id: "",
            sessions: None,
            by: None,
        }
    }
}

/// Writes the line.
pub(super) fn write(audit: &Audit<'_>, naming: Naming) {
    let Audit {
        act,
        outcome,
        whose,
        provider,
        route,
        client,
        request_id,
        sessions,
        by,
    } = audit;
    tracing::info!(
        target: TARGET,
        act = act.name(),
        outcome,
        provider = whose.map(|whose| whose.provider).or(*provider).map(ProviderName::as_str),
        subject = whose.filter(|_| naming == Naming::Subject).map(|whose| whose.subject),
        subject_hash = whose.map(|whose| whose.subject_hash),
        session = whose.map(|whose| whose.session),
        route,
        client = client.map(tracing::field::display),
        request_id = Some(*request_id).filter(|id| !id.is_empty()),
        sessions,
        by,
    );
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Mutex};

    use serde_json::{Value, json};
    use tracing_subscriber::{fmt, layer::SubscriberExt as _};

    use super::*;

    /// The line as it stands in the file, without its time.
    fn line(audit: &Audit<'_>, naming: Naming) -> Value {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lines = fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(Mutex::new(file.reopen().unwrap()));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || write(audit, naming));
        let mut line: Value = serde_json::from_str(&fs::read_to_string(file.path()).unwrap()).unwrap();
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
        line.as_object_mut().unwrap().remove("timestamp");
        line
    }

    #[test]
    fn a_line_says_what_is_known_and_nothing_else() {
        let provider = ProviderName::new("corporate");
        let audit = Audit {
            whose: Some(Whose {
                provider: &provider,
                subject: "s-1",
                subject_hash: "00ff",
                session: "public",
            }),
            client: Some([203, 0, 113, 7].into()),
            request_id: "r-1",
            ..Audit::new(Act::SignOut, "ok")
        };
        let mut expected = json!({
            "level": "INFO", "target": "doorward::audit", "act": "sign_out", "outcome": "ok", "provider": "corporate",
            "subject_hash": "00ff", "session": "public", "client": "203.0.113.7", "request_id": "r-1",
        });
        assert_eq!(line(&audit, Naming::Hash), expected);
        expected["subject"] = json!("s-1");
        assert_eq!(line(&audit, Naming::Subject), expected);
        let nobody = Audit {
            sessions: Some(3),
            by: Some("provider"),
            ..Audit::new(Act::EndSessions, "ok")
        };
        assert_eq!(
            line(&nobody, Naming::Subject),
            json!({
                "level": "INFO", "target": "doorward::audit", "act": "end_sessions", "outcome": "ok", "sessions": 3,
                "by": "provider",
            })
        );
    }
}
