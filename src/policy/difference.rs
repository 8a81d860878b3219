//! What differs between two versions of one thing, by the keys of the configuration and in words.

mod route;
mod upstream;

use std::{fmt, time::Duration};

use serde::Serialize;

/// One key that differs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Difference {
    /// As in the configuration.
    pub key: &'static str,
    /// What it says before, in words; never a secret.
    pub before: String,
    /// What it says after.
    pub after: String,
}

/// Stands for a value that differs from the one before without showing it.
const NOT_SHOWN: &str = "another value, not shown";

/// Collects differences.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Differences(Vec<Difference>);

impl Differences {
    /// Notes two values, if they differ. Values that read the same are still told apart.
    pub fn note<T: PartialEq>(&mut self, key: &'static str, [before, after]: [&T; 2], words: impl Fn(&T) -> String) {
        if before == after {
            return;
        }
        let (before, mut after) = (words(before), words(after));
        if before == after {
            NOT_SHOWN.clone_into(&mut after);
        }
        self.0.push(Difference { key, before, after });
    }

    /// Notes two values that print as people write them.
    pub fn note_shown<T: PartialEq + fmt::Display>(&mut self, key: &'static str, values: [&T; 2]) {
        self.note(key, values, ToString::to_string);
    }

    /// What was noted, in order.
    #[must_use]
    pub fn into_list(self) -> Vec<Difference> {
        self.0
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} -> {}", self.key, self.before, self.after)
    }
}

/// `none`, or the words of a value.
pub fn optional<T>(words: impl Fn(&T) -> String) -> impl Fn(&Option<T>) -> String {
    move |value| value.as_ref().map_or_else(|| "none".to_owned(), &words)
}

/// `none`, or items with commas between.
pub fn list<T>(words: impl Fn(&T) -> String) -> impl Fn(&Vec<T>) -> String {
    move |items| {
        let items: Vec<String> = items.iter().map(&words).collect();
        if items.is_empty() {
            "none".to_owned()
        } else {
            items.join(", ")
        }
    }
}

/// A length of time as it is written in a configuration.
#[must_use]
pub fn time(length: &Duration) -> String {
    let millis = length.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
    let whole = units
        .iter()
        .find(|(unit, _)| millis >= *unit && millis.is_multiple_of(*unit));
    whole.map_or_else(
        || format!("{millis}ms"),
        |(unit, name)| format!("{}{name}", millis / unit),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_the_same_is_still_told_apart() {
        let mut differences = Differences::default();
        differences.note("secret", [&"one", &"two"], |_| "not shown".to_owned());
        differences.note("same", [&"one", &"one"], |_| "not shown".to_owned());
        differences.note_shown("seen", [&1, &2]);
        let told: Vec<String> = differences.into_list().iter().map(ToString::to_string).collect();
        assert_eq!(told, ["secret: not shown -> another value, not shown", "seen: 1 -> 2"]);
    }

    #[test]
    fn a_time_reads_as_it_is_written() {
        for (millis, written) in [
            (0, "0ms"),
            (1500, "1500ms"),
            (2000, "2s"),
            (120_000, "2m"),
            (86_400_000, "1d"),
        ] {
            assert_eq!(time(&Duration::from_millis(millis)), written);
        }
    }
}
