//! The proxy and the server in front of a stub that admits to every open route: for what is theirs alone.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use doorward::{
    entropy::Entropy,
    flow::{Answer, Duty, Ending, Front, Incoming, Public, Reply},
    gate::{Admission, Caller, Decision, Place, Presence, Refusal, Verdict, judge, place::place},
    identity::{Bundle, HeaderPlan},
    oidc::ProviderName,
    policy::{
        Access, Balance, Forward, HostPattern, Matcher, PathPattern, Pool, Protocol, Route, RouteId, SignInTerms, Site,
        Timeouts, Tls, Upstream, UpstreamTarget, upstream::Address,
    },
    proxy::{Bind, Limits, Listener, ListenerTls, TlsFiles, Upstreams},
    server::{self, Drained, Running, Shared},
    session::Terms,
    telemetry::Telemetry,
    time::Clock,
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use tokio::sync::Notify;

/// A gateway with a stub front.
pub struct Door {
    /// Where it listens.
    pub address: SocketAddr,
    /// What answers.
    pub stub: Arc<Stub>,
    /// The server.
    pub running: Running,
    /// For its metrics.
    pub telemetry: Telemetry,
}

/// Decides by the real gate over a site, for callers without session, and says refusals by their code.
pub struct Stub {
    site: Site,
    /// Ends tunnels.
    pub sign_out: Arc<Notify>,
    /// Panics at the next request.
    pub panic: AtomicBool,
    /// Panics when the next request's headers are made.
    pub panic_late: AtomicBool,
    /// The client's address of the last request.
    pub client: Mutex<Option<std::net::IpAddr>>,
}

/// How a door is made.
pub struct Plan {
    /// Routes.
    pub routes: Vec<Route>,
    /// Limits.
    pub limits: Limits,
    /// Trusted proxies.
    pub trusted: Vec<ipnet::IpNet>,
    /// Headers that they keep.
    pub trusted_headers: Vec<HeaderName>,
    /// Whether connections begin with a PROXY header.
    pub proxy_protocol: bool,
    /// Certificate.
    pub tls: Option<ListenerTls>,
}

impl Plan {
    /// One open route to an upstream at an address.
    pub fn to(address: SocketAddr) -> Self {
        Self::routes(vec![route("/", upstream(&[address]))])
    }

    /// These routes.
    pub fn routes(routes: Vec<Route>) -> Self {
        Self {
            routes,
            limits: Limits::default(),
            trusted: Vec::new(),
            trusted_headers: Vec::new(),
            proxy_protocol: false,
            tls: None,
        }
    }

    /// The same over TLS, with a certificate made in `folder`, which is given too.
    pub fn over_tls(mut self, folder: &Path) -> (Self, rustls::pki_types::CertificateDer<'static>) {
        let (files, certificate, _) = certificate(folder);
        self.tls = Some(files.into());
        (self, certificate)
    }

    /// Changes every route.
    #[must_use]
    pub fn each(mut self, edit: impl Fn(&mut Route)) -> Self {
        self.routes.iter_mut().for_each(edit);
        self
    }

    /// Changes every route's upstream.
    #[must_use]
    pub fn upstreams(self, edit: impl Fn(&mut Upstream)) -> Self {
        self.each(|route| edit(Arc::make_mut(&mut route.forward.upstream)))
    }

    /// Starts it.
    pub async fn start(self) -> Door {
        let site = Site::new(self.routes).unwrap();
        let telemetry = Telemetry::new(false);
        let upstreams = Arc::new(Upstreams::new(telemetry.clone()));
        upstreams.arrange(&site).unwrap();
        let stub = Arc::new(Stub {
            site,
            sign_out: Arc::default(),
            panic: AtomicBool::new(false),
            panic_late: AtomicBool::new(false),
            client: Mutex::default(),
        });
        let listener = Listener {
            bind: Bind::Tcp(SocketAddr::from(([127, 0, 0, 1], 0))),
            public: Public {
                https: self.tls.is_some(),
                port: 443,
            },
            duty: Duty::Serve,
            hsts: None,
            tls: self.tls,
            trusted_proxies: self.trusted,
            trusted_headers: self.trusted_headers,
            proxy_protocol: self.proxy_protocol,
            limits: self.limits,
        };
        let bound = server::bind(listener).unwrap();
        let shared = Shared {
            front: Arc::clone(&stub),
            upstreams,
            telemetry: telemetry.clone(),
            entropy: Entropy::system(),
        };
        let running = server::serve(vec![bound], &shared);
        let [Bind::Tcp(address)] = running.addresses() else {
            panic!("one TCP listener")
        };
        Door {
            address: *address,
            stub,
            telemetry,
            running,
        }
    }
}

impl Door {
    /// Waits until a metric's sample, given by its beginning, has this value.
    pub async fn until_metric(&self, sample: &str, value: usize) {
        let line = format!("{sample} {value}");
        for _ in 0..500 {
            if self.telemetry.render().lines().any(|found| found == line) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{line} never came: {}", self.telemetry.render());
    }

    /// Waits until so many connections were turned away for a reason.
    pub async fn turned_away(&self, reason: &str, count: usize) {
        let sample = format!("doorward_connections_turned_away_total{{reason=\"{reason}\"}}");
        self.until_metric(&sample, count).await;
    }

    /// Drains.
    pub async fn shutdown(self, deadline: Duration) -> Drained {
        self.running.shutdown(deadline).await
    }
}

impl Front for Stub {
    async fn answer(&self, incoming: &Incoming<'_>) -> Answer {
        *self.client.lock().unwrap() = incoming.client;
        assert!(!self.panic.swap(false, Ordering::SeqCst), "on purpose");
        let caller = incoming.caller;
        let refuse = |refusal| Answer::Reply(self.refuse(refusal, caller, incoming.request_id));
        let route = match place(&self.site, incoming.method, incoming.target) {
            Place::Route(route) => route,
            Place::Refused(refusal) => return refuse(refusal),
            Place::OtherMethods(_) => return refuse(Refusal::Method),
            Place::Own(_) | Place::Former(_) => return refuse(Refusal::NotFound),
        };
        let terms = Terms {
            idle: Duration::from_secs(60),
            absolute: Duration::from_secs(60),
        };
        let now = Clock::system().now();
        match judge(&route, None, Presence::Nothing, caller, &terms, now) {
            Decision::Settle(Verdict::Admit(admission)) => Answer::Forward(admission),
            Decision::Settle(Verdict::Refuse(refusal)) => refuse(refusal),
            Decision::Settle(Verdict::SignIn) | Decision::Renew(_) => refuse(Refusal::SignInNeeded),
        }
    }

    fn refuse(&self, refusal: Refusal, _: Caller, request_id: &str) -> Reply {
        Reply {
            status: StatusCode::from_u16(refusal.status()).unwrap(),
            headers: vec![(
                HeaderName::from_static("x-request-id"),
                HeaderValue::from_str(request_id).unwrap(),
            )],
            body: refusal.code().into(),
            outcome: refusal.code(),
            about: None,
        }
    }

    fn bundle(&self, _: &Admission) -> Option<Arc<Bundle>> {
        assert!(!self.panic_late.swap(false, Ordering::SeqCst), "on purpose");
        Some(Arc::new(Bundle {
            set: vec![(HeaderName::from_static("x-auth-user"), HeaderValue::from_static("ada"))],
            ..Bundle::default()
        }))
    }

    fn is_own_cookie(&self, name: &[u8]) -> bool {
        name.starts_with(b"__Host-doorward")
    }

    fn subject_hash(&self, _: &Admission) -> Option<Arc<str>> {
        None
    }

    fn until_ended(self: &Arc<Self>, _: &Admission) -> Option<Ending> {
        let sign_out = Arc::clone(&self.sign_out);
        Some(Box::pin(async move { sign_out.notified().await }))
    }
}

/// An open route for a prefix, on any host. `X-Auth-User` is the gateway's to say.
pub fn route(prefix: &str, upstream: Upstream) -> Route {
    Route {
        id: RouteId(prefix.into()),
        matcher: Matcher {
            host: HostPattern::Any,
            path: PathPattern::prefix(prefix).unwrap(),
            methods: None,
        },
        encoded_slashes: false,
        access: Access::Open,
        sign_in: SignInTerms::of(ProviderName::new("none")).into(),
        explain_refusals: false,
        cors: None,
        rate: None,
        forward: Forward {
            upstream: Arc::new(upstream),
            strip_prefix: false,
            add_prefix: None,
            host_header: None,
            headers: HeaderPlan::new(
                Vec::new(),
                false,
                &[],
                &[HeaderName::from_static("x-auth-user"), header::AUTHORIZATION],
            )
            .into(),
            response_set: Vec::new(),
            response_remove: Vec::new(),
            websocket: true,
            max_body: None,
        },
    }
}

/// An upstream of plain HTTP/1.1 targets.
pub fn upstream(addresses: &[SocketAddr]) -> Upstream {
    Upstream {
        name: "app".into(),
        targets: addresses.iter().map(|a| target(Protocol::Http, *a)).collect(),
        balance: Balance::RoundRobin,
        tls: Tls::default(),
        timeouts: Timeouts {
            connect: Duration::from_secs(2),
            read: Some(Duration::from_secs(5)),
            write: Duration::from_secs(5),
            idle: Duration::from_secs(30),
        },
        pool: Pool { h2_streams: 100 },
        ejection: None,
        health: None,
    }
}

/// A target.
pub fn target(protocol: Protocol, address: SocketAddr) -> UpstreamTarget {
    UpstreamTarget {
        protocol,
        address: Address::Tcp {
            host: address.ip().to_string(),
            port: address.port(),
        },
    }
}

/// A self-signed certificate for `localhost` in files.
pub fn certificate(
    folder: &Path,
) -> (
    TlsFiles,
    rustls::pki_types::CertificateDer<'static>,
    rcgen::CertifiedKey<rcgen::KeyPair>,
) {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let files = TlsFiles {
        certificate: folder.join("cert.pem"),
        key: folder.join("key.pem"),
    };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    (files, made.cert.der().clone(), made)
}

/// A door with TLS, and the certificate to trust.
pub struct H2Door {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its certificate.
    pub trusted: rustls::pki_types::CertificateDer<'static>,
    /// The door.
    pub door: Door,
}
