//! The request target and its hosts: the first line is the target, every other line a `Host`.

use doorward::{
    gate::Target,
    policy::path::{normalise, other_reading},
};
use url::Url;

use super::first_line;

/// What is accepted has one spelling, is read the same again, and no reader finds a way up in it.
pub fn run(data: &[u8]) {
    let (raw, hosts) = first_line(data);
    let hosts: Vec<&[u8]> = hosts
        .split(|byte| *byte == b'\n')
        .filter(|host| !host.is_empty())
        .collect();
    let Ok(target) = Target::parse(raw, &hosts) else {
        return;
    };
    assert_eq!(hosts.len(), 1, "one host, no less and no more");
    let forwarded = target.path_and_query();
    let again = Target::parse(forwarded.as_bytes(), &[target.authority().as_bytes()]);
    assert_eq!(again.as_ref(), Ok(&target), "what is forwarded reads the same");
    assert!(forwarded.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'));
    let path = target.path();
    assert_eq!(normalise(path.as_bytes()).unwrap().path, path);
    assert!(path.starts_with('/') && !path.contains("//") && !path.contains('\\'));
    for reading in [Some(path.to_owned()), other_reading(path)].into_iter().flatten() {
        assert!(
            !reading.split('/').any(|segment| matches!(segment, "." | "..")),
            "{reading}"
        );
        assert!(!reading.contains("//"), "{reading}");
    }
    as_browsers_read(&target, &forwarded);
}

/// The WHATWG reading of the same bytes has the same segments.
fn as_browsers_read(target: &Target, forwarded: &str) {
    let Ok(url) = Url::parse(&format!("http://{}{forwarded}", target.authority())) else {
        return;
    };
    let segments = |path: &str| path.split('/').count();
    assert_eq!(segments(url.path()), segments(target.path()));
    assert_eq!(url.query().is_some(), target.query().is_some());
}
