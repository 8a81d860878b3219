//! Administration: sessions found by what an administrator knows of them, and ended.

use std::time::Duration;

use super::Gateway;
use crate::{
    oidc::{Issuer, ProviderName},
    session::{Entry, Named},
    store::{Cursor, Down, Listing, Page},
    telemetry::{Audit, Event},
    time::UnixTime,
};

/// Which sessions an administrator means: those that are all of it. Nothing given means every session.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// The public identifier.
    pub id: Option<String>,
    /// The subject at its provider.
    pub subject: Option<String>,
    /// The provider's session identifier.
    pub sid: Option<String>,
    /// The operator's name of the provider.
    pub provider: Option<ProviderName>,
    /// Signed in at least so long ago.
    pub older_than: Option<Duration>,
    /// Not used for at least so long.
    pub idle_for: Option<Duration>,
}

/// Sessions ended together before more are looked for.
const BATCH: usize = 100;

impl Wanted {
    /// Whether it means every session.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// The names of what is given, for the audit trail.
    #[must_use]
    pub fn by(&self) -> String {
        let Self {
            id,
            subject,
            sid,
            provider,
            older_than,
            idle_for,
        } = self;
        let given = [
            ("id", id.is_some()),
            ("subject", subject.is_some()),
            ("sid", sid.is_some()),
            ("provider", provider.is_some()),
            ("older_than", older_than.is_some()),
            ("idle_for", idle_for.is_some()),
        ];
        let names: Vec<&str> = given
            .iter()
            .filter(|(_, given)| *given)
            .map(|(name, _)| *name)
            .collect();
        if names.is_empty() {
            "all".to_owned()
        } else {
            names.join(",")
        }
    }

    fn fits(&self, entry: &Entry, now: UnixTime) -> bool {
        let Self {
            id,
            subject,
            sid,
            provider,
            older_than,
            idle_for,
        } = self;
        let at_least = |age: &Option<Duration>, since: UnixTime| age.is_none_or(|age| now.since(since) >= age);
        id.as_ref().is_none_or(|id| *id == entry.id)
            && subject.as_ref().is_none_or(|subject| *subject == entry.subject)
            && (sid.is_none() || *sid == entry.sid)
            && provider.as_ref().is_none_or(|provider| *provider == entry.provider)
            && at_least(older_than, entry.created)
            && at_least(idle_for, entry.seen)
            && now < entry.expires
    }

    /// What narrows the search most.
    fn named<'a>(&'a self, issuers: &'a [Issuer]) -> Vec<Named<'a>> {
        match (&self.id, &self.sid, &self.subject) {
            (Some(id), _, _) => vec![Named::Id(id)],
            (None, Some(sid), _) => issuers.iter().map(|issuer| Named::Sid(issuer, sid)).collect(),
            (None, None, Some(subject)) => issuers.iter().map(|issuer| Named::Subject(issuer, subject)).collect(),
            (None, None, None) => Vec::new(),
        }
    }

    /// Whether it means a person, or a session at the provider, and nothing narrower: sign-ins under way are meant too.
    fn logs_out(&self) -> bool {
        let broad = self.id.is_none() && self.older_than.is_none() && self.idle_for.is_none();
        broad && (self.subject.is_some() ^ self.sid.is_some())
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Terms, record::tests::record};

    const START: UnixTime = UnixTime::from_secs(1_000_000);

    fn entry() -> Entry {
        let terms = Terms {
            idle: Duration::from_secs(3600),
            absolute: Duration::from_secs(36_000),
        };
        Entry::of(&record(START), &terms)
    }

    #[test]
    fn all_that_is_given_must_fit() {
        let text = |text: &str| Some(text.to_owned());
        let minutes = |minutes: u64| Some(Duration::from_secs(60 * minutes));
        let table = [
            (Wanted::default(), true),
            (
                Wanted {
                    subject: text("s-1"),
                    ..Wanted::default()
                },
                true,
            ),
            (
                Wanted {
                    subject: text("s-1"),
                    sid: text("other"),
                    ..Wanted::default()
                },
                false,
            ),
            (
                Wanted {
                    provider: Some(ProviderName::new("corporate")),
                    sid: text("p-1"),
                    ..Wanted::default()
                },
                true,
            ),
            (
                Wanted {
                    provider: Some(ProviderName::new("partners")),
                    ..Wanted::default()
                },
                false,
            ),
            (
                Wanted {
                    older_than: minutes(10),
                    ..Wanted::default()
                },
                true,
            ),
            (
                Wanted {
                    older_than: minutes(11),
                    ..Wanted::default()
                },
                false,
            ),
            (
                Wanted {
                    idle_for: minutes(11),
                    ..Wanted::default()
                },
                false,
            ),
            (
                Wanted {
                    id: text("another"),
                    ..Wanted::default()
                },
                false,
            ),
        ];
        let now = START + Duration::from_secs(600);
        for (wanted, fits) in table {
            assert_eq!(wanted.fits(&entry(), now), fits, "{wanted:?}");
        }
        let over = START + Duration::from_secs(3600);
        assert!(!Wanted::default().fits(&entry(), over), "it has ended");
    }

    #[test]
    fn only_a_person_or_a_session_at_the_provider_is_logged_out() {
        let subject = Wanted {
            subject: Some("s".to_owned()),
            ..Wanted::default()
        };
        assert!(subject.logs_out() && !subject.is_everything());
        assert_eq!(subject.by(), "subject");
        let narrower = Wanted {
            idle_for: Some(Duration::from_secs(1)),
            ..subject
        };
        assert!(!narrower.logs_out());
        assert_eq!(narrower.by(), "subject,idle_for");
        assert!(!Wanted::default().logs_out() && Wanted::default().is_everything());
        assert_eq!(Wanted::default().by(), "all");
    }
}
