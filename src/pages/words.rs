//! The fixed words of every refusal: nothing here comes from a request.

use crate::gate::{Refusal, SignInFailure};

/// What is said about one refusal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    /// The heading.
    pub(super) title: &'static str,
    /// What happened.
    pub(super) detail: &'static str,
    /// What the person can do.
    pub(super) advice: &'static str,
    /// More about what happened, where one refusal has several causes.
    pub(super) cause: Option<&'static str>,
    /// Whether loading the same address again may help.
    pub(super) retry: bool,
    /// The label of the link that starts the sign-in.
    pub(super) start: &'static str,
}

const fn plain(title: &'static str, detail: &'static str, advice: &'static str) -> Words {
    Words {
        title,
        detail,
        advice,
        cause: None,
        retry: false,
        start: "Sign in again",
    }
}

const fn passing(words: Words) -> Words {
    Words { retry: true, ..words }
}

const fn because(words: Words, cause: &'static str) -> Words {
    Words {
        cause: Some(cause),
        ..words
    }
}

/// The words for a refusal.
pub(super) const fn words(refusal: Refusal) -> Words {
    match refusal {
        Refusal::BadTarget => because(BAD_REQUEST, "The address is not in its normal form."),
        Refusal::BadHost => because(BAD_REQUEST, "The host name is missing, malformed or given twice."),
        Refusal::BadHeader => because(BAD_REQUEST, "One of its headers may not be passed on."),
        Refusal::Method => METHOD_NOT_ALLOWED,
        Refusal::RequestSlow => REQUEST_SLOW,
        Refusal::BodyTooLarge => BODY_TOO_LARGE,
        Refusal::TargetTooLong => TARGET_TOO_LONG,
        Refusal::HeadTooLarge => HEAD_TOO_LARGE,
        Refusal::TooManyRequests => passing(TOO_MANY_REQUESTS),
        Refusal::TooManySignIns => passing(TOO_MANY_SIGN_INS),
        Refusal::NotFound => NOT_FOUND,
        Refusal::SignInNeeded => Words {
            start: "Sign in",
            ..SIGN_IN_NEEDED
        },
        Refusal::StepUpNeeded => STEP_UP_NEEDED,
        Refusal::NotAllowed => NOT_ALLOWED,
        Refusal::CertificateNeeded => CERTIFICATE_NEEDED,
        Refusal::CrossSite => CROSS_SITE,
        Refusal::SignInFailed(failure) => Words {
            start: "Start again",
            ..because(SIGN_IN_FAILED, failed(failure))
        },
        Refusal::StoreDown => passing(STORE_DOWN),
        Refusal::ProviderDown => passing(PROVIDER_DOWN),
        Refusal::RenewingElsewhere => passing(RENEWING_ELSEWHERE),
        Refusal::UpstreamUnreachable => passing(UPSTREAM_UNREACHABLE),
        Refusal::UpstreamInvalid => passing(UPSTREAM_INVALID),
        Refusal::UpstreamSlow => passing(UPSTREAM_SLOW),
        Refusal::Internal => passing(INTERNAL),
    }
}

/// What went wrong in a sign-in, without blaming the person for what they cannot see.
const fn failed(failure: SignInFailure) -> &'static str {
    match failure {
        SignInFailure::NoAttempt => {
            "This browser has no sign-in under way that the answer belongs to. Perhaps it was finished in another tab, \
             or cookies are switched off."
        }
        SignInFailure::Expired => "It took longer than ten minutes.",
        SignInFailure::Malformed => "The answer of the identity provider was malformed.",
        SignInFailure::WrongIssuer => "The answer did not come from the identity provider that was asked.",
        SignInFailure::Denied => "It was cancelled, or the identity provider refused it.",
        SignInFailure::ProviderError => "The identity provider reported an error.",
        SignInFailure::CodeRefused => {
            "The identity provider did not accept the sign-in code. It may have been used already."
        }
        SignInFailure::ClientRejected => {
            "The identity provider does not accept this site's credentials. The people who run this site must mend that."
        }
        SignInFailure::TokenInvalid => "What the identity provider said about you could not be verified.",
        SignInFailure::UserInfoInvalid => "What the identity provider said about you does not fit together.",
        SignInFailure::ClockSkew => {
            "The clocks of this site and of the identity provider differ. The people who run this site must mend that."
        }
        SignInFailure::StepUpUnmet => {
            "This page asks for a stronger or more recent sign-in than the one that was made."
        }
        SignInFailure::SignedOut => "You were signed out at the identity provider while it was under way.",
    }
}

const BAD_REQUEST: Words = plain(
    "This request is not valid",
    "It was stopped before it reached any app.",
    "Check the address, or go back and follow the link again.",
);
const SIGN_IN_NEEDED: Words = plain(
    "Please sign in",
    "This address is for people who are signed in.",
    "If you were signed in before, your session has ended.",
);
const STEP_UP_NEEDED: Words = plain(
    "Please sign in again",
    "This address asks for another sign-in than yours: a stronger one, a more recent one, or one with another account.",
    "You come back here afterwards.",
);
const NOT_ALLOWED: Words = plain(
    "You do not have access",
    "This page is not open to your account.",
    "If you think it should be, ask the people who run this app, and give them the request id below.",
);
const CERTIFICATE_NEEDED: Words = plain(
    "This needs a certificate",
    "This address is open only to devices with a certificate for it, and yours did not show one.",
    "If your device has one, close the browser, open it again, and choose the certificate when it asks. Otherwise ask the people who \
     run this app, and give them the request id below.",
);
const CROSS_SITE: Words = plain(
    "This came from another site",
    "Another site tried to do something here in your name, so it was stopped.",
    "If you meant to do it, go to the app yourself and do it there.",
);
const NOT_FOUND: Words = plain(
    "There is nothing here",
    "No app is published at this address.",
    "Check the address for a typing mistake.",
);
const METHOD_NOT_ALLOWED: Words = plain(
    "This cannot be done here",
    "This address does not accept requests of this kind.",
    "Go back and try again from the page you came from.",
);
const REQUEST_SLOW: Words = plain(
    "Sending took too long",
    "What you sent stopped coming before it was complete.",
    "Check your connection and send it again.",
);
const BODY_TOO_LARGE: Words = plain(
    "That is too large to send",
    "What you sent is larger than this address accepts.",
    "Try a smaller file.",
);
const TARGET_TOO_LONG: Words = plain(
    "This address is too long",
    "The address is longer than this site accepts.",
    "Shorten it, or go back and start from the app's first page.",
);
const HEAD_TOO_LARGE: Words = plain(
    "Your browser sent too much",
    "The headers of this request, most likely its cookies, are larger than this site accepts.",
    "Remove the cookies of this site in your browser's settings and try again.",
);
const TOO_MANY_REQUESTS: Words = plain(
    "That was too much at once",
    "More requests came from you, or from your network, than this address takes in so short a time.",
    "Wait a moment before you try again.",
);
const TOO_MANY_SIGN_INS: Words = plain(
    "Too many sign-ins from your network",
    "More sign-ins were begun from your network, or with your connection, than were finished.",
    "Wait a little before you try again. If this goes on, tell the people who run this app the request id below.",
);
const SIGN_IN_FAILED: Words = plain(
    "Sign-in did not complete",
    "You are not signed in yet.",
    "Starting again usually helps. If it does not, tell the people who run this app the request id below.",
);
const PROVIDER_DOWN: Words = plain(
    "Sign-in is not available right now",
    "The service that signs people in cannot be reached. If you were signed in, you still are.",
    "This usually passes by itself.",
);
const RENEWING_ELSEWHERE: Words = plain(
    "Your sign-in is still being renewed",
    "Another gateway of this site began to renew it and has not finished. You have not been signed out.",
    "If that gateway stopped, this one takes over.",
);
const STORE_DOWN: Words = plain(
    "Your session cannot be looked up right now",
    "The place where sessions are kept cannot be reached. You have not been signed out.",
    "This usually passes by itself.",
);
const UPSTREAM_UNREACHABLE: Words = plain(
    "The app is not answering",
    "The app behind this address cannot be reached.",
    "It may be restarting. If this goes on, tell the people who run it.",
);
const UPSTREAM_INVALID: Words = plain(
    "The app's answer makes no sense",
    "The app behind this address answered, but not in a way a browser could read.",
    "It may be restarting. If this goes on, tell the people who run it.",
);
const UPSTREAM_SLOW: Words = plain(
    "The app took too long",
    "The app behind this address did not answer in time.",
    "It may be busy. What you sent may still have arrived, so look before you send it again.",
);
const INTERNAL: Words = plain(
    "Something went wrong",
    "The mistake is on our side, and it has been logged.",
    "Try again, and if it happens once more, tell the people who run this app the request id below.",
);
