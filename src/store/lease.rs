//! The lease: one holder at a time for a session's renewal, across replicas.

/// A lease held. It is extended while it is held; [`Lease::release`] gives it back at once, and dropping it lets it lapse.
#[derive(Debug)]
pub struct Lease {}

impl Lease {
    /// Gives the lease back, if it is still ours. A store that does not answer lets it lapse.
    pub async fn release(self) {
        todo!()
    }
}
