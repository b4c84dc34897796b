//! What a thread that stands at a site is about to touch, and what of it to watch.
//!
//! A breakpoint watches 1, 2, 4 or 8 bytes, aligned: of a larger range a part is chosen by chance, never a byte
//! more than the thread will touch, since the neighbours may be somebody else's. Of a map the word is watched that every
//! operation touches. Start at [`Judge::target`].

use photofinish_goprocess::{Pc, PcKind};
use photofinish_model::Op;
use photofinish_sys::trace::Registers;

use crate::evidence::Judge;
use crate::maps::{self, FlagWord};
use crate::rules::keeps_own_order;
use crate::sites::{Site, SiteKind};

/// What a thread is about to touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Of a map its header, else where the touch begins.
    pub(crate) address: u64,
    /// In bytes; of a map none.
    pub(crate) size: Option<u32>,
    pub(crate) op: Op,
    /// Where and how much is watched.
    pub(crate) watched: (u64, u8),
}

impl Judge<'_> {
    /// What a thread with these registers is about to do at `site`; `None` if that is nothing that can race.
    pub(crate) fn target(
        &self,
        site: &Site,
        registers: &Registers,
        flag_word: FlagWord,
        random: &mut fastrand::Rng,
    ) -> Option<Target> {
        let word = |at| self.word(at);
        let (address, len, op) = match &site.kind {
            SiteKind::Map { function, op, argument } => {
                let map = maps::argument(registers, function, *argument, flag_word, word)?;
                let watched = (map.wrapping_add(flag_word.offset), flag_word.len);
                return Some(Target { address: map, size: None, op: *op, watched });
            }
            SiteKind::Bulk { range, .. } => {
                let (at, len) = range.range(registers, word)?;
                (at, len, range.op)
            }
            SiteKind::Access(_) if self.is_others_order(site) => return None,
            SiteKind::Access(access) => {
                let op = if access.writes { Op::Write } else { Op::Read };
                (access.address(registers, self.process.bias().0)?, access.len(registers), op)
            }
        };
        if len == 0 || address.checked_add(len).is_none() {
            return None;
        }
        let size = u32::try_from(len).ok();
        Some(Target { address, size, op, watched: part(address, len, random) })
    }

    /// Whether the instruction is that of `sync` or its kin, inlined: an atomic load is a plain MOV.
    fn is_others_order(&self, site: &Site) -> bool {
        let address = site.address.loaded(self.process.bias());
        let frames = self.process.frames(Pc { address, kind: PcKind::Exact });
        frames.first().is_none_or(|frame| keeps_own_order(frame.function))
    }
}

/// An aligned part of at most 8 bytes of an access: a breakpoint watches no other.
fn part(address: u64, size: u64, random: &mut fastrand::Rng) -> (u64, u8) {
    let end = address.saturating_add(size);
    let fits = |len: &u8| {
        let len = u64::from(*len);
        address.checked_next_multiple_of(len).is_some_and(|at| end.saturating_sub(at) >= len)
    };
    let len = [8_u8, 4, 2, 1].into_iter().find(fits).unwrap_or(1);
    let first = address.checked_next_multiple_of(u64::from(len)).unwrap_or(address);
    let n_parts = end.saturating_sub(first) / u64::from(len);
    (first + u64::from(len) * random.u64(..n_parts.max(1)), len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_watched_is_aligned_and_within_the_access() {
        let mut random = fastrand::Rng::with_seed(1);
        for address in (0x1000..0x1010).chain(u64::MAX - 40..=u64::MAX - 33) {
            for size in [1, 2, 4, 8, 12, 16, 32] {
                let (at, len) = part(address, size, &mut random);
                assert_eq!(at % u64::from(len), 0);
                assert!(at >= address && at + u64::from(len) <= address + size);
            }
        }
    }
}
