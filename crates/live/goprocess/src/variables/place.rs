//! From where debug information says a variable is to the bytes that are there.
//!
//! A value may be in pieces, some of them gone: a string whose length is kept and whose text is not. Registers count as gone.
//!
//! Start at [`bits`].

use gimli::{EndianSlice, EvaluationResult, Expression, LittleEndian, Location as Spot};

use super::scope::{Found, Location};
use super::stack::StackCopy;
use super::trust::Trust;

/// More bytes of a variable are not read.
pub(super) const MOST_BYTES: usize = 4096;
/// Steps of one expression.
const MOST_STEPS: u32 = 64;

/// The bytes of a value, and what each is worth.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits {
    pub(super) bytes: Vec<u8>,
    /// It is the variable's.
    pub(super) known: Vec<bool>,
    /// What it points at is still there.
    pub(super) alive: Vec<bool>,
}

/// Where a piece of a variable is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// In the frame, so many bytes above its canonical address.
    Frame(i64),
    /// Nowhere, but it is known.
    Constant(Vec<u8>),
    Gone,
}

/// A piece of a variable and how long it is; `None`: all of it.
pub(super) type Pieces = Vec<(Piece, Option<usize>)>;

/// What a type is made of, as far as the compiler takes it apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parts {
    /// Numbers and pointers: where each begins, and its length. Each may be somewhere else.
    Of(Vec<(usize, usize)>),
    /// It is too large, and always in one place.
    InMemory,
}

impl Bits {
    /// A value of which nothing is known.
    pub(super) fn gone(size: u64) -> Bits {
        let len = usize::try_from(size).unwrap_or(MOST_BYTES).min(MOST_BYTES);
        Bits { bytes: vec![0; len], known: vec![false; len], alive: vec![false; len] }
    }

    /// A value that was read where it lies.
    pub(super) fn whole(bytes: Vec<u8>) -> Bits {
        let len = bytes.len();
        Bits { bytes, known: vec![true; len], alive: vec![true; len] }
    }

    /// Whether nothing of it is known. Of what has no bytes everything is.
    pub(super) fn is_gone(&self) -> bool {
        !self.known.is_empty() && !self.known.contains(&true)
    }

    /// A part of it.
    pub(super) fn part(&self, at: usize, len: usize) -> Option<Bits> {
        let range = at..at.checked_add(len)?;
        Some(Bits {
            bytes: self.bytes.get(range.clone())?.to_vec(),
            known: self.known.get(range.clone())?.to_vec(),
            alive: self.alive.get(range)?.to_vec(),
        })
    }

    /// The word at `at`, if all of it is known, and whether what it points at is still there.
    pub(super) fn word(&self, at: usize) -> Option<(u64, bool)> {
        let part = self.part(at, 8).filter(|part| !part.known.contains(&false))?;
        let word = part.bytes.try_into().map(u64::from_le_bytes).ok()?;
        Some((word, !part.alive.contains(&false)))
    }

    fn put(&mut self, at: usize, bytes: &[u8], alive: impl Fn(usize) -> bool) {
        for (byte_idx, byte) in bytes.iter().enumerate() {
            let Some(at) = at.checked_add(byte_idx).filter(|at| *at < self.bytes.len()) else {
                return;
            };
            self.bytes[at] = *byte;
            self.known[at] = true;
            self.alive[at] = alive(byte_idx);
        }
    }
}

/// What is known of the variable `found` of a type of `size` bytes, made of `parts`.
pub(super) fn bits(
    found: &Found,
    size: u64,
    parts: &Parts,
    trust: &Trust<'_>,
    stack: &StackCopy,
) -> Bits {
    let mut bits = Bits::gone(size);
    let Some((pieces, range)) = pieces_at(found, trust.at()) else { return bits };
    for (piece, here, len) in placed(&pieces, size, parts, trust) {
        let n_wanted = len.min(MOST_BYTES.saturating_sub(here));
        match piece {
            Piece::Frame(offset) if trust.holds(found, *offset, len, range) => {
                let address = trust.frame_end().wrapping_add_signed(*offset);
                if let Some(bytes) = stack.at(address, n_wanted) {
                    bits.put(here, bytes, |at| trust.keeps_alive(address + at as u64));
                }
            }
            Piece::Constant(bytes) => {
                bits.put(here, bytes.get(..n_wanted).unwrap_or(bytes), |_| false);
            }
            Piece::Frame(_) | Piece::Gone => {}
        }
    }
    bits
}

/// Which bytes of the value each piece is: where they begin, and how many. The compiler leaves out pieces that it has no
/// name for, and says nothing of gaps between fields: unless every part of the type has its piece, no piece is known to be
/// any part's.
fn placed<'p>(
    pieces: &'p Pieces,
    size: u64,
    parts: &Parts,
    trust: &Trust<'_>,
) -> Vec<(&'p Piece, usize, usize)> {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if let [(piece, None)] = &pieces[..] {
        let is_whole = match (parts, piece) {
            (Parts::InMemory, _) => true,
            (Parts::Of(parts), _) if parts.len() <= 1 => true,
            (Parts::Of(_), Piece::Frame(offset)) => trust.is_whole(*offset),
            (Parts::Of(_), _) => false,
        };
        return if is_whole { vec![(piece, 0, size)] } else { Vec::new() };
    }
    let Parts::Of(parts) = parts else { return Vec::new() };
    let mut parts = parts.iter().peekable();
    let mut placed = Vec::new();
    for (piece, len) in pieces {
        let (Some(len), Some((here, _))) = (*len, parts.peek().copied().copied()) else {
            return Vec::new();
        };
        // A piece may be several parts that lie side by side.
        let end = here.saturating_add(len);
        while parts.next_if(|(at, part_len)| at.saturating_add(*part_len) <= end).is_some() {}
        placed.push((piece, here, len));
    }
    let is_complete = parts.next().is_none() && covers(&placed);
    if is_complete { placed } else { Vec::new() }
}

/// Whether no piece reaches into the next.
fn covers(placed: &[(&Piece, usize, usize)]) -> bool {
    placed.windows(2).all(|two| two[0].1.saturating_add(two[0].2) <= two[1].1)
}

/// Where the variable is at the instruction `at`, and between which instructions it stays there; `None` of one that
/// always does.
pub(super) fn pieces_at(found: &Found, at: u64) -> Option<(Pieces, Option<(u64, u64)>)> {
    match &found.location {
        Location::Nowhere => None,
        Location::Always(expression) => Some((pieces(expression, found.encoding)?, None)),
        Location::List(places) => {
            let (begin, end, expression) =
                places.iter().find(|(begin, end, _)| (*begin..*end).contains(&at))?;
            let (mut begin, mut end) = (*begin, *end);
            // The same place may be told in parts.
            while let Some(before) = places
                .iter()
                .find(|(from, to, same)| *to == begin && from < to && same == expression)
            {
                begin = before.0;
            }
            while let Some(behind) = places
                .iter()
                .find(|(from, to, same)| *from == end && from < to && same == expression)
            {
                end = behind.1;
            }
            Some((pieces(expression, found.encoding)?, Some((begin, end))))
        }
    }
}

/// What an expression says, with addresses counted from the frame's canonical one.
fn pieces(expression: &[u8], encoding: gimli::Encoding) -> Option<Pieces> {
    /// Far from 0, so that what does not count from the frame is told apart.
    const FRAME: u64 = 1 << 62;
    let reader = EndianSlice::new(expression, LittleEndian);
    let mut evaluation = Expression(reader).evaluation(encoding);
    evaluation.set_max_iterations(MOST_STEPS);
    let mut step = evaluation.evaluate().ok()?;
    for _ in 0..MOST_STEPS {
        step = match step {
            EvaluationResult::Complete => break,
            // Go's frames are based on the canonical frame address.
            EvaluationResult::RequiresFrameBase => evaluation.resume_with_frame_base(FRAME).ok()?,
            EvaluationResult::RequiresCallFrameCfa => {
                evaluation.resume_with_call_frame_cfa(FRAME).ok()?
            }
            // Registers, memory, what held when the function was called.
            _ => return None,
        };
    }
    if !matches!(step, EvaluationResult::Complete) {
        return None;
    }
    let mut pieces = Vec::new();
    for piece in evaluation.result() {
        // No piece of Go's begins inside of a byte.
        let len = match piece.size_in_bits {
            Some(bits) if bits % 8 == 0 => Some(usize::try_from(bits / 8).ok()?),
            Some(_) => return None,
            None => None,
        };
        let spot = match piece.location {
            Spot::Address { address } => {
                let offset = address.wrapping_sub(FRAME).cast_signed();
                if offset.unsigned_abs() < 1 << 32 { Piece::Frame(offset) } else { Piece::Gone }
            }
            Spot::Value { value } => {
                let word = value.to_u64(u64::MAX).ok()?;
                Piece::Constant(word.to_le_bytes().to_vec())
            }
            Spot::Bytes { value } => Piece::Constant(value.slice().to_vec()),
            Spot::Empty | Spot::Register { .. } | Spot::ImplicitPointer { .. } => Piece::Gone,
        };
        pieces.push((spot, len));
    }
    Some(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_of_frames_registers_and_constants_become_pieces() {
        let encoding =
            gimli::Encoding { address_size: 8, format: gimli::Format::Dwarf32, version: 5 };
        let pieces = |expression: &[u8]| pieces(expression, encoding);
        // call_frame_cfa; fbreg -16.
        assert_eq!(pieces(&[0x9c]), Some(vec![(Piece::Frame(0), None)]));
        assert_eq!(pieces(&[0x91, 0x70]), Some(vec![(Piece::Frame(-16), None)]));
        // piece 8 of nothing, reg3 piece 8, fbreg 8 piece 8.
        let three = pieces(&[0x93, 8, 0x53, 0x93, 8, 0x91, 8, 0x93, 8]).unwrap_or_default();
        let eight = Some(8);
        assert_eq!(three, [(Piece::Gone, eight), (Piece::Gone, eight), (Piece::Frame(8), eight)]);
        // lit5, stack_value; a register's content as an address; nonsense.
        assert!(matches!(
            pieces(&[0x35, 0x9f]).unwrap_or_default()[..],
            [(Piece::Constant(_), None)]
        ));
        assert_eq!(pieces(&[0x77, 8]), None);
        assert_eq!(pieces(&[0xff, 0xff]), None);
    }
}
