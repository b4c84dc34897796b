//! What the kernel told a process at its start: `/proc/PID/auxv` (getauxval(3)).
//!
//! It says where the program's entry point came to lie, which gives the load bias of a
//! position-independent program whatever its file is called.

use std::fs;

use crate::SysError;

/// AT_ENTRY: the program's entry point, as loaded.
const AT_ENTRY: u64 = 9;

/// A kind and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuxEntry {
    /// `AT_…` of linux/auxvec.h.
    pub kind: u64,
    /// Its value.
    pub value: u64,
}

impl AuxEntry {
    /// Whether it holds the address of the program's entry point.
    pub fn is_entry(&self) -> bool {
        self.kind == AT_ENTRY
    }
}

/// The vector of process `pid`.
///
/// # Errors
/// The process is gone, or may not be looked at.
pub fn auxv(pid: u32) -> Result<Vec<AuxEntry>, SysError> {
    let bytes = fs::read(format!("/proc/{pid}/auxv"))
        .map_err(|cause| SysError::of(pid, "read the auxiliary vector", cause))?;
    Ok(parse_auxv(&bytes))
}

/// Reads a vector of a 64-bit little-endian process, which a core file holds as well.
pub fn parse_auxv(bytes: &[u8]) -> Vec<AuxEntry> {
    let word = |bytes: &[u8]| bytes.try_into().map(u64::from_le_bytes).unwrap_or(0);
    bytes
        .chunks_exact(16)
        .map(|pair| AuxEntry { kind: word(&pair[..8]), value: word(&pair[8..]) })
        .take_while(|entry| entry.kind != 0)
        .collect()
}
