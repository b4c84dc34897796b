//! What takes the place of a value.
//!
//! A stand-in is a hash with a secret key that lives as long as the recorder and is written
//! nowhere: without it, a hash of something short (a card number) is found by trying all.

use crate::error::StartError;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// The word in a value's place.
pub(crate) const REDACTED: &str = "REDACTED";

pub(crate) enum StandIn {
    /// The same word for every value.
    Fixed,
    /// The same for equal values, by a hash with this key.
    Keyed([u8; 32]),
}

impl StandIn {
    /// With a key of its own.
    pub(crate) fn keyed() -> Result<Self, StartError> {
        let mut key = [0; 32];
        let n_bytes = rustix::rand::getrandom(&mut key, rustix::rand::GetRandomFlags::empty())
            .map_err(|errno| StartError::System { cause: errno.into() })?;
        // The kernel never gives fewer of so few; a key of zeros would be none.
        if n_bytes < key.len() {
            return Err(StartError::System { cause: std::io::ErrorKind::UnexpectedEof.into() });
        }
        Ok(Self::Keyed(key))
    }

    /// For a text: safe in a header, a query and a JSON string as it is.
    pub(crate) fn text(&self, value: &[u8]) -> String {
        let mut text = REDACTED.to_owned();
        if let Some(hash) = self.hash(value) {
            let _ = write!(text, "-{hash:016x}");
        }
        text
    }

    /// For a number: a small whole one, which every type of number can hold (but a byte).
    pub(crate) fn number(&self, value: &[u8]) -> String {
        self.hash(value).map_or(0, |hash| hash % 1_000_000_000).to_string()
    }

    fn hash(&self, value: &[u8]) -> Option<u64> {
        let Self::Keyed(key) = self else { return None };
        let hash = Sha256::new().chain_update(key).chain_update(value).finalize();
        hash.first_chunk::<8>().map(|first| u64::from_be_bytes(*first))
    }
}

impl std::fmt::Debug for StandIn {
    /// Never the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Fixed => "Fixed",
            Self::Keyed(_) => "Keyed",
        })
    }
}
