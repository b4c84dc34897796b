//! What a goroutine waits for that is no channel and no lock: a descriptor, or time to pass.
//!
//! A goroutine in an IO wait is named by the `runtime.pollDesc` it waits on; which one that is only its stack tells, and
//! it is believed when it names the goroutine in turn. Source: `runtime/netpoll.go`, the same from Go 1.21 to 1.27.
//!
//! Start at [`Process::waits_on_descriptor`] and [`Process::sleeps_for`].

use photofinish_sys::monotonic_now;

use crate::bytes::u64_at;
use crate::goroutine::raw::RawG;
use crate::memory;
use crate::{Direction, Goroutine, Process, RuntimeAddr};

/// `runtime.pollDesc`: `link`, `fd`, `fdseq`, `atomicInfo`, then who waits to read and who to write.
const POLL_FD: usize = 8;
const POLL_READER: usize = 32;
const POLL_WRITER: usize = 40;
const POLL_SIZE: u64 = 48;

/// Frames between the wait and the caller of the network or file.
const FRAMES: usize = 8;
/// Words of each.
const MOST_WORDS: usize = 64;
/// A descriptor is the first field of a structure of package poll; its poller is not far behind.
const NEAR: u64 = 64;

impl Process {
    /// The descriptor that a goroutine in an IO wait waits on, and what it wants: to read (receive) or write.
    pub fn waits_on_descriptor(&self, goroutine: &Goroutine) -> Option<(u64, Direction)> {
        let frames = self.frame_words(goroutine)?;
        let words = || frames.iter().take(FRAMES).flat_map(|words| words.iter().take(MOST_WORDS));
        let found = words().find_map(|word| self.polled(RuntimeAddr(*word), goroutine));
        found.or_else(|| {
            words().find_map(|word| {
                let near = memory::bytes(self.memory(), RuntimeAddr(*word), NEAR, NEAR)?;
                (0..near.len() / 8)
                    .filter_map(|at| u64_at(&near, 8 * at))
                    .find_map(|word| self.polled(RuntimeAddr(word), goroutine))
            })
        })
    }

    /// For how many nanoseconds more a goroutine sleeps; 0 if it is about to wake. `None` where that is not noted.
    pub fn sleeps_for(&self, goroutine: &Goroutine) -> Option<u64> {
        if goroutine.wait_reason.as_deref() != Some("sleep") || !self.memory().is_live() {
            return None;
        }
        let bytes = self.g_of(goroutine)?;
        let raw = RawG::new(&bytes, self.layout());
        if raw.mark() != goroutine.mark {
            return None;
        }
        let until = match raw.sleeps_until() {
            Some(until) => until,
            // To Go 1.22 only the timer knows: behind the `p` it belongs to.
            None => memory::word(self.memory(), raw.timer().plus(8))?,
        };
        (until > 0).then(|| until.saturating_sub(monotonic_now()))
    }

    /// What the `pollDesc` at `at`, if it is one, says of `goroutine`.
    fn polled(&self, at: RuntimeAddr, goroutine: &Goroutine) -> Option<(u64, Direction)> {
        if at.is_nil() || !at.0.is_multiple_of(8) {
            return None;
        }
        let poll = memory::bytes(self.memory(), at, POLL_SIZE, POLL_SIZE)?;
        let is_its = |field| u64_at(&poll, field) == Some(goroutine.address.0);
        let direction = match (is_its(POLL_READER), is_its(POLL_WRITER)) {
            (true, _) => Direction::Receive,
            (_, true) => Direction::Send,
            _ => return None,
        };
        let descriptor = u64_at(&poll, POLL_FD).filter(|fd| *fd < 1 << 31)?;
        Some((descriptor, direction))
    }
}
