//! Records to sealed bytes and back.

use std::sync::Arc;

use super::Sessions;
use crate::{
    keys::{self, Binding, Purpose, Ring},
    session::{Handle, Record, Session, StoreKey},
    telemetry::{Event, KeyUse},
};

impl Sessions {
    pub(super) fn seal(&self, handle: &Handle, key: &StoreKey, record: &Record) -> Vec<u8> {
        let ring = self.0.ring.load();
        let kid = &ring.sealing().id;
        self.0.telemetry.emit(&Event::Key {
            kid,
            what: KeyUse::Seal,
        });
        keys::seal(
            &ring,
            &binding(handle, key),
            record.version,
            self.0.entropy.bytes(),
            &record.to_bytes(),
        )
    }

    pub(super) fn open(&self, ring: &Ring, handle: &Handle, key: &StoreKey, sealed: &[u8]) -> Option<Arc<Session>> {
        let opened = keys::open(ring, &binding(handle, key), sealed).ok()?;
        let record = Record::from_bytes(&opened.plain).ok()?;
        self.0.telemetry.emit(&Event::Key {
            kid: &opened.kid,
            what: KeyUse::Open,
        });
        (record.version == opened.version).then(|| Arc::new(Session::new(handle.clone(), *key, record)))
    }
}

const fn binding<'a>(handle: &'a Handle, key: &'a StoreKey) -> Binding<'a> {
    Binding {
        purpose: Purpose::Session,
        holder: handle.bytes(),
        place: &key.0,
    }
}
