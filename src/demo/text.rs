//! What the demo writes: the gateway's configuration, and what to print for the person who started it.

use std::{fmt::Write as _, net::SocketAddr};

use super::{
    people::PEOPLE,
    provider::{Client, Lives},
};

/// The gateway's configuration. Every value written into it is a URL or base64url, so none can break the YAML.
pub(super) fn config_yaml(listen: SocketAddr, url: &str, issuer: &str, client: &Client, app: &str) -> String {
    format!(
        r#"# What `doorward demo` starts the gateway with. It may be saved and changed, but the provider and the app
# it names live only as long as the demo does.
public_url: "{url}"

listeners:
  - address: "{listen}"

admin:
  enabled: false

logging:
  format: text

providers:
  demo:
    issuer: "{issuer}"
    insecure_http_issuer: true
    client_id: "{id}"
    client_secret: "{secret}"
    algorithms: [ES256]
    scopes: [profile, email, groups]

routes:
  # Everything that no other route names: open to all, and told who is there if somebody is.
  - path: /
    upstream: "{app}"
    access: recognised

  - path: /me
    upstream: "{app}"
    access: signed_in

  # One group only. The page that refuses the others says what was missing.
  - path: /engineering
    upstream: "{app}"
    access:
      group: engineering
    explain_refusals: true

  - path: /api
    upstream: "{app}"
    access: signed_in

  # The one place where the app is given the access token, so that it can show it being renewed.
  - path: /api/token
    upstream: "{app}"
    access: signed_in
    headers:
      access_token: X-Forwarded-Access-Token

  - path: /poll
    upstream: "{app}"
    access: signed_in

  # A WebSocket may be silent for as long as it likes.
  - path: /ws
    upstream:
      targets: "{app}"
      timeouts:
        read: off
    access: signed_in

  - path: /events
    upstream: "{app}"
    access: signed_in
"#,
        id = client.id,
        secret = client.secret.expose(),
    )
}

/// What is printed once the gateway is up.
pub(super) fn banner(url: &str, issuer: &str, app: &str, lives: Lives) -> String {
    let mut people = String::new();
    for person in PEOPLE {
        // Writing to a String cannot fail.
        writeln!(
            people,
            "    {:<20}{:<14}{}",
            person.email,
            person.password,
            person.group_list()
        )
        .unwrap_or_default();
    }
    format!(
        "
Doorward demo

  Open {url}

  People you can be
    {email:<20}{password:<14}groups
{people}
  Try
    {url}/              open to everyone
    {url}/me            signed in: what the app receives
    {url}/engineering   one group: sign in as linus@example.com to be refused
    {url}/poll          tokens live {token} s: watch them being renewed
    {url}/ws            WebSocket
    {url}/events        server-sent events
    curl -i {url}/api/me    a program gets 401 and problem JSON

  Behind the gateway: provider {issuer}, app {app}
  For trying out only: on loopback, with public passwords, all forgotten at the end. Stop with Ctrl-C.
",
        email = "email",
        password = "password",
        token = lives.token,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config, secret::Secret};

    #[test]
    fn the_configuration_compiles() {
        let client = Client {
            id: "demo".to_owned(),
            secret: Secret::new("a-long-enough-secret".to_owned()),
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
        };
        let yaml = config_yaml(
            "127.0.0.1:4180".parse().unwrap(),
            "http://localhost:4180",
            "http://localhost:4181",
            &client,
            "http://127.0.0.1:4182",
        );
        let plan = config::from_text("demo", &yaml).unwrap_or_else(|report| panic!("{report}"));
        assert_eq!(plan.site.routes().len(), 8);
        assert_eq!(plan.listeners[0].public.port, 4180);
    }
}
