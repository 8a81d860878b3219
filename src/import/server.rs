//! Where people come in: the public URL, listeners, proxies in front, the admin listener, and the switch.

use url::Url;

use super::{
    report::Fate,
    translate::Desk,
    yaml::{Map, Yaml},
};
use crate::{
    config::written::{
        Written as _,
        address::{Listen, Network, PublicUrl},
    },
    gate::place::is_own,
    policy::FormerFolder,
    proxy::Bind,
};

/// Where nothing says where people open the site.
const SOMEWHERE: &str = "https://app.example.com";
const USUAL_HTTP: &str = "127.0.0.1:4180";
const USUAL_HTTPS: &str = ":443";

/// How people reach the site.
pub(super) struct Public {
    /// Scheme, host and port.
    origin: String,
    https: bool,
}

impl Desk<'_> {
    /// The URL at which people open the site: what the redirect URI begins with.
    pub(super) fn public(&mut self, top: &mut Map) -> Public {
        let written = self.wishes.public_url.or_else(|| self.given.text("redirect_url"));
        let origin = written.and_then(|url| origin(url, self.speaks_tls()));
        let public = origin.clone().unwrap_or_else(|| SOMEWHERE.to_owned());
        top.put("public_url", public.as_str());
        if origin.is_none() {
            top.note("CHANGE: the URL at which people open the site");
            let what = "nothing says at which URL people open the site; give it with --public-url";
            match self.given.setting("redirect_url") {
                Some(_) => self.say("redirect_url", Fate::Missing, what),
                None => self.note_absent(Fate::Missing, "redirect_url", what),
            }
        }
        Public {
            https: public.starts_with("https://"),
            origin: public,
        }
    }

    fn speaks_tls(&self) -> bool {
        self.given.text("tls_cert_file").is_some() && self.given.text("tls_key_file").is_some()
    }

    pub(super) fn listeners(&mut self, top: &mut Map, public: &Public) {
        let tls = self.speaks_tls();
        let (key, usual) = if tls {
            ("https_address", USUAL_HTTPS)
        } else {
            ("http_address", USUAL_HTTP)
        };
        let address = self.address(key, usual);
        if tls && !self.given.structured {
            let what = "with a certificate oauth2-proxy served https alone, and so does this translation";
            self.say("http_address", Fate::Needless, what);
        } else if !tls {
            let what = "without a certificate oauth2-proxy served http alone, and so does this translation";
            self.say("https_address", Fate::Needless, what);
        }
        let mut listener = Map::default();
        listener.put("address", address.as_str());
        if tls {
            let mut files = Map::default();
            files.put_some("certificate_file", self.given.text("tls_cert_file"));
            files.put_some("key_file", self.given.text("tls_key_file"));
            listener.put("tls", files);
        } else if public.https {
            listener.put("behind_tls_proxy", true);
            listener.note("something in front speaks HTTPS with people");
        } else if !is_local(&address) {
            listener.put("insecure_public_http", true);
            listener.note("CHANGE: people come by plain HTTP; cookies and pages can be read on the way");
            let what = "people come by plain HTTP, which has to be said openly: `insecure_public_http: true`";
            self.note_absent(Fate::Stricter, "http", what);
        }
        let mut all = vec![listener];
        if tls && self.given.structured && self.given.text("http_address").is_some() {
            let mut plain = Map::default();
            plain.put("address", self.address("http_address", USUAL_HTTP));
            plain.put("redirect_to_https", true);
            all.push(plain);
            let what = "this listener serves nothing and sends everybody to https";
            self.say("http_address", Fate::Stricter, what);
        }
        top.put("listeners", all);
    }

    /// An address of ours; the usual one where what was written is none.
    fn address(&mut self, key: &str, usual: &str) -> String {
        let written = self.given.text(key).filter(|text| *text != "-").unwrap_or(usual);
        if let Some(address) = listen(written) {
            return address;
        }
        let instead = listen(usual).unwrap_or_default();
        let what = format!("a listener has an IP address and a port; this one has {instead} until you change it");
        self.say(key, Fate::Missing, what);
        instead
    }

    pub(super) fn trusted(&mut self, top: &mut Map) {
        if !self.given.truth("reverse_proxy") {
            let what = "without `reverse_proxy` oauth2-proxy believed no proxy, and neither does this translation";
            self.say("trusted_proxy_ips", Fate::Needless, what);
            return;
        }
        let mut networks = Vec::new();
        for (setting, written) in self.given.list("trusted_proxy_ips") {
            match Network::read(written) {
                Ok(network) if network.prefix_len() > 0 => networks.push(written.to_owned()),
                Ok(_) | Err(_) => self.note(
                    setting,
                    Fate::Missing,
                    format!("{written} is not believed; list networks"),
                ),
            }
        }
        let none = networks.is_empty();
        top.put("trusted_proxies", networks);
        if none {
            top.note(
                "CHANGE: the networks of the proxies in front; until then what they say of clients is not believed",
            );
        } else {
            let what = "`trusted_proxies`: only the listed ones are believed";
            self.say("reverse_proxy", Fate::Translated, what);
        }
    }

    pub(super) fn admin(&mut self, top: &mut Map) {
        let mut admin = Map::default();
        match self.given.text("metrics_address").filter(|text| *text != "-") {
            Some(written) => {
                let serving = ["http_address", "https_address"].map(|key| self.given.text(key).and_then(listen));
                let shared = |one: &String| serving.iter().flatten().any(|other| other == one);
                let address = if listen(written).as_ref().is_some_and(shared) {
                    let what = "the admin listener has an address of its own, 127.0.0.1:9090 until you change it";
                    self.say("metrics_address", Fate::Missing, what);
                    "127.0.0.1:9090".to_owned()
                } else {
                    self.address("metrics_address", "127.0.0.1:9090")
                };
                admin.put("address", address.as_str());
                if !is_local(&address) {
                    admin.put("insecure_public_admin", true);
                    admin.note("health and metrics ask for no password: keep this behind a network policy");
                }
            }
            None if self.given.text("metrics_address").is_some() => {
                self.say(
                    "metrics_address",
                    Fate::Needless,
                    "the admin listener is for this machine alone, at 127.0.0.1:9090",
                );
            }
            // A gateway that is in front of Prometheus, most of all.
            None if self.is_taken(":9090") => {
                admin.put("address", "127.0.0.1:9091");
            }
            None => {}
        }
        top.put_full("admin", admin);
    }

    fn is_taken(&self, port: &str) -> bool {
        let upstreams = self.given.values("upstreams");
        let structured = self.given.upstreams.iter().map(|one| one.uri.clone());
        let listening =
            ["http_address", "https_address"].map(|key| self.given.text(key).unwrap_or_default().to_owned());
        upstreams
            .into_iter()
            .chain(structured)
            .chain(listening)
            .any(|one| one.contains(port))
    }

    /// The folder that oauth2-proxy had of its own, if it can be written.
    pub(super) fn folder(&self) -> Option<FormerFolder> {
        let prefix = self.given.text("proxy_prefix").unwrap_or(FormerFolder::USUAL);
        let folder = FormerFolder::parse(prefix.trim_end_matches('/')).ok();
        folder.filter(|folder| !is_own(folder.as_str()))
    }

    pub(super) fn compatibility(&mut self, top: &mut Map, public: &Public) {
        let usual = FormerFolder::USUAL;
        let folder = self.folder().map(|folder| folder.as_str().to_owned());
        if folder.is_none() {
            let what = format!("this is no folder that can be written; it is {usual} until you change it");
            self.say("proxy_prefix", Fate::Missing, what);
        }
        let folder = folder.unwrap_or_else(|| usual.to_owned());
        let mut switch = Map::default();
        switch.put("oauth2_proxy", true);
        if folder != FormerFolder::USUAL {
            switch.put("oauth2_proxy_prefix", folder.as_str());
        }
        top.put("compatibility", switch);
        top.note("the addresses and header names of oauth2-proxy; take it out when nothing uses them any more");
        let redirect = format!("{}{folder}/callback", public.origin);
        let differs = self
            .given
            .text("redirect_url")
            .is_some_and(|written| written != redirect);
        if differs && self.wishes.public_url.is_none() && origin(&redirect, false).is_some() {
            let what = format!("the redirect URI is {redirect}");
            if self
                .given
                .text("redirect_url")
                .and_then(|url| origin(url, false))
                .is_some()
            {
                self.say("redirect_url", Fate::Stricter, what);
            }
        }
        self.before(format!(
            "{redirect} among the redirect URIs at the provider; `doorward check` says the others"
        ));
    }
}

/// Scheme, host and port of a URL that people can open.
fn origin(url: &str, tls: bool) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let origin = url.origin().ascii_serialization();
    let origin = match origin.strip_prefix("http://") {
        Some(rest) if tls => format!("https://{rest}"),
        Some(_) | None => origin,
    };
    PublicUrl::read(&origin).is_ok().then_some(origin)
}

/// An address as Go has it, in our form: without a host it is every one of IPv4.
fn listen(written: &str) -> Option<String> {
    let bare = ["http://", "https://"]
        .iter()
        .find_map(|scheme| written.strip_prefix(scheme))
        .unwrap_or(written);
    let address = match (bare.strip_prefix("unix:"), bare.split_once(':')) {
        (Some(path), _) => format!("unix:{}", path.strip_prefix("//").unwrap_or(path)),
        (None, Some(("", port))) => format!("0.0.0.0:{port}"),
        (None, Some(("localhost", port))) => format!("127.0.0.1:{port}"),
        (None, _) => bare.to_owned(),
    };
    Listen::read(&address).ok().map(|_| address)
}

fn is_local(address: &str) -> bool {
    match Listen::read(address) {
        Ok(Bind::Tcp(address)) => address.ip().is_loopback(),
        Ok(Bind::Unix(_)) => true,
        Err(_) => false,
    }
}

/// A list of texts, or one alone.
pub(super) fn one_or_many(mut texts: Vec<String>) -> Yaml {
    match (texts.pop(), texts.is_empty()) {
        (Some(only), true) => Yaml::Text(only),
        (Some(last), false) => {
            texts.push(last);
            Yaml::from(texts)
        }
        (None, _) => Yaml::from(texts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_go_has_them() {
        for (written, ours) in [
            ("127.0.0.1:4180", Some("127.0.0.1:4180")),
            ("http://0.0.0.0:4180", Some("0.0.0.0:4180")),
            ("https://[::1]:443", Some("[::1]:443")),
            (":443", Some("0.0.0.0:443")),
            ("localhost:80", Some("127.0.0.1:80")),
            ("unix:///run/o.sock", Some("unix:/run/o.sock")),
            ("unix:/run/o.sock", Some("unix:/run/o.sock")),
            ("gateway.internal:80", None),
            ("fd:3", None),
            ("", None),
        ] {
            assert_eq!(listen(written).as_deref(), ours, "{written}");
        }
    }

    #[test]
    fn the_site_is_where_the_redirect_uri_is() {
        assert_eq!(
            origin("https://a.test/oauth2/callback", false).as_deref(),
            Some("https://a.test")
        );
        assert_eq!(
            origin("http://a.test:8080/x", true).as_deref(),
            Some("https://a.test:8080")
        );
        for none in ["/oauth2/callback", "", "ftp://a.test/", "https://"] {
            assert_eq!(origin(none, false), None, "{none}");
        }
    }
}
