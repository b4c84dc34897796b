//! Where a function keeps what it was given, at one of its instructions: from its code alone, stripped or not.
//!
//! Go passes arguments in registers (`ABIInternal`), and a function keeps them, or copies of them, where the compiler
//! likes. Its code is followed from its entry: what each register and each word of its frame holds, as far as that is
//! sure on every way to the instruction. So the map of a call of `runtime.mapassign` is found in the middle of that
//! call: where the function itself still has it, or where its caller took it from.
//!
//! Not here: following one instruction (`step`). Start at [`Holding::of`].

mod step;
mod value;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction};

use self::step::Stepper;
pub(crate) use self::value::Recipe;
use self::value::{Place, State, Value};
use crate::binary::Architecture;
use crate::symbols::{Function, Symbols};
use crate::{Binary, LinkAddr};

/// More of a function's code than this is not followed.
const LONGEST_FUNCTION: u64 = 64 << 10;
/// More often than so many times its blocks, a function is not gone through.
const MOST_ROUNDS: usize = 16;

/// Where the registers that carry arguments stand in an instruction's numbering: AX, BX (`ABIInternal`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Argument {
    First,
    Second,
}

impl Argument {
    fn register(self) -> u8 {
        match self {
            Argument::First => 0,
            Argument::Second => 3,
        }
    }
}

/// A function's code, followed.
pub(crate) struct Holding<'a> {
    function: Function<'a>,
    code: Vec<Instruction>,
    /// What is sure when a block begins, by its first instruction.
    blocks: BTreeMap<u64, State>,
    stepper: Stepper,
}

impl<'a> Holding<'a> {
    /// Follows the code of `function`. `None` where it is not understood.
    pub(crate) fn of(
        binary: &Binary,
        symbols: &Symbols,
        function: Function<'a>,
    ) -> Option<Holding<'a>> {
        if binary.architecture != Architecture::Amd64 {
            return None;
        }
        let len = function.end.0.checked_sub(function.entry.0)?;
        let bytes =
            binary.bytes(function.entry, Some(len).filter(|len| *len <= LONGEST_FUNCTION)?)?;
        let code: Vec<Instruction> =
            Decoder::with_ip(64, &bytes, function.entry.0, DecoderOptions::NONE)
                .into_iter()
                .collect();
        let stepper = Stepper::new(&code, |at| function.stack_depth(LinkAddr(at)));
        let mut holding = Holding { function, code, blocks: BTreeMap::new(), stepper };
        holding.follow(symbols)?;
        Some(holding)
    }

    /// Where the argument with which the function was called is when it stands at `pc`: about to execute it, or
    /// (`in_call`) in the call before it.
    pub(crate) fn own_argument(
        &mut self,
        argument: Argument,
        pc: LinkAddr,
        in_call: bool,
    ) -> Option<Recipe> {
        let state = self.state_at(pc, in_call)?;
        let wanted = Value::Entry(argument.register());
        if !in_call && let Some(register) = state.register_with(&wanted) {
            return Some(Recipe::Register(register));
        }
        state.slot_with(&wanted).map(Recipe::Slot)
    }

    /// What the function gave the function that it has called, when it stands in the call before `pc`.
    pub(crate) fn given(&mut self, argument: Argument, pc: LinkAddr) -> Option<Recipe> {
        let state = self.state_at(pc, true)?;
        let given = state.get(Place::Register(argument.register()))?.clone();
        self.stepper.recipe(&given, &state)
    }

    /// What is sure before the instruction at `pc`, or (`in_call`) before the call that returns there.
    fn state_at(&mut self, pc: LinkAddr, in_call: bool) -> Option<State> {
        let is_it = |instruction: &Instruction| {
            if in_call { instruction.next_ip() == pc.0 } else { instruction.ip() == pc.0 }
        };
        let last = self.code.iter().position(is_it)?;
        let at = self.code.get(last)?.ip();
        let (start, state) = self.blocks.range(..=at).next_back()?;
        let first = self.code.iter().position(|instruction| instruction.ip() == *start)?;
        let mut state = state.clone();
        for instruction in self.code.get(first..last)? {
            self.stepper.step(
                &mut state,
                instruction,
                self.function.stack_depth(LinkAddr(instruction.ip()))?,
            );
        }
        Some(state)
    }

    /// Goes through all blocks until nothing changes.
    fn follow(&mut self, symbols: &Symbols) -> Option<()> {
        let entry = self.function.entry.0;
        let starts = self.block_starts();
        let index: HashMap<u64, usize> = self
            .code
            .iter()
            .enumerate()
            .map(|(idx, instruction)| (instruction.ip(), idx))
            .collect();
        self.blocks.insert(entry, State::at_entry());
        let mut open = BTreeSet::from([entry]);
        // Where code jumps by a table, nothing is known behind.
        if self.code.iter().any(|it| it.flow_control() == FlowControl::IndirectBranch) {
            self.blocks.extend(
                starts.iter().filter(|start| **start != entry).map(|at| (*at, State::default())),
            );
            open.extend(&starts);
        }
        let mut n_left = MOST_ROUNDS * starts.len();
        while let Some(start) = open.pop_first() {
            n_left = n_left.checked_sub(1)?;
            let mut state = self.blocks.get(&start)?.clone();
            for idx in *index.get(&start)?.. {
                let Some(instruction) = self.code.get(idx) else { break };
                let depth = self.function.stack_depth(LinkAddr(instruction.ip()));
                // Behind a return the table may say nothing.
                let Some(depth) = depth else { break };
                self.stepper.step(&mut state, instruction, depth);
                if ends_there(symbols, instruction) {
                    break;
                }
                let (next, target) = ways_on(instruction);
                let next = next.filter(|next| target.is_some() || starts.contains(next));
                let ends = target.is_some() || next.is_some() || ways_on(instruction).0.is_none();
                for to in [next, target].into_iter().flatten() {
                    if index.contains_key(&to) && self.reach(to, &state) {
                        open.insert(to);
                    }
                }
                if ends {
                    break;
                }
            }
        }
        Some(())
    }

    /// Takes `state` into account for the block at `start`; whether that changed what is sure there.
    fn reach(&mut self, start: u64, state: &State) -> bool {
        match self.blocks.get_mut(&start) {
            Some(known) => known.keep_common(state),
            None => {
                self.blocks.insert(start, state.clone());
                true
            }
        }
    }

    fn block_starts(&self) -> BTreeSet<u64> {
        let mut starts = BTreeSet::from([self.function.entry.0]);
        for instruction in &self.code {
            if let (next, Some(target)) = ways_on(instruction) {
                starts.insert(target);
                starts.extend(next);
            }
        }
        starts
    }
}

/// Whether it calls what never returns: what stands behind is another way's.
fn ends_there(symbols: &Symbols, instruction: &Instruction) -> bool {
    let is_call = instruction.flow_control() == FlowControl::Call;
    let called = || symbols.function_at(LinkAddr(instruction.near_branch_target()));
    let is_panic = |name: &str| {
        name.starts_with("runtime.panic") || matches!(name, "runtime.gopanic" | "runtime.block")
    };
    is_call && called().is_some_and(|function| is_panic(function.name()))
}

/// Where an instruction may lead: to the one behind it, and to the target of its jump.
fn ways_on(instruction: &Instruction) -> (Option<u64>, Option<u64>) {
    let (next, target) = (instruction.next_ip(), instruction.near_branch_target());
    match instruction.flow_control() {
        FlowControl::UnconditionalBranch => (None, Some(target)),
        FlowControl::ConditionalBranch => (Some(next), Some(target)),
        FlowControl::Return | FlowControl::IndirectBranch | FlowControl::Exception => (None, None),
        _ => (Some(next), None),
    }
}
