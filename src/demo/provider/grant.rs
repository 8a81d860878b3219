//! Authorization codes and refresh tokens: each is good once, and a second use ends everything that came of the first
//! (RFC 6749 section 4.1.2, RFC 9700 section 4.14.2).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};

use super::{Lives, bounded::Bounded, client::same, session::BrowserSession};

/// What a person granted.
#[derive(Clone, Debug)]
pub(super) struct Granted {
    pub(super) session: BrowserSession,
    pub(super) nonce: Option<String>,
    pub(super) scope: String,
}

/// A code that waits to be redeemed.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) granted: Granted,
    pub(super) redirect_uri: String,
    /// `code_challenge`, always S256.
    pub(super) challenge: String,
    pub(super) expires: i64,
}

/// What a client presents with a code.
#[derive(Clone, Copy)]
pub(super) struct Redemption<'a> {
    pub(super) code: &'a str,
    pub(super) redirect_uri: &'a str,
    pub(super) verifier: &'a str,
}

/// What tokens are made of.
#[derive(Clone)]
pub(super) struct Issue {
    pub(super) granted: Granted,
    /// The family, by which a reuse or a sign-out finds all that descends from one code.
    pub(super) family: String,
    /// How many token sets the family has had: 0 for the first.
    pub(super) serial: u32,
    pub(super) refresh_token: String,
}

#[derive(Debug)]
enum CodeState {
    Fresh(Code),
    /// Redeemed; the family lives on.
    Spent {
        family: String,
    },
    /// Presented wrongly once, and good for nothing since.
    Dead,
}

struct Family {
    granted: Granted,
    /// The only refresh token that is good: the latest.
    refresh_token: String,
    expires: i64,
    serial: u32,
    revoked: bool,
}

/// All codes and families.
#[derive(Debug, Default)]
pub(super) struct Grants {
    codes: Bounded<CodeState>,
    families: Bounded<Family>,
}

impl Grants {
    /// Keeps a code under its value.
    pub(super) fn add(&mut self, value: String, code: Code) {
        self.codes.insert(value, CodeState::Fresh(code));
    }

    /// Redeems a code, once. `draws` are two fresh random values: the family's name and the refresh token's secret.
    /// The error is the `error_description` of an `invalid_grant`.
    pub(super) fn redeem(
        &mut self,
        presented: Redemption<'_>,
        draws: (String, &str),
        now: i64,
        lives: Lives,
    ) -> Result<Issue, &'static str> {
        let state = self.codes.get_mut(presented.code).ok_or("the code is unknown")?;
        match std::mem::replace(state, CodeState::Dead) {
            CodeState::Dead => Err("the code is void"),
            CodeState::Spent { family } => {
                self.revoke(&family);
                Err("the code was used before, so its tokens are revoked")
            }
            CodeState::Fresh(code) => {
                check(&code, presented, now)?;
                let (family, secret) = draws;
                *state = CodeState::Spent { family: family.clone() };
                Ok(self.begin(family, secret, code.granted, now, lives))
            }
        }
    }

    /// Exchanges a refresh token for the next one. An older one of the same family ends the family.
    pub(super) fn refresh(
        &mut self,
        presented: &str,
        secret: &str,
        now: i64,
        lives: Lives,
    ) -> Result<Issue, &'static str> {
        let (name, _) = presented.split_once('.').ok_or("the refresh token is unknown")?;
        let family = self.families.get_mut(name).ok_or("the refresh token is unknown")?;
        if family.revoked {
            return Err("the refresh token is revoked");
        }
        if !same(presented, &family.refresh_token) {
            family.revoked = true;
            return Err("the refresh token was used before, so its family is revoked");
        }
        if now >= family.expires {
            return Err("the refresh token is expired");
        }
        family.refresh_token = format!("{name}.{secret}");
        family.expires = now.saturating_add(lives.refresh);
        family.serial = family.serial.saturating_add(1);
        Ok(Issue {
            granted: family.granted.clone(),
            family: name.to_owned(),
            serial: family.serial,
            refresh_token: family.refresh_token.clone(),
        })
    }

    /// Whether tokens of the family still count.
    pub(super) fn is_alive(&self, family: &str) -> bool {
        self.families.get(family).is_some_and(|family| !family.revoked)
    }

    /// Ends every family of a browser session.
    pub(super) fn revoke_session(&mut self, sid: &str) {
        for family in self
            .families
            .values_mut()
            .filter(|family| family.granted.session.sid == sid)
        {
            family.revoked = true;
        }
    }

    fn revoke(&mut self, family: &str) {
        if let Some(family) = self.families.get_mut(family) {
            family.revoked = true;
        }
    }

    fn begin(&mut self, name: String, secret: &str, granted: Granted, now: i64, lives: Lives) -> Issue {
        let refresh_token = format!("{name}.{secret}");
        let family = Family {
            granted: granted.clone(),
            refresh_token: refresh_token.clone(),
            expires: now.saturating_add(lives.refresh),
            serial: 0,
            revoked: false,
        };
        self.families.insert(name.clone(), family);
        Issue {
            granted,
            family: name,
            serial: 0,
            refresh_token,
        }
    }
}

fn check(code: &Code, presented: Redemption<'_>, now: i64) -> Result<(), &'static str> {
    if now >= code.expires {
        return Err("the code is expired");
    }
    if presented.redirect_uri != code.redirect_uri {
        return Err("redirect_uri is not the one the code was asked for with");
    }
    let hashed = URL_SAFE_NO_PAD.encode(digest(&SHA256, presented.verifier.as_bytes()));
    if is_verifier(presented.verifier) && same(&hashed, &code.challenge) {
        Ok(())
    } else {
        Err("code_verifier does not fit the code_challenge")
    }
}

/// RFC 7636 section 4.1: 43 to 128 unreserved characters.
fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'))
}
