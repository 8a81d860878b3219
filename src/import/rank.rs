//! Where oauth2-proxy had its options from, and what of it is not at hand.

use super::given::{Given, Setting};

/// From where oauth2-proxy had an option. A later one replaces what an earlier one said of it, lists as a whole.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Rank {
    /// The file of options.
    File,
    /// An environment variable.
    Environment,
    /// A flag.
    Flags,
    /// The structured form, beside which none of its options counts.
    Structured,
}

/// Options that are kept elsewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Wanted {
    /// `file:line`.
    pub(super) place: String,
    /// What names them.
    pub(super) written: String,
    /// Of which rank they are; nothing where no further file can be it.
    pub(super) rank: Option<Rank>,
    /// What to do.
    pub(super) what: &'static str,
}

impl Rank {
    /// In words.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::File => "the config file",
            Self::Environment => "an environment variable",
            Self::Flags => "a flag",
            Self::Structured => "the structured form",
        }
    }
}

impl Wanted {
    /// Several files of values, named by these, in place of one. Which of them Helm read last is not known here.
    pub(super) fn merged(charts: &[String]) -> Option<Self> {
        let [_, second, ..] = charts else {
            return None;
        };
        Some(Self {
            place: format!("{second}:1"),
            written: "values of the chart in several files".to_owned(),
            rank: None,
            what: "Helm lets a later file replace what an earlier one says: give one file in place of all, merged, as \
                   `helm get values RELEASE -o yaml` prints it; nobody passes until then",
        })
    }

    /// Whether a file was given that may be it. Values of the chart are not: what they name is an object of its own.
    pub(super) fn is_met(&self, given: &Given) -> bool {
        let is_chart = |file: &str| given.charts.iter().any(|chart| chart == file);
        let may_be = |one: &Setting| {
            let file = file_of(&one.place);
            Some(one.rank) == self.rank && file != file_of(&self.place) && !is_chart(file)
        };
        given.settings.iter().any(may_be)
    }
}

/// The file of a place.
fn file_of(place: &str) -> &str {
    place.rsplit_once(':').map_or(place, |(file, _)| file)
}
