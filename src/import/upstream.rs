//! Upstreams of oauth2-proxy, as targets of ours.

use url::Url;

use super::{
    given::Upstream,
    path::{Pattern, is_below},
    report::Fate,
    session::length,
    translate::Desk,
    yaml::Map,
};
use crate::{
    config::written::{Written as _, address::UpstreamUrl},
    policy::FormerFolder,
};

/// Where nothing says where the application is.
const SOMEWHERE: &str = "http://127.0.0.1:8080";
/// How long oauth2-proxy waited for an answer.
const USUAL_TIMEOUT: &str = "30s";

/// Where requests go.
pub(super) struct Target {
    pub(super) pattern: Pattern,
    /// Our `upstream`, without a name.
    pub(super) upstream: Map,
    pub(super) name: String,
    pub(super) host_header: Option<String>,
    pub(super) web_sockets: bool,
    pub(super) strip_prefix: bool,
    pub(super) add_prefix: Option<String>,
    pub(super) notes: Vec<String>,
}

impl Desk<'_> {
    /// The targets, and the paths of upstreams that have no equivalent.
    pub(super) fn targets(&mut self) -> (Vec<Target>, Vec<Pattern>) {
        let mut targets: Vec<Target> = Vec::new();
        let mut gone = Vec::new();
        for upstream in self.upstreams() {
            let (fate, what) = match self.target(&upstream) {
                Ok(target) if targets.iter().any(|one| one.pattern == target.pattern) => {
                    (Fate::Missing, "another upstream has this path".to_owned())
                }
                Ok(mut target) => {
                    target.name = match targets.len() {
                        0 => "app".to_owned(),
                        more => format!("app-{}", more + 1),
                    };
                    let what = format!("a route for {}", target.pattern);
                    targets.push(target);
                    (Fate::Translated, what)
                }
                Err(why) => {
                    gone.extend(patterns(&upstream.path));
                    (Fate::Missing, why)
                }
            };
            self.note_at(&upstream.place, &upstream.written, fate, what);
        }
        self.say_nothing("upstreams");
        if targets.is_empty() {
            targets.push(nowhere());
            let what = "nothing says where the application is: write its address. Doorward does not answer another proxy that \
                        asks (`auth_request`, forward-auth): it stands in the way of requests itself";
            self.note_absent(Fate::Missing, "upstreams", what);
        }
        (targets, gone)
    }

    /// Those of both forms.
    fn upstreams(&self) -> Vec<Upstream> {
        let options = self.given.list("upstreams").into_iter();
        let options = options.map(|(setting, written)| {
            let path = path(written).filter(|path| !path.is_empty());
            Upstream {
                place: setting.place.clone(),
                written: format!("{} {}", setting.written, shown(written)),
                path: path.unwrap_or_else(|| "/".to_owned()),
                rewrite: None,
                uri: written.to_owned(),
                fixed: written.starts_with("static:"),
                unverified: self.given.truth("ssl_upstream_insecure_skip_verify"),
                pass_host: self.given.truth("pass_host_header"),
                web_sockets: self.given.truth("proxy_websockets"),
                timeout: self.given.text("upstream_timeout").map(str::to_owned),
            }
        });
        options.chain(self.given.upstreams.iter().cloned()).collect()
    }

    fn target(&mut self, written: &Upstream) -> Result<Target, String> {
        if written.fixed {
            return Err(
                "a fixed answer is not given; until an application is there its paths go to other upstreams".to_owned(),
            );
        }
        if written.uri.starts_with("file:") {
            return Err("files are not served; put a web server there and write its address, or its paths go to other upstreams".to_owned());
        }
        let (address, host) = address(&written.uri).ok_or("this is no address of an upstream")?;
        let (pattern, strip_prefix, add_prefix, notes) = mapped(written)?;
        self.not_former(&pattern)?;
        let mut upstream = Map::default();
        upstream.put("targets", vec![address.as_str()]);
        if written.unverified && address.starts_with("https:") {
            let mut tls = Map::default();
            tls.put("insecure_skip_verify", true);
            tls.note("anyone on the way can read and change everything; better is ca_file");
            upstream.put("tls", tls);
        }
        let timeout = written
            .timeout
            .as_deref()
            .filter(|one| *one != USUAL_TIMEOUT)
            .and_then(length);
        if let Some((read, _)) = timeout {
            let mut timeouts = Map::default();
            timeouts.put("read", read);
            upstream.put("timeouts", timeouts);
        }
        Ok(Target {
            pattern,
            upstream,
            name: String::new(),
            host_header: host.filter(|_| !written.pass_host),
            web_sockets: written.web_sockets,
            strip_prefix,
            add_prefix,
            notes,
        })
    }

    /// Nothing below the folder that oauth2-proxy had goes to an upstream.
    pub(super) fn not_former(&self, pattern: &Pattern) -> Result<(), String> {
        let usual = FormerFolder::USUAL.to_owned();
        let folder = self.folder().map_or(usual, |folder| folder.as_str().to_owned());
        if is_below(&folder, pattern.front()) {
            return Err(format!("it is below {folder}, which Doorward answers itself"));
        }
        Ok(())
    }
}

/// The path, and what becomes of it on the way: `^/a/(.*)$` to `/b/$1` is a prefix taken off and one put in front.
fn mapped(written: &Upstream) -> Result<(Pattern, bool, Option<String>, Vec<String>), String> {
    let plain = |pattern| (pattern, false, None, Vec::new());
    let Some(rewrite) = &written.rewrite else {
        let pattern = if written.path.starts_with('^') {
            let mut all = Pattern::of_expression(&written.path).map_err(|why| why.0)?;
            match (all.pop(), all.is_empty()) {
                (Some(only), true) => only,
                (Some(_) | None, _) => return Err("an expression with `|`: write a route for each".to_owned()),
            }
        } else {
            Pattern::of_path(&written.path).map_err(|why| why.0)?
        };
        return Ok(plain(pattern));
    };
    let folder = written.path.trim_start_matches('^').trim_end_matches('$');
    let folder = folder.strip_suffix("(.*)").and_then(|rest| rest.strip_suffix('/'));
    let added = rewrite.strip_suffix("$1").and_then(|rest| rest.strip_suffix('/'));
    match (folder, added) {
        (Some(folder), Some(added)) if !folder.is_empty() => {
            let path = format!("{folder}/");
            let pattern = Pattern::of_path(&path).map_err(|why| why.0)?;
            let add = Some(added.to_owned()).filter(|added| !added.is_empty());
            if add.as_ref().is_some_and(|add| Pattern::of_path(add).is_err()) {
                return Err(format!("{rewrite:?} is no path that can be put in front"));
            }
            Ok((pattern, true, add, Vec::new()))
        }
        _ => Err(format!(
            "only a prefix can be taken off and put in front, as in ^/a/(.*)$ to /b/$1, not {:?} to {rewrite:?}",
            written.path
        )),
    }
}

/// An application that nobody named.
fn nowhere() -> Target {
    let mut upstream = Map::default();
    upstream.put("targets", vec![SOMEWHERE]);
    Target {
        pattern: Pattern::Prefix("/".to_owned()),
        upstream,
        name: "app".to_owned(),
        host_header: None,
        web_sockets: true,
        strip_prefix: false,
        add_prefix: None,
        notes: vec!["CHANGE: where the application is".to_owned()],
    }
}

/// The path that a URL among the options is for. What stands behind `#` is where a folder of files was.
fn path(written: &str) -> Option<String> {
    let url = Url::parse(written).ok()?;
    match url.scheme() {
        "unix" | "static" => None,
        "file" => Some(url.fragment().unwrap_or(url.path()).to_owned()),
        _ => Some(url.path().to_owned()),
    }
}

/// The patterns of an upstream's path, as far as they can be written.
fn patterns(path: &str) -> Vec<Pattern> {
    if path.starts_with('^') {
        Pattern::of_expression(path).unwrap_or_default()
    } else {
        Pattern::of_path(path).into_iter().collect()
    }
}

/// An upstream's address without its path, and its host.
fn address(uri: &str) -> Option<(String, Option<String>)> {
    if let Some(path) = uri.strip_prefix("unix:") {
        let address = format!("unix:{}", path.strip_prefix("//").unwrap_or(path));
        return UpstreamUrl::read(&address).ok().map(|_| (address, None));
    }
    let url = Url::parse(uri).ok()?;
    let host = url.host_str()?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let address = format!("{}://{host}{port}", url.scheme());
    let authority = format!("{host}{port}");
    UpstreamUrl::read(&address).ok().map(|_| (address, Some(authority)))
}

/// A URL as it may be shown: a login may stand in it.
fn shown(uri: &str) -> String {
    match Url::parse(uri) {
        Ok(url) if url.password().is_some() || !url.username().is_empty() => format!("{}://…", url.scheme()),
        Ok(_) => uri.to_owned(),
        Err(_) => "(no URL)".to_owned(),
    }
}
