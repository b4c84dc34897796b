//! A few instructions in the kernel, run by each arrival at a breakpoint: they note what its registers hold, or
//! stop it.
//!
//! A perf program (`BPF_PROG_TYPE_PERF_EVENT`) per place. While a place has notes left, an arrival is
//! written down. Where it may stop threads, the first that finds the flag set exchanges it for zero and is sent
//! SIGURG by `bpf_send_signal_thread` (Linux 5.5; the exchange needs 5.12): Go's runtime uses that
//! signal itself and bears spurious ones, and it is ignored by default: if we die with it pending,
//! nothing happens. When nothing is wanted any more the program returns 1, and perf silences the breakpoint of this
//! thread (`PERF_EVENT_IOC_REFRESH`), so that hot code is not trapped on.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::Ordering::SeqCst;

use super::bpf::{Code, Jump, Purpose, SharedWords};
use super::namespace::Namespace;
use super::registers::{IP_IN_PT_REGS, PT_REGS};
use super::{Registers, TraceError};

/// Places to wait at: a thread has four breakpoints, one of which watches data.
pub const PLACES: usize = 3;
/// `enum bpf_func_id`.
const KTIME_GET_NS: i32 = 5;
pub(super) const SEND_SIGNAL_THREAD: i32 = 117;
const GET_NS_CURRENT_PID_TGID: i32 = 120;

/// The flag.
pub(super) const STOP: usize = 0;
/// How many notes were ever written.
const WRITTEN: usize = 1;
/// Whether a probe has had many arrivals (`probes`).
pub(super) const ALARMED: usize = 2;
/// Of each place: arrivals, notes left, whether it may stop.
const CELLS: usize = 8;
const CELL: usize = 8;
const HITS: usize = 0;
const LEFT: usize = 1;
const MAY_STOP: usize = 2;
/// How often each thread was silenced there: by the thread's number for itself.
const SILENCED: usize = CELLS + CELL * PLACES;
const THREADS: usize = 4096;
/// Notes: time, thread, registers.
const NOTES: usize = SILENCED + THREADS * PLACES;
const N_NOTES: usize = 256;
const NOTE: usize = 3 + 16;
/// Counters of probes (`probes`).
pub(super) const PROBES: usize = NOTES + N_NOTES * NOTE;
pub(super) const MOST_PROBES: usize = 4096;
const N_WORDS: usize = PROBES + 2 * MOST_PROBES;

/// The programs, loaded, and what they and we tell each other.
#[derive(Debug)]
pub struct StopProgram {
    places: Vec<OwnedFd>,
    pub(super) words: SharedWords,
    seen: u64,
}

/// An arrival that was noted and went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// By the clock of `CLOCK_MONOTONIC`, in nanoseconds.
    pub time: u64,
    /// The thread's number, as it is for itself.
    pub tid_inside: u32,
    /// What its registers held before the instruction.
    pub registers: Registers,
}

impl StopProgram {
    /// Loads them for process `pid`; nothing is wanted yet.
    ///
    /// # Errors
    /// The kernel has no such programs, or does not let us, or the process is gone.
    pub fn load(pid: u32) -> Result<StopProgram, TraceError> {
        let failed = |cause| TraceError::Program { cause };
        let namespace = Namespace::of(pid)?;
        let words = SharedWords::new(N_WORDS).map_err(failed)?;
        let places = (0..PLACES)
            .map(|place| place_code(&words, namespace, place).load_program(Purpose::PerfEvent))
            .collect::<Result<_, _>>()
            .map_err(failed)?;
        Ok(StopProgram { places, words, seen: 0 })
    }

    /// From now on the first thread to arrive where threads may be stopped is, and none after it.
    pub fn arm(&self) {
        self.words.word(STOP).store(1, SeqCst);
    }

    /// From now on no thread is stopped. Whether one was, or is about to be, since it was armed.
    pub fn disarm(&self) -> bool {
        self.words.word(STOP).swap(0, SeqCst) == 0
    }

    /// Whether a thread arrived since it was armed.
    pub fn has_fired(&self) -> bool {
        self.words.word(STOP).load(SeqCst) == 0
    }

    /// What arrivals at `place` are for: so many are noted, and they may be stopped. Set before its
    /// breakpoints are woken.
    pub fn prepare(&self, place: usize, notes: u64, may_stop: bool) {
        let cell = cell(place);
        self.words.word(cell + LEFT).store(notes, SeqCst);
        self.words.word(cell + MAY_STOP).store(u64::from(may_stop), SeqCst);
        self.words.word(cell + HITS).store(0, SeqCst);
    }

    /// Arrivals there since it was prepared.
    pub fn arrivals(&self, place: usize) -> u64 {
        self.words.word(cell(place) + HITS).load(SeqCst)
    }

    /// The arrivals noted since the last call, oldest first; those that were overwritten are left out.
    pub fn notes(&mut self) -> Vec<Note> {
        let written = self.words.word(WRITTEN).load(SeqCst);
        let from = self.seen.max(written.saturating_sub(N_NOTES as u64));
        self.seen = written;
        (from..written).map(|number| self.note(number)).collect()
    }

    fn note(&self, number: u64) -> Note {
        let at = NOTES + (number % N_NOTES as u64) as usize * NOTE;
        let word = |offset: usize| self.words.word(at + offset).load(SeqCst);
        let mut values = [0; 17];
        for (value, offset) in values.iter_mut().zip(2..) {
            *value = word(offset);
        }
        let registers = Registers::of_note(&values);
        Note { time: word(0), tid_inside: word(1) as u32, registers }
    }

    /// How often the breakpoint of a thread, by its number for itself, was silenced by its program.
    pub(super) fn silenced(&self, tid_inside: u32, place: usize) -> u64 {
        let thread = tid_inside as usize % THREADS;
        self.words.word(SILENCED + place.min(PLACES - 1) * THREADS + thread).load(SeqCst)
    }

    pub(super) fn place_fd(&self, place: usize) -> RawFd {
        self.places.get(place).map_or(-1, AsRawFd::as_raw_fd)
    }
}

fn cell(place: usize) -> usize {
    CELLS + CELL * place.min(PLACES - 1)
}

fn place_code(words: &SharedWords, namespace: Namespace, place: usize) -> Code {
    let at = |word: usize| 8 * (cell(place) + word);
    let mut code = Code::default();
    code.copy(6, 1);
    code.set_words(7, words);
    // The thread's number goes to the frame's -8.
    code.set_wide(1, namespace.device);
    code.set_wide(2, namespace.inode);
    code.copy(3, 10);
    code.add(3, -8);
    code.set(4, 8);
    code.call(GET_NS_CURRENT_PID_TGID);
    code.set(1, 1);
    code.fetch_add(7, at(HITS), 1);
    code.set(8, -1);
    code.fetch_add(7, at(LEFT), 8);
    code.jump(Jump::SignedAtMost, 8, 0, "stop");
    write_note(&mut code);
    code.label("stop");
    code.load(1, 7, at(MAY_STOP));
    code.jump(Jump::Equal, 1, 0, "more");
    code.set(2, 0);
    code.exchange(7, 8 * STOP, 2);
    code.jump(Jump::Equal, 2, 0, "more");
    code.set(1, libc::SIGURG);
    code.call(SEND_SIGNAL_THREAD);
    // Is another arrival of use?
    code.label("more");
    code.jump(Jump::SignedMore, 8, 1, "stay");
    code.load(1, 7, at(MAY_STOP));
    code.jump(Jump::Equal, 1, 0, "silence");
    code.load(1, 7, 8 * STOP);
    code.jump(Jump::Equal, 1, 0, "silence");
    code.label("stay");
    code.return_value(0);
    code.label("silence");
    code.load_half(1, 10, -8);
    code.and(1, THREADS as i32 - 1);
    code.multiply(1, 8);
    code.add_register(1, 7);
    code.add(1, 8 * (SILENCED + place * THREADS) as i32);
    code.set(2, 1);
    code.fetch_add(1, 0, 2);
    code.return_value(1);
    code
}

/// Registers 6, 7 and 8 stay as they are; the thread's number is at the frame's -8.
fn write_note(code: &mut Code) {
    code.set(9, 1);
    code.fetch_add(7, 8 * WRITTEN, 9);
    code.and(9, N_NOTES as i32 - 1);
    code.multiply(9, 8 * NOTE as i32);
    code.add_register(9, 7);
    code.add(9, 8 * NOTES as i32);
    code.call(KTIME_GET_NS);
    code.store(9, 0, 0);
    code.load_half(1, 10, -8);
    code.store(9, 8, 1);
    let registers = PT_REGS.into_iter().chain([IP_IN_PT_REGS]);
    for (offset, word) in registers.zip(2..) {
        code.load(1, 6, offset);
        code.store(9, 8 * word, 1);
    }
}
