//! `history_size`: how long the detector remembers, chosen from the memory there is.
//!
//! The detector can report a race only while it remembers the stack of the earlier access, and
//! drops it without a word afterwards. `history_size` buys that memory. The shipped runtime's
//! default is 0 (the documentation says 1), and values above the documented 7 work, in
//! proportion; `bench/history_size` measures what each buys.
//!
//! Start at [`choose`].

use std::fmt;
use std::fs;

/// How much memory a program may use, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// In bytes.
    pub bytes: u64,
    /// `cgroup memory.max`, `MemAvailable`, …
    pub limited_by: &'static str,
}

/// A chosen `history_size`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The value.
    pub history_size: u64,
    /// From what it was chosen.
    pub memory: Memory,
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// What a goroutine that stays busy costs at each value, in KiB (`bench/history_size`, Go 1.26:
/// 300 of them, divided). It is what the detector remembers of it, so one that has done little
/// costs little, and one that has ended nothing.
const COST: [(u64, u64); 6] = [(100, 9500), (50, 3900), (20, 1700), (7, 730), (2, 465), (0, 335)];

/// So many of them, busy all at once, shall fit, and leave two fifths of the memory free.
const BUSY_GOROUTINES: u64 = 1000;

/// Chooses `history_size` for a program that may use `memory`.
pub fn choose(memory: Memory) -> Choice {
    let room = memory.bytes / 5 * 3;
    let fits = |cost: u64| cost * KIB * BUSY_GOROUTINES <= room;
    let row = COST.iter().find(|(_, cost)| fits(*cost));
    Choice { history_size: row.map_or(0, |(size, _)| *size), memory }
}

/// The memory that a program started here may use: the least of `asked`, the limits of the
/// cgroups (v2) we are in less what they use, and what the machine has available.
pub fn available(asked: Option<u64>) -> Memory {
    let mut least = Memory { bytes: u64::MAX, limited_by: "nothing" };
    let mut limit = |bytes: Option<u64>, limited_by: &'static str| {
        if let Some(bytes) = bytes.filter(|bytes| *bytes < least.bytes) {
            least = Memory { bytes, limited_by };
        }
    };
    limit(asked, "--memory");
    limit(meminfo_available(), "MemAvailable");
    limit(cgroup_free("memory.max"), "cgroup memory.max");
    limit(cgroup_free("memory.high"), "cgroup memory.high");
    let rlimit = rustix::process::getrlimit(rustix::process::Resource::Data).current;
    limit(rlimit, "ulimit -d");
    least
}

/// Whether the address space is limited so far that no race build can start (the detector
/// reserves terabytes of it).
pub fn address_space_limited() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::As).current
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = self.memory.bytes / MIB;
        write!(f, "history_size={}, from {mib} MiB ({})", self.history_size, self.memory.limited_by)
    }
}

fn meminfo_available() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib << 10)
}

/// The least of `file` less `memory.current`, over our cgroup and those above it.
fn cgroup_free(file: &str) -> Option<u64> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::"))?;
    let root = std::path::Path::new("/sys/fs/cgroup");
    let leaf = root.join(own.trim_start_matches('/'));
    let read = |path: std::path::PathBuf| -> Option<u64> {
        fs::read_to_string(path).ok()?.trim().parse().ok()
    };
    leaf.ancestors()
        .take_while(|folder| folder.starts_with(root))
        .filter_map(|folder| {
            let limit = read(folder.join(file))?;
            Some(limit.saturating_sub(read(folder.join("memory.current")).unwrap_or(0)))
        })
        .min()
}

#[cfg(test)]
mod tests {
    use super::{MIB, Memory, available, choose};

    #[test]
    fn more_memory_never_means_a_shorter_memory() {
        let sizes: Vec<u64> = (6..16)
            .map(|power| choose(Memory { bytes: MIB << power, limited_by: "test" }).history_size)
            .collect();
        assert!(sizes.is_sorted(), "{sizes:?}");
        assert_eq!((sizes.first(), sizes.last()), (Some(&0), Some(&100)));
    }

    #[test]
    fn what_was_asked_for_bounds_what_there_is() {
        assert_eq!(available(Some(64 * MIB)).limited_by, "--memory");
        assert!(available(None).bytes > 0);
    }
}
