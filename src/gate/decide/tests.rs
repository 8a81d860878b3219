use std::time::Duration;

use super::*;
use crate::{
    identity::certificate::tests::client,
    oidc::ProviderName,
    policy::{Access, Rule, SignInTerms, access::CertificateTest, route::tests::route},
    session::{Handle, Record, StoreKey, record::tests::record},
};

const START: UnixTime = UnixTime::from_secs(1_000_000);
const TERMS: Terms = Terms {
    idle: Duration::from_secs(7200),
    absolute: Duration::from_secs(36_000),
};

fn at(secs: u64) -> UnixTime {
    START + Duration::from_secs(secs)
}

/// A session made at [`START`] by a member of `staff` and `ops`, whose token lives an hour.
fn session(change: impl FnOnce(&mut Record)) -> Arc<Session> {
    let mut record = record(START);
    change(&mut record);
    Arc::new(Session::new(Handle::new([1; 32]), StoreKey([2; 32]), record))
}

fn plain() -> Arc<Session> {
    session(|_| {})
}

fn without_refresh_token() -> Arc<Session> {
    session(|record| record.tokens.refresh_token = None)
}

fn with(access: Access) -> Arc<Route> {
    let mut route = route("a.test /*");
    route.access = access;
    Arc::new(route)
}

fn group(name: &str) -> Access {
    Access::Rule(Rule::Group(vec![name.to_owned()]))
}

fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Admit(admission) => {
            let who = admission
                .session()
                .map_or("nobody", |session| session.record.identity.subject());
            format!("admit {who}{}", if admission.renew() { ", renew" } else { "" })
        }
        Verdict::Refuse(refusal) => refusal.code().to_owned(),
        Verdict::SignIn => "sign in".to_owned(),
    }
}

fn judged(access: Access, presence: Presence, caller: Caller, now: UnixTime) -> String {
    match judge(&with(access), None, presence, caller, &TERMS, now) {
        Decision::Settle(verdict) => word(&verdict),
        Decision::Renew(_) => "renew".to_owned(),
    }
}

fn settled(access: Access, renewal: Renewal, now: UnixTime) -> String {
    word(&settle(
        &with(access),
        None,
        &plain(),
        renewal,
        Caller::Api,
        &TERMS,
        now,
    ))
}

#[test]
fn only_an_open_route_needs_no_session() {
    let needs = |access: &Access| needs_session(AccessKind::of(access, None));
    assert!(!needs(&Access::Open));
    for access in [Access::Recognised, Access::SignedIn, group("ops")] {
        assert!(needs(&access), "{access:?}");
    }
}

#[test]
fn presence_becomes_a_standing() {
    let table = |presence: fn() -> Presence| {
        [Access::Open, Access::Recognised, Access::SignedIn, group("ops")]
            .map(|access| judged(access, presence(), Caller::Navigation, START))
    };
    assert_eq!(
        table(|| Presence::Nothing),
        ["admit nobody", "admit nobody", "sign in", "sign in"]
    );
    assert_eq!(
        table(|| Presence::Unreadable),
        ["admit nobody", "admit nobody", "sign in", "sign in"]
    );
    assert_eq!(
        table(|| Presence::Down),
        ["admit nobody", "admit nobody", "store_down", "store_down"]
    );
    assert_eq!(
        table(|| Presence::Session(plain())),
        ["admit nobody", "admit s-1", "admit s-1", "admit s-1"]
    );
}

#[test]
fn a_session_goes_through_its_life() {
    let at_secs = |secs| judged(Access::SignedIn, Presence::Session(plain()), Caller::Api, at(secs));
    assert_eq!(at_secs(0), "admit s-1");
    assert_eq!(at_secs(3590), "admit s-1, renew");
    assert_eq!(at_secs(3600), "renew");
    assert_eq!(at_secs(7200), "sign_in_needed");
    let used = session(|record| record.seen = at(35_999));
    assert_eq!(
        judged(
            Access::SignedIn,
            Presence::Session(used),
            Caller::Navigation,
            at(36_000)
        ),
        "sign in"
    );
}

#[test]
fn a_session_without_refresh_token_lives_by_its_own_terms() {
    let at_secs = |secs| {
        judged(
            Access::SignedIn,
            Presence::Session(without_refresh_token()),
            Caller::Api,
            at(secs),
        )
    };
    assert_eq!(at_secs(3590), "admit s-1");
    assert_eq!(at_secs(3600), "admit s-1");
    assert_eq!(at_secs(7199), "admit s-1");
    assert_eq!(at_secs(7200), "sign_in_needed");
}

#[test]
fn a_rule_is_judged_on_the_sessions_identity() {
    for caller in [Caller::Navigation, Caller::Api, Caller::WebSocket] {
        assert_eq!(
            judged(group("admins"), Presence::Session(plain()), caller, START),
            "not_allowed"
        );
        assert_eq!(
            judged(group("ops"), Presence::Session(plain()), caller, START),
            "admit s-1"
        );
    }
    // Renewal may bring the missing group: it is waited for.
    assert_eq!(
        judged(group("admins"), Presence::Session(plain()), Caller::Api, at(3600)),
        "renew"
    );
}

#[test]
fn a_websocket_is_renewed_first() {
    assert_eq!(
        judged(
            Access::SignedIn,
            Presence::Session(plain()),
            Caller::WebSocket,
            at(3590)
        ),
        "renew"
    );
}

#[test]
fn a_renewal_is_settled_once() {
    let renewed = || {
        Renewal::Renewed(session(|record| {
            record.tokens.access_expires = Some(at(7200));
        }))
    };
    assert_eq!(settled(Access::SignedIn, renewed(), at(3600)), "admit s-1");
    assert_eq!(settled(group("admins"), renewed(), at(3600)), "not_allowed");
    // RF-08: new tokens that are expired on arrival are used as they are.
    assert_eq!(
        settled(Access::SignedIn, Renewal::Renewed(plain()), at(3600)),
        "admit s-1"
    );
    assert_eq!(settled(Access::SignedIn, Renewal::Ended, at(3600)), "sign_in_needed");
    assert_eq!(settled(Access::Recognised, Renewal::Ended, at(3600)), "admit nobody");
    // RF-09
    assert_eq!(settled(Access::SignedIn, renewed(), at(36_000)), "sign_in_needed");
}

#[test]
fn a_failed_renewal_leaves_the_session() {
    let down = || Renewal::ProviderDown { retry_after: None };
    assert_eq!(settled(Access::SignedIn, down(), at(3600)), "provider_down");
    assert_eq!(settled(Access::SignedIn, Renewal::StoreDown, at(3600)), "store_down");
    assert_eq!(settled(Access::Recognised, down(), at(3600)), "admit nobody");
    assert_eq!(
        settled(Access::Recognised, Renewal::StoreDown, at(3600)),
        "admit nobody"
    );
    // The token is good still: only a WebSocket comes here with one.
    assert_eq!(settled(Access::SignedIn, down(), at(3590)), "admit s-1");
    assert_eq!(settled(Access::SignedIn, Renewal::StoreDown, at(3590)), "admit s-1");
    assert_eq!(settled(group("admins"), down(), at(3590)), "not_allowed");
}

// GW-02
#[test]
fn a_renewal_that_another_replica_does_not_finish_is_not_the_providers_fault() {
    let retry_after = Some(Duration::from_secs(13));
    let elsewhere = || Renewal::Elsewhere { retry_after };
    assert_eq!(elsewhere().retry_after(), retry_after);
    assert_eq!(settled(Access::SignedIn, elsewhere(), at(3600)), "renewing_elsewhere");
    assert_eq!(settled(Access::Recognised, elsewhere(), at(3600)), "admit nobody");
    assert_eq!(
        settled(Access::SignedIn, elsewhere(), at(3590)),
        "admit s-1",
        "the token is good still"
    );
    assert_eq!(settled(group("admins"), elsewhere(), at(3590)), "not_allowed");
}

fn demanding(access: Access, change: impl FnOnce(&mut SignInTerms)) -> Arc<Route> {
    let mut route = route("a.test /*");
    route.access = access;
    change(&mut route.sign_in);
    Arc::new(route)
}

/// What a navigation and a program are told, in their order.
fn told(route: &Arc<Route>, now: UnixTime) -> [String; 2] {
    [Caller::Navigation, Caller::Api].map(|caller| {
        match judge(
            route,
            None,
            Presence::Session(without_refresh_token()),
            caller,
            &TERMS,
            now,
        ) {
            Decision::Settle(verdict) => word(&verdict),
            Decision::Renew(_) => "renew".to_owned(),
        }
    })
}

// ID-12, AR-17: the session's person showed up at the provider at 900 s, 1_000_000 s before it was made, without `acr`.
#[test]
fn a_session_that_is_not_signed_in_as_demanded_signs_in_again() {
    let again = ["sign in", "step_up_needed"];
    let strong = |terms: &mut SignInTerms| terms.acr_values = vec!["mfa".to_owned()];
    let recent = |terms: &mut SignInTerms| terms.max_age = Some(Duration::from_secs(3600));
    let elsewhere = |terms: &mut SignInTerms| terms.provider = ProviderName::new("partners");
    for access in [Access::SignedIn, group("ops"), group("admins")] {
        assert_eq!(told(&demanding(access.clone(), strong), START), again, "{access:?}");
        assert_eq!(told(&demanding(access.clone(), recent), START), again, "{access:?}");
        assert_eq!(told(&demanding(access.clone(), elsewhere), START), again, "{access:?}");
    }
    let nobody = ["admit nobody", "admit nobody"];
    assert_eq!(told(&demanding(Access::Recognised, strong), START), nobody);
    assert_eq!(told(&demanding(Access::Open, strong), START), nobody);
    let named = Access::Rule(Rule::Provider(vec![ProviderName::new("corporate")]));
    let also = |terms: &mut SignInTerms| {
        elsewhere(terms);
        terms.also = vec![ProviderName::new("corporate")];
    };
    assert_eq!(told(&demanding(named, also), START), ["admit s-1", "admit s-1"]);
}

#[test]
fn judge_and_the_table_agree() {
    for access in [
        Access::Open,
        Access::Recognised,
        Access::SignedIn,
        group("ops"),
        group("admins"),
    ] {
        for caller in [Caller::Navigation, Caller::Api, Caller::WebSocket] {
            for now in [START, at(3590), at(3600), at(7200), at(40_000)] {
                for session in [plain(), without_refresh_token()] {
                    let presence = Presence::Session(session);
                    let standing = before_renewal(&with(access.clone()), None, &presence, &TERMS, now);
                    let row = table::rule(AccessKind::of(&access, None), standing, caller);
                    let word = judged(access.clone(), presence, caller, now);
                    assert_eq!(row == Row::Renew, word == "renew", "{access:?} {standing:?}");
                    assert_eq!(row == Row::Anonymous, word == "admit nobody", "{access:?} {standing:?}");
                    assert_ne!(word, "internal", "{access:?} {standing:?}");
                }
            }
        }
    }
}

#[test]
fn a_row_without_its_session_closes() {
    for row in [Row::Identified, Row::IdentifiedAndRenew, Row::Renew] {
        assert_eq!(word(&verdict(&with(Access::SignedIn), row, None)), "internal");
    }
}

#[test]
fn a_certificate_counts_only_while_it_is_valid() {
    let shown = client("till-1", &[]);
    let route = with(Access::Rule(Rule::ClientCertificate(CertificateTest::Any)));
    let ended = UnixTime::from_secs(4_200_000_000);
    for (now, expected) in [(START, "admit s-1"), (ended, "certificate_needed")] {
        let (certificate, presence) = (Some(&shown), Presence::Session(plain()));
        let Decision::Settle(verdict) = judge(&route, certificate, presence, Caller::Api, &TERMS, now) else {
            panic!("nothing to renew")
        };
        if now == ended {
            assert_eq!(word(&verdict), expected);
        }
        // As after a renewal that took so long.
        let verdict = settle(
            &route,
            certificate,
            &plain(),
            Renewal::StoreDown,
            Caller::Api,
            &TERMS,
            now,
        );
        assert_eq!(word(&verdict), expected);
    }
}

#[test]
fn a_certificate_is_judged_with_the_person_or_without() {
    let shown = client("till-1", &[]);
    let named = |name: &str| Rule::ClientCertificate(CertificateTest::Subject(vec![name.to_owned()]));
    let staff = || Rule::Group(vec!["staff".to_owned()]);
    let admins = || Rule::Group(vec!["admins".to_owned()]);
    let till = || named("CN=till-1");
    let judged = |rule: Rule, certificate, presence| {
        let route = with(Access::Rule(rule));
        match judge(&route, certificate, presence, Caller::Navigation, &TERMS, START) {
            Decision::Settle(verdict) => word(&verdict),
            Decision::Renew(_) => "renew".to_owned(),
        }
    };
    // Nobody, somebody of staff, and with the store down; each with the certificate and without.
    for (rule, expected) in [
        (
            till(),
            [
                "admit nobody",
                "certificate_needed",
                "admit s-1",
                "certificate_needed",
                "admit nobody",
                "certificate_needed",
            ],
        ),
        (named("CN=desk"), ["certificate_needed"; 6]),
        (
            Rule::All(vec![till(), staff()]),
            [
                "sign in",
                "certificate_needed",
                "admit s-1",
                "certificate_needed",
                "store_down",
                "certificate_needed",
            ],
        ),
        (
            Rule::All(vec![till(), admins()]),
            [
                "sign in",
                "certificate_needed",
                "not_allowed",
                "certificate_needed",
                "store_down",
                "certificate_needed",
            ],
        ),
        (
            Rule::Any(vec![till(), staff()]),
            [
                "admit nobody",
                "sign in",
                "admit s-1",
                "admit s-1",
                "admit nobody",
                "store_down",
            ],
        ),
        (
            Rule::Not(Box::new(till())),
            [
                "certificate_needed",
                "sign in",
                "certificate_needed",
                "admit s-1",
                "certificate_needed",
                "store_down",
            ],
        ),
    ] {
        let mut found = Vec::new();
        for presence in [Presence::Nothing, Presence::Session(plain()), Presence::Down] {
            for certificate in [Some(&shown), None] {
                found.push(judged(rule.clone(), certificate, presence.clone()));
            }
        }
        assert_eq!(found, expected, "{rule}");
    }
}
