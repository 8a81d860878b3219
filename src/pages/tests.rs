//! Every page, looked at as text.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest::{SHA256, digest};

use super::*;
use crate::{
    gate::{Refusal, SignInFailure},
    time::UnixTime,
};

const REQUEST_ID: &str = "01JD9Q7W3V";
const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}";

const REFUSALS: [Refusal; 36] = [
    Refusal::BadTarget,
    Refusal::BadHost,
    Refusal::BadHeader,
    Refusal::Method,
    Refusal::RequestSlow,
    Refusal::BodyTooLarge,
    Refusal::TargetTooLong,
    Refusal::HeadTooLarge,
    Refusal::TooManyRequests,
    Refusal::TooManySignIns,
    Refusal::NotFound,
    Refusal::SignInNeeded,
    Refusal::StepUpNeeded,
    Refusal::NotAllowed,
    Refusal::CertificateNeeded,
    Refusal::CrossSite,
    Refusal::StoreDown,
    Refusal::ProviderDown,
    Refusal::RenewingElsewhere,
    Refusal::UpstreamUnreachable,
    Refusal::UpstreamSlow,
    Refusal::UpstreamInvalid,
    Refusal::Internal,
    Refusal::SignInFailed(SignInFailure::NoAttempt),
    Refusal::SignInFailed(SignInFailure::Expired),
    Refusal::SignInFailed(SignInFailure::Malformed),
    Refusal::SignInFailed(SignInFailure::WrongIssuer),
    Refusal::SignInFailed(SignInFailure::Denied),
    Refusal::SignInFailed(SignInFailure::ProviderError),
    Refusal::SignInFailed(SignInFailure::CodeRefused),
    Refusal::SignInFailed(SignInFailure::ClientRejected),
    Refusal::SignInFailed(SignInFailure::TokenInvalid),
    Refusal::SignInFailed(SignInFailure::UserInfoInvalid),
    Refusal::SignInFailed(SignInFailure::ClockSkew),
    Refusal::SignInFailed(SignInFailure::StepUpUnmet),
    Refusal::SignInFailed(SignInFailure::SignedOut),
];

fn sign_out<'a>() -> Action<'a> {
    Action {
        path: "/.doorward/sign-out",
        fields: &[],
        leads_to: &["https://idp.example"],
    }
}

fn devices_of(agent: &str, address: &str) -> Page {
    let now = UnixTime::from_secs(1_795_425_514);
    let before = |secs| UnixTime::from_secs(now.secs() - secs);
    let this = Device {
        id: "aB-_1",
        agent: Some(agent),
        address: Some(address),
        signed_in: before(7200),
        used: before(30),
        is_this: true,
    };
    let other = Device {
        id: "cD\"&2",
        used: before(3600),
        is_this: false,
        ..this
    };
    let unknown = Device {
        agent: None,
        address: None,
        ..other
    };
    own_sessions(&OwnSessions {
        request_id: REQUEST_ID,
        now,
        devices: &[this, other, unknown],
        path: "/.doorward/sessions",
        sign_out: "/.doorward/sign-out",
    })
}

fn whoami_of<'a>(name: &'a str, groups: &'a [&'a str], claims: &'a [(&'a str, &'a str)]) -> Page {
    let now = UnixTime::from_secs(1_795_425_514);
    let after = |secs| UnixTime::from_secs(now.secs() + secs);
    whoami(&WhoAmI {
        request_id: REQUEST_ID,
        name: Some(name),
        email: Some("ada@example.com"),
        subject: "248289761001",
        issuer: "https://idp.example",
        groups,
        claims,
        times: Times {
            now,
            signed_in: after(-3_000),
            idle_end: Some(after(1_800)),
            end: after(30_000),
            token_end: Some(after(25)),
        },
        sign_out: sign_out(),
    })
}

/// Every page the product has, named.
fn all_pages() -> Vec<(String, Page)> {
    let context = Context {
        request_id: REQUEST_ID,
        who: None,
        missing: None,
        start_again: None,
        switch_account: None,
        retry_after: None,
    };
    let mut pages: Vec<_> = REFUSALS
        .iter()
        .map(|kind| {
            #[expect(clippy::wildcard_enum_match_arm, reason = "few kinds have more to show")]
            let context = match kind {
                Refusal::NotAllowed => Context {
                    who: Some("grace@example.com"),
                    missing: Some("group “admins”"),
                    switch_account: Some("/.doorward/sign-in?return_to=%2Fadmin%3Fa%3D1%26b%3D2&switch=1"),
                    ..context
                },
                Refusal::SignInFailed(_) | Refusal::SignInNeeded | Refusal::StepUpNeeded => Context {
                    start_again: Some("/.doorward/sign-in?return_to=%2Freport"),
                    ..context
                },
                Refusal::ProviderDown | Refusal::RenewingElsewhere | Refusal::StoreDown => Context {
                    retry_after: Some(30),
                    ..context
                },
                _ => context,
            };
            (kind.code().to_owned(), refusal(*kind, &context))
        })
        .collect();
    let claims = [
        ("email_verified", "true"),
        ("groups", "[\"engineering\",\"admins\"]"),
        ("acr", "mfa"),
    ];
    pages.push((
        "whoami".into(),
        whoami_of("Ada Lovelace", &["engineering", "admins"], &claims),
    ));
    let signed_out_facts = SignedOut {
        request_id: REQUEST_ID,
        sign_in: Some("/"),
        provider_session_may_remain: true,
    };
    pages.push(("signed-out".into(), signed_out(&signed_out_facts)));
    let question = ConfirmSignOut {
        request_id: REQUEST_ID,
        who: Some("ada@example.com"),
        stay: Some("/"),
        action: sign_out(),
    };
    pages.push(("confirm-sign-out".into(), confirm_sign_out(&question)));
    let step = FinishSignOut {
        request_id: REQUEST_ID,
        endpoint: "https://idp.example/end?tenant=7",
        origin: "https://idp.example",
        fields: &[("client_id", "doorward"), ("id_token_hint", "a.b.c")],
        stay: Some("/.doorward/signed-out?local"),
    };
    pages.push(("finish-sign-out".into(), finish_sign_out(&step)));
    pages.push(("own-sessions".into(), devices_of("Firefox on Linux", "203.0.113.0/24")));
    pages
}

/// The text between the first `start` and the next `end`.
fn between<'a>(html: &'a str, start: &str, end: &str) -> &'a str {
    html.split_once(start)
        .and_then(|(_, rest)| rest.split_once(end))
        .map_or("", |(inner, _)| inner)
}

#[test]
fn every_page_as_it_is() {
    for (name, page) in all_pages() {
        insta::assert_snapshot!(name.replace('_', "-"), page.html.replace(STYLE, "[style]"));
    }
}

#[test]
fn every_page_can_be_read_aloud_and_runs_no_script() {
    for (name, Page { html, .. }) in all_pages() {
        assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">"), "{name}");
        assert!(!between(&html, "<title>", "</title>").is_empty(), "{name} has no title");
        for (tag, times) in [("<main", 1), ("</main>", 1), ("<h1", 1), ("<title>", 1)] {
            assert_eq!(html.matches(tag).count(), times, "{name}: {tag}");
        }
        assert!(html.contains(REQUEST_ID), "{name} has no request id");
        let lower = html.to_ascii_lowercase();
        for unwanted in [
            "<script",
            "javascript:",
            " style=",
            " onclick=",
            "<link",
            "<img",
            "src=",
        ] {
            assert!(!lower.contains(unwanted), "{name} has {unwanted}");
        }
    }
}

#[test]
fn the_policy_names_the_style_that_is_there() {
    for (name, page) in all_pages() {
        let style = between(&page.html, "<style>", "</style>");
        let hash = STANDARD.encode(digest(&SHA256, style.as_bytes()));
        assert!(
            page.csp.contains(&format!("style-src 'sha256-{hash}';")),
            "{name}: {}",
            page.csp
        );
        let forms = if name == "own-sessions" {
            "form-action 'self';"
        } else if page.html.contains("<form") {
            "form-action 'self' https://idp.example;"
        } else {
            "form-action 'none';"
        };
        assert!(page.csp.contains(forms), "{name}: {}", page.csp);
    }
}

#[test]
fn hostile_values_are_text() {
    let context = Context {
        request_id: HOSTILE,
        who: Some(HOSTILE),
        missing: Some(HOSTILE),
        start_again: Some("/x\"><script>alert(1)</script>"),
        switch_account: Some("/x\"><script>alert(1)</script>"),
        retry_after: None,
    };
    let action = Action {
        path: HOSTILE,
        fields: &[(HOSTILE, HOSTILE)],
        leads_to: &[HOSTILE],
    };
    let question = ConfirmSignOut {
        request_id: HOSTILE,
        who: Some(HOSTILE),
        stay: None,
        action,
    };
    let pages = [
        refusal(Refusal::NotAllowed, &context),
        confirm_sign_out(&question),
        whoami_of(HOSTILE, &[HOSTILE], &[(HOSTILE, HOSTILE)]),
        devices_of(HOSTILE, HOSTILE),
    ];
    for Page { html, csp } in pages {
        assert!(!html.contains("<script"), "{html}");
        assert!(!html.contains("<img"), "{html}");
        assert!(html.contains("{{7*7}}"));
        assert!(!csp.contains("script"), "{csp}");
    }
}

#[test]
fn links_that_leave_the_site_are_left_out() {
    let context = Context {
        request_id: REQUEST_ID,
        start_again: Some("//evil.example/"),
        switch_account: Some("javascript:alert(1)"),
        ..Context::default()
    };
    let html = refusal(Refusal::NotAllowed, &context).html;
    assert!(!html.contains("evil") && !html.contains("href"), "{html}");
    assert!(!problem(Refusal::SignInNeeded, &context).contains("evil"));
}

#[test]
fn a_problem_names_itself_and_the_way_to_sign_in() {
    let context = Context {
        request_id: REQUEST_ID,
        start_again: Some("/.doorward/sign-in?return_to=%2F"),
        ..Context::default()
    };
    insta::assert_snapshot!(problem(Refusal::SignInNeeded, &context), @r#"{"type":"urn:doorward:problem:sign_in_needed","title":"Please sign in","status":401,"detail":"This address is for people who are signed in.","instance":"urn:request-id:01JD9Q7W3V","sign_in":"/.doorward/sign-in?return_to=%2F"}"#);
    let context = Context {
        request_id: "a b\"/é",
        missing: Some("group \"x\""),
        ..Context::default()
    };
    insta::assert_snapshot!(problem(Refusal::NotAllowed, &context), @r#"{"type":"urn:doorward:problem:not_allowed","title":"You do not have access","status":403,"detail":"This page is not open to your account.","instance":"urn:request-id:a%20b%22%2F%C3%A9","missing":"group \"x\""}"#);
    let context = Context {
        request_id: REQUEST_ID,
        retry_after: Some(5),
        ..Context::default()
    };
    insta::assert_snapshot!(problem(Refusal::StoreDown, &context), @r#"{"type":"urn:doorward:problem:store_down","title":"Your session cannot be looked up right now","status":503,"detail":"The place where sessions are kept cannot be reached. You have not been signed out.","instance":"urn:request-id:01JD9Q7W3V","retry_after":5}"#);
}

#[test]
fn names_are_unique_and_statuses_fit() {
    let mut codes: Vec<_> = REFUSALS.iter().map(|kind| kind.code()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), REFUSALS.len());
    for kind in REFUSALS {
        let words = words::words(kind);
        assert!(
            words.title.len() < 60 && words.detail.ends_with('.') && words.advice.ends_with('.'),
            "{words:?}"
        );
    }
}
