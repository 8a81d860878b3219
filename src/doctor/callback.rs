//! Whether a provider knows the addresses that people come back to.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::{Finding, Surgery};
use crate::{
    config::Plan,
    flow::Registration,
    oidc::Metadata,
    provider::{Known, Provider, Speaks},
};

pub(super) async fn callbacks(
    surgery: &Surgery,
    of: &str,
    provider: &Provider,
    metadata: &Metadata,
    plan: &Plan,
) -> Vec<Finding> {
    let listeners = plan.ways_in();
    let name = &provider.settings().name;
    let addresses = Registration::of(name, plan.default_provider.as_ref(), &plan.site, &listeners).redirect_uris;
    if addresses.is_empty() {
        return vec![Finding::ok(
            "callback",
            of,
            "no route signs in with it: there is nothing to register",
        )];
    }
    let (open, fixed): (BTreeSet<String>, BTreeSet<String>) =
        addresses.into_iter().partition(|uri| uri.contains("://*"));
    let looks = fixed.iter().map(|uri| async move {
        match surgery.within(provider.knows(metadata, uri)).await {
            Ok(Ok(known)) => callback(of, uri, &known),
            Ok(Err(down)) => unseen(of, uri, &down.cause),
            Err(late) => unseen(of, uri, &late),
        }
    });
    let mut found = join_all(looks).await;
    found.extend(
        open.iter()
            .map(|uri| unseen(of, uri, "it stands for several hosts; register each that people open")),
    );
    found
}

fn unseen(of: &str, uri: &str, why: &str) -> Finding {
    let seen = format!("whether {uri} is registered cannot be seen: {why}");
    Finding::unseen("callback", of, seen).advise("look at the client's redirect URIs at the provider")
}

fn callback(of: &str, uri: &str, known: &Known) -> Finding {
    let advice = format!("register {uri} as a redirect URI of the client, to the byte");
    match known {
        // What a silent sign-in comes to where nobody is signed in (OpenID Connect Core 1.0 section 3.1.2.6).
        Known::Yes(None) => Finding::ok("callback", of, format!("{uri} is known there")),
        Known::Yes(Some(code)) if is_silence(code) => Finding::ok("callback", of, format!("{uri} is known there")),
        Known::Yes(Some(code)) => {
            let seen = format!("{uri} is known there, and the sign-in is refused with {code}");
            Finding::warn("callback", of, seen).advise("look at the scopes, grants and response types of the client")
        }
        Known::No(status, Speaks::Redirect) => {
            let seen = format!("{uri} is refused: status {status}, and the page speaks of the redirect URI");
            Finding::fail("callback", of, seen).advise(advice)
        }
        Known::No(status, Speaks::Client) => {
            let seen = format!("the sign-in is refused: status {status}, and the page speaks of the client");
            Finding::fail("callback", of, seen).advise("look at `client_id`, and whether the client is switched on")
        }
        Known::No(status, Speaks::Neither) => {
            let seen = format!("{uri}: the sign-in is refused with status {status}");
            let more = format!("{advice}; look at `client_id`, too");
            Finding::fail("callback", of, seen).advise(more)
        }
        Known::Unseen(what) => unseen(of, uri, &format!("it answered with {what}")),
    }
}

fn is_silence(code: &str) -> bool {
    let codes = [
        "login_required",
        "interaction_required",
        "consent_required",
        "account_selection_required",
    ];
    codes.contains(&code)
}
