//! The two kinds of addresses: in the file, and in the process.
//!
//! A position-independent program lies elsewhere in memory than its file says; the difference is its load
//! bias. Two types, so that one cannot be read as the other.

use std::fmt;

/// An address as the program's file has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkAddr(pub u64);

/// An address in the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuntimeAddr(pub u64);

/// How much higher than in the file the program lies in memory; 0 but for position-independent ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadBias(pub u64);

impl LinkAddr {
    /// Where it is in the process.
    pub fn loaded(self, bias: LoadBias) -> RuntimeAddr {
        RuntimeAddr(self.0.wrapping_add(bias.0))
    }
}

impl RuntimeAddr {
    /// Where it is in the file.
    pub fn linked(self, bias: LoadBias) -> LinkAddr {
        LinkAddr(self.0.wrapping_sub(bias.0))
    }

    /// `bytes` further on; wraps, as claims of another process may.
    #[must_use]
    pub fn plus(self, bytes: u64) -> RuntimeAddr {
        RuntimeAddr(self.0.wrapping_add(bytes))
    }

    /// Whether it is Go's nil.
    pub fn is_nil(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for LinkAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Display for RuntimeAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}
