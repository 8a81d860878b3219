//! The cookie and the handle in it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    keys::{Ring, RingKey},
    secret::Secret,
};

/// 256 random bits: the only thing that the cookie holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handle(Secret<[u8; 32]>);

/// Where a session is kept: HMAC-SHA-256 of its handle under an index key derived from a ring key. Reading the store
/// gives nobody a cookie. A session stays where it was put when the ring gains a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct StoreKey(pub [u8; 32]);

/// The session cookie's name, by scheme.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CookieName {
    /// `__Host-doorward`, over HTTPS.
    Host,
    /// `doorward`, over plain HTTP on loopback.
    Plain,
}

impl Handle {
    /// A handle of drawn bytes.
    #[must_use]
    pub const fn new(drawn: [u8; 32]) -> Self {
        Self(Secret::new(drawn))
    }

    /// Reads a cookie value: exactly 43 characters of strict base64url.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        // One byte more than a handle: the decoder asks for room by its own, coarser measure.
        let mut room = [0_u8; 33];
        if value.len() != 43 {
            return None;
        }
        let length = URL_SAFE_NO_PAD.decode_slice(value, &mut room).ok()?;
        let (handle, _) = room.split_first_chunk::<32>()?;
        (length == 32).then(|| Self::new(*handle))
    }

    /// The cookie value.
    #[must_use]
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes())
    }

    /// The bytes, for sealing.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// The key under which the session is kept, for every ring key that may have named it: first the place where
    /// new sessions go, then older ones.
    #[must_use]
    pub fn store_keys(&self, ring: &Ring) -> Vec<StoreKey> {
        ring.keys().map(|key| self.store_key(key)).collect()
    }

    /// The key under which the session is kept, if it was this ring key that named it.
    #[must_use]
    pub fn store_key(&self, key: &RingKey) -> StoreKey {
        StoreKey(key.index(self.bytes()))
    }
}

impl CookieName {
    /// The name for a listener that browsers reach by https, or not.
    #[must_use]
    pub const fn of(https: bool) -> Self {
        if https { Self::Host } else { Self::Plain }
    }

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "__Host-doorward",
            Self::Plain => "doorward",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::keys::generate;

    fn ring(fills: &[u8]) -> Ring {
        let keys = fills
            .iter()
            .map(|fill| RingKey::decode(&format!("k{fill}"), &generate([*fill; 32])).unwrap());
        Ring::new(keys.collect()).unwrap()
    }

    // CK-07, CK-08
    #[test]
    fn a_cookie_that_is_no_handle_is_none() {
        let good = Handle::new([0xa5; 32]).encode();
        assert_eq!(Handle::parse(&good), Some(Handle::new([0xa5; 32])));
        let (head, _) = good.split_at(42);
        for bad in [
            String::new(),
            "short".to_owned(),
            head.to_owned(),
            format!("{good}="),
            format!("{good}A"),
            format!("{head}+"),
            format!("{head}\n"),
            format!("{head}é"),
            // The last character carries four bits; one with the other two set is another spelling of the same bytes.
            format!("{}B", "A".repeat(42)),
            "=".repeat(43),
            "A".repeat(4096),
        ] {
            assert_eq!(Handle::parse(&bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_session_stays_where_it_was_put_when_the_ring_gains_a_key() {
        let handle = Handle::new([3; 32]);
        let before = handle.store_keys(&ring(&[1]));
        let after = handle.store_keys(&ring(&[2, 1]));
        assert_eq!(before.len(), 1);
        assert_eq!(after[1], before[0]);
        assert_ne!(after[0], before[0]);
        assert_ne!(before[0].0, *handle.bytes());
    }

    #[test]
    fn cookie_names() {
        assert_eq!(CookieName::of(true).as_str(), "__Host-doorward");
        assert_eq!(CookieName::of(false).as_str(), "doorward");
    }

    proptest! {
        #[test]
        fn every_handle_comes_back(drawn: [u8; 32]) {
            let handle = Handle::new(drawn);
            prop_assert_eq!(Handle::parse(&handle.encode()), Some(handle));
        }

        #[test]
        fn what_parses_is_written_the_one_way(value in "[A-Za-z0-9_-]{43}|.{0,60}") {
            if let Some(handle) = Handle::parse(&value) {
                prop_assert_eq!(handle.encode(), value);
            }
        }
    }
}
