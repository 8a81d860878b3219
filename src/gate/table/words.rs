//! The words of the table.

use std::fmt;

use super::{AccessKind, Fit, Line, Row, StandingKind};
use crate::{gate::Caller, session::Freshness};

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            access,
            standing,
            caller,
            row,
        } = *self;
        let standing = standing_words(access, standing);
        write!(
            f,
            "{:<10} | {standing:<54} | {:<10} | {row}",
            access_word(access),
            caller_word(caller)
        )
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("forward without identity"),
            Self::Identified => f.write_str("forward with identity"),
            Self::IdentifiedAndRenew => f.write_str("forward with identity, renew in the background"),
            Self::Renew => f.write_str("wait for the one renewal, then decide"),
            Self::SignIn => f.write_str("302 to the provider"),
            Self::Refuse(refusal) => write!(f, "{} {}", refusal.status(), refusal.code()),
        }
    }
}

const fn access_word(access: AccessKind) -> &'static str {
    match access {
        AccessKind::Open => "open",
        AccessKind::Recognised => "recognised",
        AccessKind::SignedIn => "signed_in",
        AccessKind::Rule => "rule",
        AccessKind::Certified => "certified",
        AccessKind::Uncertified => "excluded",
    }
}

const fn caller_word(caller: Caller) -> &'static str {
    match caller {
        Caller::Navigation => "navigation",
        Caller::Api => "api",
        Caller::WebSocket => "websocket",
    }
}

fn standing_words(access: AccessKind, standing: StandingKind) -> String {
    let words = match standing {
        StandingKind::Nothing => "no session",
        StandingKind::Unreadable => "cookie or session that does not open",
        StandingKind::Idle => "session unused for too long",
        StandingKind::Over => "session past its absolute lifetime",
        StandingKind::StoreDown => "session store down",
        StandingKind::Live(Freshness::Fresh, _) => "session",
        StandingKind::Live(Freshness::Due, _) => "session, token due for renewal",
        StandingKind::Live(Freshness::Expired, _) => "session, token expired",
        StandingKind::Live(Freshness::Spent, _) => "session, token expired, no refresh token",
        StandingKind::Renewed(_) => "session just renewed",
        StandingKind::StillGood(_) => "renewal failed, token still good",
        StandingKind::Ended => "renewal refused or session signed out",
        StandingKind::ProviderDown => "token expired, provider down",
        StandingKind::RenewingElsewhere => "token expired, renewal unfinished elsewhere",
        StandingKind::RenewalStoreDown => "token expired, session store down",
    };
    match (access, standing.fit()) {
        (_, Some(Fit::StepUp)) => format!("{words}, step-up due"),
        (AccessKind::Rule, Some(Fit::Met)) => format!("{words}, rule met"),
        (AccessKind::Rule, Some(Fit::Unmet)) => format!("{words}, rule unmet"),
        (
            AccessKind::Open
            | AccessKind::Recognised
            | AccessKind::SignedIn
            | AccessKind::Certified
            | AccessKind::Uncertified,
            Some(Fit::Met | Fit::Unmet),
        )
        | (_, None) => words.to_owned(),
    }
}
