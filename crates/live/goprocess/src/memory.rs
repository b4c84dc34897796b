//! Memory that can be read: of a running process, or of one that died and left a core file.
//!
//! Start at [`Memory`].

use std::fmt::Debug;

use photofinish_sys::ForeignMemory;
pub use photofinish_sys::Range;

use crate::{ReadError, RuntimeAddr};

/// Memory of another process. Everything in it is a claim.
pub trait Memory: Debug + Send + Sync {
    /// Reads `ranges` one behind the other into `into`, and says of each whether it was read.
    ///
    /// # Errors
    /// Nothing at all can be read any more: the process is gone, or may not be read.
    fn read_many(&self, ranges: &[Range], into: &mut [u8]) -> Result<Vec<bool>, ReadError>;

    /// Whether it goes on changing.
    fn is_live(&self) -> bool;
}

impl Memory for ForeignMemory {
    fn read_many(&self, ranges: &[Range], into: &mut [u8]) -> Result<Vec<bool>, ReadError> {
        Ok(ForeignMemory::read_many(self, ranges, into)?)
    }

    fn is_live(&self) -> bool {
        true
    }
}

/// Bytes at `at`, `None` where there are none.
pub(crate) fn read(memory: &dyn Memory, at: RuntimeAddr, into: &mut [u8]) -> Option<()> {
    let range = Range { address: at.0, len: into.len() };
    match memory.read_many(&[range], into) {
        Ok(was_read) if was_read == [true] => Some(()),
        _ => None,
    }
}

/// The word at `at`.
pub(crate) fn word(memory: &dyn Memory, at: RuntimeAddr) -> Option<u64> {
    let mut bytes = [0; 8];
    read(memory, at, &mut bytes)?;
    Some(u64::from_le_bytes(bytes))
}

/// `len` bytes at `at`, which are believed to be at most `most`.
pub(crate) fn bytes(memory: &dyn Memory, at: RuntimeAddr, len: u64, most: u64) -> Option<Vec<u8>> {
    if len > most {
        return None;
    }
    let mut bytes = vec![0; usize::try_from(len).ok()?];
    read(memory, at, &mut bytes)?;
    Some(bytes)
}
