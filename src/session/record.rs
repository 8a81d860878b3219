//! The session record, as it is sealed into a store: a format byte, then JSON.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Client, Routes};
use crate::{
    identity::{Claim, VerifiedIdentity},
    secret::Secret,
    time::UnixTime,
};

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
    /// Counts every change but a note of use; compare-and-set hangs on it. Starts at 1.
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
    /// Where from the person signed in, coarse, for lists of sessions.
    #[serde(default)]
    pub client: Client,
    /// The routes that it was used on.
    #[serde(default, skip_serializing_if = "Routes::is_empty")]
    pub routes: Routes,
}

/// The bytes are no record of a format that this program reads. Either way there is no session (RS-14).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadRecord {
    /// A newer program wrote it, in a way that this one cannot read.
    #[error("written by a newer program, in a format that this one does not know")]
    Newer,
    /// It does not open, or is none.
    #[error("not a record")]
    Corrupt,
}

/// A reader takes this format only. A change that an older program would misread gets the next number; a new optional
/// member does not, since unknown members are passed over (RS-14, GW-09). The rule is in `docs/ARCHITECTURE.md`.
const FORMAT: u8 = 1;

/// The JSON behind a format byte, of this format only.
pub(super) fn read<T: DeserializeOwned>(known: u8, bytes: &[u8]) -> Result<T, BadRecord> {
    match bytes.split_first() {
        Some((&format, json)) if format == known => serde_json::from_slice(json).map_err(|_| BadRecord::Corrupt),
        Some((&format, _)) if format > known => Err(BadRecord::Newer),
        Some(_) | None => Err(BadRecord::Corrupt),
    }
}

/// A format byte, and the value in JSON.
#[expect(
    clippy::expect_used,
    reason = "writing JSON to memory fails only for maps with keys that are no strings; there are none"
)]
pub(super) fn write<T: Serialize>(format: u8, value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4096);
    bytes.push(format);
    serde_json::to_writer(&mut bytes, value).expect("strings, numbers and lists are JSON");
    bytes
}

impl Record {
    /// A new session's record, of version 1.
    #[must_use]
    pub const fn new(id: String, identity: VerifiedIdentity, tokens: SessionTokens, now: UnixTime) -> Self {
        Self {
            id,
            version: 1,
            created: now,
            seen: now,
            identity,
            tokens,
            renewals: 0,
            client: Client::unknown(),
            routes: Routes::none(),
        }
    }

    /// The next version, with renewed tokens and what the provider now says of the person.
    #[must_use]
    pub fn renewed(&self, tokens: SessionTokens, identity: VerifiedIdentity, now: UnixTime) -> Self {
        Self {
            id: self.id.clone(),
            version: self.version.saturating_add(1),
            created: self.created,
            seen: now,
            identity,
            tokens,
            renewals: self.renewals.saturating_add(1),
            client: self.client.clone(),
            routes: self.routes.clone(),
        }
    }

    /// The same version, seen used at `now`. A renewal that began before such a note can so be written over it, and
    /// the tokens that the provider gave only once are not lost to it.
    #[must_use]
    pub fn touched(&self, now: UnixTime) -> Self {
        Self {
            seen: now,
            ..self.clone()
        }
    }

    /// As [`Self::touched`], on this route.
    #[must_use]
    pub fn used(&self, route: &str, now: UnixTime) -> Self {
        Self {
            routes: self.routes.with(route),
            ..self.touched(now)
        }
    }

    /// With what another record of the session knows of its use.
    #[must_use]
    pub fn used_as(self, other: &Self) -> Self {
        Self {
            routes: self.routes.and(&other.routes),
            ..self
        }
    }

    /// The session's name for upstreams (`sid` of the assertion) and logs: SHA-256 of its identifier in base64url. It
    /// stays the same through renewals.
    #[must_use]
    pub fn hashed_id(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, self.id.as_bytes()))
    }

    /// When the provider issued what proves the person, by its own clock: `iat` of the ID token, or else when it was
    /// received here. A logout ends what was issued before it.
    #[must_use]
    pub fn issued(&self) -> UnixTime {
        let issued = self.identity.claims().get("iat").and_then(Claim::as_i64);
        issued.map_or(self.tokens.received, UnixTime::from_secs)
    }

    /// The record in bytes, to be sealed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        write(FORMAT, self)
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`BadRecord`] for another format or anything that is no record (RS-14).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadRecord> {
        read(FORMAT, bytes)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// Somebody signed in; read back from JSON, as from a sealed session.
    pub(crate) fn identity() -> VerifiedIdentity {
        serde_json::from_value(json!({
            "provider": "corporate", "issuer": "https://id.example", "subject": "s-1",
            "email": "ada@example.com", "email_verified": true, "groups": ["staff", "ops"],
            "name": "Ada", "preferred_username": "ada", "acr": null, "amr": ["pwd"],
            "auth_time": 900, "sid": "p-1",
            "claims": {"sub": "s-1", "email": "ada@example.com", "n": 1.5},
        }))
        .unwrap()
    }

    pub(crate) fn tokens(received: UnixTime) -> SessionTokens {
        SessionTokens {
            access_token: "at".into(),
            access_expires: Some(received + std::time::Duration::from_secs(3600)),
            received,
            refresh_token: Some("rt".into()),
            id_token: "it".into(),
            scope: Some("openid".to_owned()),
        }
    }

    pub(crate) fn record(now: UnixTime) -> Record {
        Record::new("session-1".to_owned(), identity(), tokens(now), now)
    }

    const NOW: UnixTime = UnixTime::from_secs(1000);

    #[test]
    fn a_record_comes_back_whole() {
        let record = record(NOW);
        assert_eq!(Record::from_bytes(&record.to_bytes()), Ok(record.clone()));
        let used = record.used("wiki", NOW).used("mail", NOW);
        assert_eq!(Record::from_bytes(&used.to_bytes()), Ok(used));
    }

    // RS-14
    #[test]
    fn another_format_or_a_cut_is_an_error() {
        let bytes = record(NOW).to_bytes();
        for at in 0..bytes.len() {
            assert_eq!(Record::from_bytes(&bytes[..at]), Err(BadRecord::Corrupt), "{at}");
        }
        let mut newer = bytes;
        newer[0] = FORMAT + 1;
        assert_eq!(Record::from_bytes(&newer), Err(BadRecord::Newer));
        newer[0] = 0;
        assert_eq!(Record::from_bytes(&newer), Err(BadRecord::Corrupt));
        assert_eq!(
            Record::from_bytes(&[&[FORMAT][..], b"{}"].concat()),
            Err(BadRecord::Corrupt)
        );
    }

    // GW-09: a newer program of the same format may add members.
    #[test]
    fn an_unknown_member_is_passed_over() {
        let record = record(NOW);
        let mut value = serde_json::to_value(&record).unwrap();
        value["added_later"] = json!(true);
        let bytes = [vec![FORMAT], serde_json::to_vec(&value).unwrap()].concat();
        assert_eq!(Record::from_bytes(&bytes), Ok(record));
    }

    #[test]
    fn a_renewal_is_a_version_and_a_note_of_use_is_none() {
        let first = record(NOW);
        let later = UnixTime::from_secs(2000);
        let touched = first.touched(later);
        assert_eq!((first.version, touched.version), (1, 1));
        assert_eq!((touched.seen, touched.created), (later, NOW));
        assert_eq!(touched.renewals, 0);
        let touched = touched.used("wiki", later);
        assert_eq!((touched.version, touched.seen), (1, later));
        let renewed = touched.renewed(tokens(later), identity(), later);
        assert_eq!(renewed.routes, touched.routes);
        assert_eq!((renewed.version, renewed.renewals), (2, 1));
        assert_eq!(renewed.id, first.id);
        assert_eq!(renewed.hashed_id(), first.hashed_id());
        assert_eq!(first.hashed_id().len(), 43);
        assert_eq!(renewed.created, NOW);
    }
}
