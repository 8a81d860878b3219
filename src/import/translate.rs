//! The translation: one part of our configuration after the other, and what is said of each option.

use std::collections::BTreeSet;

use super::{
    Document, Import, Unreadable, Wishes, file,
    given::{Given, Setting},
    headers::Headers,
    known::Known,
    rank::Wanted,
    report::{Fate, Remark, Report},
    yaml::Map,
};

const HEAD: &str = "\
# Made by `doorward import oauth2-proxy`, which says on standard error what has no equivalent and what is stricter.
# Look for CHANGE, then: doorward check --config doorward.yaml
";

/// Of what has a value that is not in the files.
const ELSEWHERE: &str = "its value is kept elsewhere: give it as well, in a file of `OAUTH2_PROXY_` variables";

/// Turns a configuration of oauth2-proxy, from one file or several, into ours.
///
/// # Errors
/// A file that is none of the forms of such a configuration.
pub fn translate(files: &[Document<'_>], wishes: &Wishes<'_>) -> Result<Import, Unreadable> {
    let mut given = Given::default();
    for one in files {
        given.join(file::read(one)?);
    }
    given.wanted.extend(Wanted::merged(&given.charts));
    let mut desk = Desk::new(&given, *wishes);
    let mut top = Map::default();
    let public = desk.public(&mut top);
    desk.listeners(&mut top, &public);
    desk.trusted(&mut top);
    desk.admin(&mut top);
    desk.compatibility(&mut top, &public);
    desk.providers(&mut top);
    desk.session(&mut top);
    let headers = desk.headers();
    identity(&mut top, &headers);
    desk.logging(&mut top);
    let access = desk.access(headers.vouched);
    desk.routes(&mut top, &access);
    let report = desk.report();
    let yaml = format!("{HEAD}\n{}", top.document());
    Ok(Import { yaml, report })
}

/// What was given, and what is said of it so far.
pub(super) struct Desk<'a> {
    pub(super) given: &'a Given,
    pub(super) wishes: Wishes<'a>,
    before: Vec<String>,
    said: Vec<(usize, Remark)>,
    /// Keys of which everything is said.
    told: BTreeSet<&'a str>,
}

impl<'a> Desk<'a> {
    const fn new(given: &'a Given, wishes: Wishes<'a>) -> Self {
        Self {
            given,
            wishes,
            before: Vec::new(),
            said: Vec::new(),
            told: BTreeSet::new(),
        }
    }

    /// What has to be there before it runs.
    pub(super) fn before(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.before.contains(&what) {
            self.before.push(what);
        }
    }

    /// Says what becomes of an option, in place of what the table says.
    pub(super) fn say(&mut self, key: &str, fate: Fate, what: impl Into<String>) {
        if let Some(setting) = self.given.setting(key) {
            self.told.insert(&setting.key);
            self.note(setting, fate, what);
        }
    }

    /// Of this option everything is said elsewhere.
    pub(super) fn say_nothing(&mut self, key: &str) {
        let settings = self.given.settings.iter();
        self.told
            .extend(settings.map(|one| one.key.as_str()).filter(|one| *one == key));
    }

    /// Says something of an option besides what is said of it anyway.
    pub(super) fn note(&mut self, setting: &Setting, fate: Fate, what: impl Into<String>) {
        let same = |one: &Setting| one.place == setting.place && one.written == setting.written;
        let index = self.given.settings.iter().position(same).unwrap_or_default();
        self.remark(index + 1, fate, &setting.place, &setting.written, what.into());
    }

    /// Says something of what stands in the structured form.
    pub(super) fn note_at(&mut self, place: &str, written: &str, fate: Fate, what: impl Into<String>) {
        let index = self.given.settings.iter().position(|one| one.place == place);
        let index = index.map_or(usize::MAX, |index| index + 1);
        self.remark(index, fate, place, written, what.into());
    }

    /// Says something that no line says.
    pub(super) fn note_absent(&mut self, fate: Fate, option: &str, what: impl Into<String>) {
        self.remark(0, fate, "", option, what.into());
    }

    fn remark(&mut self, index: usize, fate: Fate, place: &str, option: &str, what: String) {
        let (place, option) = (place.to_owned(), option.to_owned());
        let remark = Remark {
            fate,
            place,
            option,
            what,
        };
        self.said.push((index, remark));
    }

    fn report(mut self) -> Report {
        let given = self.given;
        let rest = given.settings.iter().filter(|one| !self.told.contains(&*one.key));
        let rest: Vec<&Setting> = rest.collect();
        for setting in rest {
            if let (Some(known), None) = (Known::by_key(&setting.key), given.over(setting)) {
                let (fate, what) = if setting.elsewhere {
                    (Fate::Missing, ELSEWHERE)
                } else {
                    by_table(known, setting)
                };
                self.note(setting, fate, what);
            }
        }
        for setting in &given.settings {
            if let Some(over) = given.over(setting) {
                let what = format!("{} counts instead, at {}", over.rank.word(), over.place);
                self.note(setting, Fate::Needless, what);
            }
        }
        for wanted in &given.wanted {
            let (fate, what) = if wanted.is_met(given) {
                (Fate::Needless, "what was given besides is taken for it")
            } else {
                (Fate::Missing, wanted.what)
            };
            self.note_at(&wanted.place, &wanted.written, fate, what);
        }
        for aside in &given.asides {
            self.note_at(&aside.place, &aside.written, aside.fate, aside.what);
        }
        self.said.sort_by_key(|(index, _)| *index);
        Report {
            before: self.before,
            remarks: self.said.into_iter().map(|(_, remark)| remark).collect(),
            unknown: given.unknown.clone(),
        }
    }
}

/// What the table says; of what is as it would be without, that nothing is lost.
fn by_table(known: &'static Known, setting: &Setting) -> (Fate, &'static str) {
    let values = setting.values.as_slice();
    let usual = match values {
        [] => true,
        [one] => one.is_empty() || (!known.default.is_empty() && one == known.default),
        [_, ..] => false,
    };
    if usual && matches!(known.fate, Fate::Missing | Fate::Stricter) {
        return (Fate::Needless, "it says what is so without it");
    }
    (known.fate, known.about)
}

fn identity(top: &mut Map, headers: &Headers) {
    let mut identity = Map::default();
    identity.put_full("headers", headers.written.clone());
    top.put_full("identity", identity);
}

impl Desk<'_> {
    fn logging(&self, top: &mut Map) {
        let mut logging = Map::default();
        if !self.given.truth("request_logging") {
            logging.put("access_log", false);
        }
        if !self.given.truth("auth_logging") {
            let mut audit = Map::default();
            audit.put("enabled", false);
            logging.put("audit", audit);
        }
        top.put_full("logging", logging);
    }
}
