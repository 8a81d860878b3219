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
    pub(super) fn rate(&mut self, path: &Path, written: &raw::Rate) -> Option<Rate> {
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
