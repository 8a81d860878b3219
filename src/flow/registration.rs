//! The addresses of ours that an operator registers at a provider.

use std::collections::BTreeSet;

use super::{Public, reply};
use crate::{
    gate::{Endpoint, place},
    oidc::ProviderName,
    policy::{Access, Site},
};

/// What one provider has to know, each list sorted and without repetition. A host pattern such as `*.example.com` stands in
/// its address as written: each host that people open takes its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Registration {
    /// Redirect URIs (RFC 6749 section 3.1.2.2).
    pub redirect_uris: BTreeSet<String>,
    /// Post-logout redirect URIs (OpenID Connect RP-Initiated Logout 1.0 section 3.1).
    pub signed_out_uris: BTreeSet<String>,
    /// The back-channel logout URI (OpenID Connect Back-Channel Logout 1.0 section 2.2): a client has one, and every host of ours takes it.
    pub back_channel_uri: Option<String>,
    /// The front-channel logout URI (OpenID Connect Front-Channel Logout 1.0 section 2), likewise.
    pub front_channel_uri: Option<String>,
}

impl Registration {
    /// Those of a provider, for every host with a route where people sign in with it, by every listener.
    #[must_use]
    pub fn of(provider: &ProviderName, default: Option<&ProviderName>, site: &Site, listeners: &[Public]) -> Self {
        let hosts: BTreeSet<String> = site
            .routes()
            .iter()
            .filter(|route| route.access != Access::Open && route.sign_in.provider == *provider)
            .map(|route| route.matcher.host.to_string())
            .collect();
        let origins = || {
            let each = |public: &Public| {
                hosts
                    .iter()
                    .map(|host| reply::origin(*public, host))
                    .collect::<Vec<_>>()
            };
            listeners.iter().flat_map(each)
        };
        // A host that is written out serves better than a pattern, which the operator has to replace.
        let one = || origins().min_by_key(|origin| (origin.contains('*'), origin.clone()));
        let below =
            |endpoint: Endpoint| one().map(|origin| format!("{origin}{}/{}", endpoint.path(), provider.as_str()));
        let callback = place::callback(provider, default, site.former());
        Self {
            redirect_uris: origins().map(|origin| format!("{origin}{callback}")).collect(),
            signed_out_uris: origins()
                .map(|origin| format!("{origin}{}", Endpoint::SignedOut.path()))
                .collect(),
            back_channel_uri: below(Endpoint::BackChannelLogout),
            front_channel_uri: below(Endpoint::FrontChannelLogout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Route, route::tests::route};

    const BY_TLS: Public = Public {
        https: true,
        port: 8443,
    };
    const USUAL: Public = Public { https: true, port: 443 };

    fn signed_in(written: &str, provider: &str) -> Route {
        let mut route = route(written);
        route.access = Access::SignedIn;
        route.sign_in.provider = ProviderName::new(provider);
        route
    }

    fn of(provider: &str, listeners: &[Public]) -> Registration {
        let routes = vec![
            signed_in("wiki.example.com /*", "corporate"),
            signed_in("wiki.example.com /admin/*", "corporate"),
            signed_in("*.partners.example.com /*", "google"),
            route("open.example.com /*"),
        ];
        let default = ProviderName::new("corporate");
        let site = Site::new(routes).unwrap();
        Registration::of(&ProviderName::new(provider), Some(&default), &site, listeners)
    }

    fn list(set: &BTreeSet<String>) -> Vec<&str> {
        set.iter().map(String::as_str).collect()
    }

    #[test]
    fn each_host_is_named_once_with_the_port_that_people_use() {
        let found = of("corporate", &[BY_TLS, USUAL, USUAL]);
        assert_eq!(
            list(&found.redirect_uris),
            [
                "https://wiki.example.com/.doorward/callback",
                "https://wiki.example.com:8443/.doorward/callback"
            ]
        );
        assert_eq!(
            list(&found.signed_out_uris),
            [
                "https://wiki.example.com/.doorward/signed-out",
                "https://wiki.example.com:8443/.doorward/signed-out"
            ]
        );
    }

    #[test]
    fn another_provider_has_its_own_callback() {
        let found = of("google", &[USUAL]);
        let expected = ["https://*.partners.example.com/.doorward/callback/google"];
        assert_eq!(list(&found.redirect_uris), expected);
        let expected = "https://*.partners.example.com/.doorward/backchannel-logout/google";
        assert_eq!(found.back_channel_uri.as_deref(), Some(expected));
    }

    #[test]
    fn a_logout_comes_to_one_address_and_to_a_host_that_is_written_out_if_there_is_one() {
        let routes = ["*.a.example.com /*", "wiki.example.com /*"].map(|written| signed_in(written, "corporate"));
        let site = Site::new(routes.into()).unwrap();
        let found = Registration::of(&ProviderName::new("corporate"), None, &site, &[BY_TLS, USUAL]);
        let expected = "https://wiki.example.com/.doorward/backchannel-logout/corporate";
        assert_eq!(found.back_channel_uri.as_deref(), Some(expected));
        let expected = "https://wiki.example.com/.doorward/frontchannel-logout/corporate";
        assert_eq!(found.front_channel_uri.as_deref(), Some(expected));
    }

    #[test]
    fn a_provider_that_no_route_names_has_nothing_to_know() {
        let found = of("laboratory", &[USUAL]);
        assert!(found.redirect_uris.is_empty() && found.signed_out_uris.is_empty());
        assert_eq!((found.back_channel_uri, found.front_channel_uri), (None, None));
    }
}
