//! The session record, as it is sealed into a store.

use serde::{Deserialize, Serialize};

use crate::{identity::VerifiedIdentity, secret::Secret, time::UnixTime};

/// The tokens of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionTokens {
    /// The access token in force.
    pub access_token: Secret<String>,
    /// When it expires; `None` when the provider did not say: it is then never renewed on time's account.
    pub access_expires: Option<UnixTime>,
    /// When it was received, for the renewal window.
    pub received: UnixTime,
    /// The refresh token, if one was issued.
    pub refresh_token: Option<Secret<String>>,
    /// The last ID token received, for logout's `id_token_hint` and for pass-through.
    pub id_token: Secret<String>,
    /// The granted scope, where known.
    pub scope: Option<String>,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// A random public identifier, safe to show and log hashed; not the handle.
    pub id: String,
    /// Counts every write; compare-and-set hangs on it. Starts at 1.
    pub version: u64,
    /// When the person signed in here.
    pub created: UnixTime,
    /// When the session was last seen used, coarse (see [`super::Terms::touch_due`]).
    pub seen: UnixTime,
    /// Who.
    pub identity: VerifiedIdentity,
    /// What the provider gave.
    pub tokens: SessionTokens,
    /// How many times the tokens were renewed.
    pub renewals: u64,
}

/// The bytes are no record of a format that this program reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a session record of a known format")]
pub struct BadRecord;

impl Record {
    /// A new session's record, of version 1.
    #[must_use]
    pub const fn new(
        id: String,
        identity: VerifiedIdentity,
        tokens: SessionTokens,
        now: UnixTime,
    ) -> Self {
        Self {
            id,
            version: 1,
            created: now,
            seen: now,
            identity,
            tokens,
            renewals: 0,
        }
    }

    /// The next version, with renewed tokens and what the provider now says of the person.
    #[must_use]
    pub fn renewed(
        &self,
        tokens: SessionTokens,
        identity: VerifiedIdentity,
        now: UnixTime,
    ) -> Self {
        Self {
            id: self.id.clone(),
            version: self.version.saturating_add(1),
            created: self.created,
            seen: now,
            identity,
            tokens,
            renewals: self.renewals.saturating_add(1),
        }
    }

    /// The next version, seen used at `now`.
    #[must_use]
    pub fn touched(&self, now: UnixTime) -> Self {
        Self {
            version: self.version.saturating_add(1),
            seen: now,
            ..self.clone()
        }
    }
}
