//! Sessions: how long they live and where they are kept.

use std::time::Duration;

use super::{
    report::Fate,
    translate::Desk,
    yaml::{Map, Yaml},
};
use crate::config::written::{Written as _, measure::LengthOfTime};

/// What ours is without being written.
const USUAL_IDLE: Duration = Duration::from_secs(8 * 3600);

impl Desk<'_> {
    pub(super) fn session(&mut self, top: &mut Map) {
        let mut session = Map::default();
        let kind = self.given.text("session_store_type").unwrap_or("cookie").to_owned();
        if kind == "redis" {
            let redis = self.redis();
            session.put("store", "redis");
            session.put("redis", redis);
            self.keys(&mut session);
            self.say(
                "session_store_type",
                Fate::Translated,
                "`session.store: redis`, where sessions are sealed",
            );
        } else {
            self.no_redis();
            session.put("store", "memory");
            session.note("CHANGE, if there are several replicas or a restart must sign nobody out: write redis");
            let what = "sessions were in cookies and are in memory now: for one process, whose restart signs everybody out. \
                        With several replicas use Redis";
            match self.given.setting("session_store_type") {
                Some(_) => self.say("session_store_type", Fate::Stricter, what),
                None => self.note_absent(Fate::Stricter, "session_store_type", what),
            }
        }
        self.lives(&mut session);
        self.cookies();
        top.put("session", session);
    }

    fn keys(&mut self, session: &mut Map) {
        let mut key = Map::default();
        key.put("id", "first").put("key_env", "DOORWARD_KEY");
        session.put("keys", vec![key]);
        session.note("`doorward keys generate` makes one; all replicas need the same");
        self.before("a key in the environment variable DOORWARD_KEY: `doorward keys generate` makes one");
    }

    fn lives(&mut self, session: &mut Map) {
        let Some(written) = self.given.text("cookie_expire") else {
            let what = "sessions lasted a week; now they end after 8h without use and 24h in all, unless you write \
                        `session.idle_timeout` and `absolute_timeout`";
            self.note_absent(Fate::Stricter, "cookie_expire", what);
            return;
        };
        if let Some((text, _)) = length(written) {
            session.put("idle_timeout", text.as_str());
            session.put("absolute_timeout", text);
            return;
        }
        let hours = USUAL_IDLE.as_secs() / 3600;
        let what = format!("this is no length of time that a session can have: it ends after {hours}h without use");
        self.say("cookie_expire", Fate::Stricter, what);
    }

    /// What is said of cookies that need not be as they were.
    fn cookies(&mut self) {
        if self.given.text("cookie_samesite") == Some("lax") {
            self.say("cookie_samesite", Fate::Needless, "the cookie is always `SameSite=Lax`");
        }
        if self.given.text("cookie_samesite") == Some("strict") {
            let what =
                "the cookie is `SameSite=Lax`: a link from another site finds people signed in, as after every sign-in";
            self.say("cookie_samesite", Fate::Missing, what);
        }
        if !self.given.truth("cookie_secure") {
            let what = "the cookie is `Secure` as soon as `public_url` is https";
            self.say("cookie_secure", Fate::Stricter, what);
        }
        let name = self.given.text("cookie_name").map(str::to_owned);
        if let Some(name) = name {
            let what = format!("the cookie is `__Host-doorward`, not {name}; everybody signs in once more");
            self.say("cookie_name", Fate::Needless, what);
        }
    }
}

/// A length of time in our form, and how long it is.
pub(super) fn length(written: &str) -> Option<(String, Duration)> {
    let length = LengthOfTime::read(written).ok()?;
    let bare = |text: &str, end: &str| text.strip_suffix(end).map(str::to_owned);
    let mut text = written.to_owned();
    for (end, before) in [("0s", "m"), ("0m", "h")] {
        text = bare(&text, end).filter(|rest| rest.ends_with(before)).unwrap_or(text);
    }
    Some((text, length))
}

/// A password in an environment variable.
pub(super) fn by_env(map: &mut Map, key: &str, name: &str) {
    map.put(&format!("{key}_env"), Yaml::from(name));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_go_are_ours() {
        let of = |text: &str| length(text).map(|(text, length)| (text, length.as_secs()));
        assert_eq!(of("168h0m0s"), Some(("168h".to_owned(), 168 * 3600)));
        assert_eq!(of("1h30m0s"), Some(("1h30m".to_owned(), 5400)));
        assert_eq!(of("30m"), Some(("30m".to_owned(), 1800)));
        assert_eq!(of("10s"), Some(("10s".to_owned(), 10)));
        for none in ["", "0", "0s", "1.5h", "-1h", "week"] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
