//! Whether what debug information says of a place in a frame can be believed.
//!
//! It errs in five ways; of one `place` knows (pieces left out). A variable that is no longer needed is still said to be in its place when that was given to another:
//! then there is an instruction that stores there while the variable is said to be there, which its own stores never do
//! (each begins a new line of its list). A variable that is in one place all the time is said to be there before its
//! declaration ran. Large variables whose lives do not meet share a place (Go 1.23 on), and both are said to be there. And
//! a pointer may be left of a variable whose object the collector took back: what it still sees is
//! in the maps that it uses itself. Source: `cmd/compile/internal/ssa/debug.go`, `liveness/mergelocals.go`.
//!
//! Start at [`Trust::holds`].

use std::cell::OnceCell;

use super::Role;
use super::place::{Parts, Piece, pieces_at};
use super::scope::{Found, Location};
use crate::code::{FrameAccess, frame_accesses};
use crate::symbols::Function;
use crate::{Pc, PcKind, Process};

/// What is in a register is stored in places of this size.
const WORD: usize = 8;

/// One frame, and what can be believed of it.
pub(super) struct Trust<'a> {
    process: &'a Process,
    function: Option<Function<'a>>,
    /// The instruction meant, by its address in the file.
    at: u64,
    /// Behind the return address.
    frame_end: u64,
    /// What the collector sees of the frame; `None`: everything, at an instruction where the goroutine was interrupted.
    live: Option<Vec<(u64, u64)>>,
    /// Compiled without optimisations: nothing shares its place.
    is_plain: bool,
    accesses: OnceCell<Option<Vec<FrameAccess>>>,
    /// Where variables are that live in one place: offset and length.
    in_memory: Vec<(i64, usize)>,
}

impl<'a> Trust<'a> {
    pub(super) fn new(process: &'a Process, pc: Pc, span: (u64, u64), is_plain: bool) -> Trust<'a> {
        let linked = pc.address.linked(process.bias());
        let function = process.symbols().function_at(linked);
        let at = match pc.kind {
            PcKind::Return => linked.0.saturating_sub(1),
            PcKind::Exact => linked.0,
        };
        let live = match pc.kind {
            PcKind::Return => Some(
                function
                    .and_then(|function| function.live_spans(linked, span.0, span.1))
                    .unwrap_or_default(),
            ),
            PcKind::Exact => None,
        };
        Trust {
            process,
            function,
            at,
            frame_end: span.1,
            live,
            is_plain,
            accesses: OnceCell::new(),
            in_memory: Vec::new(),
        }
    }

    /// Takes note of a variable of the frame, with its size and parts, so that those are known that share a place.
    pub(super) fn note(&mut self, found: &Found, size: u64, parts: &Parts) {
        let Some((pieces, _)) = pieces_at(found, self.at) else { return };
        let Ok(size) = usize::try_from(size) else { return };
        if let [(Piece::Frame(offset), None)] = pieces[..]
            && size > 0
            && (*parts == Parts::InMemory || self.is_whole(offset))
        {
            self.in_memory.push((offset, size));
        }
    }

    /// The instruction meant, by its address in the file.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// The canonical frame address.
    pub(super) fn frame_end(&self) -> u64 {
        self.frame_end
    }

    /// Whether a variable is declared by `line`, as far as its declaration tells.
    pub(super) fn is_declared(&self, found: &Found, line: u32) -> bool {
        match (found.role, &found.location) {
            (Role::Argument | Role::Result, _) => true,
            (Role::Local, Location::List(_)) => found.declared <= line || line == 0,
            (Role::Local, Location::Nowhere) => found.declared < line,
            // What is declared on this very line may be about to be set by the call we are in.
            (Role::Local, Location::Always(_)) => found.declared <= line,
        }
    }

    /// Whether the `len` bytes at `offset` are those of `found`, said to be there in `range`.
    pub(super) fn holds(
        &self,
        found: &Found,
        offset: i64,
        len: usize,
        range: Option<(u64, u64)>,
    ) -> bool {
        let is_shared =
            self.in_memory.iter().filter(|it| overlaps(**it, (offset, len))).count() > 1;
        if is_shared {
            return false;
        }
        match range {
            None => self.is_set(found, offset, len),
            Some(_) if len > WORD || self.is_whole(offset) => true,
            Some(range) => !self.is_overwritten(offset, len, range),
        }
    }

    /// Whether what the word around `address` points at is still there.
    pub(super) fn keeps_alive(&self, address: u64) -> bool {
        let word = address & !7;
        let Some(live) = &self.live else { return true };
        live.iter().any(|(from, to)| *from <= word && word.saturating_add(8) <= *to)
    }

    /// Whether an instruction before this one has set the place. What was passed on the stack is set.
    fn is_set(&self, found: &Found, offset: i64, len: usize) -> bool {
        if found.role == Role::Argument && offset >= 0 {
            return true;
        }
        let Some(accesses) = self.accesses() else { return true };
        accesses.iter().any(|access| {
            access.at.0 < self.at && overlaps((access.offset, access.len), (offset, len))
        })
    }

    /// Whether a variable is there for good and as a whole: the function takes the place's address, or was not
    /// optimised.
    pub(super) fn is_whole(&self, offset: i64) -> bool {
        let takes = |access: &FrameAccess| !access.is_store && access.offset == offset;
        self.is_plain || self.accesses().is_some_and(|accesses| accesses.iter().any(takes))
    }

    /// Whether something is stored in the place while it is said to be the variable's.
    fn is_overwritten(&self, offset: i64, len: usize, (begin, end): (u64, u64)) -> bool {
        // What the code does is not known: then nothing is.
        let Some(accesses) = self.accesses() else { return false };
        accesses.iter().any(|access| {
            access.is_store
                // At depth 0 arguments are saved before the stack grows and the function begins again.
                && access.depth > 0
                && (begin..end).contains(&access.at.0)
                && overlaps((access.offset, access.len), (offset, len))
        })
    }

    fn accesses(&self) -> Option<&[FrameAccess]> {
        let read = || frame_accesses(self.process.binary(), &self.function?);
        self.accesses.get_or_init(read).as_deref()
    }
}

fn overlaps((a, a_len): (i64, usize), (b, b_len): (i64, usize)) -> bool {
    let end = |at: i64, len| at.saturating_add(i64::try_from(len).unwrap_or(i64::MAX));
    a < end(b, b_len) && b < end(a, a_len)
}
