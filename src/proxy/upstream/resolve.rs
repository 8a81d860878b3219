//! A target's addresses. Names are resolved in the background; an old answer is better than none.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{sync::Mutex, time::Instant};

use crate::policy::upstream::Address;

/// Time between two look-ups of a name: the system's resolver does not tell how long an answer is good for.
const REFRESH: Duration = Duration::from_secs(30);
/// Time from a failed look-up to the next.
const RETRY: Duration = Duration::from_secs(3);
/// How long a failed look-up answers for the requests behind it.
const GRUDGE: Duration = Duration::from_secs(1);

/// Where a target listens, as far as known.
#[derive(Debug)]
pub(super) enum Addresses {
    /// A unix socket.
    Unix(PathBuf),
    /// An address as written.
    Fixed(SocketAddr),
    /// A name.
    Named(Named),
}

/// A name and its addresses.
#[derive(Debug)]
pub(super) struct Named {
    host: String,
    port: u16,
    known: ArcSwap<Vec<SocketAddr>>,
    offset: AtomicUsize,
    /// Taken while a request looks up; holds when the last one failed.
    first: Mutex<Option<Instant>>,
}

impl Addresses {
    pub(super) fn new(address: &Address) -> Self {
        match address {
            Address::Unix(path) => Self::Unix(path.clone()),
            Address::Tcp { host, port } => match host.parse::<IpAddr>() {
                Ok(ip) => Self::Fixed(SocketAddr::new(ip, *port)),
                Err(_) => Self::Named(Named {
                    host: host.clone(),
                    port: *port,
                    known: ArcSwap::default(),
                    offset: AtomicUsize::new(0),
                    first: Mutex::new(None),
                }),
            },
        }
    }

    /// The address to use now; `None` while a name has never been resolved. Waits only then, at most `deadline`.
    pub(super) async fn current(&self, deadline: Duration) -> Option<SocketAddr> {
        match self {
            Self::Unix(_) => None,
            Self::Fixed(address) => Some(*address),
            Self::Named(named) => match named.known() {
                Some(address) => Some(address),
                None => named.look_up_first(deadline).await,
            },
        }
    }

    /// The address in use does not answer: the next one, if there is, comes first from now on.
    pub(super) fn rotate(&self) {
        if let Self::Named(named) = self {
            named.offset.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many addresses there are to try.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Unix(_) | Self::Fixed(_) => 1,
            Self::Named(named) => named.known.load().len(),
        }
    }

    /// Looks the name up again and again, for ever; nothing to do for others.
    pub(super) async fn tend(&self) {
        let Self::Named(named) = self else { return };
        loop {
            let pause = if named.look_up().await { REFRESH } else { RETRY };
            tokio::time::sleep(pause).await;
        }
    }
}

impl Named {
    fn known(&self) -> Option<SocketAddr> {
        let known = self.known.load();
        let index = self.offset.load(Ordering::Relaxed) % known.len().max(1);
        known.get(index).copied()
    }

    /// One look-up for all requests that wait; a failure answers for those behind it too.
    async fn look_up_first(&self, deadline: Duration) -> Option<SocketAddr> {
        let looked = tokio::time::timeout(deadline, async {
            let mut failed = self.first.lock().await;
            let fresh = failed.is_some_and(|when| when.elapsed() < GRUDGE);
            if self.known().is_none() && !fresh {
                *failed = (!self.look_up().await).then(Instant::now);
            }
        })
        .await;
        looked.ok().and_then(|()| self.known())
    }

    async fn look_up(&self) -> bool {
        match tokio::net::lookup_host((self.host.as_str(), self.port)).await {
            Ok(found) => {
                let found: Vec<SocketAddr> = found.collect();
                let any = !found.is_empty();
                if any && **self.known.load() != found {
                    self.known.store(Arc::new(found));
                }
                any
            }
            Err(error) => {
                tracing::warn!(host = self.host, %error, "an upstream's name does not resolve");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(host: &str) -> Addresses {
        Addresses::new(&Address::Tcp {
            host: host.to_owned(),
            port: 80,
        })
    }

    #[tokio::test]
    async fn an_address_as_written_needs_no_look_up() {
        for (written, expected) in [("10.0.0.1", "10.0.0.1:80"), ("::1", "[::1]:80")] {
            let found = named(written).current(Duration::ZERO).await;
            assert_eq!(found, Some(expected.parse().unwrap()));
        }
    }

    #[tokio::test]
    async fn a_name_is_resolved_on_first_need_and_kept() {
        let addresses = named("localhost");
        let first = addresses.current(Duration::from_secs(5)).await.unwrap();
        assert!(first.ip().is_loopback());
        assert_eq!(addresses.current(Duration::ZERO).await, Some(first));
    }

    #[tokio::test]
    async fn a_name_that_does_not_resolve_is_no_address() {
        // UP-14
        let addresses = named("no-such-host.invalid");
        assert_eq!(addresses.current(Duration::from_secs(5)).await, None);
    }

    #[tokio::test]
    async fn rotation_goes_round_the_known_addresses() {
        let addresses = named("two.invalid");
        let Addresses::Named(inner) = &addresses else {
            panic!("a name")
        };
        let (one, two) = ("10.0.0.1:80".parse().unwrap(), "10.0.0.2:80".parse().unwrap());
        inner.known.store(Arc::new(vec![one, two]));
        for expected in [one, two, one] {
            assert_eq!(addresses.current(Duration::ZERO).await, Some(expected));
            addresses.rotate();
        }
    }
}
