//! Between two versions of a provider's settings: what differs, and what of the one the other takes over.

use super::{ClientAuth, Logout, Settings, UserInfoUse};
use crate::{
    identity::{ClaimNames, ClaimPath},
    policy::difference::{Difference, Differences, list, optional, time},
};

/// What becomes of a provider at a reload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Succession {
    /// It is as it was.
    Keep,
    /// It goes on under other settings: metadata, keys and what renewals met are known as before.
    Adapt,
    /// It begins anew: what is known of it is asked for again.
    Make,
}

impl Settings {
    /// What becomes of a provider with these settings when it is to have others.
    #[must_use]
    pub fn succession(&self, wanted: &Self) -> Succession {
        // Everything that a client, discovery and keys are made of.
        let reached = |settings: &Self| {
            (
                settings.name.clone(),
                settings.issuer.clone(),
                settings.allow_http,
                settings.ca_pem.clone(),
                settings.connect_timeout,
                settings.timeout,
            )
        };
        if self == wanted {
            Succession::Keep
        } else if reached(self) == reached(wanted) {
            Succession::Adapt
        } else {
            Succession::Make
        }
    }

    /// What differs in other settings, in the words of the configuration. No secret is shown.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let Self {
            name: _,
            issuer,
            client_id,
            client_auth,
            scopes,
            algs,
            userinfo,
            mapped_claims,
            claim_names,
            extra,
            ca_pem,
            allow_http,
            logout,
            connect_timeout,
            timeout,
            skew,
        } = self;
        let mut found = Differences::default();
        let issuers = [issuer, &other.issuer];
        found.note("issuer", issuers, |issuer| issuer.as_str().to_owned());
        found.note_shown("client_id", [client_id, &other.client_id]);
        found.note("client_auth", [client_auth, &other.client_auth], proof);
        found.note("scopes", [scopes, &other.scopes], list(String::clone));
        found.note("algorithms", [algs, &other.algs], list(String::clone));
        found.note("userinfo", [userinfo, &other.userinfo], |when| userinfo_words(*when));
        claims(&mut found, [claim_names, &other.claim_names]);
        let mapped = [mapped_claims, &other.mapped_claims];
        found.note("claims that routes and headers use", mapped, list(String::clone));
        found.note("extra_parameters", [extra, &other.extra], |extra| {
            list(String::clone)(&extra.keys().cloned().collect())
        });
        let authorities = optional(|_: &Vec<u8>| "certificates of its own".to_owned());
        found.note("ca_file", [ca_pem, &other.ca_pem], authorities);
        found.note_shown("insecure_http_issuer", [allow_http, &other.allow_http]);
        ways_out(&mut found, [logout, &other.logout]);
        found.note("connect_timeout", [connect_timeout, &other.connect_timeout], time);
        found.note("timeout", [timeout, &other.timeout], time);
        found.note("clock_skew", [skew, &other.skew], time);
        found.into_list()
    }
}

fn proof(auth: &ClientAuth) -> String {
    match auth {
        ClientAuth::Basic(_) => "basic, with a secret",
        ClientAuth::Post(_) => "post, with a secret",
        ClientAuth::None => "none",
    }
    .to_owned()
}

fn userinfo_words(when: UserInfoUse) -> String {
    match when {
        UserInfoUse::Never => "never",
        UserInfoUse::WhenMissing => "when_missing",
        UserInfoUse::Always => "always",
    }
    .to_owned()
}

fn claims(found: &mut Differences, [before, after]: [&ClaimNames; 2]) {
    let ClaimNames {
        email,
        groups,
        name,
        preferred_username,
    } = before;
    found.note("claims.email", [email, &after.email], ClaimPath::to_string);
    found.note("claims.groups", [groups, &after.groups], ClaimPath::to_string);
    found.note("claims.name", [name, &after.name], ClaimPath::to_string);
    let names = [preferred_username, &after.preferred_username];
    found.note("claims.preferred_username", names, ClaimPath::to_string);
}

fn ways_out(found: &mut Differences, [before, after]: [&Logout; 2]) {
    let Logout {
        rp_initiated,
        revoke,
        front_channel,
    } = before;
    found.note_shown("rp_initiated_logout", [rp_initiated, &after.rp_initiated]);
    found.note_shown("revoke_at_sign_out", [revoke, &after.revoke]);
    found.note_shown("front_channel_logout", [front_channel, &after.front_channel]);
}
