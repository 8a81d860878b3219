//! [`Share`]: how many of many.

use std::fmt;

/// A share of all, from none to all, in parts of 2^32.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share(u64);

const WHOLE: f64 = 4_294_967_296.0;

impl Share {
    /// All.
    pub const ALL: Self = Self(1 << 32);

    /// From 0 to 1; what is beyond counts as the nearer of the two.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is from 0 to 2^32 by then"
    )]
    pub fn of(share: f64) -> Self {
        Self((share.clamp(0.0, 1.0) * WHOLE) as u64)
    }

    /// Whether it takes the one for which this was drawn.
    #[must_use]
    pub const fn takes(self, drawn: u64) -> bool {
        drawn >> 32 < self.0
    }
}

impl fmt::Display for Share {
    #[expect(clippy::cast_precision_loss, reason = "33 bits fit the 52 of a fraction")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts_of_a_million = (self.0 as f64 / WHOLE * 1e6).round();
        write!(f, "{}", parts_of_a_million / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_none_and_all_is_all() {
        for drawn in [0, 1, u64::MAX / 2, u64::MAX] {
            assert!(!Share::of(0.0).takes(drawn));
            assert!(Share::of(1.0).takes(drawn));
        }
        assert!(Share::of(0.5).takes(u64::MAX / 2) && !Share::of(0.5).takes(u64::MAX / 2 + 1));
        assert_eq!(Share::of(1.0), Share::ALL);
    }

    #[test]
    fn it_prints_as_it_is_written() {
        for written in ["0", "0.001", "0.05", "0.3", "1"] {
            assert_eq!(Share::of(written.parse().unwrap()).to_string(), written);
        }
    }
}
