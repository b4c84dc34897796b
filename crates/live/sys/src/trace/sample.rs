//! A hit of a watchpoint, as perf wrote it: `PERF_RECORD_SAMPLE` of perf_event_open(2).

use super::registers::{Registers, SAMPLED};

/// PERF_SAMPLE_IP | TID | TIME | CALLCHAIN | REGS_USER | STACK_USER.
pub(super) const SAMPLE_TYPE: u64 = 1 | 1 << 1 | 1 << 2 | 1 << 5 | 1 << 12 | 1 << 13;
/// How much of the stack a sample has, in bytes.
pub(super) const STACK: u32 = 4096;
/// Values of a call chain from here on are marks, not addresses.
const CONTEXT: u64 = u64::MAX - 4095;
/// PERF_RECORD_SAMPLE.
const RECORD_SAMPLE: u32 = 9;

/// Another thread touched what is watched.
#[derive(Clone, Debug, Default)]
pub struct Hit {
    /// Its process.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
    /// By the clock of perf, in nanoseconds.
    pub time: u64,
    /// What its registers held *after* the access.
    pub registers: Registers,
    /// The call chain by frame pointers: where it was, and whereto each call returns.
    pub callers: Vec<u64>,
    /// The stack from the stack pointer on, as far as it was copied.
    pub stack: Vec<u8>,
}

/// Reads one record with its header. `None` for one that is no sample, or makes no sense.
pub(super) fn parse(record: &[u8]) -> Option<Hit> {
    let kind = u32::from_le_bytes(record.get(..4)?.try_into().ok()?);
    if kind != RECORD_SAMPLE {
        return None;
    }
    let mut words = Words { rest: record.get(8..)? };
    let _ip = words.next()?;
    let numbers = words.next()?;
    let (pid, tid) = (numbers as u32, (numbers >> 32) as u32);
    let time = words.next()?;
    let n_callers = usize::try_from(words.next()?).ok()?.min(1024);
    let callers = words.take(n_callers)?.into_iter().filter(|caller| *caller < CONTEXT).collect();
    if words.next()? == 0 {
        // A kernel thread has no registers of a user.
        return None;
    }
    let registers = Registers::of_sample(&words.take(SAMPLED.count_ones() as usize)?)?;
    let size = usize::try_from(words.next()?).ok()?;
    let mut stack = words.rest.get(..size)?.to_vec();
    let copied = words.rest.get(size..).and_then(|rest| Words { rest }.next()).unwrap_or(0);
    stack.truncate(usize::try_from(copied).ok()?);
    Some(Hit { pid, tid, time, registers, callers, stack })
}

struct Words<'a> {
    rest: &'a [u8],
}

impl Words<'_> {
    fn next(&mut self) -> Option<u64> {
        let (word, rest) = self.rest.split_at_checked(8)?;
        self.rest = rest;
        word.try_into().ok().map(u64::from_le_bytes)
    }

    fn take(&mut self, n_words: usize) -> Option<Vec<u64>> {
        (0..n_words).map(|_| self.next()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Vec<u8> {
        let mut words = vec![u64::from(RECORD_SAMPLE), 0x1000, 7 << 32 | 5, 99];
        words.extend([2, u64::MAX - 511, 0x1000]);
        words.push(2);
        words.extend(0..17);
        words.extend([16, 0xaa, 0xbb, 8]);
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn a_sample_has_the_thread_its_registers_callers_and_stack() {
        let hit = parse(&record()).unwrap();
        assert_eq!((hit.pid, hit.tid, hit.time), (5, 7, 99));
        assert_eq!(hit.callers, [0x1000]);
        assert_eq!(hit.registers.ip, 8);
        assert_eq!(hit.registers.sp(), 7);
        assert_eq!(hit.stack, 0xaa_u64.to_le_bytes());
    }

    #[test]
    fn a_sample_cut_anywhere_is_no_sample_or_has_less_stack() {
        let record = record();
        for end in 0..record.len() - 8 {
            assert!(parse(&record[..end]).is_none_or(|hit| hit.stack.is_empty()), "{end}");
        }
    }
}
