//! W3C trace context (Trace Context level 1, section 3.2): read for the logs and passed on as it is.

/// The trace identifier of a `traceparent` header: 32 hex digits, not all zero; `None` when the header is malformed.
#[must_use]
pub fn trace_id(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let later_version = version != "00";
    let whole = hex(version, 2) && version != "ff" && hex(trace, 32) && hex(parent, 16) && hex(flags, 2);
    let empty = trace.bytes().all(|byte| byte == b'0') || parent.bytes().all(|byte| byte == b'0');
    (whole && !empty && (later_version || parts.next().is_none())).then_some(trace)
}

fn hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn a_good_header_gives_its_trace() {
        assert_eq!(trace_id(&format!("00-{TRACE}-00f067aa0ba902b7-01")), Some(TRACE));
        assert_eq!(trace_id(&format!("01-{TRACE}-00f067aa0ba902b7-01-more")), Some(TRACE));
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
        ] {
            assert_eq!(trace_id(&bad), None, "{bad}");
        }
    }
}
