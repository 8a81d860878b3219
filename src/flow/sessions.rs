//! Administration: sessions found by what an administrator knows of them, and ended.

use super::{Gateway, Wanted};
use crate::{
    oidc::{Issuer, ProviderName},
    store::{Cursor, Down, Listing, Page},
    telemetry::{Audit, Event},
};

/// Sessions ended together before more are looked for.
const BATCH: usize = 100;

impl Gateway {
    /// A part of the sessions that are wanted.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn list_sessions(&self, wanted: &Wanted, page: Page) -> Result<Listing, Down> {
        let issuers = self.issuers(wanted);
        let now = self.now();
        let sessions = &self.parts().sessions;
        sessions
            .list(&wanted.named(&issuers), page, |entry| wanted.fits(entry, now))
            .await
    }

    /// Ends the sessions that are wanted; how many there were.
    ///
    /// # Errors
    /// When the store does not answer: some may live on, and ending them again is safe.
    pub async fn end_sessions(&self, wanted: &Wanted) -> Result<usize, Down> {
        let mut ended = 0;
        if wanted.logs_out() {
            for issuer in self.issuers(wanted) {
                ended += self.log_out(&issuer, wanted).await?;
            }
        }
        let mut after: Option<Cursor> = None;
        loop {
            let listing = self.list_sessions(wanted, Page { after, limit: BATCH }).await?;
            for shown in &listing.sessions {
                ended += usize::from(self.parts().sessions.end_key(&shown.key).await?);
            }
            match listing.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        for _ in 0..ended {
            self.emit(&Event::Session { what: "administered" });
        }
        Ok(ended)
    }

    /// Notes what an administrator did or tried.
    pub fn audit_administration(&self, audit: &Audit<'_>) {
        self.emit(&Event::Audit(*audit));
    }

    async fn log_out(&self, issuer: &Issuer, wanted: &Wanted) -> Result<usize, Down> {
        let sessions = &self.parts().sessions;
        match (&wanted.sid, &wanted.subject) {
            (Some(sid), _) => sessions.end_by_sid(issuer, sid).await,
            (None, Some(subject)) => sessions.end_by_subject(issuer, subject, self.now()).await,
            (None, None) => Ok(0),
        }
    }

    /// The issuers whose sessions may be meant.
    fn issuers(&self, wanted: &Wanted) -> Vec<Issuer> {
        let meant = |name: &ProviderName| wanted.provider.as_ref().is_none_or(|provider| provider == name);
        let providers = self.parts().providers.iter().filter(|(name, _)| meant(name));
        let mut issuers: Vec<Issuer> = providers.map(|(_, one)| one.settings().issuer.clone()).collect();
        issuers.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        issuers.dedup();
        issuers
    }
}
