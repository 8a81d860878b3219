//! The index: what tells of a session to who does not have its cookie. An [`Entry`] says whose it is, and [`Mark`]s are
//! what it is listed under. No token and no handle is in either.

use ring::digest;
use serde::{Deserialize, Serialize};

use super::{BadRecord, Client, Record, Routes, StoreKey, Terms, record};
use crate::{
    keys::{Binding, Opened, Purpose, Ring, RingKey, open, seal},
    oidc::{Issuer, ProviderName},
    time::UnixTime,
};

/// What a session is listed under: an HMAC of what the sessions have in common, under a ring key. Reading the store tells
/// nobody whose sessions are there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Mark(pub [u8; 32]);

/// What sessions may have in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Named<'a> {
    /// The person: issuer and subject.
    Subject(&'a Issuer, &'a str),
    /// The session at the provider: issuer and `sid` (OpenID Connect Back-Channel Logout 1.0 section 2.1).
    Sid(&'a Issuer, &'a str),
    /// The session's public identifier ([`Record::hashed_id`]): it is alone there.
    Id(&'a str),
    /// One of [`SHARDS`] parts of all sessions.
    Shard(u8),
}

/// Into how many parts all sessions are divided, so that no one key holds them all.
pub const SHARDS: u8 = 16;

/// What an administrator, or the person, may see of a session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The public identifier: [`Record::hashed_id`].
    pub id: String,
    /// The operator's name of the provider.
    pub provider: ProviderName,
    /// The issuer.
    pub issuer: Issuer,
    /// The subject at the issuer.
    pub subject: String,
    /// The provider's session identifier.
    #[serde(default)]
    pub sid: Option<String>,
    /// When the person signed in here.
    pub created: UnixTime,
    /// When the session was last seen used, coarse.
    pub seen: UnixTime,
    /// When it ends if it is not used again.
    pub expires: UnixTime,
    /// Where from the person signed in.
    #[serde(default)]
    pub client: Client,
    /// The routes that it was used on.
    #[serde(default, skip_serializing_if = "Routes::is_empty")]
    pub routes: Routes,
}

/// As of [`Record::to_bytes`]: another number is no entry.
const FORMAT: u8 = 1;

impl Mark {
    /// What one token of an issuer is remembered by, so that it is not taken twice. No key goes into it: replicas whose rings
    /// differ remember it in one place.
    #[must_use]
    pub fn once(issuer: &Issuer, jti: &str) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in ["doorward jti", issuer.as_str(), jti] {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut mark = [0; 32];
        for (to, from) in mark.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        Self(mark)
    }
}

impl Named<'_> {
    /// The mark under one ring key.
    #[must_use]
    pub fn mark(&self, key: &RingKey) -> Mark {
        Mark(match self {
            Self::Subject(issuer, subject) => key.mark("subject", &[issuer.as_str(), subject]),
            Self::Sid(issuer, sid) => key.mark("sid", &[issuer.as_str(), sid]),
            Self::Id(id) => key.mark("id", &[id]),
            Self::Shard(shard) => key.mark("shard", &[&shard.to_string()]),
        })
    }

    /// The marks under every ring key: whichever made it when the session was.
    #[must_use]
    pub fn marks(&self, ring: &Ring) -> Vec<Mark> {
        ring.keys().map(|key| self.mark(key)).collect()
    }
}

impl Entry {
    /// What the record tells.
    #[must_use]
    pub fn of(record: &Record, terms: &Terms) -> Self {
        let identity = &record.identity;
        Self {
            id: record.hashed_id(),
            provider: identity.provider().clone(),
            issuer: identity.issuer().clone(),
            subject: identity.subject().to_owned(),
            sid: identity.sid().map(str::to_owned),
            created: record.created,
            seen: record.seen,
            expires: terms.ends(record),
            client: record.client.clone(),
            routes: record.routes.clone(),
        }
    }

    /// Everything that the session kept at `key` is listed under.
    pub fn named(&self, key: &StoreKey) -> impl Iterator<Item = Named<'_>> {
        let [first, ..] = key.0;
        [
            Some(Named::Subject(&self.issuer, &self.subject)),
            self.sid.as_deref().map(|sid| Named::Sid(&self.issuer, sid)),
            Some(Named::Id(&self.id)),
            Some(Named::Shard(first % SHARDS)),
        ]
        .into_iter()
        .flatten()
    }

    /// What a logout may have named the session by: the subject and the `sid`.
    pub fn logged_out_by(&self) -> impl Iterator<Item = Named<'_>> {
        let sid = self.sid.as_deref().map(|sid| Named::Sid(&self.issuer, sid));
        std::iter::once(Named::Subject(&self.issuer, &self.subject)).chain(sid)
    }

    /// The entry sealed under the ring alone, for the session kept at `key`. Each has its own derived key, so nonces of
    /// different sessions cannot meet.
    #[must_use]
    pub fn seal(&self, ring: &Ring, key: &StoreKey, nonce: [u8; 12]) -> Vec<u8> {
        seal(ring, &binding(key), 0, nonce, &record::write(FORMAT, self))
    }

    /// Opens what [`Self::seal`] made for the same place.
    ///
    /// # Errors
    /// [`BadRecord`] (RS-14).
    pub fn open(ring: &Ring, key: &StoreKey, sealed: &[u8]) -> Result<Self, BadRecord> {
        let Opened { plain, .. } = open(ring, &binding(key), sealed).map_err(|_| BadRecord::Corrupt)?;
        record::read(FORMAT, &plain)
    }
}

const fn binding(key: &StoreKey) -> Binding<'_> {
    Binding {
        purpose: Purpose::Index,
        holder: &key.0,
        place: &key.0,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, time::Duration};

    use super::*;
    use crate::{
        keys::KeyId,
        secret::Secret,
        session::{Handle, record::tests::record},
    };

    const KEY: StoreKey = StoreKey([0x25; 32]);
    const TERMS: Terms = Terms {
        idle: Duration::from_secs(600),
        absolute: Duration::from_secs(6000),
    };

    fn ring(fills: &[u8]) -> Ring {
        let key = |fill: &u8| RingKey::new(KeyId::parse(&format!("k{fill}")).unwrap(), &Secret::new([*fill; 32]));
        Ring::new(fills.iter().map(key).collect()).unwrap()
    }

    fn entry() -> Entry {
        Entry::of(&record(UnixTime::from_secs(1000)), &TERMS)
    }

    #[test]
    fn it_opens_by_the_ring_alone_and_in_its_own_place() {
        let entry = entry();
        let sealed = entry.seal(&ring(&[1]), &KEY, [7; 12]);
        assert_eq!(Entry::open(&ring(&[1]), &KEY, &sealed), Ok(entry.clone()));
        assert_eq!(Entry::open(&ring(&[2, 1]), &KEY, &sealed), Ok(entry));
        assert_eq!(Entry::open(&ring(&[2]), &KEY, &sealed), Err(BadRecord::Corrupt));
        assert_eq!(
            Entry::open(&ring(&[1]), &StoreKey([0; 32]), &sealed),
            Err(BadRecord::Corrupt)
        );
    }

    #[test]
    fn it_says_whose_and_until_when_and_holds_no_token_and_no_handle() {
        let record = record(UnixTime::from_secs(1000));
        let entry = Entry::of(&record, &TERMS);
        assert_eq!((entry.subject.as_str(), entry.sid.as_deref()), ("s-1", Some("p-1")));
        assert_eq!(entry.expires, UnixTime::from_secs(1600));
        let written = serde_json::to_string(&entry).unwrap();
        let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&written).unwrap();
        let names: Vec<_> = members.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "id", "provider", "issuer", "subject", "sid", "created", "seen", "expires", "client"
            ]
        );
        assert!(!written.contains(&record.id), "the identifier only as a hash");
    }

    // GW-09, RS-14
    #[test]
    fn members_that_came_later_may_lack_and_another_format_is_none() {
        let mut value = serde_json::to_value(entry()).unwrap();
        value.as_object_mut().unwrap().remove("client");
        value.as_object_mut().unwrap().remove("sid");
        value["added_later"] = 1.into();
        let of = |format: u8, value: &serde_json::Value| {
            let plain = [vec![format], serde_json::to_vec(value).unwrap()].concat();
            Entry::open(
                &ring(&[1]),
                &KEY,
                &seal(&ring(&[1]), &binding(&KEY), 0, [1; 12], &plain),
            )
        };
        assert_eq!(of(FORMAT, &value).unwrap().sid, None);
        assert_eq!(of(FORMAT + 1, &value), Err(BadRecord::Newer));
    }

    #[test]
    fn no_two_names_and_no_two_keys_make_one_mark() {
        let (one, two) = (Issuer::new("https://a.example"), Issuer::new("https://a.exampl"));
        let ring = ring(&[1, 2]);
        let names = [
            Named::Subject(&one, "s"),
            Named::Subject(&two, "es"),
            Named::Subject(&one, "t"),
            Named::Sid(&one, "s"),
            Named::Id("s"),
            Named::Shard(0),
            Named::Shard(1),
        ];
        let marks: HashSet<Mark> = names.iter().flat_map(|name| name.marks(&ring)).collect();
        assert_eq!(marks.len(), names.len() * 2);
        let handle = Handle::new([3; 32]);
        assert!(handle.store_keys(&ring).iter().all(|key| !marks.contains(&Mark(key.0))));
    }

    #[test]
    fn it_is_listed_under_all_that_it_has() {
        let mut entry = entry();
        assert_eq!(entry.named(&KEY).count(), 4);
        assert_eq!(entry.logged_out_by().count(), 2);
        entry.sid = None;
        assert_eq!(entry.named(&KEY).count(), 3);
        assert_eq!(entry.logged_out_by().count(), 1);
        assert!(entry.named(&KEY).any(|named| named == Named::Shard(5)));
    }
}
