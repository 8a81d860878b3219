//! What another configuration comes to beside the one in force. A reload carries out what is decided here, and
//! `doorward check --diff` says it beforehand.

use std::net::IpAddr;

use super::assemble::{DRAWN, Fixed, Kind};
use crate::{
    config::Plan,
    keys::Ring,
    proxy::{Bind, Listener},
    store,
};

/// What a gateway runs with, as far as it matters for what may take its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct InForce<'a> {
    pub(super) fixed: &'a Fixed,
    pub(super) store: &'a store::Settings,
    pub(super) ring: &'a Ring,
}

/// What becomes of the parts that outlive a reload.
#[derive(Debug)]
pub(super) struct Change {
    /// Keys of the configuration that differ and wait for a restart.
    pub(super) waits: Vec<&'static str>,
    /// The session keys.
    pub(super) keys: Keys,
    /// The way to the session store.
    pub(super) store: Store,
}

/// The session keys from then on.
#[derive(Debug)]
pub(super) enum Keys {
    /// Those in force.
    Keep,
    /// These.
    Take(Box<Ring>),
}

/// The way to the session store from then on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Store {
    /// The connections at hand.
    Keep,
    /// New connections, perhaps to other servers.
    Reach,
}

/// What becomes of a listener of another configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// The one at this place in force stays as it is.
    Keep(usize),
    /// It takes over the socket of the one at this place, so that no connection is refused meanwhile.
    TakeOver(usize),
    /// It gets a socket of its own.
    Bind,
}

impl Change {
    /// From what is in force to another configuration.
    pub(super) fn of(before: InForce<'_>, plan: &Plan) -> Self {
        let mut waits = before.fixed.differences(&Fixed::of(plan));
        let stays = waits.contains(&"session.store");
        let keys = match &plan.ring {
            // Sessions stay readable: while another store waits for a restart, its keys wait with it.
            Some(_) if stays => Keys::Keep,
            Some(asked) => Keys::Take(Box::new(with_drawn(asked.clone(), before))),
            None => Keys::Keep,
        };
        let as_asked = match (&keys, &plan.ring) {
            (Keys::Take(_), _) => true,
            (Keys::Keep, Some(asked)) => asked.is_like(before.ring),
            (Keys::Keep, None) => before.ring.ids().all(|id| id.as_str() == DRAWN),
        };
        if !as_asked {
            waits.push("session.keys");
        }
        let store = if stays || plan.store == *before.store {
            Store::Keep
        } else {
            Store::Reach
        };
        Self { waits, keys, store }
    }
}

/// The key that a memory store drew goes on opening what it sealed.
fn with_drawn(asked: Ring, before: InForce<'_>) -> Ring {
    match (before.fixed.store, before.ring.find(DRAWN)) {
        (Kind::Memory { .. }, Some(drawn)) => asked.with_older(drawn.clone()),
        (Kind::Memory { .. } | Kind::Redis, _) => asked,
    }
}

/// What becomes of each listener that is wanted, beside those in force. Those in force that none of them names close.
pub(super) fn fates(in_force: &[&Listener], wanted: &[Listener]) -> Vec<Fate> {
    let mut left: Vec<(usize, &Listener)> = in_force.iter().copied().enumerate().collect();
    let fate = |listener: &Listener| {
        let same = left.iter().position(|(_, old)| old.bind == listener.bind);
        match same.map(|place| left.remove(place)) {
            Some((at, old)) if *old == *listener => Fate::Keep(at),
            Some((at, _)) => Fate::TakeOver(at),
            None => Fate::Bind,
        }
    };
    wanted.iter().map(fate).collect()
}

/// Whether who listens at the one keeps another from listening at the other. Port 0 takes a free one.
pub(super) fn overlap(one: &Bind, two: &Bind) -> bool {
    match (one, two) {
        (Bind::Tcp(one), Bind::Tcp(two)) => {
            // `[::]` takes the addresses of IPv4, too; `0.0.0.0` none of IPv6.
            let all = |ip: IpAddr, other: IpAddr| ip.is_unspecified() && (ip.is_ipv6() || other.is_ipv4());
            let (ip, other) = (one.ip(), two.ip());
            one.port() == two.port() && one.port() != 0 && (ip == other || all(ip, other) || all(other, ip))
        }
        (Bind::Unix(one), Bind::Unix(two)) => one == two,
        (Bind::Tcp(_), Bind::Unix(_)) | (Bind::Unix(_), Bind::Tcp(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_for_all_overlaps_the_one_it_holds() {
        let bind = |written: &str| Bind::Tcp(written.parse().unwrap());
        for (one, two, overlaps) in [
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "127.0.0.1:81", false),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("[::]:80", "127.0.0.1:80", true),
            ("[::]:80", "[::1]:80", true),
            ("0.0.0.0:80", "[::]:80", true),
            ("0.0.0.0:80", "[::1]:80", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
        ] {
            assert_eq!(overlap(&bind(one), &bind(two)), overlaps, "{one} {two}");
            assert_eq!(overlap(&bind(two), &bind(one)), overlaps, "{two} {one}");
        }
        let socket = Bind::Unix("/run/doorward.sock".into());
        assert!(overlap(&socket, &socket.clone()));
        assert!(!overlap(&socket, &bind("0.0.0.0:80")));
    }
}
