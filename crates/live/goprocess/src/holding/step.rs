//! One instruction: what places hold after it. What is not understood is forgotten, never guessed.

use std::collections::{BTreeSet, HashMap};

use iced_x86::{Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register};

use super::value::{Place, Recipe, State, Value};

/// A variable whose address is taken may be so large: what calls do to it is not seen.
const LARGEST_VARIABLE: i64 = 256;
/// Deeper than this no recipe is followed.
const DEEPEST: usize = 8;

/// Goes over instructions, and remembers where loads loaded from.
pub(super) struct Stepper {
    factory: InstructionInfoFactory,
    /// The words of the frame whose address is taken anywhere.
    taken: BTreeSet<i64>,
    /// By the address of a load: base and displacement of what it loads.
    loads: HashMap<u64, (Option<Value>, i64)>,
}

impl Stepper {
    /// `depth` tells how far the return address is above the stack pointer.
    pub(super) fn new(code: &[Instruction], depth: impl Fn(u64) -> Option<u64>) -> Stepper {
        let taken = |it: &Instruction| {
            let depth = i64::try_from(depth(it.ip())?).ok()?;
            slot_of(it, depth).filter(|_| it.mnemonic() == Mnemonic::Lea)
        };
        let taken = code.iter().filter_map(taken).collect();
        Stepper { factory: InstructionInfoFactory::new(), taken, loads: HashMap::new() }
    }

    /// Executes `instruction`, before which the return address is `depth` bytes above the stack pointer.
    pub(super) fn step(&mut self, state: &mut State, instruction: &Instruction, depth: u64) {
        let depth = i64::try_from(depth).unwrap_or(i64::MAX / 2);
        let is_call = matches!(instruction.mnemonic(), Mnemonic::Call);
        if is_call {
            return self.call(state);
        }
        if instruction.mnemonic() == Mnemonic::Mov && self.moved(state, instruction, depth) {
            return;
        }
        if instruction.mnemonic() == Mnemonic::Lea && self.address(state, instruction, depth) {
            return;
        }
        self.forget_written(state, instruction, depth);
    }

    /// How to find `value` again while the function is in a call: registers are the callee's then.
    pub(super) fn recipe(&self, value: &Value, state: &State) -> Option<Recipe> {
        self.recipe_within(value, state, DEEPEST)
    }

    fn recipe_within(&self, value: &Value, state: &State, deepest: usize) -> Option<Recipe> {
        let deepest = deepest.checked_sub(1)?;
        if let Some(slot) = state.slot_with(value) {
            return Some(Recipe::Slot(slot));
        }
        let plus = |base: &Value, displacement| {
            let base = Box::new(self.recipe_within(base, state, deepest)?);
            Some(Recipe::Plus(base, displacement))
        };
        match value {
            Value::Entry(_) => None,
            Value::Address(address) => Some(Recipe::Address(*address)),
            Value::SlotAddress(slot) => Some(Recipe::SlotAddress(*slot)),
            Value::Plus(base, displacement) => plus(base, *displacement),
            Value::Made(ip) => {
                let (base, displacement) = self.loads.get(ip)?;
                Some(Recipe::Word(Box::new(plus(base.as_ref()?, *displacement)?)))
            }
        }
    }

    /// A callee keeps no register, and may write to variables whose address it can have. No variable reaches from the
    /// function's own part of the frame over the return address.
    fn call(&self, state: &mut State) {
        let is_reachable = |slot: i64| {
            let nearest = self.taken.range(..=slot).next_back();
            nearest
                .is_some_and(|taken| slot - taken < LARGEST_VARIABLE && (*taken < 0) == (slot < 0))
        };
        state.retain(|place, _| match place {
            Place::Register(_) => false,
            Place::Slot(slot) => !is_reachable(slot),
        });
    }

    /// A move of a whole word between places that are followed; false if it is none.
    fn moved(&mut self, state: &mut State, instruction: &Instruction, depth: i64) -> bool {
        let ip = instruction.ip();
        match (instruction.op0_kind(), instruction.op1_kind()) {
            (OpKind::Register, OpKind::Register) => {
                let (to, from) =
                    (general(instruction.op0_register()), general(instruction.op1_register()));
                let (Some(to), Some(from)) = (to, from) else { return false };
                match state.get(from).cloned() {
                    Some(value) => state.set(to, value),
                    None => state.forget(to),
                }
                true
            }
            (OpKind::Register, OpKind::Memory) => {
                let Some(to) = general(instruction.op0_register()) else { return false };
                self.load(state, instruction, depth, to);
                true
            }
            (OpKind::Memory, OpKind::Register) => {
                let (slot, from) =
                    (slot_of(instruction, depth), general(instruction.op1_register()));
                let (Some(slot), Some(from)) = (slot, from) else { return false };
                let value = state.get(from).cloned().unwrap_or_else(|| {
                    self.make(state, ip, None);
                    state.set(from, Value::Made(ip));
                    Value::Made(ip)
                });
                forget_slots(state, slot, 8);
                state.set(Place::Slot(slot), value);
                true
            }
            _ => false,
        }
    }

    /// A load of a whole word into `to`.
    fn load(&mut self, state: &mut State, instruction: &Instruction, depth: i64, to: Place) {
        let ip = instruction.ip();
        if let Some(slot) = slot_of(instruction, depth) {
            let place = Place::Slot(slot);
            let known = state.get(place).cloned();
            let value = known.unwrap_or_else(|| {
                self.make(state, ip, None);
                state.set(place, Value::Made(ip));
                Value::Made(ip)
            });
            return state.set(to, value);
        }
        let from = if instruction.segment_prefix() != Register::None {
            None
        } else if instruction.is_ip_rel_memory_operand() {
            Some((Value::Address(instruction.ip_rel_memory_address()), 0))
        } else if instruction.memory_index() == Register::None {
            let base = general(instruction.memory_base()).and_then(|base| state.get(base).cloned());
            base.map(|base| (base, instruction.memory_displacement64().cast_signed()))
        } else {
            None
        };
        self.make(state, ip, from);
        state.set(to, Value::Made(ip));
    }

    /// The instruction at `ip` comes by a new value: what depended on its last one is no longer known.
    fn make(&mut self, state: &mut State, ip: u64, from: Option<(Value, i64)>) {
        state.retain(|_, value| !self.depends(value, ip, DEEPEST));
        // It may load through what it made the last time round.
        let from = from.filter(|(base, _)| !self.depends(base, ip, DEEPEST));
        let (base, displacement) =
            from.map_or((None, 0), |(base, displacement)| (Some(base), displacement));
        let known = self.loads.entry(ip).or_insert((base.clone(), displacement));
        if *known != (base, displacement) {
            *known = (None, 0);
        }
    }

    fn depends(&self, value: &Value, ip: u64, deepest: usize) -> bool {
        let Some(deepest) = deepest.checked_sub(1) else { return true };
        match value {
            Value::Made(made) if *made == ip => true,
            Value::Made(made) => match self.loads.get(made) {
                Some((Some(base), _)) => self.depends(base, ip, deepest),
                _ => false,
            },
            Value::Plus(base, _) => self.depends(base, ip, deepest),
            Value::Entry(_) | Value::Address(_) | Value::SlotAddress(_) => false,
        }
    }

    fn address(&self, state: &mut State, instruction: &Instruction, depth: i64) -> bool {
        let Some(to) = general(instruction.op0_register()) else { return false };
        let displacement = instruction.memory_displacement64().cast_signed();
        let value = if instruction.is_ip_rel_memory_operand() {
            Value::Address(instruction.ip_rel_memory_address())
        } else if let Some(slot) = slot_of(instruction, depth) {
            Value::SlotAddress(slot)
        } else if instruction.memory_index() == Register::None
            && let Some(base) = general(instruction.memory_base()).and_then(|base| state.get(base))
        {
            Value::Plus(Box::new(base.clone()), displacement)
        } else {
            return false;
        };
        state.set(to, value);
        true
    }

    /// Forgets every place that `instruction` may write.
    fn forget_written(&mut self, state: &mut State, instruction: &Instruction, depth: i64) {
        let writes = |access| {
            matches!(
                access,
                OpAccess::Write
                    | OpAccess::CondWrite
                    | OpAccess::ReadWrite
                    | OpAccess::ReadCondWrite
            )
        };
        let info = self.factory.info(instruction);
        for used in info.used_registers().iter().filter(|used| writes(used.access())) {
            if let Some(register) = number(used.register().full_register()) {
                state.forget(Place::Register(register));
            }
        }
        for used in info.used_memory().iter().filter(|used| writes(used.access())) {
            if used.base() != Register::RSP {
                continue;
            }
            let slot = (used.displacement().cast_signed()).wrapping_sub(depth);
            let size = i64::try_from(used.memory_size().size()).unwrap_or(i64::MAX);
            // Through an index, anywhere in the frame.
            let (from, size) = if used.index() == Register::None {
                (slot, size.max(8))
            } else {
                (i64::MIN / 2, i64::MAX)
            };
            forget_slots(state, from, size);
        }
    }
}

/// Forgets the words that lie, if only in part, in `size` bytes from `from` on.
fn forget_slots(state: &mut State, from: i64, size: i64) {
    let to = from.saturating_add(size);
    state.retain(|place, _| match place {
        Place::Slot(slot) => slot >= to || slot.saturating_add(8) <= from,
        Place::Register(_) => true,
    });
}

/// The word of the frame that an instruction names by the stack pointer alone.
fn slot_of(instruction: &Instruction, depth: i64) -> Option<i64> {
    let is_frame = instruction.memory_base() == Register::RSP
        && instruction.memory_index() == Register::None
        && instruction.segment_prefix() == Register::None;
    is_frame.then(|| instruction.memory_displacement64().cast_signed().wrapping_sub(depth))
}

/// A general register of 64 bits, but for the stack pointer.
fn general(register: Register) -> Option<Place> {
    let is_whole = register.is_gpr64() && register != Register::RSP;
    number(register).filter(|_| is_whole).map(Place::Register)
}

fn number(register: Register) -> Option<u8> {
    register.is_gpr().then(|| u8::try_from(register.full_register().number()).ok())?
}
