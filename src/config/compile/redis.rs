//! Redis: where it is, who enters, by what certificates.

use super::{Desk, files::Ways};
use crate::{
    config::{
        Path, raw,
        written::{Text, node::HostAndPort},
    },
    secret::Secret,
    store::{RedisAddress, RedisLogin, RedisServers, RedisSettings, RedisTls},
};

/// What is written below `session.redis` of where it is.
enum Place<'w> {
    Url(RedisAddress, i64),
    Sentinel(&'w raw::RedisSentinel),
    Cluster(&'w raw::RedisCluster),
}

/// The four ways to write a login, as they stand in two places.
struct Login<'w> {
    username: Option<&'w String>,
    password: Option<&'w Secret<String>>,
    file: Option<&'w std::path::Path>,
    env: Option<&'w str>,
}

/// The files that TLS takes, as they stand in two places.
#[derive(Clone, Copy)]
struct Files<'w> {
    ca: Option<&'w std::path::PathBuf>,
    certificate: Option<&'w std::path::PathBuf>,
    key: Option<&'w std::path::PathBuf>,
}

impl Files<'_> {
    const fn is_any(&self) -> bool {
        self.ca.is_some() || self.certificate.is_some() || self.key.is_some()
    }
}

impl Desk<'_, '_> {
    pub(super) fn redis(&mut self, path: &Path, written: &raw::Redis) -> Option<RedisSettings> {
        let login = self.login(
            path,
            &Login {
                username: written.username.as_ref(),
                password: written.password.as_ref(),
                file: written.password_file.as_deref(),
                env: written.password_env.as_deref(),
            },
        );
        let place = self.place(path, written)?;
        let speaks_tls = match &place {
            Place::Url(address, _) => address.is_tls(),
            Place::Sentinel(_) | Place::Cluster(_) => written.tls.unwrap_or(false),
        };
        let files = Files {
            ca: written.ca_file.as_ref(),
            certificate: written.client_certificate_file.as_ref(),
            key: written.client_key_file.as_ref(),
        };
        let hint = match &place {
            Place::Url(..) => "write rediss:// in `url`, or take the certificates out",
            Place::Sentinel(_) | Place::Cluster(_) => "write `tls: true`, or take the certificates out",
        };
        let tls = self.tls(path, speaks_tls, &files, hint);
        let (servers, database) = match place {
            Place::Url(address, database) => (RedisServers::One(address), database),
            Place::Sentinel(sentinel) => {
                let path = path.key("sentinel");
                let servers = self.sentinel(&path, sentinel, (speaks_tls, &tls));
                (servers?, sentinel.database.into())
            }
            Place::Cluster(cluster) => {
                let nodes = nodes(cluster.nodes.as_ref()?, speaks_tls);
                (RedisServers::Cluster { nodes }, 0)
            }
        };
        Some(RedisSettings {
            servers,
            login,
            tls,
            database,
            key_prefix: written.key_prefix.as_str().into(),
            timeout: written.timeout.value,
            connect_timeout: written.connect_timeout.value,
        })
    }

    fn place<'w>(&mut self, path: &Path, written: &'w raw::Redis) -> Option<Place<'w>> {
        let mut places = Vec::new();
        if let Some(url) = &written.url {
            places.push(Place::Url(url.value.address.clone(), url.value.database));
        }
        places.extend(written.sentinel.as_ref().map(Place::Sentinel));
        places.extend(written.cluster.as_ref().map(Place::Cluster));
        if places.len() > 1 {
            let what = "where Redis is, is written in more than one way";
            self.found
                .add(path, what, "keep one of `url`, `sentinel` and `cluster`");
            return None;
        }
        let Some(place) = places.pop() else {
            let hint = "write `url: redis://host:6379`, or `sentinel`, or `cluster`";
            self.found.missing(path, "where Redis is, is missing", hint);
            return None;
        };
        if written.tls.is_some() && matches!(place, Place::Url(..)) {
            let hint = "take `tls` out, and write rediss:// for TLS or redis:// without";
            self.found
                .add(&path.key("tls"), "a URL says itself whether TLS is spoken", hint);
        }
        Some(place)
    }

    fn sentinel(
        &mut self,
        path: &Path,
        written: &raw::RedisSentinel,
        master: (bool, &Option<RedisTls>),
    ) -> Option<RedisServers> {
        let login = self.login(
            path,
            &Login {
                username: written.username.as_ref(),
                password: written.password.as_ref(),
                file: written.password_file.as_deref(),
                env: written.password_env.as_deref(),
            },
        );
        let speaks_tls = written.tls.unwrap_or(master.0);
        let files = Files {
            ca: written.ca_file.as_ref(),
            certificate: written.client_certificate_file.as_ref(),
            key: written.client_key_file.as_ref(),
        };
        let hint = "write `tls: true` below `sentinel`, or take the certificates out";
        let own = self.tls(path, speaks_tls, &files, hint);
        let tls = own.map(|own| {
            let inherited = master.1.clone().unwrap_or_default();
            RedisTls {
                ca_pem: own.ca_pem.or(inherited.ca_pem),
                client: own.client.or(inherited.client),
            }
        });
        Some(RedisServers::Sentinel {
            nodes: nodes(written.nodes.as_ref()?, speaks_tls),
            service: written.service.as_deref()?.into(),
            login,
            tls,
        })
    }

    fn login(&mut self, path: &Path, written: &Login<'_>) -> RedisLogin {
        let password = self.secret(
            path,
            &Ways {
                key: "password",
                inline: written.password,
                file: written.file,
                env: written.env,
            },
        );
        if password.as_ref().is_some_and(|password| password.expose().is_empty()) {
            let hint = "write it, or take the key out for a Redis without one";
            self.found.add(path, "the password is empty", hint);
        }
        let is_written = written.password.is_some() || written.file.is_some() || written.env.is_some();
        if written.username.is_some() && !is_written {
            let hint = "write password_file, password_env or password";
            self.found.missing(path, "the user has no password", hint);
        }
        RedisLogin {
            username: written.username.cloned(),
            password,
        }
    }

    fn tls(&mut self, path: &Path, is_spoken: bool, files: &Files<'_>, hint: &str) -> Option<RedisTls> {
        let ca_pem = self.authorities(&path.key("ca_file"), files.ca);
        let client = self.client(path, files.certificate, files.key);
        if !is_spoken {
            if files.is_any() {
                self.found
                    .add(path, "certificates are for TLS, and none is spoken", hint);
            }
            return None;
        }
        Some(RedisTls { ca_pem, client })
    }
}

fn nodes(written: &[Text<HostAndPort>], tls: bool) -> Vec<RedisAddress> {
    let address = |node: &Text<HostAndPort>| RedisAddress::Tcp {
        host: node.value.host.clone(),
        port: node.value.port,
        tls,
    };
    written.iter().map(address).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        config::{Source, from_source},
        store::Settings,
    };

    fn settings(redis: &str) -> RedisSettings {
        let text = format!(
            "listeners: [{{address: \"127.0.0.1:8080\"}}]
routes: [{{host: a.test, upstream: \"http://127.0.0.1:3000\", access: open}}]
session:
  store: redis
  keys: [{{id: one, key: \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"}}]
  redis: {redis}
"
        );
        let variables = [("DATA", "of the data"), ("SENTINEL", "of the sentinels")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let source = Source::with_environment(std::path::Path::new("/"), BTreeMap::from(variables));
        let plan = from_source("doorward.yaml", &text, &source).unwrap_or_else(|report| panic!("{report}"));
        match plan.store {
            Settings::Redis(settings) => *settings,
            Settings::Memory { .. } => panic!("memory"),
        }
    }

    fn at(host: &str, port: u16, tls: bool) -> RedisAddress {
        RedisAddress::Tcp {
            host: host.to_owned(),
            port,
            tls,
        }
    }

    #[test]
    fn one_server_by_url() {
        let RedisSettings {
            servers, database, tls, ..
        } = settings("{url: \"rediss://cache:7000/3\"}");
        assert!(matches!(servers, RedisServers::One(address) if address == at("cache", 7000, true)));
        assert_eq!((database, tls.is_some()), (3, true));
        assert!(settings("{url: \"redis://cache\"}").tls.is_none());
    }

    #[test]
    fn sentinels_have_a_login_of_their_own_and_speak_tls_as_the_master_does() {
        let RedisSettings {
            servers,
            login,
            tls,
            database,
            ..
        } = settings(
            "{sentinel: {nodes: [\"a:1\", \"[::1]:2\"], service: main, database: 2, password_env: SENTINEL}, tls: true, password_env: DATA}",
        );
        let RedisServers::Sentinel {
            nodes,
            service,
            login: own,
            tls: own_tls,
        } = servers
        else {
            panic!("{servers:?}");
        };
        assert_eq!(nodes, [at("a", 1, true), at("::1", 2, true)]);
        assert_eq!((&*service, database), ("main", 2));
        let password = |login: RedisLogin| login.password.unwrap().expose().clone();
        assert_eq!(password(login), "of the data");
        assert_eq!(password(own), "of the sentinels");
        assert!(tls.is_some() && own_tls.is_some());

        let RedisServers::Sentinel { nodes, login, tls, .. } =
            settings("{sentinel: {nodes: [\"a:1\"], service: main, tls: false}, tls: true, password_env: DATA}")
                .servers
        else {
            panic!("sentinels");
        };
        assert_eq!((nodes, tls.is_none()), (vec![at("a", 1, false)], true));
        assert!(login.password.is_none(), "the data's password is not the sentinels'");
    }

    #[test]
    fn a_cluster_is_some_of_its_servers() {
        let settings = settings("{cluster: {nodes: [\"a:1\", \"b:2\"]}}");
        let RedisServers::Cluster { nodes } = settings.servers else {
            panic!("{settings:?}");
        };
        assert_eq!(nodes, [at("a", 1, false), at("b", 2, false)]);
    }
}
