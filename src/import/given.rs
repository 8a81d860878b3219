//! What was given: options by their keys, and what the structured form says beside them.

mod column;

use self::column::columns;
use super::{
    known::{Kind, Known},
    rank::{Rank, Wanted},
    report::Fate,
};

/// One option as it was written somewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Setting {
    /// The key of the option in the file of oauth2-proxy, however it was written here.
    pub(super) key: String,
    /// As it was written.
    pub(super) written: String,
    /// `file:line`.
    pub(super) place: String,
    /// From where oauth2-proxy had it.
    pub(super) rank: Rank,
    /// Its values; several of a list.
    pub(super) values: Vec<String>,
    /// Whether it has a value, which stands where it cannot be read.
    pub(super) elsewhere: bool,
}

/// A value as it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Value {
    /// One text.
    Lone(String),
    /// The items of a list.
    Each(Vec<String>),
    /// It stands where it cannot be read.
    Elsewhere,
}

/// An upstream.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
pub(super) struct Upstream {
    /// `file:line`.
    pub(super) place: String,
    /// As it was written, or where it stands.
    pub(super) written: String,
    /// The path that it is for, or an expression beginning with `^`. With a slash at its end, all below it.
    pub(super) path: String,
    /// What the path becomes.
    pub(super) rewrite: Option<String>,
    /// Where it is; nothing for a fixed answer.
    pub(super) uri: String,
    /// Whether a fixed answer is given.
    pub(super) fixed: bool,
    /// Whether certificates are not verified.
    pub(super) unverified: bool,
    /// Whether the client's `Host` goes on.
    pub(super) pass_host: bool,
    /// Whether `WebSocket`s go on.
    pub(super) web_sockets: bool,
    /// How long it may take.
    pub(super) timeout: Option<String>,
}

/// A header to the application, in the structured form.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Injected {
    /// `file:line`.
    pub(super) place: String,
    /// Where it stands.
    pub(super) written: String,
    /// Its name.
    pub(super) name: String,
    /// What the client sent stays as well.
    pub(super) preserve: bool,
    /// Of what it is made.
    pub(super) values: Vec<Source>,
}

/// Of what a header is made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// A claim, with something in front.
    Claim {
        /// Its name.
        claim: String,
        /// What stands in front.
        prefix: String,
        /// Whether it becomes a Basic authorization.
        basic: bool,
    },
    /// A text that stands in the file, and may be a secret.
    Inline,
    /// An environment variable.
    Env(String),
    /// A file.
    File(String),
}

/// What is said of something beside the options.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Aside {
    /// `file:line`.
    pub(super) place: String,
    /// What is there.
    pub(super) written: String,
    /// What becomes of it.
    pub(super) fate: Fate,
    /// The same in words.
    pub(super) what: &'static str,
}

/// A parameter of the authorization request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Parameter {
    /// `file:line`.
    pub(super) place: String,
    /// Where it stands.
    pub(super) written: String,
    /// Its name.
    pub(super) name: String,
    /// Its value.
    pub(super) value: String,
}

/// Everything that was given.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Given {
    /// In the order of the files.
    pub(super) settings: Vec<Setting>,
    /// No option that is known: place and name.
    pub(super) unknown: Vec<(String, String)>,
    /// What is said of something beside the options, by the reader itself.
    pub(super) asides: Vec<Aside>,
    /// What is kept elsewhere, with options of a rank in it: it has to be given as well.
    pub(super) wanted: Vec<Wanted>,
    /// Further parameters of the authorization request.
    pub(super) parameters: Vec<Parameter>,
    /// Whether the structured form was given: then it alone says of headers.
    pub(super) structured: bool,
    /// Upstreams of the structured form.
    pub(super) upstreams: Vec<Upstream>,
    /// Headers of the structured form.
    pub(super) requests: Vec<Injected>,
    /// Headers of answers in the structured form.
    pub(super) responses: Vec<Injected>,
    /// Whether encoded slashes go on.
    pub(super) raw_paths: bool,
    /// The addresses that may pass, where the file itself holds them.
    pub(super) emails: Option<String>,
    /// Names of the files that are values of the chart.
    pub(super) charts: Vec<String>,
}

impl Given {
    /// Adds an option that is known, or notes one that is not.
    pub(super) fn add(&mut self, rank: Rank, known: Option<&Known>, written: &str, place: String, value: Value) {
        let Some(known) = known else {
            self.unknown.push((place, written.to_owned()));
            return;
        };
        self.settings.push(Setting {
            key: known.key.to_owned(),
            written: written.to_owned(),
            place,
            rank,
            elsewhere: value == Value::Elsewhere,
            values: value.split(known.kind, rank),
        });
    }

    /// Adds what the other holds.
    pub(super) fn join(&mut self, other: Self) {
        let Self {
            settings,
            unknown,
            asides,
            wanted,
            parameters,
            structured,
            upstreams,
            requests,
            responses,
            raw_paths,
            emails,
            charts,
        } = other;
        self.settings.extend(settings);
        self.unknown.extend(unknown);
        self.asides.extend(asides);
        self.wanted.extend(wanted);
        self.parameters.extend(parameters);
        self.structured |= structured;
        self.upstreams.extend(upstreams);
        self.requests.extend(requests);
        self.responses.extend(responses);
        self.raw_paths |= raw_paths;
        self.charts.extend(charts);
        self.emails = emails.or(self.emails.take());
    }

    /// Where an option counts: of all that name it, those of the highest rank.
    fn counting(&self, key: &str) -> impl DoubleEndedIterator<Item = &Setting> {
        debug_assert!(Known::by_key(key).is_some(), "{key} is in the table");
        let named = self.settings.iter().filter(move |one| one.key == key && one.names());
        let highest = named.clone().map(|one| one.rank).max();
        named.filter(move |one| Some(one.rank) == highest)
    }

    /// What counts in place of a setting, if anything does.
    pub(super) fn over(&self, setting: &Setting) -> Option<&Setting> {
        self.counting(&setting.key)
            .next_back()
            .filter(|one| one.rank > setting.rank)
    }

    /// Whether an option has a value that cannot be read.
    pub(super) fn is_elsewhere(&self, key: &str) -> bool {
        self.counting(key).any(|setting| setting.elsewhere)
    }

    /// Whether an option has a value, wherever it stands.
    pub(super) fn is_given(&self, key: &str) -> bool {
        self.text(key).is_some() || self.is_elsewhere(key)
    }

    /// The value of an option, the last where it was given several times; an empty one is none.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.setting(key)
            .and_then(|setting| setting.values.iter().rfind(|value| !value.is_empty()))
            .map(String::as_str)
    }

    /// The last time that an option was given a value.
    pub(super) fn setting(&self, key: &str) -> Option<&Setting> {
        self.counting(key).rfind(|setting| setting.says())
    }

    /// Whether an option is on.
    pub(super) fn truth(&self, key: &str) -> bool {
        let default = Known::by_key(key).is_some_and(|known| is_true(known.default));
        self.text(key).map_or(default, is_true)
    }

    /// All values of an option where it counts, each with where it stands.
    pub(super) fn list(&self, key: &str) -> Vec<(&Setting, &str)> {
        self.counting(key)
            .flat_map(|setting| setting.values.iter().map(move |value| (setting, value.as_str())))
            .filter(|(_, value)| !value.is_empty())
            .collect()
    }

    /// All values of an option.
    pub(super) fn values(&self, key: &str) -> Vec<String> {
        self.list(key).into_iter().map(|(_, value)| value.to_owned()).collect()
    }
}

impl Setting {
    /// Whether there is any value.
    fn says(&self) -> bool {
        self.values.iter().any(|value| !value.is_empty())
    }

    /// Whether oauth2-proxy took it for given: an empty variable is none, but an empty flag replaces what the file says.
    fn names(&self) -> bool {
        self.rank != Rank::Environment || self.elsewhere || self.says()
    }
}

/// As oauth2-proxy reads truth from text.
pub(super) fn is_true(text: &str) -> bool {
    matches!(text, "1" | "t" | "T" | "true" | "TRUE" | "True")
}

impl Value {
    /// A list that stands in one text is cut at its commas, and no space is taken off: a name with one in front was met by nobody.
    fn split(self, kind: Kind, rank: Rank) -> Vec<String> {
        match (kind, self) {
            (Kind::List, Self::Lone(text)) if rank == Rank::Flags => columns(&text),
            (Kind::List, Self::Lone(text)) => text.split(',').map(str::to_owned).collect(),
            (Kind::Text | Kind::Truth | Kind::Length | Kind::Number, Self::Lone(text)) => vec![text],
            (_, Self::Each(texts)) => texts,
            (_, Self::Elsewhere) => Vec::new(),
        }
    }
}
