//! Records to sealed bytes and back.

use std::sync::Arc;

use super::Sessions;
use crate::{
    keys::{self, Binding, Purpose, Ring},
    session::{BadRecord, Handle, Record, Session, StoreKey},
    telemetry::{Event, KeyUse},
};

impl Sessions {
    pub(super) fn seal(&self, handle: &Handle, key: &StoreKey, record: &Record) -> Vec<u8> {
        let ring = self.0.ring.load();
        let kid = &ring.sealing().id;
        self.0.telemetry.emit(&Event::Key {
            kid,
            what: KeyUse::Seal,
            at: self.0.clock.now(),
        });
        keys::seal(
            &ring,
            &binding(handle, key),
            record.version,
            self.0.entropy.bytes(),
            &record.to_bytes(),
        )
    }

    pub(super) fn open(
        &self,
        ring: &Ring,
        handle: &Handle,
        key: &StoreKey,
        sealed: &[u8],
    ) -> Result<Arc<Session>, BadRecord> {
        let opened = keys::open(ring, &binding(handle, key), sealed).map_err(|_| BadRecord::Corrupt)?;
        let record = Record::from_bytes(&opened.plain)?;
        self.0.telemetry.emit(&Event::Key {
            kid: &opened.kid,
            what: KeyUse::Open,
            at: self.0.clock.now(),
        });
        if record.version != opened.version {
            return Err(BadRecord::Corrupt);
        }
        Ok(Arc::new(Session::new(handle.clone(), *key, record)))
    }
}

const fn binding<'a>(handle: &'a Handle, key: &'a StoreKey) -> Binding<'a> {
    Binding {
        purpose: Purpose::Session,
        holder: handle.bytes(),
        place: &key.0,
    }
}

#[cfg(test)]
mod tests;
