//! What a process has used so far, from /proc (proc(5)).

/// Clock ticks a second in what the kernel tells programs: 100 on every Linux (`USER_HZ`).
const TICKS: f64 = 100.0;

/// Processor time of all threads of `pid`, in seconds; `None` when it is gone.
pub(super) fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold spaces and parentheses; behind it stand state and numbers.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let user: f64 = fields.nth(11)?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

/// The most memory that `pid` has used, in bytes; `None` when it is gone.
pub(super) fn peak_memory(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    #[test]
    fn our_own_memory_is_some_and_that_of_nobody_is_none() {
        assert!(super::peak_memory(std::process::id()).is_some_and(|bytes| bytes > 100_000));
        assert_eq!(super::peak_memory(u32::MAX), None);
    }

    #[test]
    fn our_own_processor_time_grows_as_we_work() {
        let own = std::process::id();
        let before = super::cpu_seconds(own).unwrap();
        let mut n = 0_u64;
        while super::cpu_seconds(own).unwrap() < before + 0.05 {
            n = std::hint::black_box(n + 1);
        }
        assert!(n > 0);
        assert_eq!(super::cpu_seconds(u32::MAX), None);
    }
}
