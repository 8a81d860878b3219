//! A first look at a header's name: most that a client sends begin like none of ours, or are as long as none.

use super::fold;

/// The first letters and the lengths of a set of names, folded. What has neither is not in the set; what has both may be.
#[derive(Clone, Copy, Debug)]
pub struct Near {
    firsts: u64,
    lengths: u64,
}

impl Near {
    /// Of all names that begin so, however long.
    #[must_use]
    pub const fn family(prefix: &[u8]) -> Self {
        Self {
            firsts: first_bit(prefix),
            lengths: 0,
        }
    }

    /// And of one more name.
    #[must_use]
    pub const fn and(self, name: &[u8]) -> Self {
        Self {
            firsts: self.firsts | first_bit(name),
            lengths: self.lengths | length_bit(name),
        }
    }

    /// Whether a name or a family of the set may begin as this does.
    #[must_use]
    pub const fn begins(self, name: &[u8]) -> bool {
        self.firsts & first_bit(name) != 0
    }

    /// Whether a name of the set may be as long as this. A family has no length of its own.
    #[must_use]
    pub const fn as_long(self, name: &[u8]) -> bool {
        self.lengths & length_bit(name) != 0
    }
}

/// A bit for the first byte as it is folded; several bytes share one.
const fn first_bit(name: &[u8]) -> u64 {
    match name.first() {
        Some(first) => 1 << (fold(*first) % 64),
        None => 0,
    }
}

const fn length_bit(name: &[u8]) -> u64 {
    1 << (name.len() % 64)
}
