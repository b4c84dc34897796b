//! Arguments and locals of a goroutine's frames, as far as they can be told without a doubt.
//!
//! Debug information says where a variable is at an instruction (`debug_info`, `scope`, `place`). What it says is
//! checked, since it is about what the compiler meant and not about what is there: Go saves no registers across calls, so
//! only places on the stack count; a pointer that the garbage collector no longer sees may point at something else by now;
//! a place may have been given to another variable (`trust`). What fails is said to be gone, in whole or in part. Values
//! are printed to a bounded depth (`print`, `containers`); what an interface holds is told by the runtime's own types
//! (`runtime_types`). Without debug information there are the words that Go's own stack traces show (`words`).
//!
//! Start at [`Values::of`].

mod containers;
mod debug_info;
mod dwarf_types;
mod field;
mod place;
mod print;
mod runtime_types;
mod scope;
mod special;
mod stack;
mod trust;
mod types;
mod words;

use crate::{Goroutine, Pc, PcKind, Process};
use debug_info::DebugInfo;
pub(crate) use debug_info::Sections;
pub use field::Field;
use print::Printer;
use scope::{Found, Scope};
pub(crate) use stack::StackCopy;
use trust::Trust;
use types::{TypeRef, Types};

/// How much of a value is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a string.
    pub string: usize,
    /// Elements of a slice, array or map.
    pub elements: usize,
    /// Structures in structures and behind pointers.
    pub depth: usize,
    /// Characters of one value, about.
    pub text: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { string: 64, elements: 8, depth: 2, text: 600 }
    }
}

/// What a variable is to its function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It was passed.
    Argument,
    /// It has a name and will be returned.
    Result,
    /// Declared in the function.
    Local,
}

/// How much of a variable there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All of it.
    Live,
    /// Parts of it; the text has `?` for the others.
    Partly,
    /// Nothing: the optimiser needed it no longer.
    Gone,
    /// It changed while it was read.
    Moving,
}

/// An argument or local.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// As in the source.
    pub name: String,
    /// Its type, as Go spells it.
    pub type_name: String,
    /// What it is to its function.
    pub role: Role,
    /// Its value in nearly Go's syntax; empty of one that is gone.
    pub text: String,
    /// How much of it there is.
    pub state: State,
}

/// What is known of one frame, inlined ones too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameValues {
    /// Arguments and locals, in the order of their declaration.
    pub variables: Vec<Variable>,
    /// The words passed, as in Go's own stack traces; only where there is no debug information.
    pub words: Option<String>,
}

/// Reads variables of one process.
pub struct Values<'a> {
    process: &'a Process,
    debug: Option<DebugInfo<'a>>,
    types: Types<'a>,
    limits: Limits,
}

impl<'a> Values<'a> {
    /// Makes ready to read; debug information is read as it is needed.
    pub fn open(process: &'a Process, limits: Limits) -> Values<'a> {
        let debug = process.binary().debug_sections().and_then(DebugInfo::open);
        let types = Types::new(process);
        Values { process, debug, types, limits }
    }

    /// For each program counter on the goroutine's stack the frames that stand there, in the order of
    /// [`Process::frames`]; none for those that `is_wanted` says no to. `None` if the goroutine moved since it was read.
    pub fn of(
        &self,
        goroutine: &Goroutine,
        is_wanted: impl Fn(Pc) -> bool,
    ) -> Option<Vec<Vec<FrameValues>>> {
        let stack = self.process.copy_stack(goroutine)?;
        let read = |stack: &StackCopy| -> Vec<Vec<FrameValues>> {
            let frames = goroutine.stack.iter().zip(&stack.spans);
            let one = |(pc, span): (&Pc, &(u64, u64))| match is_wanted(*pc) {
                true => self.frame(*pc, *span, stack),
                false => Vec::new(),
            };
            frames.map(one).collect()
        };
        let mut values = read(&stack);
        if self.process.memory().is_live() {
            // What the stack points at may change while it is read.
            let again = read(&self.process.copy_stack(goroutine)?);
            mark_moving(&mut values, &again);
            self.process.copy_stack(goroutine)?;
        }
        Some(values)
    }

    fn frame(&self, pc: Pc, span: (u64, u64), stack: &StackCopy) -> Vec<FrameValues> {
        let frames = self.process.frames(pc);
        let mut values = vec![FrameValues::default(); frames.len()];
        let scopes = self.debug.as_ref().and_then(|debug| self.scopes(debug, pc));
        let Some(scopes) = scopes else {
            if let Some(outermost) = values.last_mut() {
                outermost.words = words::arguments(self.process, pc, span.1, stack);
            }
            return values;
        };
        let lines: Vec<u32> = frames.iter().map(|frame| frame.line).collect();
        let Some(debug) = &self.debug else { return values };
        let trust = self.trust(debug, &scopes, pc, span);
        // The table of functions lists the innermost first, debug information the outermost.
        for (scope_idx, scope) in scopes.iter().enumerate() {
            let Some(frame_idx) = frames.len().checked_sub(scope_idx + 1) else { break };
            let names_agree = frames.get(frame_idx).is_some_and(|it| it.function == scope.function);
            if !names_agree {
                break;
            }
            let line = lines.get(frame_idx).copied().unwrap_or(0);
            let variables = self.variables(scope, line, &trust, stack);
            if let Some(frame) = values.get_mut(frame_idx) {
                frame.variables = variables;
            }
        }
        values
    }

    fn scopes(&self, debug: &DebugInfo<'a>, pc: Pc) -> Option<Vec<Scope>> {
        let linked = pc.address.linked(self.process.bias());
        let function = self.process.symbols().function_at(linked)?;
        let at = match pc.kind {
            PcKind::Return => linked.0.checked_sub(1)?.max(function.entry.0),
            PcKind::Exact => linked.0,
        };
        debug.scopes(function.entry.0, at)
    }

    /// What can be believed of the frame, all of whose variables it takes note of.
    fn trust(
        &self,
        debug: &DebugInfo<'a>,
        scopes: &[Scope],
        pc: Pc,
        span: (u64, u64),
    ) -> Trust<'a> {
        let linked = pc.address.linked(self.process.bias());
        let mut trust = Trust::new(self.process, pc, span, debug.is_plain(linked.0));
        for found in scopes.iter().flat_map(|scope| &scope.variables) {
            let ty = found.ty.and_then(|ty| self.types.get(TypeRef::Dwarf(ty), Some(debug)));
            if let Some(ty) = ty {
                trust.note(found, ty.size, &self.types.parts(&ty, Some(debug)));
            }
        }
        trust
    }

    fn variables(
        &self,
        scope: &Scope,
        line: u32,
        trust: &Trust<'_>,
        stack: &StackCopy,
    ) -> Vec<Variable> {
        let mut variables: Vec<Variable> = Vec::new();
        for found in &scope.variables {
            let is_unnamed = found.name.is_empty() || found.name == "_";
            // Results without names, and what the compiler made for itself.
            if is_unnamed || found.name.starts_with(['~', '.']) {
                continue;
            }
            if !trust.is_declared(found, line) {
                continue;
            }
            let variable = self.variable(found, trust, stack);
            // An inner one hides the outer one of its name.
            variables.retain(|known| known.name != variable.name);
            variables.push(variable);
        }
        variables
    }

    fn variable(&self, found: &Found, trust: &Trust<'_>, stack: &StackCopy) -> Variable {
        let debug = self.debug.as_ref();
        let ty = found.ty.and_then(|ty| self.types.get(TypeRef::Dwarf(ty), debug));
        let mut bits = match &ty {
            Some(ty) => {
                let parts = self.types.parts(ty, debug);
                place::bits(found, ty.size, &parts, trust, stack)
            }
            None => place::Bits::gone(0),
        };
        let (mut name, mut ty) = (found.name.as_str(), ty);
        let mut printer = Printer::new(&self.types, debug, self.process, self.limits);
        if let Some(inner) = name.strip_prefix('&') {
            // It is on the heap, and this is where.
            name = inner;
            let pointee = ty.as_ref().and_then(|ty| ty.pointee());
            ty = pointee.and_then(|pointee| self.types.get(pointee, debug));
            bits = match &ty {
                Some(ty) => printer.behind(&bits, ty),
                None => place::Bits::gone(0),
            };
        }
        let type_name = ty.as_ref().map_or_else(|| "?".to_owned(), |ty| ty.name.clone());
        let is_gone = bits.is_gone();
        let text = match &ty {
            Some(ty) if !is_gone => printer.print(ty, &bits),
            _ => String::new(),
        };
        let state = match (is_gone, printer.is_partial) {
            (true, _) => State::Gone,
            (false, true) => State::Partly,
            (false, false) => State::Live,
        };
        Variable { name: name.to_owned(), type_name, role: found.role, text, state }
    }
}

/// The name of the type that the runtime describes at `at`.
pub(crate) fn runtime_type_name(process: &Process, at: crate::RuntimeAddr) -> Option<String> {
    Types::new(process).runtime_type(at).map(|ty| ty.name)
}

/// What reads otherwise the second time is changing.
fn mark_moving(values: &mut [Vec<FrameValues>], again: &[Vec<FrameValues>]) {
    let pairs = values.iter_mut().flatten().zip(again.iter().flatten());
    for (frame, again) in pairs {
        for (variable, again) in frame.variables.iter_mut().zip(&again.variables) {
            if *variable != *again {
                variable.clone_from(again);
                variable.state = State::Moving;
            }
        }
    }
}

impl std::fmt::Debug for Values<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Values").field("limits", &self.limits).finish_non_exhaustive()
    }
}
