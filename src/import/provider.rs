//! The identity provider.

use super::{
    report::Fate,
    translate::Desk,
    yaml::{Map, Yaml},
};
use crate::{
    config::written::{
        Written as _,
        address::IssuerUrl,
        name::{ClaimName, NameText, Word},
    },
    provider::is_own_parameter,
};

/// Stands for an issuer that nothing says; nobody has it (RFC 2606 section 2).
const NO_ISSUER: &str = "https://issuer.example.invalid";
/// The claim that an address is in.
pub(super) const EMAIL: &str = "email";
/// Those that do not speak OpenID Connect.
const PLAIN_OAUTH: [&str; 9] = [
    "github",
    "bitbucket",
    "gitea",
    "digitalocean",
    "facebook",
    "nextcloud",
    "sourcehut",
    "srht",
    "discord",
];
const ALGORITHMS: [&str; 9] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
];

impl Desk<'_> {
    pub(super) fn kind(&self) -> &str {
        self.given.text("provider").unwrap_or("google")
    }

    pub(super) fn providers(&mut self, top: &mut Map) {
        let mut provider = Map::default();
        self.issuer(&mut provider);
        self.client(&mut provider);
        self.scopes(&mut provider);
        let mut claims = Map::default();
        let email = self.email_claim();
        claims.put_some("email", Some(email).filter(|claim| claim != EMAIL));
        claims.put_some(
            "groups",
            self.claim("oidc_groups_claim").filter(|claim| claim != "groups"),
        );
        provider.put_full("claims", claims);
        if self.given.truth("skip_claims_from_profile_url") {
            provider.put("userinfo", "never");
        }
        self.algorithms(&mut provider);
        self.authorities(&mut provider);
        self.parameters(&mut provider);
        let name = NameText::read(self.kind()).unwrap_or_else(|_| "provider".to_owned());
        if self.given.text("insecure_oidc_skip_nonce") == Some("false") {
            self.say(
                "insecure_oidc_skip_nonce",
                Fate::Needless,
                "the nonce is always verified",
            );
        }
        let mut providers = Map::default();
        providers.put(&name, provider);
        top.put("providers", providers);
    }

    fn issuer(&mut self, provider: &mut Map) {
        let kind = self.kind().to_owned();
        let found = self.given.text("oidc_issuer_url").map(str::to_owned);
        let found = found.or_else(|| self.issuer_of(&kind));
        let read = found.and_then(|text| Some((IssuerUrl::read(&text).ok()?.plain, text)));
        provider.put("issuer", read.as_ref().map_or(NO_ISSUER, |(_, issuer)| issuer));
        let Some((plain, issuer)) = read else {
            provider.note("CHANGE: the issuer of a provider that speaks OpenID Connect");
            self.no_issuer(&kind);
            return;
        };
        self.say(
            "provider",
            Fate::Translated,
            format!("`providers.{kind}`, of which {issuer} is the issuer"),
        );
        if plain {
            provider.put("insecure_http_issuer", true);
            provider.note("CHANGE: the issuer is plain HTTP; anyone on the way can sign in as anyone");
            let what = "a plain HTTP issuer has to be said openly: `insecure_http_issuer: true`";
            self.note_absent(Fate::Stricter, "oidc_issuer_url", what);
        }
        let shared = ["/common/", "/organizations/", "/consumers/"];
        if shared.iter().any(|tenants| issuer.contains(tenants)) {
            provider.note("CHANGE: the identifier of your tenant in place of the word for all of them");
            let what = "an issuer is of one tenant: write its identifier, and one provider for each";
            self.note_absent(Fate::Missing, "the tenant", what);
        }
    }

    fn no_issuer(&mut self, kind: &str) {
        let plain = PLAIN_OAUTH.contains(&kind);
        let what = if plain {
            format!(
                "{kind} does not speak OpenID Connect: put a provider that does in between, such as Dex or Keycloak"
            )
        } else {
            "nothing says which issuer it is: write `issuer`".to_owned()
        };
        match self.given.setting("provider") {
            Some(_) => self.say("provider", Fate::Missing, what),
            None => self.note_absent(Fate::Missing, "provider", what),
        }
    }

    /// The issuer that a kind of provider has without being told.
    fn issuer_of(&self, kind: &str) -> Option<String> {
        let fixed = match kind {
            "google" => "https://accounts.google.com",
            "gitlab" => "https://gitlab.com",
            "linkedin" => "https://www.linkedin.com/oauth",
            "login.gov" => "https://secure.login.gov/",
            "azure" | "entra-id" => {
                let tenant = self.given.text("azure_tenant").unwrap_or("common");
                return Some(format!("https://login.microsoftonline.com/{tenant}/v2.0"));
            }
            // The endpoints of a realm are all below its issuer.
            "keycloak" => {
                let login = self.given.text("login_url")?;
                return login.split_once("/protocol/").map(|(issuer, _)| issuer.to_owned());
            }
            _ => return None,
        };
        Some(fixed.to_owned())
    }

    fn client(&mut self, provider: &mut Map) {
        provider.put("client_id", self.given.text("client_id").unwrap_or("CHANGE-ME"));
        if self.given.text("client_id").is_none() {
            provider.note("CHANGE: the client identifier at the provider");
            // Of one that is kept elsewhere it is told with its place.
            if !self.given.is_elsewhere("client_id") {
                let what = "none of the files says it; it may have come from the environment";
                self.note_absent(Fate::Missing, "client_id", what);
            }
        }
        if let Some(file) = self.given.text("client_secret_file") {
            provider.put("client_secret_file", file);
            self.before(format!("the client secret in the file {file}"));
        } else if self.kind() == "login.gov" {
            provider.put("client_auth", "none");
        } else {
            provider.put("client_secret_env", "OAUTH2_PROXY_CLIENT_SECRET");
            self.before("the client secret in the environment variable OAUTH2_PROXY_CLIENT_SECRET");
        }
    }

    fn scopes(&mut self, provider: &mut Map) {
        let groups = !self.given.list("allowed_groups").is_empty() && self.kind() == "oidc";
        let usual = if groups { "email profile groups" } else { "" };
        let scopes = self.given.text("scope").unwrap_or(usual);
        let scopes: Vec<String> = scopes
            .split_whitespace()
            .filter(|scope| *scope != "openid" && Word::read(scope).is_ok())
            .map(str::to_owned)
            .collect();
        if !scopes.is_empty() || self.given.text("scope").is_some() {
            provider.put("scopes", scopes);
        }
    }

    /// A claim by name or path. In a name that is a URL dots are no path.
    pub(super) fn claim(&mut self, key: &str) -> Option<String> {
        let written = self.given.text(key)?;
        let claim = claim_path(written);
        if claim.is_none() {
            self.say(
                key,
                Fate::Missing,
                "this is no claim that can be written; the usual one counts",
            );
        }
        claim
    }

    /// The claim that is taken for the address: the older option counts unless the newer one names another claim than usual.
    pub(super) fn email_claim(&mut self) -> String {
        let newer = self.claim("oidc_email_claim").filter(|claim| claim != EMAIL);
        newer
            .or_else(|| self.claim("user_id_claim"))
            .unwrap_or_else(|| EMAIL.to_owned())
    }

    fn algorithms(&mut self, provider: &mut Map) {
        let (known, other): (Vec<_>, Vec<_>) = self
            .given
            .list("oidc_enabled_signing_algs")
            .into_iter()
            .partition(|(_, name)| ALGORITHMS.contains(name));
        for (setting, name) in other {
            self.note(
                setting,
                Fate::Missing,
                format!("{name} is no algorithm that is verified"),
            );
        }
        if !known.is_empty() {
            let names: Vec<&str> = known.into_iter().map(|(_, name)| name).collect();
            provider.put("algorithms", names);
        }
    }

    fn authorities(&mut self, provider: &mut Map) {
        let mut files = self.given.list("provider_ca_files").into_iter();
        if let Some((_, first)) = files.next() {
            provider.put("ca_file", first);
            self.before(format!("the provider's authorities in the file {first}"));
        }
        for (setting, further) in files {
            self.note(
                setting,
                Fate::Missing,
                format!("there is one file: add what is in {further} to the first"),
            );
        }
    }

    fn parameters(&mut self, provider: &mut Map) {
        let mut extra = Map::default();
        extra.put_some("resource", self.given.text("resource"));
        if self.kind() == "google" {
            extra.put("access_type", "offline");
            extra.note("Google's way to ask for a refresh token");
        }
        for parameter in &self.given.parameters {
            let (place, written) = (&parameter.place, &parameter.written);
            let taken = extra.entries().any(|(name, _, _)| name == parameter.name);
            if taken || is_own_parameter(&parameter.name) {
                self.note_at(place, written, Fate::Missing, "this parameter is Doorward's own");
            } else {
                extra.put(&parameter.name, parameter.value.as_str());
                self.note_at(place, written, Fate::Translated, "`extra_parameters`");
            }
        }
        provider.put_full("extra_parameters", extra);
    }

    /// How people sign in for every route.
    pub(super) fn sign_in(&mut self) -> Map {
        let mut sign_in = Map::default();
        let acr: Vec<String> = self
            .given
            .text("acr_values")
            .unwrap_or_default()
            .split_whitespace()
            .filter(|one| Word::read(one).is_ok())
            .map(str::to_owned)
            .collect();
        if !acr.is_empty() {
            sign_in.put("acr_values", acr);
        }
        match self.given.text("prompt") {
            Some(prompt @ ("login" | "consent" | "select_account")) => {
                sign_in.put("prompt", prompt);
            }
            Some(prompt) => {
                let what = format!("{prompt:?} is not asked for: write login, consent or select_account");
                self.say("prompt", Fate::Missing, what);
            }
            None => {}
        }
        sign_in
    }
}

/// A claim as we write it.
pub(super) fn claim_path(written: &str) -> Option<String> {
    let path = if written.contains("://") {
        written.replace('.', "\\.")
    } else {
        written.to_owned()
    };
    ClaimName::read(&path).ok().map(|_| path)
}

/// A claim with one of these members.
pub(super) fn contains(path: &str, member: &str) -> Map {
    let mut claim = Map::default();
    claim.put("path", path).put("contains", member);
    let mut rule = Map::default();
    rule.put("claim", Yaml::Map(claim));
    rule
}
