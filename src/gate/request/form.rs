//! The parts of a request target as they are written.

use crate::{gate::Refusal, policy::Host};

/// Absolute-form (RFC 9112 section 3.2.2) as origin-form. Its authority must be the one in `Host`, where a port that
/// is not written is the scheme's.
pub(super) fn origin_form<'a>(raw: &'a [u8], host: &Host, port: Option<u16>) -> Result<&'a [u8], Refusal> {
    let (rest, usual) = if let Some(rest) = after_scheme(raw, b"http://") {
        (rest, 80)
    } else if let Some(rest) = after_scheme(raw, b"https://") {
        (rest, 443)
    } else {
        return Err(Refusal::BadTarget);
    };
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?'))
        .unwrap_or(rest.len());
    let (written, rest) = rest.split_at_checked(end).ok_or(Refusal::BadTarget)?;
    let (named, named_port) = authority(written).ok_or(Refusal::BadTarget)?;
    let same = named == *host && named_port.unwrap_or(usual) == port.unwrap_or(usual);
    if same { Ok(rest) } else { Err(Refusal::BadHost) }
}

fn after_scheme<'a>(raw: &'a [u8], scheme: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = raw.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// `host` or `host:port`. No user information, which is for forging only.
pub(super) fn authority(written: &[u8]) -> Option<(Host, Option<u16>)> {
    let written = str::from_utf8(written).ok()?;
    let bytes = written.as_bytes();
    let after_address = bytes.iter().rposition(|byte| *byte == b']').map_or(0, |at| at + 1);
    let after = bytes.get(after_address..)?.iter();
    let colon = after
        .copied()
        .position(|byte| byte == b':')
        .map(|at| after_address + at);
    let (host, port) = match colon {
        Some(at) => {
            let (host, port) = written.split_at_checked(at)?;
            (host, Some(read_port(port.strip_prefix(':')?)?))
        }
        None => (written, None),
    };
    Some((Host::parse(host).ok()?, port))
}

fn read_port(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|c| c.is_ascii_digit()) && !digits.starts_with('0');
    plain.then(|| digits.parse().ok()).flatten()
}

pub(super) fn query(raw: &[u8]) -> Result<String, Refusal> {
    let good = raw.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#');
    let text = str::from_utf8(raw).ok().filter(|_| good).ok_or(Refusal::BadTarget)?;
    Ok(text.to_owned())
}
