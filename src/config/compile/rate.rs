//! How many requests a route takes.

use std::{num::NonZeroU32, time::Duration};

use super::Desk;
use crate::{
    config::{Path, raw},
    policy::{Rate, RateBy},
};

/// The longest that a caller waits until all at once is there again; so long each caller is remembered.
const LONGEST: Duration = Duration::from_secs(3600);

impl Desk<'_, '_> {
    pub(super) fn rate(&mut self, path: &Path, written: &raw::Rate, open: bool) -> Option<Rate> {
        let requests = NonZeroU32::new(written.requests?)?;
        let rate = Rate {
            requests,
            per: written.per.value,
            burst: written.burst.map_or(Some(requests), NonZeroU32::new)?,
            by: match written.by {
                raw::RateBy::Address => RateBy::Address,
                raw::RateBy::Person => RateBy::Person,
            },
        };
        if open && rate.by == RateBy::Person {
            self.found.add(
                &path.key("by"),
                "nobody looks who it is on a route with `access: open`, so no person could be counted",
                "write `by: address`, or `access: recognised`, which looks and lets everybody pass",
            );
        }
        if rate.recovery() > LONGEST {
            self.found.missing(
                path,
                format!("it takes {} until all at once is there again", words(rate.recovery())),
                "write fewer in `burst`, or a shorter `per`, so that it takes 1h or less",
            );
        }
        Some(rate)
    }
}

fn words(time: Duration) -> String {
    format!("{} minutes", time.as_secs().div_ceil(60))
}

#[cfg(test)]
mod tests {
    use crate::config::from_text;

    #[test]
    fn nobody_is_a_person_where_nobody_looks() {
        let of = |access: &str, by: &str| {
            let text = format!(
                "listeners: [{{ address: 127.0.0.1:0 }}]\nproviders: {{ op: {{ issuer: https://id.test, client_id: d, client_secret: a-secret }} }}\n\
                 routes:\n  - {{ host: app.test, path: /, upstream: http://127.0.0.1:3000, access: {access}, rate: {{ requests: 1, by: {by} }} }}\n"
            );
            from_text("doorward.yaml", &text)
                .map(drop)
                .map_err(|report| report.to_string())
        };
        let refused = of("open", "person").unwrap_err();
        assert!(
            refused.contains("no person could be counted") && refused.contains("recognised"),
            "{refused}"
        );
        for (access, by) in [("open", "address"), ("recognised", "person"), ("signed_in", "person")] {
            assert_eq!(of(access, by), Ok(()), "{access} {by}");
        }
    }
}
