//! An identity provider: reached, discovered, its keys and clock, and whether it knows our addresses.

use futures_util::future::join_all;
use openidconnect::{JsonWebKey as _, core::CoreJsonWebKeyType};
use url::Url;

use super::{
    Finding, Surgery, callback,
    reach::{Place, Trust, reach},
};
use crate::{
    config::Plan,
    oidc::{KeySet, Metadata, MetadataError},
    provider::{ClientAuth, Discovered, Provider, Settings},
    telemetry::Telemetry,
};

pub(super) async fn provider(surgery: &Surgery, plan: &Plan, settings: &Settings) -> Vec<Finding> {
    let of = format!("provider {}", settings.name.as_str());
    let mut found = Vec::new();
    let issuer = Url::parse(settings.issuer.as_str()).ok();
    let place = issuer.as_ref().and_then(|url| place(url, settings));
    if let Some(place) = &place {
        found.extend(reach(surgery, &of, place).await);
    }
    let (clock, entropy) = (surgery.clock.clone(), surgery.entropy.clone());
    let provider = match Provider::new(settings.clone(), clock, entropy, Telemetry::new(false)) {
        Ok(provider) => provider,
        Err(error) => {
            found.push(Finding::fail("configuration", &of, error.to_string()).advise("repair ca_file"));
            return found;
        }
    };
    let discovered = match surgery.within(provider.discover()).await {
        Ok(Ok(discovered)) => discovered,
        Ok(Err(down)) => {
            found.push(undiscovered(&of, &down.cause));
            return found;
        }
        Err(late) => {
            found.push(undiscovered(&of, &late));
            return found;
        }
    };
    found.push(clock_of(&of, &discovered, settings));
    let metadata = match discovered.metadata {
        Ok(metadata) => metadata,
        Err(error) => {
            found.push(refused(&of, &error));
            return found;
        }
    };
    found.extend(read(&of, &metadata, settings));
    found.extend(endpoints(surgery, &of, &metadata, settings, place.as_ref()).await);
    found.push(keys(surgery, &of, &provider, &metadata).await);
    // A request that is not taken says nothing of its redirect URI.
    if metadata.demand.is_none() {
        found.extend(callback::callbacks(surgery, &of, &provider, &metadata, plan).await);
    }
    found
}

fn place(url: &Url, settings: &Settings) -> Option<Place> {
    let host = match url.host()? {
        url::Host::Domain(name) => name.to_owned(),
        url::Host::Ipv4(ip) => ip.to_string(),
        url::Host::Ipv6(ip) => ip.to_string(),
    };
    let trust = (url.scheme() == "https").then(|| Trust {
        name: host.clone(),
        ca_pem: settings.ca_pem.clone(),
        client: None,
        key: "ca_file",
    });
    Some(Place {
        host,
        port: url.port_or_known_default()?,
        tls: trust,
    })
}

fn undiscovered(of: &str, cause: &str) -> Finding {
    let advice = "until it answers, nobody can sign in; who is signed in stays so until a renewal is due. The issuer is the address \
                  before /.well-known/openid-configuration";
    Finding::fail("discovery", of, cause).advise(advice)
}

fn refused(of: &str, error: &MetadataError) -> Finding {
    let check = match error {
        MetadataError::OtherIssuer { .. } | MetadataError::Malformed(_) | MetadataError::Insecure { .. } => "discovery",
        MetadataError::NoS256 => "pkce",
    };
    let advice = match error {
        MetadataError::OtherIssuer { .. } => {
            "write `issuer` as the provider does, to the byte, if that is the one you mean; look for a proxy in between if not"
        }
        MetadataError::Malformed(_) => "is a proxy or a sign-in page in between? The document is JSON",
        MetadataError::Insecure { .. } => {
            "let the provider publish https addresses: it may have to be told that a proxy is in front"
        }
        MetadataError::NoS256 => "switch PKCE with S256 on for this client, or at the provider",
    };
    Finding::fail(check, of, error.to_string()).advise(advice)
}

/// What the document says that matters beside its being good.
fn read(of: &str, metadata: &Metadata, settings: &Settings) -> Vec<Finding> {
    let mut found = vec![match metadata.demand {
        None => Finding::ok("discovery", of, format!("{} names itself so", settings.issuer.as_str())),
        Some(demand) => Finding::fail("discovery", of, demand.to_string())
            .advise("switch the demand off at the provider: until then nobody can sign in; who is signed in stays so"),
    }];
    found.push(if metadata.pkce_methods.is_empty() {
        let seen = "whether it supports PKCE with S256 cannot be seen: it does not say";
        Finding::unseen("pkce", of, seen)
            .advise("Doorward sends S256 all the same; look at the provider's documentation")
    } else {
        Finding::ok("pkce", of, "S256 is supported")
    });
    let ours = settings.algs.join(", ");
    let common = settings.algs.iter().any(|alg| metadata.id_token_algs.contains(alg));
    found.push(if metadata.id_token_algs.is_empty() {
        let seen = format!("how it signs ID tokens cannot be seen: it does not say; {ours} is allowed");
        Finding::unseen("algorithms", of, seen)
            .advise("if it signs otherwise, sign-ins fail with `sign_in_token_invalid`: write `algorithms` of the provider then")
    } else if common {
        Finding::ok(
            "algorithms",
            of,
            format!("ID tokens signed by {ours} are allowed, and it has that"),
        )
    } else {
        let seen = format!(
            "it signs ID tokens by {}, and {ours} is allowed",
            metadata.id_token_algs.join(", ")
        );
        Finding::fail("algorithms", of, seen).advise("write `algorithms` of the provider as it signs for this client")
    });
    let method = match settings.client_auth {
        ClientAuth::Basic(_) => "client_secret_basic",
        ClientAuth::Post(_) => "client_secret_post",
        ClientAuth::None => "none",
    };
    found.push(if metadata.token_auth_methods.iter().any(|known| known == method) {
        Finding::ok(
            "client auth",
            of,
            format!("{method} is supported; whether the secret is right cannot be seen"),
        )
    } else {
        let seen = format!("{method} is not among {}", metadata.token_auth_methods.join(", "));
        Finding::warn("client auth", of, seen).advise("write `client_auth` as the client is registered")
    });
    found
}

/// The endpoints that the gateway itself calls, where they are elsewhere.
async fn endpoints(
    surgery: &Surgery,
    of: &str,
    metadata: &Metadata,
    settings: &Settings,
    known: Option<&Place>,
) -> Vec<Finding> {
    let Metadata {
        token_endpoint,
        jwks_uri,
        userinfo_endpoint,
        ..
    } = metadata;
    let mut places: Vec<Place> = Vec::new();
    for url in [Some(token_endpoint), Some(jwks_uri), userinfo_endpoint.as_ref()]
        .into_iter()
        .flatten()
    {
        let place = place(url, settings).filter(|place| known != Some(place) && !places.contains(place));
        places.extend(place);
    }
    let looks = places.iter().map(|place| reach(surgery, of, place));
    join_all(looks).await.into_iter().flatten().collect()
}

fn clock_of(of: &str, discovered: &Discovered, settings: &Settings) -> Finding {
    let Some((ahead, about)) = discovered.ahead else {
        return Finding::unseen(
            "clock",
            of,
            "the provider's clock cannot be seen: its answers bear no date",
        )
        .advise("see that this machine's is set by NTP (`timedatectl`, `chronyc tracking`)");
    };
    let bound = i64::try_from(settings.skew.as_secs()).unwrap_or(i64::MAX);
    let (off, word) = (ahead.abs(), if ahead > 0 { "ahead of" } else { "behind" });
    if off <= about {
        return Finding::ok("clock", of, "the provider's clock and ours agree");
    }
    let seen = format!("the provider's clock is {off} s {word} ours, and clock_skew is {bound} s");
    let advice = "set both by NTP (`timedatectl`, `chronyc tracking`); a larger clock_skew is the worse cure";
    if off - about > bound {
        return Finding::fail("clock", of, format!("{seen}: its ID tokens are refused")).advise(advice);
    }
    if off - about > bound / 2 {
        return Finding::warn("clock", of, seen).advise(advice);
    }
    Finding::ok("clock", of, seen)
}

async fn keys(surgery: &Surgery, of: &str, provider: &Provider, metadata: &Metadata) -> Finding {
    let advice = "without it no ID token can be verified: nobody can sign in";
    let set = match surgery.within(provider.key_set(metadata)).await {
        Ok(Ok(set)) => set,
        Ok(Err(down)) => return Finding::fail("keys", of, down.cause).advise(advice),
        Err(late) => return Finding::fail("keys", of, format!("{}: {late}", metadata.jwks_uri)).advise(advice),
    };
    let count = set.keys.keys().len();
    let algs = &provider.settings().algs;
    if algs.iter().any(|alg| has_key(&set, alg)) {
        let keys = if count == 1 { "key" } else { "keys" };
        return Finding::ok(
            "keys",
            of,
            format!("{count} {keys}, among them one for {}", algs.join(", ")),
        );
    }
    // Signed by the client secret, which no set holds.
    if algs.iter().any(|alg| alg.starts_with("HS")) {
        return Finding::unseen(
            "keys",
            of,
            "ID tokens are signed with the client secret, which cannot be tried from here",
        )
        .advise("sign in once: a wrong secret is `sign_in_client_rejected` in the log");
    }
    let seen = format!("none of its {count} usable keys is for {}", algs.join(", "));
    Finding::fail("keys", of, seen)
        .advise("write `algorithms` as the provider signs for this client, or look at its keys")
}

/// Whether a key is of the kind that the algorithm signs with (RFC 7518 section 3.1, RFC 8037 section 3.1).
fn has_key(set: &KeySet, alg: &str) -> bool {
    let kind = match alg.get(..2) {
        Some("RS" | "PS") => CoreJsonWebKeyType::RSA,
        Some("ES") => CoreJsonWebKeyType::EllipticCurve,
        Some("Ed") => CoreJsonWebKeyType::OctetKeyPair,
        Some(_) | None => return false,
    };
    set.keys.keys().iter().any(|key| *key.key_type() == kind)
}
