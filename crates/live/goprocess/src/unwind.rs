//! From a program counter and a copy of a stack to the chain of callers.
//!
//! The function table says for every instruction how far the return address is (`pcsp`): exact for all Go code,
//! stripped or not, whatever the frame pointer holds. Goroutines that do not run are in Go code always,
//! and their frames repeat a great deal, so what the table says of an instruction is kept. Where the table ends (a plugin's
//! code, odd assembly), frame pointers go on, which Go's frames keep below the return address; what they lead to counts
//! only if that is code of the table again.
//!
//! Start at [`Unwinder::walk`].

use std::collections::HashMap;

use crate::bytes::u64_at;
use crate::goroutine::{Pc, StackEnd};
use crate::symbols::{PcKind, Symbols};
use crate::{LoadBias, RuntimeAddr};

/// Functions that a signal puts on the stack as if they had been called: what is below them
/// stopped at any instruction. Source: `runtime/traceback.go`, "injectedCall".
const INJECTED: &[&str] = &["runtime.sigpanic", "runtime.asyncPreempt", "runtime.debugCallV2"];

/// What there is to do at each instruction, as far as that was asked.
pub(crate) type Steps = HashMap<RuntimeAddr, Step>;

/// What there is to do at an instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// The return address is so many bytes above the stack pointer.
    Up { depth: u64, injected: bool },
    /// Here the goroutine began.
    Top { is_exit: bool },
    /// No Go code, or off to another stack.
    Lost,
}

/// A copy of a part of a stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window<'a> {
    /// Where the copy begins.
    pub(crate) base: u64,
    pub(crate) bytes: &'a [u8],
    /// There is more of the stack above it.
    pub(crate) is_part: bool,
}

/// Why a walk gave no stack: the window is too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooSmall;

/// More frames in a row that the table does not know are not passed.
const MOST_UNKNOWN: usize = 64;

/// Where the table knows its way again.
struct Passed {
    pc: Pc,
    sp: u64,
    /// As the frame there has it.
    frame_pointer: u64,
}

impl Window<'_> {
    fn word(&self, at: u64) -> Option<u64> {
        u64_at(self.bytes, usize::try_from(at.checked_sub(self.base)?).ok()?)
    }
}

#[derive(Debug)]
pub(crate) struct Unwinder<'a> {
    symbols: &'a Symbols,
    bias: LoadBias,
    steps: Steps,
}

impl<'a> Unwinder<'a> {
    pub(crate) fn new(symbols: &'a Symbols, bias: LoadBias) -> Unwinder<'a> {
        Unwinder::with(symbols, bias, Steps::default())
    }

    /// One that knows `steps` already.
    pub(crate) fn with(symbols: &'a Symbols, bias: LoadBias, steps: Steps) -> Unwinder<'a> {
        Unwinder { symbols, bias, steps }
    }

    /// What it found out.
    pub(crate) fn into_steps(self) -> Steps {
        self.steps
    }

    /// The callers from `pc` on, at most `most` of them.
    pub(crate) fn walk(
        &mut self,
        pc: Pc,
        sp: u64,
        window: Window<'_>,
        most: usize,
    ) -> Result<(Vec<Pc>, StackEnd), TooSmall> {
        let mut pcs = Vec::with_capacity(16);
        let (mut pc, mut sp) = (pc, sp);
        let mut frame_pointer = None;
        loop {
            if pcs.len() >= most {
                return Ok((pcs, StackEnd::Cut));
            }
            let (depth, injected) = match self.step(pc.address) {
                Step::Up { depth, injected } => (depth, injected),
                Step::Top { is_exit } => {
                    if !is_exit {
                        pcs.push(pc);
                    }
                    return Ok((pcs, StackEnd::Complete));
                }
                Step::Lost => {
                    let (passed, back) = self.pass(pc, sp, frame_pointer, window);
                    let Some(back) = back else { return Ok((pcs, StackEnd::Lost)) };
                    pcs.extend(passed);
                    (pc, sp, frame_pointer) = (back.pc, back.sp, Some(back.frame_pointer));
                    continue;
                }
            };
            pcs.push(pc);
            let Some(at) = sp.checked_add(depth) else { return Ok((pcs, StackEnd::Lost)) };
            let Some(caller) = window.word(at) else {
                return if window.is_part { Err(TooSmall) } else { Ok((pcs, StackEnd::Lost)) };
            };
            if depth >= 8 && self.symbols.keeps_frame_pointers() {
                frame_pointer = window.word(at - 8);
            }
            let Some(above) = at.checked_add(8) else { return Ok((pcs, StackEnd::Lost)) };
            let kind = if injected { PcKind::Exact } else { PcKind::Return };
            pc = Pc { address: RuntimeAddr(caller), kind };
            sp = above;
        }
    }

    /// Passes frames that the table does not know, the first at `pc`, by their frame pointers: their program counters, and
    /// where the table knows its way again.
    fn pass(
        &mut self,
        pc: Pc,
        sp: u64,
        frame_pointer: Option<u64>,
        window: Window<'_>,
    ) -> (Vec<Pc>, Option<Passed>) {
        let mut passed = vec![pc];
        let (mut sp, mut next) = (sp, frame_pointer);
        while let Some(at) = next.filter(|at| at.is_multiple_of(8) && *at >= sp)
            && passed.len() < MOST_UNKNOWN
        {
            let (Some(above), Some(caller)) = (window.word(at), window.word(at.wrapping_add(8)))
            else {
                break;
            };
            let pc = Pc { address: RuntimeAddr(caller), kind: PcKind::Return };
            sp = at + 16;
            if !matches!(self.step(pc.address), Step::Lost) {
                return (passed, Some(Passed { pc, sp, frame_pointer: above }));
            }
            passed.push(pc);
            next = Some(above);
        }
        (passed, None)
    }

    /// Where the frames of a chain of callers lie: for each the stack pointer in it, and the end of its frame.
    pub(crate) fn spans(&mut self, pcs: &[Pc], sp: u64) -> Vec<(u64, u64)> {
        let mut sp = sp;
        let mut spans = Vec::with_capacity(pcs.len());
        for pc in pcs {
            let Step::Up { depth, .. } = self.step(pc.address) else { break };
            let Some(end) = sp.checked_add(depth).and_then(|at| at.checked_add(8)) else { break };
            spans.push((sp, end));
            sp = end;
        }
        spans
    }

    /// Whether `pc` is what the runtime puts down for a goroutine that went to the runtime's own stack.
    pub(crate) fn is_switch(&self, pc: RuntimeAddr) -> bool {
        let function = self.symbols.function_at(pc.linked(self.bias));
        function.is_some_and(|function| function.name() == "runtime.systemstack_switch")
    }

    /// Whether `pc` is where a goroutine begins; `None` outside Go code.
    pub(crate) fn is_top(&mut self, pc: RuntimeAddr) -> Option<bool> {
        match self.step(pc) {
            Step::Up { .. } => Some(false),
            Step::Top { .. } => Some(true),
            Step::Lost => None,
        }
    }

    fn step(&mut self, pc: RuntimeAddr) -> Step {
        let (symbols, bias) = (self.symbols, self.bias);
        *self.steps.entry(pc).or_insert_with(|| {
            let pc = pc.linked(bias);
            let Some(function) = symbols.function_at(pc) else { return Step::Lost };
            if function.is_top() {
                return Step::Top { is_exit: function.name() == "runtime.goexit" };
            }
            match function.stack_depth(pc) {
                Some(depth) => Step::Up { depth, injected: INJECTED.contains(&function.name()) },
                None => Step::Lost,
            }
        })
    }
}
