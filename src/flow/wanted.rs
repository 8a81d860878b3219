//! Which sessions an administrator means, in words and in queries.

use std::time::Duration;

use crate::{
    oidc::{Issuer, ProviderName},
    session::{Entry, Named},
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
    /// Used on the route of this name.
    pub route: Option<String>,
    /// Signed in at least so long ago.
    pub older_than: Option<Duration>,
    /// Not used for at least so long.
    pub idle_for: Option<Duration>,
}

/// What sessions can be told apart by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Filter {
    /// [`Wanted::id`].
    Id,
    /// [`Wanted::subject`].
    Subject,
    /// [`Wanted::sid`].
    Sid,
    /// [`Wanted::provider`].
    Provider,
    /// [`Wanted::route`].
    Route,
    /// [`Wanted::older_than`].
    OlderThan,
    /// [`Wanted::idle_for`].
    IdleFor,
}

/// A time that is none.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{}` is a whole number of seconds", .0.name())]
pub struct BadTime(pub Filter);

impl Filter {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Id,
        Self::Subject,
        Self::Sid,
        Self::Provider,
        Self::Route,
        Self::OlderThan,
        Self::IdleFor,
    ];

    /// The name in queries and in the audit trail; on the command line with hyphens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Subject => "subject",
            Self::Sid => "sid",
            Self::Provider => "provider",
            Self::Route => "route",
            Self::OlderThan => "older_than",
            Self::IdleFor => "idle_for",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|filter| filter.name() == name)
    }
}

impl Wanted {
    /// Whether it means every session.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// What is given, as in a query.
    #[must_use]
    pub fn given(&self) -> Vec<(Filter, String)> {
        let each = Filter::ALL.into_iter();
        each.filter_map(|filter| Some((filter, self.get(filter)?))).collect()
    }

    /// Takes what a query says. Times are in seconds.
    ///
    /// # Errors
    /// A time that is none.
    pub fn set(&mut self, filter: Filter, value: &str) -> Result<(), BadTime> {
        let text = Some(value.to_owned());
        let seconds = || value.parse().map(Duration::from_secs).map_err(|_| BadTime(filter));
        match filter {
            Filter::Id => self.id = text,
            Filter::Subject => self.subject = text,
            Filter::Sid => self.sid = text,
            Filter::Provider => self.provider = Some(ProviderName::new(value)),
            Filter::Route => self.route = text,
            Filter::OlderThan => self.older_than = Some(seconds()?),
            Filter::IdleFor => self.idle_for = Some(seconds()?),
        }
        Ok(())
    }

    fn get(&self, filter: Filter) -> Option<String> {
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs().to_string());
        match filter {
            Filter::Id => self.id.clone(),
            Filter::Subject => self.subject.clone(),
            Filter::Sid => self.sid.clone(),
            Filter::Provider => self.provider.as_ref().map(|name| name.as_str().to_owned()),
            Filter::Route => self.route.clone(),
            Filter::OlderThan => seconds(self.older_than),
            Filter::IdleFor => seconds(self.idle_for),
        }
    }

    /// The names of what is given, for the audit trail.
    #[must_use]
    pub fn by(&self) -> String {
        if self.is_everything() {
            return "all".to_owned();
        }
        let names: Vec<&str> = self.given().iter().map(|(filter, _)| filter.name()).collect();
        names.join(",")
    }

    /// Whether this session is meant.
    pub(super) fn fits(&self, entry: &Entry, now: UnixTime) -> bool {
        let Self {
            id,
            subject,
            sid,
            provider,
            route,
            older_than,
            idle_for,
        } = self;
        let at_least = |age: &Option<Duration>, since: UnixTime| age.is_none_or(|age| now.since(since) >= age);
        id.as_ref().is_none_or(|id| *id == entry.id)
            && subject.as_ref().is_none_or(|subject| *subject == entry.subject)
            && (sid.is_none() || *sid == entry.sid)
            && provider.as_ref().is_none_or(|provider| *provider == entry.provider)
            && route.as_ref().is_none_or(|route| entry.routes.may_have(route))
            && at_least(older_than, entry.created)
            && at_least(idle_for, entry.seen)
            && now < entry.expires
    }

    /// What narrows the search most.
    pub(super) fn named<'a>(&'a self, issuers: &'a [Issuer]) -> Vec<Named<'a>> {
        match (&self.id, &self.sid, &self.subject) {
            (Some(id), _, _) => vec![Named::Id(id)],
            (None, Some(sid), _) => issuers.iter().map(|issuer| Named::Sid(issuer, sid)).collect(),
            (None, None, Some(subject)) => issuers.iter().map(|issuer| Named::Subject(issuer, subject)).collect(),
            (None, None, None) => Vec::new(),
        }
    }

    /// Whether it means a person, or a session at the provider, and nothing narrower: sign-ins under way are meant too.
    pub(super) const fn logs_out(&self) -> bool {
        let Self {
            id,
            subject,
            sid,
            provider: _,
            route,
            older_than,
            idle_for,
        } = self;
        let broad = id.is_none() && route.is_none() && older_than.is_none() && idle_for.is_none();
        broad && (subject.is_some() ^ sid.is_some())
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
        Entry::of(&record(START).used("wiki", START), &terms)
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
                    route: text("wiki"),
                    ..Wanted::default()
                },
                true,
            ),
            (
                Wanted {
                    route: text("mail"),
                    subject: text("s-1"),
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
        for (filter, by) in [(Filter::IdleFor, "subject,idle_for"), (Filter::Route, "subject,route")] {
            let mut narrower = subject.clone();
            narrower.set(filter, "1").unwrap();
            assert!(!narrower.logs_out());
            assert_eq!(narrower.by(), by);
        }
        assert!(!Wanted::default().logs_out() && Wanted::default().is_everything());
        assert_eq!(Wanted::default().by(), "all");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut wanted = Wanted::default();
        for (n, filter) in Filter::ALL.into_iter().enumerate() {
            assert_eq!(Filter::named(filter.name()), Some(filter));
            wanted.set(filter, &n.to_string()).unwrap();
            assert_eq!(wanted.given().len(), n + 1);
        }
        let mut again = Wanted::default();
        for (filter, value) in wanted.given() {
            again.set(filter, &value).unwrap();
        }
        assert_eq!(again, wanted);
        assert_eq!(Filter::named("colour"), None);
        let bad = wanted.set(Filter::OlderThan, "1h").unwrap_err().to_string();
        assert!(bad.contains("older_than") && bad.contains("seconds"), "{bad}");
    }
}
