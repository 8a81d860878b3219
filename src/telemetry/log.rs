//! Log lines.

use super::Event;

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Text for people.
    Text,
}

/// Writes an event's line, if it has one.
pub(super) fn write(event: &Event<'_>, access_log: bool) {
    let _ = (event, access_log);
}
