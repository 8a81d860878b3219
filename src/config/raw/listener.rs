//! Listeners and their limits.

use schemars::JsonSchema;
use serde::Deserialize;

use super::File;
use crate::{
    config::written::{
        Text,
        address::Listen,
        measure::{AgeOfHsts, LengthOfTime, LimitOfSize, Size},
    },
    secret::Secret,
};

/// Where Doorward listens.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
pub struct Listener {
    /// IP address and port, such as `0.0.0.0:8443` or `"[::]:8443"`, or `unix:/path/of/socket`.
    #[schemars(required)]
    pub address: Option<Text<Listen>>,
    /// The certificates, for HTTPS. Without it the listener speaks plain HTTP.
    pub tls: Option<ListenerTls>,
    /// Says that a load balancer or ingress in front speaks HTTPS with people and plain HTTP with this listener.
    #[schemars(extend("default" = false))]
    pub behind_tls_proxy: bool,
    /// The port that people use to reach this listener. Default: the one of `public_url`; without it 443 with
    /// `behind_tls_proxy`, else the listener's own.
    #[schemars(range(min = 1))]
    pub public_port: Option<u16>,
    /// Says that every connection comes from one of `trusted_proxies` and begins with a PROXY protocol header, version 1 or 2,
    /// which names the client; also before TLS. Whatever else connects is closed.
    #[schemars(extend("default" = false))]
    pub proxy_protocol: bool,
    /// Lets people reach this listener by plain HTTP from other machines: cookies and pages can be read on the way.
    #[schemars(extend("default" = false))]
    pub insecure_public_http: bool,
    /// Tells browsers to use https for this host from now on (HSTS, RFC 6797), in every answer of this listener. Off unless
    /// written.
    pub hsts: Option<Hsts>,
    /// Serves nothing on this plain listener and sends everybody to the same host and path by https, with status 308, which keeps
    /// method and body. Only hosts that a route is for; all others are not found.
    #[schemars(extend("default" = false))]
    pub redirect_to_https: bool,
    /// The port that people use for https, where `redirect_to_https` sends them. Default: the one of `public_url`, or of the
    /// first listener that speaks https with people.
    #[schemars(range(min = 1))]
    pub https_port: Option<u16>,
}

/// What browsers are told of https for good. It replaces what an upstream tells them; what a route sets or removes in
/// `response_headers` goes before both.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hsts {
    /// How long browsers go by it, from each answer on; `0s` makes them forget it.
    #[schemars(extend("default" = "365d"))]
    pub max_age: Text<AgeOfHsts>,
    /// Whether it holds for all hosts below as well.
    #[schemars(extend("default" = false))]
    pub include_subdomains: bool,
    /// Whether browsers may have it built in, which is hard to undo. Wants `include_subdomains` and a `max_age` of `365d` or more.
    #[schemars(extend("default" = false))]
    pub preload: bool,
}

/// What a listener shows in a TLS handshake. Every file is read again when it changes and at every reload; a pair that
/// cannot be used changes nothing, and the one before stays in force.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerTls {
    /// The certificate chain in PEM, the server's own first. With `certificates` it is for clients that name no host (SNI)
    /// or one that no certificate is for.
    #[schemars(required)]
    pub certificate_file: Option<File>,
    /// Its private key in PEM.
    #[schemars(required)]
    pub key_file: Option<File>,
    /// Further certificates. A client is shown the one whose DNS names hold the host that it names, whole or by `*.` for
    /// one label; a whole name goes before `*.`. Of several for one name the first whose kind of key the client knows.
    #[schemars(extend("default" = []))]
    pub certificates: Vec<NamedCertificate>,
    /// Asks clients for a certificate in turn, and verifies it. Without it they are asked for none.
    pub client_ca: Option<ClientCa>,
}

/// Whose certificates clients show. What they say is for `client_certificate` in `access`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCa {
    /// The certificates of the authorities that sign them, in PEM. Read again at every reload.
    #[schemars(required)]
    pub file: Option<File>,
    /// Whether clients must have one.
    #[schemars(extend("default" = "required"))]
    pub mode: ClientCaMode,
}

/// Whether clients must have a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientCaMode {
    /// Whoever shows none, or one that does not verify, has no connection.
    Required,
    /// Whoever shows none has a connection without; one that does not verify has none.
    Optional,
}

/// A certificate for the DNS names that are in it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedCertificate {
    /// The certificate chain in PEM, the server's own first. It has at least one DNS name.
    #[schemars(required)]
    pub certificate_file: Option<File>,
    /// Its private key in PEM.
    #[schemars(required)]
    pub key_file: Option<File>,
}

/// Limits on what a client may send.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Largest request head: target and headers together. Beyond it: 431.
    #[schemars(extend("default" = "32KiB"))]
    pub head: Text<Size>,
    /// Most headers of a request. Beyond it: 431.
    #[schemars(range(min = 1, max = 1000), extend("default" = 100))]
    pub headers: usize,
    /// Longest request target: path and query. Beyond it: 414.
    #[schemars(extend("default" = "8KiB"))]
    pub target: Text<Size>,
    /// Largest request body, or `off`. Beyond it: 413. A route may say otherwise with `max_body`.
    #[schemars(extend("default" = "off"))]
    pub body: Text<LimitOfSize>,
    /// Fewest bytes a second that a request's body comes with, on average, once it has lasted for `timeouts.read` and until its
    /// answer begins, or `off`. Below it: 408. A `WebSocket` is free of it.
    #[schemars(extend("default" = "64B"))]
    pub body_rate: Text<LimitOfSize>,
    /// Most connections at once to one listener; without it no limit. More are closed at once.
    #[schemars(range(min = 1))]
    pub connections: Option<usize>,
    /// Most connections at once to one listener from one address, IPv6 by its `/64`; without it no limit. More are closed at
    /// once. An office can be one address, so be generous. Those of `trusted_proxies` do not count.
    #[schemars(range(min = 1))]
    pub connections_per_address: Option<usize>,
    /// Most sign-ins from one address, IPv6 by its `/64`, that were begun in the last ten minutes and not finished; and as many
    /// answers of a provider that came to nothing. Beyond it: 429. A sign-in that succeeds counts no more, so an office behind
    /// one address is held up only by what is left lying. Each replica counts for itself.
    #[schemars(range(min = 1, max = 1_000_000), extend("default" = 1000))]
    pub sign_ins: u32,
}

/// How long a client may take.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    /// Longest time from the first byte of a request's head to its last, however it trickles. Beyond it: 408.
    #[schemars(extend("default" = "15s"))]
    pub head: Text<LengthOfTime>,
    /// How long an idle connection is kept.
    #[schemars(extend("default" = "75s"))]
    pub keepalive: Text<LengthOfTime>,
    /// Longest wait between two reads of a request's body. Beyond it: 408, or the end of the stream over HTTP/2.
    #[schemars(extend("default" = "60s"))]
    pub read: Text<LengthOfTime>,
    /// Longest wait for a client to take a part of a response. Beyond it the connection, or the stream of HTTP/2, is closed.
    #[schemars(extend("default" = "60s"))]
    pub write: Text<LengthOfTime>,
    /// Longest TLS handshake, and before it longest wait for a PROXY header.
    #[schemars(extend("default" = "10s"))]
    pub handshake: Text<LengthOfTime>,
}

/// The listener for health, metrics and administration.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Whether it is there.
    #[schemars(extend("default" = true))]
    pub enabled: bool,
    /// IP address and port, or `unix:/path/of/socket`.
    #[schemars(extend("default" = "127.0.0.1:9090"))]
    pub address: Text<Listen>,
    /// A token of at least 16 characters that opens `/sessions`, where sessions are listed and ended: `Authorization: Bearer`.
    /// Without it these paths do not exist. Better by file or environment.
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub token: Option<Secret<String>>,
    /// A file with the token; a newline at its end is not part of it.
    pub token_file: Option<File>,
    /// An environment variable with the token.
    #[schemars(length(min = 1))]
    pub token_env: Option<String>,
    /// Lets it listen where other machines reach it. Health and metrics ask for no password: keep it behind a network policy.
    #[schemars(extend("default" = false))]
    pub insecure_public_admin: bool,
}
