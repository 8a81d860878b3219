//! Whether a place can be reached: its name, its port, its certificate.

use std::{error::Error as _, io, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use rustls::{ClientConfig, RootCertStore, crypto::ring::default_provider};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio_rustls::TlsConnector;

use super::{Finding, Surgery};
use crate::{identity::Certified, secret::Secret};

/// How long before a certificate ends it is time to do something.
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

/// Where something is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Option<Trust>,
}

/// How a certificate is believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Trust {
    /// The name that it is for.
    pub(super) name: String,
    /// CA certificates in PEM; `None` for the system's.
    pub(super) ca_pem: Option<Vec<u8>>,
    /// What is shown of ourselves.
    pub(super) client: Option<(Vec<u8>, Secret<Vec<u8>>)>,
    /// The key of the configuration that names the CA.
    pub(super) key: &'static str,
}

/// Looks a place up, connects, and shakes hands. Stops at the first that fails.
pub(super) async fn reach(surgery: &Surgery, of: &str, place: &Place) -> Vec<Finding> {
    let mut found = Vec::new();
    let Place { host, port, tls } = place;
    let addresses = match surgery.within(lookup_host((host.as_str(), *port))).await {
        Ok(Ok(addresses)) => addresses.collect::<Vec<_>>(),
        Ok(Err(error)) => return vec![unknown(of, host, &error.to_string())],
        Err(late) => return vec![unknown(of, host, &late)],
    };
    if host.parse::<std::net::IpAddr>().is_err() {
        let shown: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
        if shown.is_empty() {
            return vec![unknown(of, host, "it has no address")];
        }
        found.push(Finding::ok("dns", of, format!("{host} is {}", shown.join(", "))));
    }
    let at = format!("{host}:{port}");
    let stream = match connect(surgery, &addresses).await {
        Ok((stream, refused)) => {
            found.push(connected(of, &at, &refused));
            stream
        }
        Err(why) => {
            let advice = "is it running, is this its address, and does a firewall or network policy let it be reached from here?";
            found.push(Finding::fail("connect", of, format!("{at}: {why}")).advise(advice));
            return found;
        }
    };
    if let Some(trust) = tls {
        found.push(shake(surgery, of, &at, stream, trust).await);
    }
    found
}

fn unknown(of: &str, host: &str, why: &str) -> Finding {
    let advice = "look at the name for a typing mistake, and at this machine's resolver (/etc/resolv.conf)";
    Finding::fail("dns", of, format!("{host} cannot be looked up: {why}")).advise(advice)
}

fn connected(of: &str, at: &str, refused: &[String]) -> Finding {
    if refused.is_empty() {
        return Finding::ok("connect", of, format!("{at} takes connections"));
    }
    let seen = format!(
        "{at} takes connections, but not at every address: {}",
        refused.join("; ")
    );
    Finding::warn("connect", of, seen).advise("take the address that does not answer out of DNS, or repair it")
}

/// Each address in turn, and those that did not answer.
async fn connect(surgery: &Surgery, addresses: &[SocketAddr]) -> Result<(TcpStream, Vec<String>), String> {
    let mut refused = Vec::new();
    for address in addresses {
        match surgery.within(TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok((stream, refused)),
            Ok(Err(error)) => refused.push(format!("{}: {error}", address.ip())),
            Err(late) => refused.push(format!("{}: {late}", address.ip())),
        }
    }
    Err(refused.join("; "))
}

async fn shake(surgery: &Surgery, of: &str, at: &str, stream: TcpStream, trust: &Trust) -> Finding {
    let fail = |why: String, advice: &str| Finding::fail("tls", of, format!("{at}: {why}")).advise(advice);
    let (config, name) = match (config(trust), ServerName::try_from(trust.name.clone())) {
        (Ok(config), Ok(name)) => (config, name),
        (Err(why), _) => return fail(why, "repair the certificates of the configuration"),
        (_, Err(_)) => return fail(format!("{:?} is no name to verify", trust.name), "write `tls.sni`"),
    };
    let shaken = surgery
        .within(TlsConnector::from(Arc::new(config)).connect(name, stream))
        .await;
    let stream = match shaken {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            let (why, advice) = distrust(&error, trust);
            return fail(why, &advice);
        }
        Err(late) => return fail(format!("the TLS handshake: {late}"), "does it speak TLS at this port?"),
    };
    let (_, session) = stream.get_ref();
    let Some(certificate) = session.peer_certificates().and_then(|chain| chain.first()) else {
        return fail("it shows no certificate".to_owned(), "give it one");
    };
    let (until, now) = match Certified::read(certificate) {
        Ok(said) => (said.not_after, surgery.clock.now()),
        Err(error) => return fail(error.to_string(), "have it made anew"),
    };
    let seen = format!("{at}: its certificate is for {} and valid until {until}", trust.name);
    if until < now + SOON {
        return Finding::warn("tls", of, seen).advise("renew it: two weeks or less are left");
    }
    Finding::ok("tls", of, seen)
}

/// Why it was not believed, and what to do.
fn distrust(error: &io::Error, trust: &Trust) -> (String, String) {
    use rustls::{CertificateError as Bad, Error};
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let advice = match cause {
        Some(Error::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. })) => {
            "renew the certificate there, or look at the clock of this machine".to_owned()
        }
        Some(Error::InvalidCertificate(Bad::NotValidYet | Bad::NotValidYetContext { .. })) => {
            "look at the clock of this machine, or of the one that made the certificate".to_owned()
        }
        Some(Error::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. })) => {
            "write the name that the certificate is for, or have one made for this name".to_owned()
        }
        Some(Error::InvalidCertificate(_)) => format!(
            "if a CA of your own signed it, name that CA in `{}`; else let the server send its whole chain",
            trust.key
        ),
        Some(_) | None => "does it speak TLS at this port, and does it want a client certificate?".to_owned(),
    };
    let inner = error.source().map(ToString::to_string);
    let why = inner.filter(|inner| !error.to_string().contains(inner.as_str()));
    (
        why.map_or_else(|| error.to_string(), |why| format!("{error}: {why}")),
        advice,
    )
}

fn config(trust: &Trust) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = &trust.ca_pem {
        for certificate in certificates(pem)? {
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if roots.is_empty() {
        return Err("there is no CA certificate to believe: install the system's (ca-certificates)".to_owned());
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    match &trust.client {
        None => Ok(builder.with_no_client_auth()),
        Some((chain, key)) => {
            let key = PrivateKeyDer::from_pem_slice(key.expose()).map_err(|error| error.to_string())?;
            let chain = certificates(chain)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| error.to_string())
        }
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>();
    all.map_err(|error| error.to_string())
}

/// Whether somebody listens at a socket.
pub(super) async fn reach_socket(surgery: &Surgery, of: &str, path: &Path) -> Finding {
    let at = path.display();
    match surgery.within(UnixStream::connect(path)).await {
        Ok(Ok(_)) => Finding::ok("connect", of, format!("{at} takes connections")),
        Ok(Err(error)) => {
            let advice = "is it running, and may this user open the socket and the folders above it?";
            Finding::fail("connect", of, format!("{at}: {error}")).advise(advice)
        }
        Err(late) => Finding::fail("connect", of, format!("{at}: {late}")).advise("is it running?"),
    }
}
