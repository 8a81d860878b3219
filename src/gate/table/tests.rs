use super::*;

fn after_renewal(standing: StandingKind) -> bool {
    match standing {
        StandingKind::Renewed(_)
        | StandingKind::StillGood(_)
        | StandingKind::Ended
        | StandingKind::ProviderDown
        | StandingKind::RenewingElsewhere
        | StandingKind::RenewalStoreDown => true,
        StandingKind::Nothing
        | StandingKind::Unreadable
        | StandingKind::Idle
        | StandingKind::Over
        | StandingKind::StoreDown
        | StandingKind::Live(..) => false,
    }
}

fn down(standing: StandingKind) -> bool {
    matches!(
        standing,
        StandingKind::StoreDown
            | StandingKind::RenewalStoreDown
            | StandingKind::ProviderDown
            | StandingKind::RenewingElsewhere
    )
}

/// Whether there is a session to speak for somebody.
fn somebody(standing: StandingKind) -> bool {
    standing.fit().is_some()
}

fn protected(access: AccessKind) -> bool {
    matches!(access, AccessKind::SignedIn | AccessKind::Rule)
}

fn identified(row: Row) -> bool {
    matches!(row, Row::Identified | Row::IdentifiedAndRenew)
}

fn admits(row: Row) -> bool {
    identified(row) || row == Row::Anonymous
}

#[test]
fn the_table() {
    let lines: Vec<String> = rows().iter().map(Line::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn the_table_is_whole() {
    let rows = rows();
    // 15 standings, 6 of them twice where a sign-in can be demanded, and once more where there is a rule; six accesses; three
    // callers.
    assert_eq!(rows.len(), (15 + 2 * 21 + 27 + 21 + 15) * 3);
    let lines: std::collections::HashSet<String> = rows
        .iter()
        .map(|line| describe(line.access, line.standing, line.caller))
        .collect();
    assert_eq!(lines.len(), rows.len());
}

#[test]
fn an_open_route_asks_nothing() {
    for line in rows().iter().filter(|line| line.access == AccessKind::Open) {
        assert_eq!(line.row, Row::Anonymous, "{line}");
    }
}

#[test]
fn a_recognising_route_never_refuses() {
    for line in rows().iter().filter(|line| line.access == AccessKind::Recognised) {
        assert!(admits(line.row) || line.row == Row::Renew, "{line}");
    }
}

#[test]
fn a_certificate_that_meets_the_rule_is_as_being_recognised() {
    for line in rows().iter().filter(|line| line.access == AccessKind::Certified) {
        let recognised = rule(AccessKind::Recognised, line.standing, line.caller);
        assert_eq!(line.row, recognised, "{line}");
    }
}

#[test]
fn nobody_signs_in_where_no_sign_in_could_help() {
    for line in rows().iter().filter(|line| line.access == AccessKind::Uncertified) {
        assert_eq!(line.row, Row::Refuse(Refusal::CertificateNeeded), "{line}");
    }
}

#[test]
fn nobody_passes_where_a_session_is_needed() {
    for line in rows().iter().filter(|line| protected(line.access)) {
        assert_ne!(line.row, Row::Anonymous, "{line}");
        assert!(!admits(line.row) || somebody(line.standing), "{line}");
    }
}

#[test]
fn identity_comes_from_a_session_only() {
    for line in rows()
        .iter()
        .filter(|line| identified(line.row) || line.row == Row::Renew)
    {
        assert!(somebody(line.standing), "{line}");
    }
}

#[test]
fn an_unmet_rule_never_admits_whatever_the_access() {
    for line in rows().iter().filter(|line| line.standing.fit() == Some(Fit::Unmet)) {
        assert!(
            matches!(line.row, Row::Refuse(Refusal::NotAllowed) | Row::Renew),
            "{line}"
        );
    }
    for standing in StandingKind::all()
        .into_iter()
        .filter(|standing| standing.fit() == Some(Fit::Unmet))
    {
        for access in [AccessKind::Recognised, AccessKind::SignedIn, AccessKind::Rule] {
            assert!(
                !identified(rule(access, standing, Caller::Api)),
                "{access:?} {standing:?}"
            );
        }
    }
}

#[test]
fn an_unmet_rule_never_leads_to_a_sign_in_loop() {
    let stepped_up = |line: &&Line| somebody(line.standing) && line.standing.fit() != Some(Fit::StepUp);
    for line in rows().iter().filter(stepped_up) {
        assert_ne!(line.row, Row::SignIn, "{line}");
        assert_ne!(line.row, Row::Refuse(Refusal::StepUpNeeded), "{line}");
        assert_ne!(line.row, Row::Refuse(Refusal::SignInNeeded), "{line}");
    }
}

// ID-12, AR-17
#[test]
fn whoever_is_not_signed_in_as_demanded_is_nobody_there() {
    let unmet = StandingKind::all()
        .into_iter()
        .filter(|one| one.fit() == Some(Fit::StepUp));
    for standing in unmet {
        for access in [AccessKind::Recognised, AccessKind::SignedIn, AccessKind::Rule] {
            for caller in [Caller::Navigation, Caller::Api, Caller::WebSocket] {
                let row = rule(access, standing, caller);
                assert!(!identified(row), "{access:?} {standing:?} {caller:?}");
            }
        }
    }
}

#[test]
fn what_is_down_answers_503_and_nothing_else() {
    for line in rows()
        .iter()
        .filter(|line| protected(line.access) && down(line.standing))
    {
        let Row::Refuse(refusal) = line.row else {
            panic!("{line}")
        };
        assert_eq!(refusal.status(), 503, "{line}");
    }
    for line in rows() {
        if matches!(line.row, Row::Refuse(refusal) if refusal.status() == 503) {
            assert!(down(line.standing), "{line}");
        }
    }
}

#[test]
fn browsers_are_sent_to_sign_in_and_programs_get_401() {
    // AR-21
    for line in rows() {
        match line.row {
            Row::SignIn => assert_eq!(line.caller, Caller::Navigation, "{line}"),
            Row::Refuse(Refusal::SignInNeeded | Refusal::StepUpNeeded) => {
                assert_ne!(line.caller, Caller::Navigation, "{line}");
            }
            Row::Anonymous | Row::Identified | Row::IdentifiedAndRenew | Row::Renew | Row::Refuse(_) => {}
        }
    }
}

#[test]
fn nothing_renews_twice() {
    for line in rows().iter().filter(|line| after_renewal(line.standing)) {
        assert!(!matches!(line.row, Row::Renew | Row::IdentifiedAndRenew), "{line}");
    }
}

#[test]
fn only_what_can_be_renewed_is_renewed() {
    for line in rows()
        .iter()
        .filter(|line| matches!(line.row, Row::Renew | Row::IdentifiedAndRenew))
    {
        let renewable = matches!(
            line.standing,
            StandingKind::Live(Freshness::Due | Freshness::Expired, _)
        );
        assert!(renewable, "{line}");
    }
}

#[test]
fn an_expired_token_is_waited_for_before_anything_is_decided() {
    for line in rows() {
        let asks = !matches!(line.access, AccessKind::Open | AccessKind::Uncertified);
        if matches!(line.standing, StandingKind::Live(Freshness::Expired, _)) && asks {
            assert_eq!(line.row, Row::Renew, "{line}");
        }
    }
}

#[test]
fn a_websocket_is_answered_like_a_program_but_renewed_first() {
    for line in rows().iter().filter(|line| line.caller == Caller::WebSocket) {
        let api = rule(line.access, line.standing, Caller::Api);
        let asks = !matches!(line.access, AccessKind::Open | AccessKind::Uncertified);
        let due = matches!(line.standing, StandingKind::Live(Freshness::Due, _)) && asks;
        assert_eq!(line.row, if due { Row::Renew } else { api }, "{line}");
    }
}

#[test]
fn a_wider_access_never_answers_less() {
    let rank = |row: Row| u8::from(admits(row) || row == Row::Renew);
    for standing in StandingKind::all() {
        for caller in [Caller::Navigation, Caller::Api, Caller::WebSocket] {
            let rank = |access| rank(rule(access, standing, caller));
            assert!(rank(AccessKind::Open) >= rank(AccessKind::Recognised));
            assert!(
                rank(AccessKind::Recognised) >= rank(AccessKind::SignedIn),
                "{standing:?}"
            );
            assert!(rank(AccessKind::SignedIn) >= rank(AccessKind::Rule), "{standing:?}");
            assert!(rank(AccessKind::Rule) >= rank(AccessKind::Uncertified), "{standing:?}");
        }
    }
}
