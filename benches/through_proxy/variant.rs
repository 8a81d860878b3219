//! What is compared. A new row here is a new row in the report.

use std::{fs, net::SocketAddr, path::Path};

use super::{
    child::{Child, Core},
    process::{DEAF, free_port},
};

/// One way for a request to reach the origin.
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    /// CPU time a request, over the bare proxy's.
    pub(crate) budget: Option<f64>,
    way: Way,
}

enum Way {
    /// Nothing but pingora.
    Bare,
    /// Doorward.
    Gateway {
        access: &'static str,
        /// One for all paths, or one for each application.
        routes: usize,
        store: Store,
        access_log: bool,
    },
}

#[derive(Clone, Copy)]
enum Store {
    Memory,
    /// With sessions at hand.
    Redis,
    /// Each request reads its session: nothing is at hand where the feed of changes cannot be heard.
    RedisUnheard,
}

/// A variant, the one that it is also compared with, and the budget of that.
pub(crate) const ROUTES: (&str, &str, f64) = ("open, 10,000 routes in turn", "open, 10 routes in turn", 1.1);

/// The bare proxy first: all others are compared with it.
pub(crate) const VARIANTS: [Variant; 9] = [
    Variant {
        name: "bare pingora",
        budget: None,
        way: Way::Bare,
    },
    Variant {
        name: "bare pingora again: the noise",
        budget: None,
        way: Way::Bare,
    },
    Variant {
        name: "open route",
        budget: None,
        way: Way::Gateway {
            access: "open",
            routes: 1,
            store: Store::Memory,
            access_log: false,
        },
    },
    Variant {
        name: "open, 10 routes in turn",
        budget: None,
        way: Way::Gateway {
            access: "open",
            routes: 10,
            store: Store::Memory,
            access_log: false,
        },
    },
    Variant {
        name: ROUTES.0,
        budget: None,
        way: Way::Gateway {
            access: "open",
            routes: 10_000,
            store: Store::Memory,
            access_log: false,
        },
    },
    Variant {
        name: "signed in, memory",
        budget: Some(1.15),
        way: Way::Gateway {
            access: "signed_in",
            routes: 1,
            store: Store::Memory,
            access_log: false,
        },
    },
    Variant {
        name: "signed in, memory, access log",
        budget: None,
        way: Way::Gateway {
            access: "signed_in",
            routes: 1,
            store: Store::Memory,
            access_log: true,
        },
    },
    Variant {
        name: "signed in, Redis, cached",
        budget: Some(1.15),
        way: Way::Gateway {
            access: "signed_in",
            routes: 1,
            store: Store::Redis,
            access_log: false,
        },
    },
    Variant {
        name: "signed in, Redis, uncached",
        budget: None,
        way: Way::Gateway {
            access: "signed_in",
            routes: 1,
            store: Store::RedisUnheard,
            access_log: false,
        },
    },
];

impl Variant {
    /// How many applications are asked in turn.
    pub(crate) const fn applications(&self) -> usize {
        match self.way {
            Way::Bare => 1,
            Way::Gateway { routes, .. } => routes,
        }
    }

    /// Starts it in front of the origin, on the first core.
    pub(crate) fn start(&self, folder: &Path, origin: SocketAddr, redis: u16) -> Child {
        match &self.way {
            Way::Bare => {
                let port = free_port();
                Child::start(
                    self.name,
                    &["bare", &port.to_string(), &origin.to_string()],
                    Core::First,
                )
            }
            Way::Gateway {
                access,
                routes,
                store,
                access_log,
            } => {
                let file = folder.join(format!("{}.yaml", self.name.replace([' ', ',', ':'], "-")));
                let yaml = config(access, *routes, *store, *access_log, origin, redis);
                fs::write(&file, yaml).expect("a file for the configuration");
                Child::start(
                    self.name,
                    &["gateway", file.to_str().expect("a path in UTF-8")],
                    Core::First,
                )
            }
        }
    }
}

fn config(access: &str, routes: usize, store: Store, access_log: bool, origin: SocketAddr, redis: u16) -> String {
    let store = match store {
        Store::Memory => "memory".to_owned(),
        Store::Redis => format!("redis, redis: {{ url: \"redis://127.0.0.1:{redis}/0\" }}"),
        Store::RedisUnheard => {
            let (user, password) = DEAF;
            let url = format!("redis://127.0.0.1:{redis}/0");
            format!("redis, redis: {{ url: \"{url}\", username: {user}, password: \"{password}\" }}")
        }
    };
    let route = |name: String, path: String| {
        format!(
            "  - {{ name: {name}, host: app.test, path: {path}, upstream: {{ name: app, targets: [\"http://{origin}\"] }}, access: {access} }}\n"
        )
    };
    let routes: String = match routes {
        1 => route("wiki".to_owned(), "/".to_owned()),
        many => (0..many)
            .map(|number| route(format!("app-{number:05}"), format!("/app-{number:05}/")))
            .collect(),
    };
    format!(
        r#"
listeners: [{{ address: "127.0.0.1:0" }}]
admin: {{ enabled: false }}
logging: {{ access_log: {access_log} }}
providers:
  corporate: {{ issuer: "https://id.test", client_id: doorward, client_secret: "a-secret-for-benches" }}
session: {{ store: {store}, keys: [{{ id: k1, key: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" }}] }}
routes:
{routes}"#
    )
}
