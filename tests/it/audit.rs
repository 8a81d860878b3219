//! The audit trail of the program itself: a line for each act, about whom, on its own target, and no secret in it.

use std::{fs, net::TcpListener, path::PathBuf, time::Duration};

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    harness::{
        browser::{Browser, Page},
        provider::{CLIENT_ID, CLIENT_SECRET, Provider},
        upstream::{Act, Upstream, ok},
    },
    reload::Program,
};

const TOKEN: &str = "a-token-for-these-tests";
const BEARER: (&str, &str) = ("authorization", "Bearer a-token-for-these-tests");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// The program, everybody around it, and where its trail is.
struct Office {
    provider: Provider,
    _upstream: Upstream,
    program: Program,
    base: String,
    admin: String,
    trail: PathBuf,
    _folder: tempfile::TempDir,
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Office {
    async fn open() -> Self {
        let (provider, upstream) = (Provider::start().await, Upstream::start().await);
        upstream.always(Act::Answer(ok("hello")));
        let folder = tempfile::tempdir().unwrap();
        let (trail, token) = (folder.path().join("audit.log"), folder.path().join("token"));
        fs::write(&token, format!("{TOKEN}\n")).unwrap();
        let (port, admin) = (free_port(), free_port());
        let yaml = format!(
            "listeners: [{{ address: \"127.0.0.1:{port}\" }}]\nadmin: {{ address: \"127.0.0.1:{admin}\", token_file: \
             \"{token}\" }}\nlogging: {{ level: error, audit: {{ file: \"{trail}\", person: subject }} }}\nproviders:\n  op:\n    \
             issuer: \"{issuer}\"\n    insecure_http_issuer: true\n    client_id: {CLIENT_ID}\n    client_secret: \
             \"{CLIENT_SECRET}\"\n    scopes: [email]\n    front_channel_logout: true\nroutes:\n- {{ name: app, host: app.test, \
             path: /, upstream: \"http://{to}\", access: signed_in }}\n- {{ name: staff, host: app.test, path: /staff, upstream: \
             \"http://{to}\", access: {{ group: nobody }} }}\n",
            token = token.display(),
            trail = trail.display(),
            issuer = provider.issuer(),
            to = upstream.address(),
        );
        let file = folder.path().join("doorward.yaml");
        fs::write(&file, yaml).unwrap();
        let program = Program::start(&file);
        let office = Self {
            provider,
            _upstream: upstream,
            program,
            base: format!("http://app.test:{port}"),
            admin: format!("http://127.0.0.1:{admin}"),
            trail,
            _folder: folder,
        };
        while std::net::TcpStream::connect(("127.0.0.1", admin)).is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        office
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    async fn signed_in(&self) -> Browser {
        let browser = Browser::new();
        assert_eq!(browser.open(&self.url("/")).await.status, StatusCode::OK);
        browser
    }

    async fn administer(&self, method: Method, query: &str, headers: &[(&str, &str)]) -> Page {
        let url = format!("{}/sessions{query}", self.admin);
        Browser::new().ask(method, &url, headers).await
    }

    async fn log_out(&self, token: &str) {
        let url = self.url("/.doorward/backchannel-logout/op");
        let form = format!("logout_token={token}");
        Browser::new().send(Method::POST, &url, &[FORM], form).await;
    }

    /// Ends the program; what is in its trail, and what it said beside.
    fn close(mut self) -> (String, String) {
        let said = self.program.rest_as_text();
        (fs::read_to_string(&self.trail).unwrap(), said)
    }
}

/// Of the last who signed in.
fn latest_sid(provider: &Provider) -> String {
    provider.sids("ada").pop().unwrap()
}

/// What everybody does, with what it leaves: act, outcome, whether it says whose, and how many sessions.
async fn a_day(office: &Office) -> Vec<(&'static str, &'static str, bool, Option<u64>)> {
    let provider = &office.provider;
    let mut left = Vec::new();
    provider.script(|script| script.authorize_error = Some(("access_denied".to_owned(), "no".to_owned())));
    Browser::new().open(&office.url("/")).await;
    provider.script(|script| script.authorize_error = None);
    left.push(("sign_in", "sign_in_denied", false, None));

    let one = office.signed_in().await;
    left.push(("sign_in", "ok", true, None));
    one.fetch(&office.url("/staff")).await;
    left.push(("access", "not_allowed", true, None));
    one.submit(&office.url("/.doorward/sign-out"), "cross-site").await;
    left.push(("sign_out", "cross_site", false, None));
    one.submit(&office.url("/.doorward/sign-out"), "same-origin").await;
    left.push(("sign_out", "ok", true, None));

    let two = office.signed_in().await;
    left.push(("sign_in", "ok", true, None));
    office.log_out("a.b.c").await;
    left.push(("back_channel_logout", "malformed", false, Some(0)));
    let token = provider.logout_token(&json!({ "sid": latest_sid(provider) }));
    office.log_out(&token).await;
    left.push(("back_channel_logout", "ended", false, Some(1)));
    office.log_out(&token).await;
    left.push(("back_channel_logout", "repeated", false, Some(0)));
    assert_eq!(two.fetch(&office.url("/")).await.status, StatusCode::UNAUTHORIZED);

    let _three = office.signed_in().await;
    left.push(("sign_in", "ok", true, None));
    let frame = format!("/.doorward/frontchannel-logout/op?iss={}", provider.issuer());
    Browser::new().visit(&office.url(&frame)).await;
    left.push(("front_channel_logout", "bad_sid", false, Some(0)));
    let frame = format!("{frame}&sid={}", latest_sid(provider));
    Browser::new().visit(&office.url(&frame)).await;
    left.push(("front_channel_logout", "ended", false, Some(1)));

    let (four, _five) = (office.signed_in().await, office.signed_in().await);
    left.extend([("sign_in", "ok", true, None); 2]);
    let others = office.url("/.doorward/sessions?end=others");
    four.submit(&others, "cross-site").await;
    left.push(("end_own_sessions", "cross_site", true, None));
    four.submit(&others, "same-origin").await;
    left.push(("end_own_sessions", "ok", true, Some(1)));

    for (method, act) in [(Method::GET, "list_sessions"), (Method::DELETE, "end_sessions")] {
        office.administer(method.clone(), "?subject=ada", &[]).await;
        left.push((act, "no_token", false, None));
        let wrong = [("authorization", "Bearer another-token-of-these-tests")];
        office.administer(method.clone(), "?subject=ada", &wrong).await;
        left.push((act, "wrong_token", false, None));
        office.administer(method, "?subject=ada", &[BEARER]).await;
        left.push((act, "ok", false, Some(1)));
    }
    assert_eq!(four.fetch(&office.url("/")).await.status, StatusCode::UNAUTHORIZED);

    // Whoever was signed out by subject cannot sign in again within the same second.
    provider.login_as("eve", json!({}));
    provider.script(|script| {
        script.expires_in = json!(1);
        script.refresh_error = Some("invalid_grant".to_owned());
    });
    let six = office.signed_in().await;
    left.push(("sign_in", "ok", true, None));
    while six.fetch(&office.url("/")).await.status == StatusCode::OK {}
    left.push(("renewal", "ended", true, None));
    left
}

#[tokio::test]
async fn each_act_leaves_a_line_and_no_secret() {
    let office = Office::open().await;
    let expected = a_day(&office).await;
    let secrets: Vec<String> = ["token", "refresh", "revoke"]
        .into_iter()
        .flat_map(|endpoint| office.provider.requests(endpoint))
        .flat_map(|request| {
            ["code", "token", "refresh_token", "code_verifier"].map(|name| request.form(name).map(str::to_owned))
        })
        .flatten()
        .chain([
            TOKEN.to_owned(),
            CLIENT_SECRET.to_owned(),
            "ada@example".to_owned(),
            "eyJ".to_owned(),
        ])
        .collect();
    assert!(
        secrets.len() > 15,
        "codes, verifiers and tokens are known: {}",
        secrets.len()
    );
    let (trail, said) = office.close();
    let lines: Vec<Value> = trail.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            assert_eq!(line["target"], "doorward::audit", "{line}");
            let text = |name: &str| line[name].as_str().unwrap_or_default();
            let whose = ["subject", "subject_hash", "session"].map(|name| !text(name).is_empty());
            assert!(whose == [whose[0]; 3], "{line}");
            assert!(!whose[0] || ["ada", "eve"].contains(&text("subject")), "{line}");
            (text("act"), text("outcome"), whose[0], line["sessions"].as_u64())
        })
        .collect();
    assert_eq!(told, expected);
    for act in ["list_sessions", "end_sessions"] {
        let done = lines
            .iter()
            .find(|line| line["act"] == act && line["outcome"] == "ok")
            .unwrap();
        assert_eq!(done["by"], "subject", "{done}");
    }
    for secret in &secrets {
        assert!(!trail.contains(secret.as_str()), "{secret}");
    }
    assert!(!said.contains("doorward::audit"), "the trail has its own file: {said}");
}
