//! W3C trace context (Trace Context level 1, sections 3.2 and 3.3).

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header that carries it.
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The header of vendors' own words; it means nothing without the other.
pub(super) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Identifies a trace; never 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TraceId(pub(super) u128);

/// Identifies a span within a trace; never 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SpanId(pub(super) u64);

/// A place in a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Context {
    /// Which trace.
    pub trace: TraceId,
    /// Which span of it.
    pub span: SpanId,
    /// Whether the trace is recorded.
    pub sampled: bool,
}

/// Hex digits, in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hex<const DIGITS: usize>([u8; DIGITS]);

impl<const DIGITS: usize> Hex<DIGITS> {
    fn of(mut number: u128) -> Self {
        let mut digits = [b'0'; DIGITS];
        for digit in digits.iter_mut().rev() {
            let nibble = u8::try_from(number & 15).unwrap_or_default();
            *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
            number >>= 4;
        }
        Self(digits)
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl<const DIGITS: usize> fmt::Debug for Hex<DIGITS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TraceId {
    /// 32 hex digits.
    #[must_use]
    pub fn hex(self) -> Hex<32> {
        Hex::of(self.0)
    }
}

impl Context {
    /// Where the caller is, by its one `traceparent`; `None` when there is none, several, or it is malformed.
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        parent(one(headers)?)
    }

    /// As a `traceparent`.
    pub(super) fn header(self) -> Option<HeaderValue> {
        let mut written = *b"00-00000000000000000000000000000000-0000000000000000-00";
        written.get_mut(3..35)?.copy_from_slice(&self.trace.hex().0);
        written
            .get_mut(36..52)?
            .copy_from_slice(&Hex::<16>::of(self.span.0.into()).0);
        *written.last_mut()? = if self.sampled { b'1' } else { b'0' };
        HeaderValue::from_bytes(&written).ok()
    }
}

/// The trace identifier of the one `traceparent`, for the access line of who does not trace.
#[must_use]
pub fn trace_id(headers: &HeaderMap) -> Option<String> {
    let value = one(headers)?;
    parent(value)?;
    value.get(3..35).map(str::to_owned)
}

fn one(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let (value, None) = (values.next()?.to_str().ok()?, values.next()) else {
        return None;
    };
    Some(value)
}

/// What a `traceparent` says; `None` when it is malformed.
#[must_use]
pub fn parent(traceparent: &str) -> Option<Context> {
    let mut parts = traceparent.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let whole = hex(version, 2) && version != "ff" && hex(trace, 32) && hex(span, 16) && hex(flags, 2);
    let of_known_form = version != "00" || parts.next().is_none();
    if !(whole && of_known_form) {
        return None;
    }
    let trace = u128::from_str_radix(trace, 16).ok().filter(|id| *id != 0)?;
    let span = u64::from_str_radix(span, 16).ok().filter(|id| *id != 0)?;
    let flags = u8::from_str_radix(flags, 16).ok()?;
    Some(Context {
        trace: TraceId(trace),
        span: SpanId(span),
        sampled: flags & 1 == 1,
    })
}

fn hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn headers(values: &[&str]) -> HeaderMap {
        let value = |value: &&str| (TRACEPARENT, value.parse().unwrap());
        values.iter().map(value).collect()
    }

    #[test]
    fn a_good_header_gives_its_trace() {
        for (good, sampled) in [
            (format!("00-{TRACE}-00f067aa0ba902b7-01"), true),
            (format!("00-{TRACE}-00f067aa0ba902b7-02"), false),
            (format!("01-{TRACE}-00f067aa0ba902b7-03-more"), true),
        ] {
            let context = Context::read(&headers(&[&good])).unwrap();
            assert_eq!(context.trace.hex().as_str(), TRACE);
            assert_eq!(
                (context.span, context.sampled),
                (SpanId(0x00f0_67aa_0ba9_02b7), sampled),
                "{good}"
            );
            assert_eq!(trace_id(&headers(&[&good])).as_deref(), Some(TRACE));
        }
    }

    #[test]
    fn a_bad_one_gives_none() {
        let zero = "0".repeat(32);
        for bad in [
            String::new(),
            format!("00-{TRACE}"),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{zero}-00f067aa0ba902b7-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
            format!("00-+{}-00f067aa0ba902b7-01", &TRACE[1..]),
        ] {
            assert_eq!(Context::read(&headers(&[&bad])), None, "{bad}");
            assert_eq!(trace_id(&headers(&[&bad])), None, "{bad}");
        }
        let good = format!("00-{TRACE}-00f067aa0ba902b7-01");
        assert_eq!(Context::read(&headers(&[&good, &good])), None, "two of them");
        assert_eq!(Context::read(&HeaderMap::new()), None);
    }

    #[test]
    fn what_is_written_is_read_again() {
        for sampled in [true, false] {
            let context = Context {
                trace: TraceId(0x0abc_0000_0000_0000_0000_0000_0000_0001),
                span: SpanId(7),
                sampled,
            };
            let written = context.header().unwrap();
            assert_eq!(parent(written.to_str().unwrap()), Some(context), "{written:?}");
        }
    }
}
