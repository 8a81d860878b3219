//! The signed assertion of this installation, with the keys of the time.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;

use crate::{entropy::Entropy, identity::AssertionKeys, keys::Ring, time::UnixTime};

/// What the signed assertion says of this installation, and the keys that sign it.
#[derive(Debug)]
pub struct Assertions {
    /// `iss`.
    pub issuer: String,
    /// `exp` − `iat`.
    pub life: Duration,
    rotation: Duration,
    ring: Ring,
    keys: ArcSwap<AssertionKeys>,
}

impl Assertions {
    /// Derives the first keys. `rotation` is how long each of them signs.
    #[must_use]
    pub fn new(
        issuer: String,
        life: Duration,
        rotation: Duration,
        ring: &Ring,
        now: UnixTime,
        entropy: &Entropy,
    ) -> Self {
        Self {
            issuer,
            life,
            rotation,
            ring: ring.clone(),
            keys: ArcSwap::from_pointee(AssertionKeys::derive(ring, rotation, now, entropy)),
        }
    }

    /// The keys of now. Whoever asks first in a new term derives them; that others do so at the same time does no harm.
    pub fn keys(&self, now: UnixTime, entropy: &Entropy) -> Arc<AssertionKeys> {
        let keys = self.keys.load_full();
        if keys.serve(now) {
            return keys;
        }
        let keys = Arc::new(AssertionKeys::derive(&self.ring, self.rotation, now, entropy));
        self.keys.store(Arc::clone(&keys));
        keys
    }
}
