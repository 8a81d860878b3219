//! Moving in: the configuration of another gateway, turned into ours. Pure: texts in, texts out.
//!
//! Of every option that is given it is said what becomes of it, and of what is not known, that it is not: nothing is dropped
//! without a word. Where something restricted who may pass and there is no equivalent, the translation admits nobody by it.

mod access;
mod file;
mod given;
mod headers;
mod known;
mod open;
mod path;
mod provider;
mod rank;
mod redis;
mod report;
mod route;
mod server;
mod session;
mod translate;
mod upstream;
mod yaml;

pub use self::{
    known::reference,
    report::{Fate, Remark, Report},
    translate::translate,
};

/// A file of the other gateway.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    /// What to call it where a place in it is named.
    pub name: &'a str,
    /// What is in it.
    pub text: &'a str,
}

/// What no file of the other gateway says.
#[derive(Clone, Copy, Default, Debug)]
pub struct Wishes<'a> {
    /// The URL at which people open the site.
    pub public_url: Option<&'a str>,
    /// What is in the file of addresses, one a line.
    pub emails: Option<&'a str>,
}

/// A translation.
#[derive(Clone, Debug)]
pub struct Import {
    /// A configuration of ours, with comments.
    pub yaml: String,
    /// What became of each option.
    pub report: Report,
}

/// A file that cannot be read as any form of such a configuration.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct Unreadable {
    /// Which file.
    pub file: String,
    /// Line from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

#[cfg(test)]
mod tests;
