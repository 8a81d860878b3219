//! From a route, a certificate and a person to the kinds that the table is about.

use super::{AccessKind, Fit};
use crate::{
    identity::{ClientCertificate, VerifiedIdentity},
    policy::{Access, Route},
    time::UnixTime,
};

impl AccessKind {
    /// The kind of an access, for a connection with this client certificate.
    #[must_use]
    pub fn of(access: &Access, certificate: Option<&ClientCertificate>) -> Self {
        match access {
            Access::Open => Self::Open,
            Access::Recognised => Self::Recognised,
            Access::SignedIn => Self::SignedIn,
            Access::Rule(rule) => match rule.by_certificate(certificate) {
                Some(true) => Self::Certified,
                Some(false) => Self::Uncertified,
                None => Self::Rule,
            },
        }
    }
}

impl Fit {
    /// Whether somebody who signed in with this identity is whom the route asks for.
    #[must_use]
    pub fn of(
        route: &Route,
        identity: &VerifiedIdentity,
        certificate: Option<&ClientCertificate>,
        now: UnixTime,
    ) -> Self {
        match &route.access {
            Access::Recognised | Access::SignedIn | Access::Rule(_) if !route.sign_in.met_by(identity, now) => {
                Self::StepUp
            }
            Access::Open | Access::Recognised | Access::SignedIn => Self::Met,
            Access::Rule(rule) if rule.holds_for(identity, certificate) => Self::Met,
            Access::Rule(_) => Self::Unmet,
        }
    }
}
