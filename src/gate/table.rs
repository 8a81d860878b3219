//! The whole policy as one table: every access × standing × caller, one line a row.
//!
//! [`rule`] is the table. Its rows are held by a snapshot, so a change of behaviour is a change of a line; `doorward
//! explain` prints the same lines. A row is about kinds only: it knows no session, no route and no person.

use super::{Caller, Refusal};
use crate::{
    identity::{ClientCertificate, VerifiedIdentity},
    policy::Route,
    session::Freshness,
    time::UnixTime,
};

/// A route's access without the rule's text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AccessKind {
    /// Anyone, and nobody is asked who they are.
    Open,
    /// Anyone, with identity if there is one.
    Recognised,
    /// Anyone with a session.
    SignedIn,
    /// Anyone with a session whose identity meets a rule.
    Rule,
    /// Anyone, with identity if there is one: the client certificate of this connection alone meets the rule.
    Certified,
    /// Nobody: with the client certificate of this connection, or without one, whoever signs in cannot meet the rule.
    Uncertified,
}

/// Whether a session is what the route asks for: signed in as `sign_in` demands, and an identity that meets its rule.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fit {
    /// It is.
    Met,
    /// It is not signed in as the route demands: at its provider, strong and recent enough. The rule is asked after that.
    StepUp,
    /// The identity does not meet the rule; a route without one has none of these.
    Unmet,
}

/// Where a caller stands: before a renewal, or after the one renewal that the request waited for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StandingKind {
    /// No cookie, or nothing behind it.
    Nothing,
    /// A cookie or record that does not open.
    Unreadable,
    /// A session unused for too long.
    Idle,
    /// A session past its absolute lifetime.
    Over,
    /// The store does not answer.
    StoreDown,
    /// A live session.
    Live(Freshness, Fit),
    /// Renewed: a live session with new tokens.
    Renewed(Fit),
    /// The renewal did not come about, and the token is good still.
    StillGood(Fit),
    /// The renewal was refused, or the session was signed out meanwhile.
    Ended,
    /// The token expired, and the provider does not answer.
    ProviderDown,
    /// The token expired, and another replica that began to renew it has not finished.
    RenewingElsewhere,
    /// The token expired, and the store does not answer.
    RenewalStoreDown,
}

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Row {
    /// Forward, as nobody.
    Anonymous,
    /// Forward, as the session's person.
    Identified,
    /// Forward as the session's person, and renew without waiting.
    IdentifiedAndRenew,
    /// Wait for the one renewal, then look again.
    Renew,
    /// Send the browser to the provider.
    SignIn,
    /// Answer ourselves.
    Refuse(Refusal),
}

/// One line of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line {
    /// The route's access.
    pub access: AccessKind,
    /// Where the caller stands.
    pub standing: StandingKind,
    /// Who calls.
    pub caller: Caller,
    /// What is done.
    pub row: Row,
}

/// The table.
///
/// * An open route asks nothing, and so nothing that is down can close it.
/// * A route that merely recognises people serves them as nobody when store or provider fail; the cookie stays.
/// * A rule that asks for a client certificate is looked at before anybody signs in. What the certificate alone meets is as a
///   route that merely recognises people; what no sign-in could meet is refused, so that nobody signs in in vain.
/// * A session without refresh token lives by its own terms when its token expires ([`Freshness::Spent`]).
/// * Whoever is not signed in as the route demands signs in again for it, as if there were no session. The sign-in itself fails
///   when it does not reach what was demanded, so that there is no loop (ID-12).
/// * A WebSocket cannot be renewed once it stands: a token inside its window is renewed first, and used if that fails.
#[must_use]
pub const fn rule(access: AccessKind, standing: StandingKind, caller: Caller) -> Row {
    match access {
        AccessKind::Open => Row::Anonymous,
        AccessKind::Recognised | AccessKind::Certified => recognised(known(standing, caller)),
        AccessKind::SignedIn | AccessKind::Rule => needed(known(standing, caller), caller),
        AccessKind::Uncertified => Row::Refuse(Refusal::CertificateNeeded),
    }
}

/// The line of the table for these three, as a sentence for the operator.
#[must_use]
pub fn describe(access: AccessKind, standing: StandingKind, caller: Caller) -> String {
    Line {
        access,
        standing,
        caller,
        row: rule(access, standing, caller),
    }
    .to_string()
}

/// Every line of the table. That a rule is unmet is a line only where there is a rule; an open route demands no sign-in.
#[must_use]
pub fn rows() -> Vec<Line> {
    let mut rows = Vec::new();
    for access in [
        AccessKind::Open,
        AccessKind::Recognised,
        AccessKind::SignedIn,
        AccessKind::Rule,
        AccessKind::Certified,
        AccessKind::Uncertified,
    ] {
        for standing in StandingKind::all() {
            let there = match standing.fit() {
                Some(Fit::Unmet) => access == AccessKind::Rule,
                Some(Fit::StepUp) => !matches!(access, AccessKind::Open | AccessKind::Uncertified),
                Some(Fit::Met) | None => true,
            };
            if !there {
                continue;
            }
            for caller in [Caller::Navigation, Caller::Api, Caller::WebSocket] {
                rows.push(Line {
                    access,
                    standing,
                    caller,
                    row: rule(access, standing, caller),
                });
            }
        }
    }
    rows
}

/// What is known of the person, whatever the route.
#[derive(Clone, Copy)]
enum Known {
    Nobody,
    StoreDown,
    ProviderDown,
    RenewingElsewhere,
    Wait,
    Somebody { fit: Fit, renew: bool },
}

const fn known(standing: StandingKind, caller: Caller) -> Known {
    match standing {
        StandingKind::Nothing
        | StandingKind::Unreadable
        | StandingKind::Idle
        | StandingKind::Over
        | StandingKind::Ended => Known::Nobody,
        StandingKind::StoreDown | StandingKind::RenewalStoreDown => Known::StoreDown,
        StandingKind::ProviderDown => Known::ProviderDown,
        StandingKind::RenewingElsewhere => Known::RenewingElsewhere,
        StandingKind::Live(Freshness::Expired, _) => Known::Wait,
        StandingKind::Live(Freshness::Due, fit) => match caller {
            Caller::WebSocket => Known::Wait,
            Caller::Navigation | Caller::Api => Known::Somebody { fit, renew: true },
        },
        StandingKind::Live(Freshness::Fresh | Freshness::Spent, fit)
        | StandingKind::Renewed(fit)
        | StandingKind::StillGood(fit) => Known::Somebody { fit, renew: false },
    }
}

const fn recognised(known: Known) -> Row {
    match known {
        Known::Wait => Row::Renew,
        Known::Somebody {
            fit: Fit::Met,
            renew: true,
        } => Row::IdentifiedAndRenew,
        Known::Somebody {
            fit: Fit::Met,
            renew: false,
        } => Row::Identified,
        Known::Nobody
        | Known::StoreDown
        | Known::ProviderDown
        | Known::RenewingElsewhere
        | Known::Somebody {
            fit: Fit::StepUp | Fit::Unmet,
            ..
        } => Row::Anonymous,
    }
}

const fn needed(known: Known, caller: Caller) -> Row {
    match known {
        Known::Nobody => match caller {
            Caller::Navigation => Row::SignIn,
            Caller::Api | Caller::WebSocket => Row::Refuse(Refusal::SignInNeeded),
        },
        Known::StoreDown => Row::Refuse(Refusal::StoreDown),
        Known::ProviderDown => Row::Refuse(Refusal::ProviderDown),
        Known::RenewingElsewhere => Row::Refuse(Refusal::RenewingElsewhere),
        Known::Wait => Row::Renew,
        Known::Somebody { fit: Fit::StepUp, .. } => match caller {
            Caller::Navigation => Row::SignIn,
            Caller::Api | Caller::WebSocket => Row::Refuse(Refusal::StepUpNeeded),
        },
        Known::Somebody { fit: Fit::Unmet, .. } => Row::Refuse(Refusal::NotAllowed),
        Known::Somebody {
            fit: Fit::Met,
            renew: true,
        } => Row::IdentifiedAndRenew,
        Known::Somebody {
            fit: Fit::Met,
            renew: false,
        } => Row::Identified,
    }
}

impl StandingKind {
    /// Where somebody with this identity and a fresh session stands, or where nobody stands: for `doorward explain`.
    #[must_use]
    pub fn assumed(
        route: &Route,
        identity: Option<&VerifiedIdentity>,
        certificate: Option<&ClientCertificate>,
        now: UnixTime,
    ) -> Self {
        identity.map_or(Self::Nothing, |identity| {
            Self::Live(Freshness::Fresh, Fit::of(route, identity, certificate, now))
        })
    }

    fn all() -> Vec<Self> {
        let mut all = vec![Self::Nothing, Self::Unreadable, Self::Idle, Self::Over, Self::StoreDown];
        for fit in [Fit::Met, Fit::StepUp, Fit::Unmet] {
            let freshness = [Freshness::Fresh, Freshness::Due, Freshness::Expired, Freshness::Spent];
            all.extend(freshness.map(|freshness| Self::Live(freshness, fit)));
            all.extend([Self::Renewed(fit), Self::StillGood(fit)]);
        }
        all.extend([
            Self::Ended,
            Self::ProviderDown,
            Self::RenewingElsewhere,
            Self::RenewalStoreDown,
        ]);
        all
    }

    const fn fit(self) -> Option<Fit> {
        match self {
            Self::Live(_, fit) | Self::Renewed(fit) | Self::StillGood(fit) => Some(fit),
            Self::Nothing
            | Self::Unreadable
            | Self::Idle
            | Self::Over
            | Self::StoreDown
            | Self::Ended
            | Self::ProviderDown
            | Self::RenewingElsewhere
            | Self::RenewalStoreDown => None,
        }
    }
}

mod kind;
mod words;

#[cfg(test)]
mod tests;
