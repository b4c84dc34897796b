//! Small choices as numbers. A number stays what it is for as long as the version of the format does.

use photofinish_goprocess::{NoHeap, PcKind, Seen, StackEnd, Status, ThreadState, WaitOn};
use photofinish_model::CodeOrigin;

use super::codec::{Decoder, Encoder, Nonsense};
use crate::Evidence;

/// A choice that has a number.
pub(super) trait Numbered: Copy + PartialEq + 'static {
    /// All of them, by number.
    const ALL: &'static [Self];

    fn encode(self, to: &mut Encoder) {
        let number = Self::ALL.iter().position(|known| *known == self).unwrap_or(0);
        to.number(number as u64);
    }

    fn decode(from: &mut Decoder<'_>) -> Result<Self, Nonsense> {
        Self::ALL.get(from.small::<usize>()?).copied().ok_or(Nonsense)
    }
}

impl Numbered for Status {
    const ALL: &'static [Status] = &[
        Status::Runnable,
        Status::Running,
        Status::Syscall,
        Status::Waiting,
        Status::CopyStack,
        Status::Preempted,
        Status::Leaked,
    ];
}

impl Numbered for WaitOn {
    const ALL: &'static [WaitOn] = &[
        WaitOn::Channel,
        WaitOn::Mutex,
        WaitOn::RwMutex,
        WaitOn::WaitGroup,
        WaitOn::Cond,
        WaitOn::Semaphore,
    ];
}

impl Numbered for StackEnd {
    const ALL: &'static [StackEnd] =
        &[StackEnd::Complete, StackEnd::Cut, StackEnd::Lost, StackEnd::Unread];
}

impl Numbered for Seen {
    const ALL: &'static [Seen] = &[Seen::Memory, Seen::Sample, Seen::Stop];
}

impl Numbered for PcKind {
    const ALL: &'static [PcKind] = &[PcKind::Return, PcKind::Exact];
}

impl Numbered for CodeOrigin {
    const ALL: &'static [CodeOrigin] =
        &[CodeOrigin::Own, CodeOrigin::Dependency, CodeOrigin::Standard];
}

impl Numbered for ThreadState {
    const ALL: &'static [ThreadState] = &[
        ThreadState::Running,
        ThreadState::Sleeping,
        ThreadState::Uninterruptible,
        ThreadState::Stopped,
        ThreadState::Dead,
        ThreadState::Other,
    ];
}

impl Numbered for Evidence {
    const ALL: &'static [Evidence] = &[Evidence::Possible, Evidence::Likely, Evidence::Proved];
}

impl Numbered for NoHeap {
    const ALL: &'static [NoHeap] = &[NoHeap::NotFound, NoHeap::TooLarge];
}
