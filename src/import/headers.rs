//! Headers to the application.

use std::collections::BTreeMap;

use http::HeaderName;

use super::{
    given::{Injected, Source},
    provider::claim_path,
    report::Fate,
    translate::Desk,
    yaml::Map,
};
use crate::identity::headers::folded;

/// What is written of headers for all routes.
#[derive(Default)]
pub(super) struct Headers {
    pub(super) written: Map,
    /// Whether an address goes out in a header that is sent unverified addresses too.
    pub(super) vouched: bool,
}

/// What goes into the map, before it is written.
#[derive(Default)]
struct Parts {
    identity: bool,
    claims: Map,
    fixed: Map,
    bearer: bool,
    access_token: Option<String>,
    id_token: Option<String>,
    vouched: bool,
    taken: Vec<String>,
    /// What oauth2-proxy wrote over or took out, and nothing is sent under.
    remove: BTreeMap<String, String>,
}

/// The identity's own headers by what they tell, in both families.
const STANDARD: [(&str, &str); 8] = [
    ("x-forwarded-user", "user"),
    ("x-forwarded-email", "email"),
    ("x-forwarded-groups", "groups"),
    ("x-forwarded-preferred-username", "preferred_username"),
    ("x-auth-request-user", "user"),
    ("x-auth-request-email", "email"),
    ("x-auth-request-groups", "groups"),
    ("x-auth-request-preferred-username", "preferred_username"),
];

/// Headers that are not a configuration's to set.
const NOT_OURS: [&str; 17] = [
    "host",
    "cookie",
    "connection",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "http2-settings",
    "content-length",
    "transfer-encoding",
    "upgrade",
    "te",
    "trailer",
    "keep-alive",
    "expect",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
];

impl Desk<'_> {
    pub(super) fn headers(&mut self) -> Headers {
        let mut parts = if self.given.structured {
            self.injected()
        } else {
            self.passed()
        };
        if self.given.is_given("signature_key") {
            parts.remove("GAP-Auth");
            parts.remove("GAP-Signature");
        }
        parts.remove.retain(|name, _| !parts.taken.contains(name));
        let mut written = Map::default();
        if !parts.identity {
            written.put("identity", false);
        }
        written.put_full("claims", parts.claims);
        written.put_full("static", parts.fixed);
        if parts.bearer {
            written.put("bearer_access_token", true);
        }
        written.put_some("access_token", parts.access_token);
        written.put_some("id_token", parts.id_token);
        if !parts.remove.is_empty() {
            written.put("remove", parts.remove.into_values().collect::<Vec<_>>());
            written.note("nothing is sent under these, so nobody else may send them either");
        }
        Headers {
            written,
            vouched: parts.vouched,
        }
    }

    /// By options.
    fn passed(&mut self) -> Parts {
        let mut parts = Parts {
            identity: self.given.truth("pass_user_headers") || self.given.truth("pass_basic_auth"),
            ..Parts::default()
        };
        if self.given.truth("prefer_email_to_user") && parts.identity {
            parts.claims.put("X-Forwarded-User", self.email_claim());
            parts.vouched = true;
        } else if self.given.truth("prefer_email_to_user") {
            self.say("prefer_email_to_user", Fate::Needless, "no header says who it is");
        }
        if self.given.truth("pass_access_token") {
            parts.access_token = Some("X-Forwarded-Access-Token".to_owned());
        }
        let basic = self.given.truth("pass_basic_auth") && self.given.is_given("basic_auth_password");
        let bearer = self.given.truth("pass_authorization_header");
        if basic || bearer || self.given.is_elsewhere("pass_authorization_header") {
            parts.remove("Authorization");
        }
        parts
    }

    /// By the structured form.
    fn injected(&mut self) -> Parts {
        let mut parts = Parts::default();
        for header in &self.given.requests {
            let (fate, mut what) = self.request(header, &mut parts);
            if fate == Fate::Missing && parts.remove(&header.name) {
                what.push_str("; what a client sends under this name is removed");
            }
            let stays = header.preserve && fate != Fate::Missing;
            self.note_at(&header.place, &header.written, fate, what);
            if stays {
                let what = "what a client sends under this name is always removed";
                self.note_at(&header.place, &header.written, Fate::Stricter, what);
            }
        }
        for header in &self.given.responses {
            let (fate, what) = response(header);
            self.note_at(&header.place, &header.written, fate, what);
        }
        parts
    }

    fn request(&mut self, header: &Injected, parts: &mut Parts) -> (Fate, String) {
        let Ok(name) = HeaderName::from_bytes(header.name.as_bytes()) else {
            return missing("this is no name of a header");
        };
        let name = folded(&name).into_owned();
        if NOT_OURS.contains(&name.as_str()) || name.starts_with("x-doorward-") {
            return missing("this header is not for a configuration to set");
        }
        if parts.taken.contains(&name) {
            return missing("another entry sets the same header");
        }
        let [source] = header.values.as_slice() else {
            return missing("a header has one value");
        };
        let outcome = match source {
            Source::Claim { basic: true, .. } => missing("no password is sent to applications"),
            Source::Claim { claim, prefix, .. } => self.claimed(header, &name, claim, prefix, parts),
            Source::Env(variable) => {
                let mut from = Map::default();
                from.put("env", variable.as_str());
                parts.fixed.put(&header.name, from);
                self.before(format!(
                    "a value for {} in the environment variable {variable}",
                    header.name
                ));
                translated("`headers.static`")
            }
            Source::File(file) => {
                let mut from = Map::default();
                from.put("file", file.as_str());
                parts.fixed.put(&header.name, from);
                self.before(format!("a value for {} in the file {file}", header.name));
                translated("`headers.static`")
            }
            Source::Inline => {
                let variable = format!("DOORWARD_HEADER_{}", name.replace('-', "_").to_ascii_uppercase());
                let mut from = Map::default();
                from.put("env", variable.as_str());
                parts.fixed.put(&header.name, from);
                let what = format!(
                    "`headers.static`; the value is not repeated: put it into the environment variable {variable}"
                );
                self.before(format!(
                    "the value of {} in the environment variable {variable}",
                    header.name
                ));
                (Fate::Translated, what)
            }
        };
        if outcome.0 != Fate::Missing {
            parts.taken.push(name);
        }
        outcome
    }

    fn claimed(
        &mut self,
        header: &Injected,
        name: &str,
        claim: &str,
        prefix: &str,
        parts: &mut Parts,
    ) -> (Fate, String) {
        if !prefix.is_empty() {
            if claim == "access_token" && name == "authorization" && prefix.eq_ignore_ascii_case("bearer ") {
                parts.bearer = true;
                return translated("`headers.bearer_access_token`");
            }
            return missing(
                "nothing is put in front of a value; of tokens only the access token goes as `Authorization: Bearer`",
            );
        }
        if STANDARD.contains(&(name, claim)) {
            parts.identity = true;
            return translated("`headers.identity`, which sends the four of its kind together");
        }
        let slot = match claim {
            "access_token" => &mut parts.access_token,
            "id_token" => &mut parts.id_token,
            _ => return self.any_claim(header, claim, parts),
        };
        if slot.is_some() {
            return missing("one header carries this token");
        }
        *slot = Some(header.name.clone());
        translated("a header with this token")
    }

    fn any_claim(&mut self, header: &Injected, claim: &str, parts: &mut Parts) -> (Fate, String) {
        let path = match claim {
            "created_at" | "expires_on" | "refresh_token" => {
                return missing("applications are not told of a session, nor of what renews it");
            }
            "user" => Some("sub".to_owned()),
            "email" => Some(self.email_claim()),
            "groups" => Some(self.claim("oidc_groups_claim").unwrap_or_else(|| "groups".to_owned())),
            other => claim_path(other),
        };
        let Some(path) = path else {
            return missing("this is no claim that can be written");
        };
        parts.vouched |= claim == "email";
        parts.claims.put(&header.name, path);
        translated("`headers.claims`")
    }
}

impl Parts {
    /// Removes a header from what clients send, if it can be named there.
    fn remove(&mut self, title: &str) -> bool {
        let Ok(name) = HeaderName::from_bytes(title.as_bytes()) else {
            return false;
        };
        let name = folded(&name).into_owned();
        // The others are the gateway's to handle, or removed anyway.
        let free = !NOT_OURS.contains(&name.as_str())
            && !name.starts_with("x-doorward-")
            && STANDARD.iter().all(|(standard, _)| *standard != name);
        if free {
            self.remove.entry(name).or_insert_with(|| title.to_owned());
        }
        free
    }
}

/// Headers of answers: they were for a proxy in front that asked, and there is none now.
fn response(header: &Injected) -> (Fate, String) {
    let name = header.name.to_ascii_lowercase();
    let known = |claim: &str| STANDARD.contains(&(name.as_str(), claim));
    match header.values.as_slice() {
        [Source::Claim { claim, prefix, .. }] if prefix.is_empty() && known(claim) => {
            translated("`compatibility.oauth2_proxy` sends it to the application")
        }
        [Source::Claim { .. }] => missing("no answer says who somebody is; let the application have it by `headers`"),
        [Source::Inline | Source::Env(_) | Source::File(_)] => missing("write `response_headers.set` on the routes"),
        [] | [_, ..] => missing("a header has one value"),
    }
}

fn missing(what: &str) -> (Fate, String) {
    (Fate::Missing, what.to_owned())
}

fn translated(what: &str) -> (Fate, String) {
    (Fate::Translated, what.to_owned())
}
