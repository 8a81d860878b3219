//! The structured form (`--alpha-config`). Most of it are the options under other names.

use super::{
    place,
    values::{entries, get, items, scalar},
};
use crate::{
    config::tree::{Entry, Kind, Node},
    import::{
        Document,
        given::{Aside, Given, Injected, Parameter, Source, Upstream, Value, is_true},
        known::Known,
        rank::Rank,
        report::Fate,
    },
};

/// The members at the top.
const TOP: [&str; 7] = [
    "upstreamConfig",
    "upstreams",
    "injectRequestHeaders",
    "injectResponseHeaders",
    "server",
    "metricsServer",
    "providers",
];

/// Where an option stands, in lower case, and its key.
const NAMES: &[(&str, &str)] = &[
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

/// Whether it is the structured form.
pub(super) fn is_alpha(node: &Node) -> bool {
    TOP.iter().any(|name| get(node, name).is_some())
}

/// Reads it.
pub(super) fn read(file: &Document<'_>, node: &Node) -> Given {
    let mut given = Given {
        structured: true,
        ..Given::default()
    };
    for Entry { key, place: at, value } in entries(node) {
        match key.to_ascii_lowercase().as_str() {
            "server" | "metricsserver" => options(&mut given, file, &key.to_ascii_lowercase(), key, value),
            "providers" => providers(&mut given, file, value),
            "upstreamconfig" => {
                let raw = get(value, "proxyRawPath").and_then(scalar);
                given.raw_paths |= raw.is_some_and(|(text, _)| is_true(&text));
                upstreams(&mut given, file, get(value, "upstreams"));
            }
            "upstreams" => upstreams(&mut given, file, Some(value)),
            "injectrequestheaders" => given.requests.extend(injected(file, key, value)),
            "injectresponseheaders" => given.responses.extend(injected(file, key, value)),
            _ => given.unknown.push((place(file, at.line), key.clone())),
        }
    }
    given
}

/// There is one provider; what is said of others is told as not known.
fn providers(given: &mut Given, file: &Document<'_>, list: &Node) {
    for (index, provider) in items(list).iter().enumerate() {
        let written = format!("providers[{index}]");
        if index == 0 {
            options(given, file, "provider", &written, provider);
        } else {
            given.asides.push(Aside {
                place: place(file, provider.place.line),
                written,
                fate: Fate::Missing,
                what: "oauth2-proxy uses the first provider only, and so does this translation",
            });
        }
    }
}

/// Options that stand below a name, however deep.
fn options(given: &mut Given, file: &Document<'_>, name: &str, written: &str, node: &Node) {
    for Entry { key, place: at, value } in entries(node) {
        let (name, written) = (
            format!("{name}.{}", key.to_ascii_lowercase()),
            format!("{written}.{key}"),
        );
        let here = place(file, at.line);
        if name == "provider.loginurlparameters" {
            parameters(given, file, &written, value);
            continue;
        }
        let known = NAMES.iter().find(|(place, _)| *place == name);
        match (&value.kind, known.and_then(|(_, key)| Known::by_key(key))) {
            (Kind::Map(_), None) => options(given, file, &name, &written, value),
            (Kind::List(items), known) => {
                let values = items.iter().filter_map(scalar).map(|(text, _)| text).collect();
                given.add(Rank::Structured, known, &written, here, Value::Each(values));
            }
            (Kind::Scalar(_), known) => {
                let value = scalar(value).map(|(text, _)| text).unwrap_or_default();
                given.add(Rank::Structured, known, &written, here, Value::Lone(value));
            }
            (Kind::Map(_), Some(_)) => given.unknown.push((here, written)),
        }
    }
}

/// Parameters of the authorization request; those with options of their own are these.
fn parameters(given: &mut Given, file: &Document<'_>, written: &str, list: &Node) {
    for (index, parameter) in items(list).iter().enumerate() {
        let name = get(parameter, "name")
            .and_then(scalar)
            .map(|(name, _)| name)
            .unwrap_or_default();
        let here = place(file, parameter.place.line);
        let written = format!("{written}[{index}] {name}");
        let defaults = get(parameter, "default").map(items).unwrap_or_default();
        let values: Vec<String> = defaults.iter().filter_map(scalar).map(|(text, _)| text).collect();
        let known = match name.as_str() {
            "acr_values" | "prompt" | "approval_prompt" | "resource" => Known::by_key(&name),
            _ => None,
        };
        if get(parameter, "allow").is_some() {
            given.asides.push(Aside {
                place: here.clone(),
                written: written.clone(),
                fate: Fate::Missing,
                what: "links cannot choose parameters; write them below `sign_in` of a route",
            });
        }
        match (known, values.into_iter().next_back()) {
            (_, None) => {}
            (Some(known), Some(value)) => given.add(Rank::Structured, Some(known), &written, here, Value::Lone(value)),
            (None, Some(value)) => given.parameters.push(Parameter {
                place: here,
                written,
                name,
                value,
            }),
        }
    }
}

fn upstreams(given: &mut Given, file: &Document<'_>, list: Option<&Node>) {
    for (index, node) in list.map(items).unwrap_or_default().iter().enumerate() {
        let text = |name: &str| get(node, name).and_then(scalar).map(|(text, _)| text);
        let truth = |name: &str, default: bool| text(name).map_or(default, |text| is_true(&text));
        let id = text("id").unwrap_or_default();
        given.upstreams.push(Upstream {
            place: place(file, node.place.line),
            written: format!("upstreams[{index}] {id}"),
            path: text("path")
                .filter(|path| !path.is_empty())
                .unwrap_or_else(|| "/".to_owned()),
            rewrite: text("rewriteTarget").filter(|target| !target.is_empty()),
            uri: text("uri").unwrap_or_default(),
            fixed: truth("static", false),
            unverified: truth("insecureSkipTLSVerify", false),
            pass_host: truth("passHostHeader", true),
            web_sockets: truth("proxyWebSockets", true),
            timeout: text("timeout"),
        });
    }
}

fn injected(file: &Document<'_>, key: &str, list: &Node) -> Vec<Injected> {
    let each = items(list).iter().enumerate().map(|(index, node)| {
        let text = |node: &Node, name: &str| get(node, name).and_then(scalar).map(|(text, _)| text);
        let name = text(node, "name").unwrap_or_default();
        let values = get(node, "values").map(items).unwrap_or_default();
        Injected {
            place: place(file, node.place.line),
            written: format!("{key}[{index}] {name}"),
            preserve: text(node, "preserveRequestValue").is_some_and(|text| is_true(&text)),
            values: values.iter().map(source).collect(),
            name,
        }
    });
    each.collect()
}

fn source(node: &Node) -> Source {
    // Older versions had these one level deeper.
    let node = get(node, "claimSource")
        .or_else(|| get(node, "secretSource"))
        .unwrap_or(node);
    let text = |name: &str| get(node, name).and_then(scalar).map(|(text, _)| text);
    match (text("claim"), text("fromEnv"), text("fromFile")) {
        (Some(claim), _, _) => Source::Claim {
            claim,
            prefix: text("prefix").unwrap_or_default(),
            basic: get(node, "basicAuthPassword").is_some(),
        },
        (None, Some(name), _) => Source::Env(name),
        (None, None, Some(file)) => Source::File(file),
        (None, None, None) => Source::Inline,
    }
}
