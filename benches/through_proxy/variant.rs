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
    /// Doorward with one route.
    Gateway {
        access: &'static str,
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

/// The bare proxy first: all others are compared with it.
pub(crate) const VARIANTS: [Variant; 7] = [
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
            store: Store::Memory,
            access_log: false,
        },
    },
    Variant {
        name: "signed in, memory",
        budget: Some(1.15),
        way: Way::Gateway {
            access: "signed_in",
            store: Store::Memory,
            access_log: false,
        },
    },
    Variant {
        name: "signed in, memory, access log",
        budget: None,
        way: Way::Gateway {
            access: "signed_in",
            store: Store::Memory,
            access_log: true,
        },
    },
    Variant {
        name: "signed in, Redis, cached",
        budget: Some(1.15),
        way: Way::Gateway {
            access: "signed_in",
            store: Store::Redis,
            access_log: false,
        },
    },
    Variant {
        name: "signed in, Redis, uncached",
        budget: None,
        way: Way::Gateway {
            access: "signed_in",
            store: Store::RedisUnheard,
            access_log: false,
        },
    },
];

impl Variant {
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
                store,
                access_log,
            } => {
                let file = folder.join(format!("{}.yaml", self.name.replace([' ', ',', ':'], "-")));
                let yaml = config(access, *store, *access_log, origin, redis);
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

fn config(access: &str, store: Store, access_log: bool, origin: SocketAddr, redis: u16) -> String {
    let store = match store {
        Store::Memory => "memory".to_owned(),
        Store::Redis => format!("redis, redis: {{ url: \"redis://127.0.0.1:{redis}/0\" }}"),
        Store::RedisUnheard => {
            let (user, password) = DEAF;
            let url = format!("redis://127.0.0.1:{redis}/0");
            format!("redis, redis: {{ url: \"{url}\", username: {user}, password: \"{password}\" }}")
        }
    };
    format!(
        r#"
listeners: [{{ address: "127.0.0.1:0" }}]
admin: {{ enabled: false }}
logging: {{ access_log: {access_log} }}
providers:
  corporate: {{ issuer: "https://id.test", client_id: doorward, client_secret: "a-secret-for-benches" }}
session: {{ store: {store}, keys: [{{ id: k1, key: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" }}] }}
routes: [{{ name: wiki, host: app.test, path: /, upstream: "http://{origin}", access: {access} }}]
"#
    )
}
