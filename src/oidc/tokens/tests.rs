use serde_json::json;

use super::*;

fn good() -> Value {
    json!({
        "access_token": "at-1", "token_type": "Bearer", "expires_in": 300, "refresh_token": "rt-1",
        "id_token": "a.b.c", "scope": "openid email",
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut answer = good();
    answer[name] = value;
    answer
}

fn parse(status: u16, body: &str) -> Result<TokenSet, TokenError> {
    TokenSet::parse(status, Some("application/json"), None, body.as_bytes())
}

fn ok(answer: &Value) -> TokenSet {
    parse(200, &answer.to_string()).unwrap()
}

#[test]
fn a_good_answer_is_read() {
    // TE-06, TE-10
    let tokens = ok(&good());
    assert_eq!(tokens.access_token.expose(), "at-1");
    assert_eq!(tokens.expires_in, Some(Duration::from_secs(300)));
    assert_eq!(tokens.refresh_token.unwrap().expose(), "rt-1");
    assert_eq!(tokens.id_token.unwrap().expose(), "a.b.c");
    assert_eq!(tokens.scope.unwrap(), "openid email");
}

#[test]
fn what_may_be_missing_may_be_missing() {
    // TE-06, RF-05
    for nothing in [json!(null), json!("")] {
        let tokens = ok(&with("refresh_token", nothing.clone()));
        assert!(tokens.refresh_token.is_none());
        assert!(ok(&with("id_token", nothing.clone())).id_token.is_none());
        assert!(ok(&with("scope", nothing)).scope.is_none());
    }
    let least = ok(&json!({"access_token": "a", "token_type": "bearer"}));
    assert!(least.expires_in.is_none() && least.refresh_token.is_none());
}

#[test]
fn odd_lifetimes() {
    // TE-06, RF-08
    let secs = |n| Some(Duration::from_secs(n));
    let longest = Some(LONGEST_LIFE);
    for (written, read) in [
        (json!(1), secs(1)),
        (json!(300.9), secs(300)),
        (json!("300"), secs(300)),
        (json!(" 300.5 "), secs(300)),
        (json!(0), None),
        (json!(0.5), None),
        (json!(-1), None),
        (json!("-300"), None),
        (json!("soon"), None),
        (json!("NaN"), None),
        (json!(""), None),
        (json!(null), None),
        (json!(true), None),
        (json!([300]), None),
        (json!(1e300), longest),
        (json!("1e300"), longest),
        (json!("inf"), longest),
        (json!(u64::MAX), longest),
        (json!(i64::MIN), None),
    ] {
        assert_eq!(ok(&with("expires_in", written.clone())).expires_in, read, "{written}");
    }
}

#[test]
fn other_answers_with_status_200_are_malformed() {
    // TE-06, TE-07
    for answer in [
        with("token_type", json!("DPoP")),
        with("token_type", json!("mac")),
        with("token_type", json!(null)),
        with("token_type", json!(["Bearer"])),
        with("access_token", json!(null)),
        with("access_token", json!("")),
        with("access_token", json!(7)),
        with("access_token", json!("a\nb")),
        with("access_token", json!("é")),
        with("refresh_token", json!("a\u{0}b")),
        with("refresh_token", json!(7)),
        with("id_token", json!({})),
        with("scope", json!(["openid"])),
        json!([good()]),
        json!(null),
    ] {
        let error = parse(200, &answer.to_string()).unwrap_err();
        assert!(matches!(error, TokenError::Malformed(_)), "{answer}");
    }
    for body in [
        "",
        "<html></html>",
        "access_token=a&token_type=bearer",
        r#"{"access_token":"a","access_token":"b","token_type":"bearer"}"#,
    ] {
        assert!(matches!(parse(200, body), Err(TokenError::Malformed(_))), "{body}");
    }
}

#[test]
fn the_content_type_is_json() {
    // IP-13
    let body = good().to_string();
    let of = |content_type| TokenSet::parse(200, content_type, None, body.as_bytes()).is_ok();
    assert!(of(Some("application/json")));
    assert!(of(Some("Application/JSON;charset=UTF-8")));
    assert!(of(Some("application/token-response+json")));
    assert!(of(None));
    assert!(!of(Some("text/html")));
    assert!(!of(Some("text/html; application/json")));
    assert!(!of(Some("application/x-www-form-urlencoded")));
}

#[test]
fn refusals_are_told_apart_from_outages() {
    // TE-07, RF-07, IP-03
    let unavailable = TokenError::Unavailable { retry_after: None };
    let client = |code: &str| TokenError::InvalidClient(code.to_owned());
    for (status, body, expected) in [
        (400, r#"{"error":"invalid_grant"}"#, TokenError::InvalidGrant),
        (
            401,
            r#"{"error":"invalid_grant","error_description":"x"}"#,
            TokenError::InvalidGrant,
        ),
        (200, r#"{"error":"invalid_grant"}"#, TokenError::InvalidGrant),
        // Dex 2.41, word for word.
        (
            400,
            r#"{"error":"invalid_request","error_description":"Refresh token is invalid or has already been claimed by another client."}"#,
            TokenError::InvalidGrant,
        ),
        (
            400,
            r#"{"error":"invalid_request","error_description":"Refresh token expired."}"#,
            TokenError::InvalidGrant,
        ),
        (
            400,
            r#"{"error":"invalid_request","error_description":"Missing parameter: scope"}"#,
            TokenError::Other("invalid_request".to_owned()),
        ),
        (
            400,
            r#"{"error":"invalid_request"}"#,
            TokenError::Other("invalid_request".to_owned()),
        ),
        (500, r#"{"error":"invalid_request"}"#, unavailable.clone()),
        (401, r#"{"error":"invalid_client"}"#, client("invalid_client")),
        (400, r#"{"error":"unauthorized_client"}"#, client("unauthorized_client")),
        (401, "<html>", client("status 401")),
        (
            400,
            r#"{"error":"invalid_scope"}"#,
            TokenError::Other("invalid_scope".to_owned()),
        ),
        (
            400,
            r#"{"error":"interaction_required"}"#,
            TokenError::SignInNeeded("interaction_required"),
        ),
        (400, r#"{"error":"temporarily_unavailable"}"#, unavailable.clone()),
        (400, r#"{"error":"server_error"}"#, unavailable.clone()),
        (429, r#"{"error":"invalid_grant"}"#, unavailable.clone()),
        (500, r#"{"error":"invalid_grant"}"#, unavailable.clone()),
        (503, "", unavailable.clone()),
        (502, "<html>", unavailable.clone()),
        (408, "", unavailable),
    ] {
        assert_eq!(parse(status, body).unwrap_err(), expected, "{status} {body}");
    }
}

#[test]
fn what_is_no_oauth_answer_is_malformed() {
    // TE-07
    for (status, body) in [
        (400, ""),
        (400, "{}"),
        (400, r#"{"error":7}"#),
        (403, "<html>"),
        (404, "[]"),
        (302, ""),
        (307, "{}"),
        (204, ""),
        (201, "{}"),
        (101, ""),
    ] {
        let error = parse(status, body).unwrap_err();
        assert!(matches!(error, TokenError::Malformed(_)), "{status} {body}");
    }
}

#[test]
fn retry_after_counts_in_seconds() {
    // IP-03
    let of = |header| match TokenSet::parse(503, None, header, b"") {
        Err(TokenError::Unavailable { retry_after }) => retry_after,
        other => panic!("{other:?}"),
    };
    assert_eq!(of(Some("7")), Some(Duration::from_secs(7)));
    assert_eq!(of(Some("999999999")), Some(Duration::from_secs(3600)));
    for odd in [None, Some("-1"), Some("soon"), Some("Fri, 31 Dec 1999 23:59:59 GMT")] {
        assert_eq!(of(odd), None);
    }
}

#[test]
fn an_error_never_quotes_a_token() {
    // TE-11
    let odd = parse(400, &json!({"error": "a\"\\\n<b>".repeat(100)}).to_string()).unwrap_err();
    assert_eq!(odd, TokenError::Other("a<b>".repeat(16)));
    let answer = with("token_type", json!("secret-token")).to_string();
    assert!(!format!("{:?}", parse(200, &answer).unwrap_err()).contains("secret"));
    assert!(!format!("{:?}", ok(&good())).contains("at-1"));
}
