//! The page of a refusal.

use askama::Template;

use super::{
    csp::FormAction,
    layout::{Page, local},
    words::{Words, words},
};
use crate::gate::Refusal;

/// What is known of the request that was refused. All of it is shown to the person, escaped.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// The id under which the operator finds this request in the log.
    pub request_id: &'a str,
    /// Who is signed in: name or email.
    pub who: Option<&'a str>,
    /// What the person lacks, in the operator's words, if the operator lets it be shown.
    pub missing: Option<&'a str>,
    /// A path on this site that starts the sign-in again.
    pub start_again: Option<&'a str>,
    /// A path on this site that signs in with another account.
    pub switch_account: Option<&'a str>,
    /// Seconds after which another try makes sense.
    pub retry_after: Option<u64>,
}

/// The page that tells a person why they were refused and what they can do.
#[must_use]
pub fn refusal(refusal: Refusal, context: &Context<'_>) -> Page {
    let template = RefusalPage {
        status: refusal.status(),
        code: refusal.code(),
        words: words(refusal),
        request_id: context.request_id,
        who: context.who,
        missing: context.missing,
        start_again: local(context.start_again),
        switch_account: local(context.switch_account),
        retry_after: context.retry_after.map(span),
    };
    Page::render(&template, FormAction::Nowhere)
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage<'a> {
    status: u16,
    code: &'static str,
    words: Words,
    request_id: &'a str,
    who: Option<&'a str>,
    missing: Option<&'a str>,
    start_again: Option<&'a str>,
    switch_account: Option<&'a str>,
    retry_after: Option<String>,
}

/// A wait in words, rounded up to what a person would say.
pub(super) fn span(seconds: u64) -> String {
    let (amount, unit) = match seconds {
        0..=90 => (seconds.max(1), "second"),
        91..=5_400 => (seconds.div_ceil(60), "minute"),
        5_401..=172_800 => (seconds.div_ceil(3_600), "hour"),
        172_801.. => (seconds.div_ceil(86_400), "day"),
    };
    format!("{amount} {unit}{}", if amount == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_read_like_words() {
        let said = [0, 1, 45, 91, 3_600, 28_000, 200_000].map(span);
        assert_eq!(
            said,
            [
                "1 second",
                "1 second",
                "45 seconds",
                "2 minutes",
                "60 minutes",
                "8 hours",
                "3 days"
            ]
        );
    }
}
