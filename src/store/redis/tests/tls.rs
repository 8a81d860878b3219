//! TLS, and who is let in.

use std::time::Duration;

use super::{
    holds_the_contract, open,
    servers::{Authority, Server, Signed, settings, write},
};
use crate::{
    secret::Secret,
    store::{Backend as _, Down, RedisLogin, RedisServers, RedisSettings, RedisTls, redis::dial::Entrance},
};

struct Secured {
    server: Server,
    authority: Authority,
    client: Signed,
    _folder: tempfile::TempDir,
}

/// A server with a certificate for `name` until `year`, and that wants one of its clients.
async fn secured(name: &str, year: i32) -> Secured {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let own = authority.sign(name, year);
    let client = authority.sign("doorward", 2100);
    let files = [
        ("--tls-cert-file", write(folder.path(), "own.crt", &own.certificate)),
        ("--tls-key-file", write(folder.path(), "own.key", &own.key)),
        ("--tls-ca-cert-file", write(folder.path(), "ca.crt", &authority.pem())),
    ];
    let mut arguments = vec!["--tls-auth-clients", "yes"];
    for (option, file) in &files {
        arguments.extend([option, file.to_str().unwrap()]);
    }
    let entrance = Entrance {
        login: RedisLogin::default(),
        tls: Some(authority.tls(Some(&client))),
        database: 0,
        patience: Duration::from_secs(5),
    };
    let server = Server::start_entered(&arguments, entrance, true).await;
    Secured {
        server,
        authority,
        client,
        _folder: folder,
    }
}

impl Secured {
    fn settings(&self, tls: RedisTls) -> RedisSettings {
        RedisSettings {
            tls: Some(tls),
            ..self.server.settings()
        }
    }
}

async fn refused(settings: &RedisSettings) -> String {
    match open(settings).ping().await {
        Ok(()) => panic!("it was let in"),
        Err(down) => down.to_string(),
    }
}

#[tokio::test]
async fn an_own_authority_and_a_client_certificate_hold_the_contract() {
    // RS-15
    let secured = secured("127.0.0.1", 2100).await;
    let tls = secured.authority.tls(Some(&secured.client));
    holds_the_contract(secured.settings(tls)).await;
    // Without a certificate of ours, the server lets nobody in.
    let told = refused(&secured.settings(secured.authority.tls(None))).await;
    assert!(told.contains("127.0.0.1"), "{told}");
    // Another authority's server is not ours.
    let told = refused(&secured.settings(Authority::new().tls(Some(&secured.client)))).await;
    assert!(told.contains("certificate"), "{told}");
}

#[tokio::test]
async fn a_certificate_that_expired_or_is_for_another_name_is_refused() {
    // RS-15
    let expired = secured("127.0.0.1", 2001).await;
    let told = refused(&expired.settings(expired.authority.tls(Some(&expired.client)))).await;
    assert!(told.to_lowercase().contains("expired"), "{told}");
    let other = secured("redis.example.com", 2100).await;
    let told = refused(&other.settings(other.authority.tls(Some(&other.client)))).await;
    assert!(told.contains("redis.example.com"), "{told}");
}

#[tokio::test]
async fn a_server_without_tls_is_told_from_one_with() {
    // RS-15
    let server = Server::start(&[]).await;
    let mut address = server.address();
    if let crate::store::RedisAddress::Tcp { tls, .. } = &mut address {
        *tls = true;
    }
    let told = refused(&RedisSettings {
        tls: Some(Authority::new().tls(None)),
        connect_timeout: Duration::from_millis(300),
        ..settings(RedisServers::One(address))
    })
    .await;
    assert!(told.contains("does it speak TLS?"), "{told}");
}

/// The line of the documentation that an operator copies.
fn documented(kind: &str) -> Vec<String> {
    let text = include_str!("../../../../docs/redis.md");
    let (_, after) = text.split_once(kind).expect("the heading");
    let line = after
        .lines()
        .find(|line| line.starts_with("ACL SETUSER"))
        .expect("the line");
    let line = line
        .replace("doorward:", "test:")
        .replace("a-long-password", "open-sesame");
    line.split_whitespace().map(str::to_owned).collect()
}

pub(super) async fn let_in(server: &Server, kind: &str) -> RedisLogin {
    let words = documented(kind);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let _: () = server.ask(&words).await;
    RedisLogin {
        username: Some("doorward".to_owned()),
        password: Some(Secret::new("open-sesame".to_owned())),
    }
}

#[tokio::test]
async fn the_documented_permissions_are_enough_and_all_are_needed() {
    // RS-06
    let server = Server::start(&[]).await;
    let login = let_in(&server, "### One server").await;
    let settings = RedisSettings {
        login,
        ..server.settings()
    };
    holds_the_contract(settings.clone()).await;
    let _: () = server.ask(&["ACL", "SETUSER", "doorward", "-get"]).await;
    let told = open(&settings).get(&[super::key(1)]).await;
    let Err(Down::Refused(told)) = told else {
        panic!("{told:?}")
    };
    assert!(told.contains("docs/redis.md"), "{told}");
}
