//! Whether this machine lets a program catch races: capabilities, and breakpoints of the processor.
//! A test that needs them says why it cannot run, and passes, where they are not to be had.

use std::io::Write;
use std::path::Path;

/// CAP_SYS_PTRACE, CAP_PERFMON and CAP_BPF of linux/capability.h.
const NEEDED: [(u32, &str); 3] = [(19, "SYS_PTRACE"), (38, "PERFMON"), (39, "BPF")];

/// Whether races can be caught on this machine; says on stderr what is missing.
pub fn may_catch() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let set = line.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0);
    let lacks = |(bit, _): &&(u32, &str)| set >> bit & 1 == 0;
    let mut missing: Vec<&str> = NEEDED.iter().filter(lacks).map(|(_, name)| *name).collect();
    if !Path::new("/sys/bus/event_source/devices/breakpoint").exists() {
        missing.push("hardware breakpoints");
    }
    if !cfg!(target_arch = "x86_64") {
        missing.push("an amd64 processor");
    }
    if !missing.is_empty() {
        let _ = writeln!(std::io::stderr(), "skipped: this machine lacks {}", missing.join(", "));
    }
    missing.is_empty()
}
