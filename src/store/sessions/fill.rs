//! One read of a session at a time: a hundred requests that find it not kept ask the store once (RS-16).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared, WeakShared},
};

use crate::{gate::Presence, session::StoreKey, store::cache::Ticket};

/// The reads under way, by the first place where the session may be.
#[derive(Clone, Debug, Default)]
pub(super) struct Fills(Arc<Mutex<HashMap<StoreKey, Fill>>>);

#[derive(Debug)]
struct Fill {
    /// Of every place. Nothing changed since, or whoever comes now must read for themselves.
    tickets: Vec<Ticket>,
    read: WeakShared<BoxFuture<'static, Presence>>,
}

impl Fills {
    /// Joins the read that is under way if it began under the same tickets, or begins one. It goes on for as long as
    /// somebody waits for it.
    pub(super) fn join(
        &self,
        key: StoreKey,
        tickets: Vec<Ticket>,
        read: impl Future<Output = Presence> + Send + 'static,
    ) -> Shared<BoxFuture<'static, Presence>> {
        let mut fills = self.fills();
        if let Some(fill) = fills.get(&key)
            && fill.tickets == tickets
            && let Some(read) = fill.read.upgrade()
        {
            return read;
        }
        let done = Done {
            fills: self.clone(),
            key,
            tickets: tickets.clone(),
        };
        let read = async move {
            let _done = done;
            read.await
        };
        let read = read.boxed().shared();
        if let Some(weak) = read.downgrade() {
            fills.insert(key, Fill { tickets, read: weak });
        }
        read
    }

    fn fills(&self) -> MutexGuard<'_, HashMap<StoreKey, Fill>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the read off the list when it is over or nobody waits for it.
struct Done {
    fills: Fills,
    key: StoreKey,
    tickets: Vec<Ticket>,
}

impl Drop for Done {
    fn drop(&mut self) {
        let mut fills = self.fills.fills();
        if fills.get(&self.key).is_some_and(|fill| fill.tickets == self.tickets) {
            fills.remove(&self.key);
        }
    }
}
