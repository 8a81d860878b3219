//! `doorward sessions`: the program itself, against a gateway.

use http::StatusCode;
use serde_json::Value;

use crate::harness::{
    browser::Browser,
    gateway::{Wishes, World},
    shell::{Ran, doorward},
    upstream::{Act, Upstream, response},
};

const TOKEN: &str = "a-token-for-these-tests";

struct Shell {
    world: World,
    folder: tempfile::TempDir,
}

impl Shell {
    async fn new() -> Self {
        let world = World::with(Wishes {
            token: Some(TOKEN),
            ..Wishes::default()
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), format!("{TOKEN}\n")).unwrap();
        std::fs::write(folder.path().join("wrong"), "another-token-of-these-tests").unwrap();
        Self { world, folder }
    }

    async fn signed_in(&self) -> Browser {
        let browser = Browser::new();
        assert_eq!(browser.open(&self.world.url("/")).await.status, StatusCode::OK);
        browser
    }

    async fn lives(&self, browser: &Browser) -> bool {
        browser.fetch(&self.world.url("/")).await.status == StatusCode::OK
    }

    async fn run(&self, args: &[&str]) -> Ran {
        doorward(self.folder.path(), &[&["sessions"], args].concat()).await
    }

    /// With `--admin` and the token.
    async fn ask(&self, command: &str, args: &[&str]) -> Ran {
        let at = [command, "--admin", &self.world.admin, "--token-file", "token"];
        self.run(&[&at, args].concat()).await
    }
}

#[tokio::test]
async fn sessions_are_listed_and_ended_from_the_shell() {
    let shell = Shell::new().await;
    let empty = shell.ask("list", &[]).await;
    assert_eq!((empty.code, empty.out.lines().count()), (Some(0), 1), "{}", empty.err);
    let (one, two) = (shell.signed_in().await, shell.signed_in().await);

    let table = shell.ask("list", &["--provider", "op"]).await;
    assert_eq!(table.out.lines().count(), 3, "{}", table.out);
    assert!(table.out.starts_with("ID "), "{}", table.out);
    let json: Value = serde_json::from_str(&shell.ask("list", &["--json"]).await.out).unwrap();
    assert_eq!(
        (json["sessions"].as_array().unwrap().len(), &json["more"]),
        (2, &false.into())
    );
    let first: Value = serde_json::from_str(&shell.ask("list", &["--json", "--limit", "1"]).await.out).unwrap();
    assert_eq!(
        (first["sessions"].as_array().unwrap().len(), &first["more"]),
        (1, &true.into())
    );

    // By the name that `explain` prints; an option of each kind that can be asked for, and no other.
    let by_route = shell.ask("end", &["--route", "app.test/never"]).await;
    assert_eq!(by_route.out, "ended 0 sessions\n", "{}", by_route.err);
    let nothing = shell.ask("end", &[]).await.err;
    for filter in doorward::flow::Filter::ALL {
        let option = format!("--{}", filter.name().replace('_', "-"));
        assert!(nothing.contains(&option), "{nothing}");
        let with_all = shell.ask("end", &["--all", &option, "1s"]).await;
        assert_eq!(with_all.code, Some(2), "{option}");
        assert!(with_all.err.contains("cannot be used with"), "{}", with_all.err);
    }
    let id = json["sessions"][0]["id"].as_str().unwrap();
    assert!(table.out.contains(id));
    let ended = shell.ask("end", &["--id", id]).await;
    assert_eq!(
        (ended.code, ended.out.as_str()),
        (Some(0), "ended 1 session\n"),
        "{}",
        ended.err
    );
    assert!(shell.lives(&one).await != shell.lives(&two).await);
    assert_eq!(
        shell.ask("end", &["--older-than", "1h"]).await.out,
        "ended 0 sessions\n"
    );
    let all = shell.ask("end", &["--all", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&all.out).unwrap()["ended"], 1);
    assert!(!shell.lives(&one).await && !shell.lives(&two).await);
}

#[tokio::test]
async fn the_configuration_says_where_and_with_which_token() {
    let shell = Shell::new().await;
    let browser = shell.signed_in().await;
    let port = shell.world.admin.rsplit(':').next().unwrap();
    let yaml = |admin: &str| {
        format!(
            "listeners: [{{ address: \"127.0.0.1:0\" }}]\nadmin: {{ {admin} }}\nroutes:\n  - {{ host: app.test, path: /, \
             upstream: \"http://127.0.0.1:1\", access: open }}\n"
        )
    };
    let write = |name: &str, text: String| std::fs::write(shell.folder.path().join(name), text).unwrap();
    write(
        "good.yaml",
        yaml(&format!(
            "address: \"0.0.0.0:{port}\", insecure_public_admin: true, token_file: token"
        )),
    );
    write("tokenless.yaml", yaml(&format!("address: \"127.0.0.1:{port}\"")));
    write("off.yaml", yaml("enabled: false"));
    let listed = shell.run(&["list", "--config", "good.yaml"]).await;
    assert_eq!(
        (listed.code, listed.out.lines().count()),
        (Some(0), 2),
        "{}",
        listed.err
    );
    for (file, told) in [
        ("tokenless.yaml", "admin.token_file"),
        ("off.yaml", "switched off"),
        ("none.yaml", "none.yaml"),
    ] {
        let ran = shell.run(&["end", "--config", file, "--all"]).await;
        assert_eq!(ran.code, Some(2), "{file}");
        assert!(ran.err.contains(told), "{file}: {}", ran.err);
    }
    assert!(shell.lives(&browser).await);
}

#[tokio::test]
async fn what_does_not_work_is_told_with_what_to_do() {
    let shell = Shell::new().await;
    let browser = shell.signed_in().await;
    let admin = shell.world.admin.clone();
    let gateway = format!("http://127.0.0.1:{}", shell.world.port());
    for (args, code, told) in [
        (
            vec!["end", "--admin", &admin, "--token-file", "wrong", "--all"],
            1,
            "admin.token_file",
        ),
        (
            vec!["end", "--admin", &admin, "--token-file", "absent", "--all"],
            2,
            "absent",
        ),
        (vec!["end", "--admin", &admin, "--token-file", "token"], 2, "--all"),
        (
            vec!["end", "--admin", &admin, "--token-file", "token", "--all", "--id", "x"],
            2,
            "--all",
        ),
        (vec!["end", "--admin", &admin, "--all"], 2, "--token-file"),
        (vec!["list"], 2, "--config"),
        (
            vec!["list", "--admin", "127.0.0.1:9090", "--token-file", "token"],
            2,
            "http://127.0.0.1:9090",
        ),
        (
            vec!["list", "--admin", "unix:/nonexistent/x", "--token-file", "token"],
            1,
            "is the gateway running",
        ),
        (vec!["list", "--admin", &gateway, "--token-file", "token"], 1, "admin"),
        (
            vec![
                "list",
                "--admin",
                &admin,
                "--token-file",
                "token",
                "--older-than",
                "soon",
            ],
            2,
            "30s",
        ),
    ] {
        let ran = shell.run(&args).await;
        assert_eq!(ran.code, Some(code), "{args:?}: {}", ran.err);
        assert!(ran.err.contains(told), "{args:?}: {}", ran.err);
        assert!(!ran.err.contains(TOKEN) && !ran.err.contains("panicked"), "{}", ran.err);
    }
    assert!(shell.lives(&browser).await);
}

/// `doorward explain`, with these arguments before the URL.
async fn explained(shell: &Shell, args: &[&str]) -> Ran {
    let words = [&["explain"], args, &["http://app.test/admin/x"]].concat();
    doorward(shell.folder.path(), &words).await
}

#[tokio::test]
async fn a_running_gateway_explains_as_its_file_does_and_by_what_is_in_force() {
    let mut shell = Shell::new().await;
    let admin = shell.world.admin.clone();
    let of_admin = ["--admin", &admin, "--token-file", "token"];
    let write = |shell: &Shell, yaml: &str| std::fs::write(shell.folder.path().join("d.yaml"), yaml).unwrap();
    let yaml = shell.world.yaml.replacen(
        "admin: { address: \"127.0.0.1:0\"",
        &format!("admin: {{ address: \"{}\"", admin.trim_start_matches("http://")),
        1,
    );
    write(&shell, &yaml);
    std::fs::write(
        shell.folder.path().join("ada.json"),
        r#"{"sub": "1", "groups": ["admins"]}"#,
    )
    .unwrap();
    let till = rcgen::generate_simple_self_signed(vec!["till.test".to_owned()]).unwrap();
    let pem = till.signing_key.serialize_pem() + &till.cert.pem();
    std::fs::write(shell.folder.path().join("till.pem"), pem).unwrap();
    for more in [
        &[][..],
        &["--method", "POST"],
        &["--as", "ada.json"],
        &["--certificate", "till.pem"],
    ] {
        let by_file = explained(&shell, &[&["--config", "d.yaml"], more].concat()).await;
        let live = explained(&shell, &[&of_admin[..], more].concat()).await;
        let found = explained(&shell, &[&["--config", "d.yaml", "--live"], more].concat()).await;
        assert_eq!(
            (by_file.code, live.code, found.code),
            (Some(0), Some(0), Some(0)),
            "{} {}",
            live.err,
            found.err
        );
        assert!(by_file.out.contains("route    app.test/admin\n"), "{}", by_file.out);
        assert_eq!(
            by_file.out.contains("forward with identity"),
            more.contains(&"--as"),
            "{}",
            by_file.out
        );
        assert_eq!(
            by_file.out.contains("client   with the certificate of "),
            more.contains(&"--certificate"),
            "{}",
            by_file.out
        );
        assert_eq!(live.out, by_file.out);
        assert_eq!(found.out, by_file.out);
    }
    // The file is another by now, and the gateway goes on as before until it reloads.
    let changed = shell.world.yaml.replace("{ group: admins }", "open");
    assert_ne!(changed, shell.world.yaml);
    let live = explained(&shell, &of_admin).await;
    assert!(
        live.out.contains("access   rule: member of group \"admins\"\n"),
        "{}",
        live.out
    );
    shell.world.reload(&changed).unwrap();
    let live = explained(&shell, &of_admin).await;
    assert!(live.out.contains("access   open: anyone"), "{}", live.out);
}

#[tokio::test]
async fn who_has_no_token_is_explained_nothing() {
    let shell = Shell::new().await;
    let admin = shell.world.admin.clone();
    let ran = explained(&shell, &["--admin", &admin, "--token-file", "wrong"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(
        ran.err.contains("answers 401: This needs the administration's token"),
        "{}",
        ran.err
    );
    assert_eq!(explained(&shell, &["--admin", &admin]).await.code, Some(2));
    assert_eq!(explained(&shell, &[]).await.code, Some(2));
    assert_eq!(
        shell
            .world
            .metric("doorward_audit_events_total", &["explain", "wrong_token"])
            .await
            .to_string(),
        "1"
    );

    let open = World::start().await;
    std::fs::write(shell.folder.path().join("open.yaml"), &open.yaml).unwrap();
    let ran = explained(&shell, &["--admin", &open.admin, "--token-file", "token"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("runs without admin.token_file"), "{}", ran.err);
    let ran = explained(&shell, &["--config", "open.yaml", "--live"]).await;
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("write admin.token_file"), "{}", ran.err);
    let ran = explained(&shell, &["--config", "open.yaml", "--token-file", "token"]).await;
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("add --live"), "{}", ran.err);
}

#[tokio::test]
async fn a_long_list_is_asked_for_in_parts_and_says_when_there_is_more() {
    let shell = Shell::new().await;
    let admin = Upstream::start().await;
    let entry = |id: &str| {
        serde_json::json!({
            "id": id, "provider": "op", "issuer": "https://id.example", "subject": "ada", "created": 1, "seen": 1, "expires": 2,
        })
    };
    let part = |ids: &[&str], next: Option<&str>| {
        let sessions: Vec<Value> = ids.iter().map(|id| entry(id)).collect();
        let body = serde_json::json!({ "sessions": sessions, "next": next }).to_string();
        Act::Answer(response("200 OK", "Content-Type: application/json\r\n", &body))
    };
    let url = format!("http://{}", admin.address());
    let list = async |more: &[&str]| {
        admin.next(part(&["first", "second"], Some("3-7")));
        admin.next(part(&["third"], None));
        let at = ["list", "--admin", &url, "--token-file", "token", "--subject", "ada"];
        shell.run(&[&at, more].concat()).await
    };
    let all = list(&[]).await;
    assert_eq!(
        (all.code, all.out.lines().count()),
        (Some(0), 4),
        "{}{}",
        all.out,
        all.err
    );
    assert!(
        all.out.contains("third") && !all.out.contains("and more"),
        "{}",
        all.out
    );
    let asked: Vec<String> = admin
        .requests()
        .iter()
        .map(|request| request.line().to_owned())
        .collect();
    assert_eq!(
        asked,
        [
            "GET /sessions?subject=ada&limit=500 HTTP/1.1",
            "GET /sessions?subject=ada&limit=500&after=3-7 HTTP/1.1"
        ]
    );
    let few = list(&["--limit", "2"]).await;
    assert!(few.out.contains("second") && !few.out.contains("third"), "{}", few.out);
    assert!(
        few.out.ends_with("and more: narrow the search, or raise --limit\n"),
        "{}",
        few.out
    );
}
