//! The members that the structured form has, and what is said of those that are no options.

use super::{entries, place};
use crate::{
    config::tree::{Entry, Node},
    import::{
        Document,
        given::{Aside, Given},
        report::Fate,
    },
};

/// What becomes of something, and the same in words.
pub(super) type Said = (Fate, &'static str);

/// Members of an upstream.
pub(super) const UPSTREAM: [(&str, Option<Said>); 12] = [
    ("id", None),
    ("path", None),
    ("rewriteTarget", None),
    ("uri", None),
    ("insecureSkipTLSVerify", None),
    ("static", None),
    ("staticCode", Some((Fate::Missing, "a fixed answer is not given"))),
    (
        "flushInterval",
        Some((Fate::Needless, "what the application sends goes on at once")),
    ),
    ("passHostHeader", None),
    ("proxyWebSockets", None),
    ("timeout", None),
    (
        "disableKeepAlives",
        Some((Fate::Missing, "connections to applications are kept and used again")),
    ),
];

/// Members of a header.
pub(super) const HEADER: [(&str, Option<Said>); 4] = [
    ("name", None),
    ("values", None),
    ("preserveRequestValue", None),
    (
        "insecureSkipHeaderNormalization",
        Some((
            Fate::Stricter,
            "a header in another spelling of its name is the same one, and removed",
        )),
    ),
];

/// Members of a header's value, older ones first, and of what they stand in.
pub(super) const VALUE: [(&str, Option<Said>); 8] = [
    ("value", None),
    ("fromEnv", None),
    ("fromFile", None),
    ("claim", None),
    ("prefix", None),
    ("basicAuthPassword", None),
    ("claimSource", None),
    ("secretSource", None),
];

/// Members of a secret.
pub(super) const SECRET: [(&str, Option<Said>); 3] = [("value", None), ("fromEnv", None), ("fromFile", None)];

/// Members of what holds the upstreams.
pub(super) const UPSTREAMS: [(&str, Option<Said>); 2] = [
    (
        "proxyRawPath",
        Some((
            Fate::Translated,
            "`allow_encoded_slashes` of each route, where it is true",
        )),
    ),
    ("upstreams", None),
];

/// Members of a parameter of the authorization request.
pub(super) const PARAMETER: [(&str, Option<Said>); 3] = [
    ("name", None),
    ("default", None),
    (
        "allow",
        Some((
            Fate::Missing,
            "links cannot choose parameters; write them below `sign_in` of a route",
        )),
    ),
];

/// Members of what a link may choose.
pub(super) const CHOICE: [(&str, Option<Said>); 2] = [("value", None), ("pattern", None)];

const KEY_FILE: Said = (
    Fate::Missing,
    "it is read from a file alone: write `listeners[].tls.certificate_file` and `key_file`",
);
const PLAIN_ADMIN: Said = (Fate::Missing, "the admin listener speaks plain HTTP");

/// Members that are no options.
pub(super) const ASIDES: [(&str, Said); 12] = [
    (
        "provider.additionalclaims",
        (
            Fate::Needless,
            "every claim can be used; name it in `headers.claims` of a route",
        ),
    ),
    (
        "provider.adfsconfig.skipscope",
        (Fate::Missing, "`scopes` are always asked for, `openid` at least"),
    ),
    ("server.tls.cert.value", KEY_FILE),
    ("server.tls.cert.fromenv", KEY_FILE),
    ("server.tls.key.value", KEY_FILE),
    ("server.tls.key.fromenv", KEY_FILE),
    ("metricsserver.tls.cert.value", PLAIN_ADMIN),
    ("metricsserver.tls.cert.fromenv", PLAIN_ADMIN),
    ("metricsserver.tls.key.value", PLAIN_ADMIN),
    ("metricsserver.tls.key.fromenv", PLAIN_ADMIN),
    ("metricsserver.tls.minversion", PLAIN_ADMIN),
    ("metricsserver.tls.ciphersuites", PLAIN_ADMIN),
];

/// Where an option stands, in lower case, and its key.
pub(super) const NAMES: &[(&str, &str)] = &[
    ("server.bindaddress", "http_address"),
    ("server.securebindaddress", "https_address"),
    ("server.tls.cert.fromfile", "tls_cert_file"),
    ("server.tls.key.fromfile", "tls_key_file"),
    ("server.tls.minversion", "tls_min_version"),
    ("server.tls.ciphersuites", "tls_cipher_suites"),
    ("metricsserver.bindaddress", "metrics_address"),
    ("metricsserver.securebindaddress", "metrics_secure_address"),
    ("metricsserver.tls.cert.fromfile", "metrics_tls_cert_file"),
    ("metricsserver.tls.key.fromfile", "metrics_tls_key_file"),
    ("provider.id", "provider_display_name"),
    ("provider.name", "provider_display_name"),
    ("provider.provider", "provider"),
    ("provider.clientid", "client_id"),
    ("provider.clientsecret", "client_secret"),
    ("provider.clientsecretfile", "client_secret_file"),
    ("provider.cafiles", "provider_ca_files"),
    ("provider.usesystemtruststore", "use_system_trust_store"),
    ("provider.loginurl", "login_url"),
    ("provider.redeemurl", "redeem_url"),
    ("provider.profileurl", "profile_url"),
    ("provider.skipclaimsfromprofileurl", "skip_claims_from_profile_url"),
    ("provider.resource", "resource"),
    ("provider.validateurl", "validate_url"),
    ("provider.scope", "scope"),
    ("provider.allowedgroups", "allowed_groups"),
    ("provider.code_challenge_method", "code_challenge_method"),
    ("provider.backendlogouturl", "backend_logout_url"),
    ("provider.authrequestresponsemode", "auth_request_response_mode"),
    ("provider.keycloakconfig.groups", "keycloak_groups"),
    ("provider.keycloakconfig.roles", "allowed_roles"),
    ("provider.azureconfig.tenant", "azure_tenant"),
    ("provider.azureconfig.graphgroupfield", "azure_graph_group_field"),
    (
        "provider.microsoftentraidconfig.allowedtenants",
        "entra_id_allowed_tenants",
    ),
    (
        "provider.microsoftentraidconfig.federatedtokenauth",
        "entra_id_federated_token_auth",
    ),
    ("provider.bitbucketconfig.team", "bitbucket_team"),
    ("provider.bitbucketconfig.repository", "bitbucket_repository"),
    ("provider.githubconfig.org", "github_org"),
    ("provider.githubconfig.team", "github_team"),
    ("provider.githubconfig.repo", "github_repo"),
    ("provider.githubconfig.token", "github_token"),
    ("provider.githubconfig.users", "github_users"),
    ("provider.gitlabconfig.group", "gitlab_groups"),
    ("provider.gitlabconfig.projects", "gitlab_projects"),
    ("provider.googleconfig.group", "google_groups"),
    ("provider.googleconfig.adminemail", "google_admin_email"),
    (
        "provider.googleconfig.serviceaccountjson",
        "google_service_account_json",
    ),
    (
        "provider.googleconfig.useapplicationdefaultcredentials",
        "google_use_application_default_credentials",
    ),
    ("provider.googleconfig.targetprincipal", "google_target_principal"),
    ("provider.googleconfig.useorganizationid", "google_use_organization_id"),
    ("provider.googleconfig.adminapiuserscope", "google_admin_api_user_scope"),
    ("provider.oidcconfig.issuerurl", "oidc_issuer_url"),
    (
        "provider.oidcconfig.insecureallowunverifiedemail",
        "insecure_oidc_allow_unverified_email",
    ),
    (
        "provider.oidcconfig.insecureskipissuerverification",
        "insecure_oidc_skip_issuer_verification",
    ),
    ("provider.oidcconfig.insecureskipnonce", "insecure_oidc_skip_nonce"),
    ("provider.oidcconfig.skipdiscovery", "skip_oidc_discovery"),
    ("provider.oidcconfig.jwksurl", "oidc_jwks_url"),
    ("provider.oidcconfig.publickeys", "oidc_public_key_files"),
    ("provider.oidcconfig.publickeyfiles", "oidc_public_key_files"),
    ("provider.oidcconfig.emailclaim", "oidc_email_claim"),
    ("provider.oidcconfig.groupsclaim", "oidc_groups_claim"),
    ("provider.oidcconfig.useridclaim", "user_id_claim"),
    ("provider.oidcconfig.audienceclaims", "oidc_audience_claims"),
    ("provider.oidcconfig.extraaudiences", "oidc_extra_audiences"),
    ("provider.oidcconfig.enabledsigningalgs", "oidc_enabled_signing_algs"),
    ("provider.logingovconfig.jwtkey", "jwt_key"),
    ("provider.logingovconfig.jwtkeyfile", "jwt_key_file"),
    ("provider.logingovconfig.pubjwkurl", "pubjwk_url"),
];

/// What is said of the members of a list's item that make nothing of ours: of those that are known what becomes of them, of others
/// that they are not.
pub(super) fn leftover(
    given: &mut Given,
    file: &Document<'_>,
    written: &str,
    node: &Node,
    known: &[(&str, Option<Said>)],
) {
    for Entry { key, place: at, .. } in entries(node) {
        let written = format!("{written}.{key}");
        match known.iter().find(|(name, _)| key.eq_ignore_ascii_case(name)) {
            Some((_, None)) => {}
            Some((_, Some((fate, what)))) => given.asides.push(Aside {
                place: place(file, at.line),
                written,
                fate: *fate,
                what,
            }),
            None => given.unknown.push((place(file, at.line), written)),
        }
    }
}
