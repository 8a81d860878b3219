//! A browser as far as cookies, fetch metadata and redirects go.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Mutex, Once},
};

use http::{HeaderMap, Method, StatusCode, header};
use reqwest::{Client, ClientBuilder, redirect::Policy};
use url::Url;

/// The hosts that resolve to loopback here.
pub const HOSTS: [&str; 3] = ["app.test", "other.test", "sub.wild.test"];

/// A browser profile with a cookie jar. Dropping it forgets everything.
pub struct Browser {
    client: Client,
    jar: Mutex<BTreeMap<(String, String), String>>,
}

/// A response, read in full.
#[derive(Debug)]
pub struct Page {
    /// Where it came from.
    pub url: Url,
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body as text.
    pub body: String,
}

impl Browser {
    /// A fresh profile.
    pub fn new() -> Self {
        Self::of(Client::builder())
    }

    /// A fresh profile that does TLS in this way.
    pub fn with_tls(config: rustls::ClientConfig) -> Self {
        Self::of(Client::builder().tls_backend_preconfigured(config))
    }

    fn of(client: ClientBuilder) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let mut client = client.redirect(Policy::none()).no_proxy();
        for host in HOSTS {
            client = client.resolve(host, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        }
        Self {
            client: client.build().unwrap(),
            jar: Mutex::default(),
        }
    }

    /// Navigates and follows redirects to the end.
    pub async fn open(&self, url: &str) -> Page {
        let mut page = self.visit(url).await;
        for _ in 0..10 {
            let Some(next) = page.location() else {
                return page;
            };
            page = self.visit(next.as_str()).await;
        }
        panic!("a redirect loop that ends at {}", page.url);
    }

    /// Navigates, one step.
    pub async fn visit(&self, url: &str) -> Page {
        let headers = [
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
            ("accept", "text/html,*/*;q=0.8"),
        ];
        self.ask(Method::GET, url, &headers).await
    }

    /// What a script of the page gets.
    pub async fn fetch(&self, url: &str) -> Page {
        let headers = [
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-dest", "empty"),
            ("accept", "*/*"),
        ];
        self.ask(Method::GET, url, &headers).await
    }

    /// Submits a form from a page of this site.
    pub async fn submit(&self, url: &str, site: &str) -> Page {
        let origin = Url::parse(url).unwrap().origin().ascii_serialization();
        let origin = if site == "same-origin" {
            origin
        } else {
            "https://evil.example".to_owned()
        };
        let headers = [
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
            ("sec-fetch-site", site),
            ("origin", &origin),
            ("accept", "text/html"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        self.ask(Method::POST, url, &headers).await
    }

    /// Any request, with the jar's cookies.
    pub async fn ask(&self, method: Method, url: &str, headers: &[(&str, &str)]) -> Page {
        self.send(method, url, headers, String::new()).await
    }

    /// Any request with a body, with the jar's cookies.
    pub async fn send(&self, method: Method, url: &str, headers: &[(&str, &str)], body: String) -> Page {
        let url = Url::parse(url).unwrap();
        let host = url.host_str().unwrap().to_owned();
        let mut request = self.client.request(method, url.clone());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let cookies = self.cookies(&host);
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies);
        }
        if !body.is_empty() {
            request = request.body(body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        self.keep(&host, &headers);
        Page {
            url,
            status,
            headers,
            body: response.text().await.unwrap(),
        }
    }

    /// The value of a cookie kept for a host.
    pub fn cookie(&self, host: &str, name: &str) -> Option<String> {
        self.jar
            .lock()
            .unwrap()
            .get(&(host.to_owned(), name.to_owned()))
            .cloned()
    }

    /// Puts a cookie into the jar.
    pub fn set_cookie(&self, host: &str, name: &str, value: &str) {
        self.jar
            .lock()
            .unwrap()
            .insert((host.to_owned(), name.to_owned()), value.to_owned());
    }

    /// The names of all cookies kept for a host.
    pub fn names(&self, host: &str) -> Vec<String> {
        self.jar
            .lock()
            .unwrap()
            .keys()
            .filter(|(of, _)| of == host)
            .map(|(_, name)| name.clone())
            .collect()
    }

    /// The jar's cookies for a host, as they are sent.
    pub fn cookies(&self, host: &str) -> String {
        let jar = self.jar.lock().unwrap();
        let pairs: Vec<String> = jar
            .iter()
            .filter(|((of, _), _)| of == host)
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    fn keep(&self, host: &str, headers: &HeaderMap) {
        let mut jar = self.jar.lock().unwrap();
        for line in headers.get_all(header::SET_COOKIE) {
            let cookie = cookie::Cookie::parse(line.to_str().unwrap().to_owned()).unwrap();
            let place = (host.to_owned(), cookie.name().to_owned());
            if cookie.max_age().is_some_and(cookie::time::SignedDuration::is_zero) {
                jar.remove(&place);
            } else {
                jar.insert(place, cookie.value().to_owned());
            }
        }
    }
}

impl Page {
    /// Where a redirect leads.
    pub fn location(&self) -> Option<Url> {
        let location = self.headers.get(header::LOCATION)?.to_str().unwrap();
        Some(self.url.join(location).unwrap())
    }

    /// A header's value, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }
}
