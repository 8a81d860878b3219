//! A request by plain HTTP where only HTTPS is served: on to the same place by https.

use super::{Refusal, Target};
use crate::policy::Site;

/// The URL of the same host, path and query by https, where people reach it at this port. The host is the one that the
/// client itself named, and one that a route is for; nothing else of the request says where it goes.
///
/// # Errors
/// [`Refusal::NotFound`] for a host that no route is for.
pub fn to_https(site: &Site, target: &Target, port: u16) -> Result<String, Refusal> {
    if !site.knows(target.host()) {
        return Err(Refusal::NotFound);
    }
    let port = if port == 443 { String::new() } else { format!(":{port}") };
    Ok(format!("https://{}{port}{}", target.host(), target.path_and_query()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::route::tests::route;

    #[test]
    fn the_host_is_one_of_a_route_and_nothing_else_leads_elsewhere() {
        let site = Site::new(["app.test /*", "*.shop.test /cart"].map(route).into()).unwrap();
        let to = |host: &str, path: &str, port| {
            let target = Target::parse(path.as_bytes(), &[host.as_bytes()]).unwrap();
            to_https(&site, &target, port)
        };
        for (host, path, port, expected) in [
            ("app.test", "/", 443, "https://app.test/"),
            (
                "APP.test:8080",
                "/a%20b?x=/&y=%2F",
                443,
                "https://app.test/a%20b?x=/&y=%2F",
            ),
            ("app.test", "/a?", 8443, "https://app.test:8443/a?"),
            ("app.test.", "/@evil.test", 443, "https://app.test/@evil.test"),
            ("a.shop.test", "/other", 443, "https://a.shop.test/other"),
            ("app.test", "http://app.test/whole", 443, "https://app.test/whole"),
        ] {
            assert_eq!(to(host, path, port).as_deref(), Ok(expected), "{host} {path}");
        }
        for host in ["evil.test", "shop.test", "app.test.evil.test", "127.0.0.1"] {
            assert_eq!(to(host, "/", 443), Err(Refusal::NotFound), "{host}");
        }
    }
}
