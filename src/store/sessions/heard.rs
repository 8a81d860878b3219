//! What else a provider's logout needs: an end that leaves no trace, and whether it was heard before.

use super::Sessions;
use crate::{
    oidc::Issuer,
    session::{Mark, Named},
    store::Down,
};

impl Sessions {
    /// Ends every session that the provider is known to know by this `sid`, and leaves no trace of a `sid` that nobody has:
    /// for a logout that nothing proves, so that a flood of them cannot grow the store (RV-02). A sign-in under way is not
    /// ended.
    ///
    /// # Errors
    /// When the store does not answer: some may live on, and ending them again is safe.
    pub async fn end_listed_sid(&self, issuer: &Issuer, sid: &str) -> Result<usize, Down> {
        let marks = Named::Sid(issuer, sid).marks(&self.0.ring.load());
        self.end_listed(&marks).await
    }

    /// Whether this issuer's `jti` was remembered by [`Sessions::first_seen`].
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn seen(&self, issuer: &Issuer, jti: &str) -> Result<bool, Down> {
        let once = Mark::once(issuer, jti);
        self.watched("noted", self.0.backend.is_noted(&once)).await
    }
}
