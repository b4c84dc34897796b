//! Processor time that went to others: programs that are not of the measurement, and the host's other guests.
//!
//! On a shared machine that is what makes two equal windows differ. Start at [`elsewhere`].

use std::time::Duration;

use anyhow::Context;

/// Of clocks that tick a hundred times a second (`USER_HZ`).
const TICK_MS: u64 = 10;

/// Since the machine began: busy and stolen time of all its processors, less that of `ours`, of this process and of
/// those it waited for. Interrupts are nobody's: most are ours here. Only differences mean something.
pub(crate) fn elsewhere(ours: &[u32]) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().context("/proc/stat is empty")?;
    // proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal.
    let fields: Vec<u64> = line.split_whitespace().skip(1).flat_map(str::parse).collect();
    let used: u64 = [0, 1, 2, 7].iter().filter_map(|at| fields.get(*at)).sum();
    let mut of_ours = ticks("self", 4)?;
    for pid in ours {
        of_ours += ticks(&pid.to_string(), 2)?;
    }
    Ok(Duration::from_millis(TICK_MS * used.saturating_sub(of_ours)))
}

/// The first `n` of a process's times in proc_pid_stat(5): user, system, and the two of children waited for.
fn ticks(pid: &str, n: usize) -> anyhow::Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("no name in /proc/PID/stat")?;
    Ok(fields.split_whitespace().skip(11).take(n).flat_map(str::parse::<u64>).sum())
}
