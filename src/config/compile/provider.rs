//! Identity providers.

use std::collections::BTreeMap;

use super::{Desk, files::Ways, names::own_parameter};
use crate::{
    config::{
        Path, raw,
        written::{Written as _, name::NameText},
    },
    identity::ClaimNames,
    oidc::ProviderName,
    provider::{ClientAuth, Logout, Settings, UserInfoUse},
    secret::Secret,
};

impl Desk<'_, '_> {
    pub(super) fn providers(&mut self, config: &raw::Config) -> Option<Vec<Settings>> {
        let all = Path::top().key("providers");
        let mut whole = Some(Vec::new());
        for (name, written) in &config.providers {
            let path = all.key(name);
            if NameText::read(name).is_err() {
                let what = format!("{name:?} is not a name");
                self.found.add(&path, what, NameText::HINT);
            }
            match (self.provider(&path, name, written, config), &mut whole) {
                (Some(settings), Some(list)) => list.push(settings),
                (Some(_), None) => {}
                (None, list) => *list = None,
            }
        }
        whole
    }

    fn provider(&mut self, path: &Path, name: &str, written: &raw::Provider, config: &raw::Config) -> Option<Settings> {
        self.issuer(path, written);
        let client_auth = self.client_auth(path, written);
        self.parameters(&path.key("extra_parameters"), &written.extra_parameters);
        let ca_pem = self.authorities(&path.key("ca_file"), written.ca_file.as_ref());
        if written.clock_skew.value > std::time::Duration::from_secs(300) {
            let what = "a clock that far off makes old tokens good";
            self.found.add(&path.key("clock_skew"), what, "write 5m or less");
        }
        let names = &written.claims;
        Some(Settings {
            name: ProviderName::new(name),
            issuer: written.issuer.as_ref()?.value.issuer.clone(),
            client_id: written.client_id.clone()?,
            client_auth: client_auth?,
            scopes: written.scopes.iter().map(|one| one.value.clone()).collect(),
            algs: written.algorithms.iter().map(|one| format!("{one:?}")).collect(),
            userinfo: match written.userinfo {
                raw::UserInfo::Never => UserInfoUse::Never,
                raw::UserInfo::WhenMissing => UserInfoUse::WhenMissing,
                raw::UserInfo::Always => UserInfoUse::Always,
            },
            mapped_claims: Self::mapped_claims(config, names),
            claim_names: ClaimNames {
                email: names.email.value.clone(),
                groups: names.groups.value.clone(),
                name: names.name.value.clone(),
                preferred_username: names.preferred_username.value.clone(),
            },
            extra: written.extra_parameters.clone(),
            ca_pem,
            allow_http: written.insecure_http_issuer,
            logout: Logout {
                rp_initiated: written.rp_initiated_logout,
                revoke: written.revoke_at_sign_out,
                front_channel: written.front_channel_logout,
            },
            connect_timeout: written.connect_timeout.value,
            timeout: written.timeout.value,
            skew: written.clock_skew.value,
        })
    }

    fn issuer(&mut self, path: &Path, written: &raw::Provider) {
        let plain = written.issuer.as_ref().is_some_and(|one| one.value.plain);
        if plain && !written.insecure_http_issuer {
            self.found.add(
                &path.key("issuer"),
                "the issuer is plain HTTP: anyone on the way can sign in as anyone",
                "write its https:// URL, or `insecure_http_issuer: true` for a try-out",
            );
        }
    }

    fn client_auth(&mut self, path: &Path, written: &raw::Provider) -> Option<ClientAuth> {
        let secret = self.secret(
            path,
            &Ways {
                key: "client_secret",
                inline: written.client_secret.as_ref(),
                file: written.client_secret_file.as_deref(),
                env: written.client_secret_env.as_deref(),
            },
        );
        let by_mac = written.algorithms.iter().any(|one| one.is_symmetric());
        let make = match written.client_auth {
            raw::ClientAuth::Basic => ClientAuth::Basic,
            raw::ClientAuth::Post => ClientAuth::Post,
            raw::ClientAuth::None => {
                self.public_client(path, secret.is_some(), by_mac);
                return Some(ClientAuth::None);
            }
        };
        let Some(secret) = secret else {
            self.found.missing(
                path,
                "the client secret is missing",
                "write client_secret_file, client_secret_env or client_secret, or `client_auth: none` for a public client",
            );
            return None;
        };
        self.long_enough(path, &secret, by_mac);
        Some(make(secret))
    }

    fn public_client(&mut self, path: &Path, secret: bool, by_mac: bool) {
        if secret {
            self.found.add(
                &path.key("client_auth"),
                "a client without authentication has no secret",
                "write `basic` or `post`, or take the secret out",
            );
        }
        if by_mac {
            self.found.add(
                &path.key("algorithms"),
                "HS algorithms need a client secret",
                "write RS256 or another with a public key",
            );
        }
    }

    fn long_enough(&mut self, path: &Path, secret: &Secret<String>, by_mac: bool) {
        let (least, why) = if by_mac { (32, " with HS algorithms") } else { (8, "") };
        if secret.expose().len() < least {
            self.found.add(
                path,
                format!("the client secret is too short: it needs at least {least} characters{why}"),
                "let the provider draw a long one",
            );
        }
    }

    /// Parameters that override Doorward's own are problems.
    pub(super) fn parameters(&mut self, path: &Path, written: &BTreeMap<String, String>) {
        for name in written.keys() {
            if let Some(instead) = own_parameter(name) {
                let what = format!("{name:?} is Doorward's own parameter");
                self.found.add(&path.key(name), what, instead);
            }
        }
    }
}
