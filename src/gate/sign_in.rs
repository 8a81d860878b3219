//! A sign-in attempt: what is remembered in its sealed cookie and in `state`, until the callback.
//!
//! One cookie an attempt (`__Host-doorward-attempt-…` or `doorward-attempt-…`), at most [`MOST`] at once, the oldest
//! dropped, ten minutes. `state` is a sealed value too: the attempt's name and, when it is short enough, the return address,
//! so that a callback whose cookie was dropped still lands on its own page when the person has a session by then, and
//! can start again a few times when not.
//!
//! `state` alone proves nothing: it binds to the browser by the cookie that it names (AR-04), and the cookie's value opens
//! under that name only.

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{ReturnTo, SignInFailure};
use crate::{
    identity::VerifiedIdentity,
    keys::{self, Binding, Purpose, Ring},
    oidc::{Issuer, ProviderName},
    policy::StepUp,
    time::UnixTime,
};

/// Most attempts outstanding in one browser.
pub const MOST: usize = 7;
/// How long an attempt lasts.
pub const LASTS: Duration = Duration::from_secs(600);

/// Longest cookie, name and value together, that browsers must keep (RFC 6265bis section 5.6, CK-03).
pub const LONGEST_COOKIE: usize = 4096;
/// Longest return address that a cookie remembers; [`MOST`] cookies of this size stay below the 32 KiB of a request head.
/// A longer one is dropped whole for [`ReturnTo::home`]: half an address is another address.
pub const LONGEST_REMEMBERED: usize = 2048;
/// Longest return address that `state` carries, since it travels in URLs.
pub const LONGEST_CARRIED: usize = 1024;

/// Characters of [`Draws::id`], written.
const DRAWN: usize = 12;

/// What an attempt remembers.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Which provider by name.
    pub provider: ProviderName,
    /// Its issuer when the attempt began (AR-15).
    pub issuer: Issuer,
    /// The nonce.
    pub nonce: String,
    /// The PKCE verifier.
    pub verifier: String,
    /// The redirect URI, the same at the token request (AR-08).
    pub redirect_uri: String,
    /// Where to go afterwards.
    pub return_to: ReturnTo,
    /// `acr_values` as sent.
    pub acr_values: Vec<String>,
    /// `max_age` as sent, in seconds.
    pub max_age: Option<u64>,
    /// Whether a session that is already there must be replaced (account switch, step-up).
    pub fresh: bool,
    /// How many starts of this attempt were lost before.
    pub again: u8,
    /// When it began.
    pub started: UnixTime,
}

/// Nonce and verifier are secrets; the return address may hold some.
impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("provider", &self.provider)
            .field("again", &self.again)
            .field("started", &self.started)
            .finish_non_exhaustive()
    }
}

/// Random bytes for one attempt, drawn at the edge.
#[derive(Debug)]
pub struct Draws {
    /// The attempt's name.
    pub id: [u8; 9],
    /// AEAD nonce of the cookie.
    pub cookie_nonce: [u8; 12],
    /// AEAD nonce of the state.
    pub state_nonce: [u8; 12],
}

/// A begun attempt.
pub struct Begun {
    /// The `state` parameter.
    pub state: String,
    /// The cookie to set.
    pub cookie_name: String,
    /// Its value.
    pub cookie_value: String,
    /// Cookies to delete: the oldest, when there would be more than [`MOST`].
    pub dropped: Vec<String>,
}

/// State and cookie together are what signs a browser in.
impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Begun")
            .field("cookie_name", &self.cookie_name)
            .field("dropped", &self.dropped)
            .finish_non_exhaustive()
    }
}

/// What `state` carries.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct State {
    /// The attempt's name: the end of its cookie's name.
    #[serde(rename = "n")]
    pub(super) name: String,
    /// Where it goes, when that is short enough.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub(super) return_to: Option<ReturnTo>,
    /// How many starts of it were lost before.
    #[serde(rename = "a", default)]
    pub(super) again: u8,
}

impl Attempt {
    /// Seals the attempt. `present` are the names of all cookies in the request; `secure` chooses the cookie prefix.
    ///
    /// The cookie is never longer than [`LONGEST_COOKIE`], unless the redirect URI and `acr_values` alone fill it.
    #[must_use]
    pub fn begin(&self, ring: &Ring, draws: &Draws, present: &[&str], secure: bool) -> Begun {
        let name = name(self.started, &draws.id);
        let cookie_name = cookie_name(&name, secure);
        let carried = Some(&self.return_to).filter(|back| back.as_str().len() <= LONGEST_CARRIED);
        let state = State {
            name,
            return_to: carried.cloned(),
            again: self.again,
        };
        Begun {
            state: state.sealed(ring, draws),
            cookie_value: self.cookie_value(ring, draws.cookie_nonce, &cookie_name),
            dropped: dropped(present, secure),
            cookie_name,
        }
    }

    /// RFC 9207: holds the response's `iss` against the attempt's issuer. `required` when the provider advertises
    /// the parameter.
    ///
    /// # Errors
    /// [`SignInFailure::WrongIssuer`].
    pub fn check_issuer(&self, iss: Option<&str>, required: bool) -> Result<(), SignInFailure> {
        match iss {
            Some(iss) if iss == self.issuer.as_str() => Ok(()),
            None if !required => Ok(()),
            Some(_) | None => Err(SignInFailure::WrongIssuer),
        }
    }

    /// Whether the answer came back to where it was to come, from the provider that it was to come from: `issuer` is that of
    /// the attempt's provider as it is configured now, `here` the address that was called (AR-14, AR-15).
    ///
    /// # Errors
    /// [`SignInFailure::WrongIssuer`].
    pub fn check_address(&self, issuer: &Issuer, here: &str) -> Result<(), SignInFailure> {
        if *issuer == self.issuer && here == self.redirect_uri {
            Ok(())
        } else {
            Err(SignInFailure::WrongIssuer)
        }
    }

    /// Whether a living session is what this attempt was begun for: another tab has made it meanwhile. An attempt for another
    /// account never is. `skew`: of the provider's clock.
    #[must_use]
    pub fn is_met_by(&self, identity: &VerifiedIdentity, skew: Duration, now: UnixTime) -> bool {
        let demanded = StepUp {
            acr_values: &self.acr_values,
            max_age: self.max_age.map(Duration::from_secs),
            skew,
        };
        !self.fresh && *identity.provider() == self.provider && demanded.met_by(identity, now)
    }

    fn cookie_value(&self, ring: &Ring, nonce: [u8; 12], cookie_name: &str) -> String {
        if self.return_to.as_str().len() <= LONGEST_REMEMBERED {
            let value = sealed(ring, &of_cookie(cookie_name), nonce, self);
            if cookie_name.len() + value.len() <= LONGEST_COOKIE {
                return value;
            }
        }
        let homeward = Self {
            return_to: ReturnTo::home(),
            ..self.clone()
        };
        sealed(ring, &of_cookie(cookie_name), nonce, &homeward)
    }

    /// The attempt in a cookie of this name. `None` for whatever does not open.
    pub(super) fn open(ring: &Ring, cookie_name: &str, value: &str) -> Option<Self> {
        opened(ring, &of_cookie(cookie_name), value)
    }
}

impl State {
    /// Behind random characters that make its key one of its own.
    fn sealed(&self, ring: &Ring, draws: &Draws) -> String {
        let mut state = URL_SAFE_NO_PAD.encode(draws.id);
        let sealed = sealed(ring, &of_state(&state), draws.state_nonce, self);
        state.push_str(&sealed);
        state
    }

    /// What a `state` parameter of ours carries. `None` for whatever does not open.
    pub(super) fn open(ring: &Ring, state: &str) -> Option<Self> {
        let (drawn, sealed) = state.split_at_checked(DRAWN)?;
        opened(ring, &of_state(drawn), sealed)
    }
}

/// The cookie of the attempt of this name.
pub(super) fn cookie_name(name: &str, secure: bool) -> String {
    format!("{}{name}", prefix(secure))
}

const fn prefix(secure: bool) -> &'static str {
    if secure {
        "__Host-doorward-attempt-"
    } else {
        "doorward-attempt-"
    }
}

/// The seconds since 1970 in nine hex digits, so that names sort by time until the year 4147, and twelve random characters.
fn name(started: UnixTime, id: &[u8; 9]) -> String {
    format!("{:09x}-{}", started.secs().max(0), URL_SAFE_NO_PAD.encode(id))
}

/// The oldest attempts, until there is room for one more. What has our prefix and another form goes first: nothing of
/// ours will ever read it.
fn dropped(present: &[&str], secure: bool) -> Vec<String> {
    let of_name = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    let mut names: Vec<(bool, &str)> = present
        .iter()
        .filter_map(|cookie| Some((*cookie, cookie.strip_prefix(prefix(secure))?)))
        .filter(|(_, name)| name.bytes().all(of_name))
        .map(|(cookie, name)| (is_name(name), cookie))
        .collect();
    names.sort_unstable();
    names.dedup();
    let excess = (names.len() + 1).saturating_sub(MOST);
    names
        .into_iter()
        .take(excess)
        .map(|(_, cookie)| cookie.to_owned())
        .collect()
}

fn is_name(name: &str) -> bool {
    let (time, id) = name.split_once('-').unwrap_or_default();
    let small_hex = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
    time.len() == 9 && time.bytes().all(small_hex) && id.len() == DRAWN
}

/// The name is drawn for each attempt, so each has a key of its own; it is no secret, the cookie is.
const fn of_cookie(cookie_name: &str) -> Binding<'_> {
    Binding {
        purpose: Purpose::SignIn,
        holder: cookie_name.as_bytes(),
        place: cookie_name.as_bytes(),
    }
}

const fn of_state(drawn: &str) -> Binding<'_> {
    Binding {
        purpose: Purpose::State,
        holder: drawn.as_bytes(),
        place: b"state",
    }
}

pub(super) fn sealed<T: Serialize>(ring: &Ring, binding: &Binding<'_>, nonce: [u8; 12], value: &T) -> String {
    // Strings, numbers and lists always serialize; an empty value would not open.
    let plain = serde_json::to_vec(value).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(keys::seal(ring, binding, 0, nonce, &plain))
}

pub(super) fn opened<T: DeserializeOwned>(ring: &Ring, binding: &Binding<'_>, value: &str) -> Option<T> {
    let sealed = URL_SAFE_NO_PAD.decode(value).ok()?;
    let opened = keys::open(ring, binding, &sealed).ok()?;
    serde_json::from_slice(&opened.plain).ok()
}

#[cfg(test)]
pub(super) mod tests;
