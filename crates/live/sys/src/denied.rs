//! Which of the kernel's checks refused us, told from what anybody may read in /proc.
//!
//! Reading another process asks `PTRACE_MODE_ATTACH_FSCREDS` (ptrace(2), "Ptrace access mode checking"):
//! the same user and a dumpable process, or CAP_SYS_PTRACE; then the security modules, of which
//! Yama refuses everybody but ancestors where its setting is 1.

use std::fs;

/// Bit of CAP_SYS_PTRACE (linux/capability.h).
const CAP_SYS_PTRACE: u32 = 19;

/// What stands in the way.
pub(crate) fn reason(pid: u32) -> Option<String> {
    let (theirs, ours) = (uid_of(&pid.to_string())?, uid_of("self")?);
    if theirs != ours {
        return Some(format!("it runs as user {theirs}, we as user {ours}"));
    }
    match yama() {
        Some(1) => Some("kernel.yama.ptrace_scope is 1: only ancestors may look".to_owned()),
        Some(2) => Some("kernel.yama.ptrace_scope is 2: only CAP_SYS_PTRACE may look".to_owned()),
        Some(3) => Some("kernel.yama.ptrace_scope is 3: nobody may look".to_owned()),
        _ => None,
    }
}

/// What would let us.
pub(crate) fn remedy(pid: u32) -> String {
    const GRANT: &str = "in a pod: securityContext.capabilities.add: [SYS_PTRACE] and \
                         shareProcessNamespace: true; elsewhere: sudo";
    if yama() == Some(3) {
        return "kernel.yama.ptrace_scope is 3 until the next boot; only a reboot changes it"
            .to_owned();
    }
    let differ = uid_of(&pid.to_string()) != uid_of("self");
    match (has_ptrace(), differ, yama()) {
        (false, true, _) => {
            format!("run as the same user, or with the SYS_PTRACE capability ({GRANT})")
        }
        (false, false, Some(1 | 2)) => format!(
            "grant the SYS_PTRACE capability ({GRANT}), or: sysctl kernel.yama.ptrace_scope=0"
        ),
        (false, ..) => format!("grant the SYS_PTRACE capability ({GRANT})"),
        (true, ..) => "we have SYS_PTRACE, so a seccomp filter, AppArmor or a user namespace \
                       refuses; look at the container's security profile"
            .to_owned(),
    }
}

fn yama() -> Option<u32> {
    fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok()?.trim().parse().ok()
}

/// The effective user of a process.
fn uid_of(pid: &str) -> Option<u32> {
    field(pid, "Uid:")?.split_whitespace().nth(1)?.parse().ok()
}

fn has_ptrace() -> bool {
    field("self", "CapEff:")
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .is_some_and(|set| set >> CAP_SYS_PTRACE & 1 == 1)
}

fn field(pid: &str, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
}
