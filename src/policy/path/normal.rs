//! Paths in normal form.
//!
//! A path has one spelling or it is refused: a rule that looks at one spelling while the upstream serves another is how
//! gateways are walked around. Escapes of letters, digits and `-._~` are refused rather than decoded, since no browser
//! writes them; the digits of the escapes that remain are made upper-case, in what is matched, logged and forwarded
//! alike (RFC 3986 section 6.2.2). What has one spelling may still be read in two ways by an upstream (`;` parameters,
//! `%2F`, `%40` for `@`): see [`other_reading`].

/// A path in normal form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NormalPath {
    /// The path.
    pub path: String,
    /// Whether `%2F` is in it.
    pub encoded_slash: bool,
}

/// Why a path has no normal form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PathFault {
    /// Another form than origin-form.
    #[error("a path starts with `/`")]
    NoSlash,
    /// `//`.
    #[error("a path has no empty segment (`//`)")]
    EmptySegment,
    /// `.`, `..`, also before a `;` and next to `%2F`.
    #[error("a path has no `.` or `..` segment")]
    DotSegment,
    /// A backslash, control, space, non-ASCII or other byte that RFC 3986 section 3.3 does not know.
    #[error("a path is written in visible ASCII without `\\ \" < > {{ }} #`, all else as UTF-8 in `%` escapes")]
    Byte,
    /// `%` without two hex digits.
    #[error("`%` is followed by two hex digits")]
    Escape,
    /// An escape of a byte that has to be written as itself.
    #[error("letters, digits and `-._~` are not written as `%` escapes")]
    Unreserved,
    /// An escaped control character, NUL or backslash, or bytes that are no UTF-8.
    #[error("`%` escapes hold no control characters, no backslash, and UTF-8 only")]
    Hidden,
}

/// Brings a path into normal form: `%` digits in upper case, and nothing else changed.
///
/// # Errors
/// What keeps it from having one.
pub fn normalise(raw: &[u8]) -> Result<NormalPath, PathFault> {
    match str::from_utf8(raw) {
        Ok(text) if is_plain(raw) => Ok(NormalPath {
            path: text.to_owned(),
            encoded_slash: false,
        }),
        Ok(text) => thorough(text),
        Err(_) => Err(PathFault::Byte),
    }
}

pub(super) fn thorough(text: &str) -> Result<NormalPath, PathFault> {
    let raw = text.as_bytes();
    if !text.starts_with('/') {
        return Err(PathFault::NoSlash);
    }
    if !raw.iter().all(|byte| in_path(*byte) || *byte == b'%') {
        return Err(PathFault::Byte);
    }
    let path = if raw.contains(&b'%') {
        upper_escapes(raw)?
    } else {
        text.to_owned()
    };
    if text.contains("//") {
        return Err(PathFault::EmptySegment);
    }
    let encoded_slash = path.contains("%2F");
    if pieces(&path).any(|piece| matches!(piece, "." | "..")) {
        return Err(PathFault::DotSegment);
    }
    Ok(NormalPath { path, encoded_slash })
}

/// Whether a path is in normal form at first sight, as nearly all are: bytes that stand for themselves, and no segment that
/// begins with a dot or, but for the last, is empty.
pub(super) fn is_plain(raw: &[u8]) -> bool {
    let mut before = None;
    raw.first() == Some(&b'/')
        && raw.iter().all(|&byte| {
            let begins = before.replace(byte) == Some(b'/');
            PLAIN.get(usize::from(byte)) == Some(&true) && !(begins && matches!(byte, b'/' | b'.'))
        })
}

/// By byte: whether it is of a path and begins neither an escape nor a parameter.
#[expect(
    clippy::indexing_slicing,
    reason = "computed when this is compiled, and would not compile beyond its end"
)]
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        plain[byte as usize] = in_path(byte) && byte != b';';
        byte += 1;
    }
    plain
};

/// The path as an upstream may read it that takes escapes of ordinary characters for the characters (`%40` for `@`,
/// `%2F` for `/`), cuts `;` parameters off its segments and then takes `//` for `/`. `None` where there is nothing to read otherwise. A request
/// that would get another route by this reading is refused.
#[must_use]
pub fn other_reading(path: &str) -> Option<String> {
    if !path.contains(['%', ';']) {
        return None;
    }
    let mut read = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        let (before, escape) = rest.split_at(at);
        let (escape, after) = escape.split_at_checked(3)?;
        read.push_str(before);
        match unescape(escape.as_bytes()) {
            Some(byte) if in_path(byte) => read.push(char::from(byte)),
            Some(_) | None => read.push_str(escape),
        }
        rest = after;
    }
    read.push_str(rest);
    let read = without_parameters(&read);
    (read != path).then_some(read)
}

/// RFC 3986 section 3.3, and `[ ] ^ |`, which browsers leave as they are.
const fn in_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b':'
                | b'@'
                | b'/'
                | b'['
                | b']'
                | b'^'
                | b'|'
        )
}

const fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// The byte that `%` and two hex digits stand for.
fn unescape(escape: &[u8]) -> Option<u8> {
    let &[b'%', high, low] = escape else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

fn upper_escapes(raw: &[u8]) -> Result<String, PathFault> {
    let mut path = String::with_capacity(raw.len());
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&first, after)) = rest.split_first() {
        if first != b'%' {
            path.push(char::from(first));
            decoded.push(first);
            rest = after;
            continue;
        }
        let (escape, after) = rest.split_at_checked(3).ok_or(PathFault::Escape)?;
        let byte = unescape(escape).ok_or(PathFault::Escape)?;
        if unreserved(byte) {
            return Err(PathFault::Unreserved);
        }
        if byte.is_ascii_control() || byte == b'\\' {
            return Err(PathFault::Hidden);
        }
        path.extend(escape.iter().map(|byte| char::from(byte.to_ascii_uppercase())));
        decoded.push(byte);
        rest = after;
    }
    // Bytes outside UTF-8 are how overlong dots and slashes hide (`%C0%AE`).
    str::from_utf8(&decoded).map_err(|_| PathFault::Hidden)?;
    Ok(path)
}

/// The segments as the most lenient upstream has them: cut at `%2F` too, and without parameters (`..;x`).
fn pieces(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .flat_map(|segment| segment.split("%2F"))
        .map(before_parameters)
}

fn without_parameters(path: &str) -> String {
    let mut read = String::with_capacity(path.len());
    let mut segments = path.split('/').map(before_parameters);
    for segment in segments.clone().filter(|segment| !segment.is_empty()) {
        read.push('/');
        read.push_str(segment);
    }
    if read.is_empty() || segments.next_back().is_some_and(str::is_empty) {
        read.push('/');
    }
    read
}

fn before_parameters(segment: &str) -> &str {
    let plain = segment.split(';').next().unwrap_or_default();
    plain.split("%3B").next().unwrap_or_default()
}
