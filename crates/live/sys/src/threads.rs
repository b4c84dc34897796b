//! The threads of another process: `/proc/PID/task` (proc_pid_stat(5), proc_pid_status(5)).
//!
//! A process in a container has its own numbers for its threads, and those are what a Go runtime
//! remembers; the kernel tells both (`NSpid`), innermost namespace last.

use std::fs;

use crate::SysError;

const THREADS: &str = "list the threads";

/// One thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Its number for us.
    pub tid: u32,
    /// Its number for itself: another one in a container.
    pub tid_inside: u32,
    /// What it calls itself.
    pub name: String,
    /// What it does.
    pub state: ThreadState,
    /// The processor it runs on, or ran on last.
    pub cpu: Option<u32>,
    /// Processor time used, in clock ticks, user and system together.
    pub ticks: u64,
}

/// What a thread does, as the kernel's letter says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadState {
    /// `R`: runs, or waits for a processor.
    Running,
    /// `S`: waits and can be interrupted.
    Sleeping,
    /// `D`: waits and cannot be interrupted.
    Uninterruptible,
    /// `T` or `t`: stopped by a signal or a debugger.
    Stopped,
    /// `Z` or `X`: over.
    Dead,
    /// Another letter.
    Other,
}

/// The threads of process `pid`, by number. Threads that end meanwhile are left out.
///
/// # Errors
/// The process is gone.
pub fn threads(pid: u32) -> Result<Vec<Thread>, SysError> {
    Ok(thread_numbers(pid)?.into_iter().filter_map(|tid| thread(pid, tid)).collect())
}

/// The numbers of the threads of process `pid`, in order: much cheaper than what they do.
///
/// # Errors
/// The process is gone.
pub fn thread_numbers(pid: u32) -> Result<Vec<u32>, SysError> {
    let entries = fs::read_dir(format!("/proc/{pid}/task"))
        .map_err(|cause| SysError::of(pid, THREADS, cause))?;
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    let mut numbers: Vec<u32> = entries.flatten().filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Processor time that process `pid` used, in clock ticks, user and system together.
pub fn process_ticks(pid: u32) -> Option<u64> {
    let bytes = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let stat = Stat::parse(&text)?;
    let number = |number| stat.field(number).and_then(|text| text.parse::<u64>().ok());
    number(14)?.checked_add(number(15)?)
}

/// How often thread `tid` of `pid` was given a processor until now (`/proc/PID/task/TID/schedstat`, its third number;
/// Linux, Documentation/scheduler/sched-stats.rst).
pub fn times_scheduled(pid: u32, tid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{tid}/schedstat")).ok()?;
    text.split_whitespace().nth(2)?.parse().ok()
}

/// The number that thread `tid` of `pid` has for itself; `tid` if that cannot be told.
pub fn tid_inside(pid: u32, tid: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/task/{tid}/status")).unwrap_or_default();
    innermost(&status).unwrap_or(tid)
}

/// When process `pid` began, in clock ticks after boot.
pub(crate) fn started_at(pid: u32) -> Result<u64, SysError> {
    let stat = fs::read(format!("/proc/{pid}/stat"))
        .map_err(|cause| SysError::of(pid, "read the state", cause))?;
    let stat = String::from_utf8_lossy(&stat);
    let start = Stat::parse(&stat).and_then(|stat| stat.field(22)?.parse().ok());
    let state = Stat::parse(&stat).and_then(|stat| stat.field(3).map(state_of));
    match (start, state) {
        // A zombie has a number still, and nothing to look at.
        (Some(start), Some(state)) if state != ThreadState::Dead => Ok(start),
        _ => Err(SysError::Gone { pid }),
    }
}

fn thread(pid: u32, tid: u32) -> Option<Thread> {
    let bytes = fs::read(format!("/proc/{pid}/task/{tid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let stat = Stat::parse(&text)?;
    let number = |number| stat.field(number).and_then(|text| text.parse::<u64>().ok());
    let status = fs::read_to_string(format!("/proc/{pid}/task/{tid}/status")).unwrap_or_default();
    Some(Thread {
        tid,
        tid_inside: innermost(&status).unwrap_or(tid),
        name: stat.name.to_owned(),
        state: stat.field(3).map_or(ThreadState::Other, state_of),
        cpu: number(39).and_then(|cpu| cpu.try_into().ok()),
        ticks: number(14).unwrap_or(0).saturating_add(number(15).unwrap_or(0)),
    })
}

fn state_of(letter: &str) -> ThreadState {
    match letter {
        "R" => ThreadState::Running,
        "S" => ThreadState::Sleeping,
        "D" => ThreadState::Uninterruptible,
        "T" | "t" => ThreadState::Stopped,
        "Z" | "X" => ThreadState::Dead,
        _ => ThreadState::Other,
    }
}

/// The number in the innermost namespace.
fn innermost(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_whitespace().next_back()?.parse().ok()
}

/// A line of `stat`. The name stands in parentheses and may hold anything, parentheses too.
struct Stat<'a> {
    name: &'a str,
    rest: Vec<&'a str>,
}

impl<'a> Stat<'a> {
    fn parse(text: &'a str) -> Option<Stat<'a>> {
        let (head, rest) = text.rsplit_once(") ")?;
        let (_, name) = head.split_once(" (")?;
        Some(Stat { name, rest: rest.split_whitespace().collect() })
    }

    /// A field by its number in proc_pid_stat(5), from 3 on.
    fn field(&self, number: usize) -> Option<&'a str> {
        self.rest.get(number.checked_sub(3)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_may_call_itself_anything() {
        let text = "12 (a) R (b) S 1 12 12 0 -1 4194304 1 0 0 0 3 4 0 0 20 0 1 0 777 0";
        let stat = Stat::parse(text).unwrap();
        assert_eq!(stat.name, "a) R (b");
        assert_eq!(stat.field(3), Some("S"));
        assert_eq!(stat.field(14), Some("3"));
        assert_eq!(stat.field(22), Some("777"));
        assert_eq!(stat.field(2), None);
    }

    #[test]
    fn a_thread_in_a_container_has_a_number_of_its_own() {
        assert_eq!(innermost("Name:\tx\nNSpid:\t4312\t17\nThreads:\t1\n"), Some(17));
        assert_eq!(innermost("Name:\tx\n"), None);
    }
}
