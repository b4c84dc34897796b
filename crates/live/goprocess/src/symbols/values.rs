//! A number for each instruction of a function, packed: line, stack depth, inlining.
//!
//! Pairs of varints, how much the value changes (zig-zag) and for how many instructions it then holds; it
//! starts at -1. Source: `pcvalue` and `step` of `runtime/symtab.go`, Go 1.27.

use crate::bytes::uvarint;

/// The value at `offset` bytes into the function. `None` behind the last pair, or where the bytes end.
pub(super) fn value_at(bytes: &[u8], offset: u64, quantum: u64) -> Option<i32> {
    Values::new(bytes, quantum).find(|(_, end, _)| offset < *end).map(|(_, _, value)| value)
}

/// Each value, with the bytes of the function that it holds for: from where, and where it ends.
#[derive(Debug)]
pub(super) struct Values<'a> {
    bytes: &'a [u8],
    quantum: u64,
    value: i32,
    end: u64,
    is_first: bool,
}

impl<'a> Values<'a> {
    pub(super) fn new(bytes: &'a [u8], quantum: u64) -> Values<'a> {
        Values { bytes, quantum, value: -1, end: 0, is_first: true }
    }
}

impl Iterator for Values<'_> {
    type Item = (u64, u64, i32);

    fn next(&mut self) -> Option<(u64, u64, i32)> {
        let (change, n_change) = uvarint(self.bytes)?;
        if change == 0 && !self.is_first {
            return None;
        }
        let (length, n_length) = uvarint(self.bytes.get(n_change..)?)?;
        self.bytes = self.bytes.get(n_change + n_length..)?;
        self.is_first = false;
        let change = u32::try_from(change).ok()?;
        self.value = self.value.wrapping_add((change >> 1) as i32 ^ -((change & 1) as i32));
        let start = self.end;
        self.end = start.checked_add(length.checked_mul(self.quantum)?)?;
        Some((start, self.end, self.value))
    }
}

#[cfg(test)]
mod tests {
    use super::{Values, value_at};

    /// -1 + 1 = 0 for one byte, then +8 for four, then -8 for two, then the end.
    const TABLE: &[u8] = &[2, 1, 16, 4, 15, 2, 0];

    #[test]
    fn a_value_holds_until_the_next_change() {
        let values: Vec<_> = (0..8).map(|offset| value_at(TABLE, offset, 1)).collect();
        assert_eq!(values[0], Some(0));
        assert_eq!(values[1..5], [Some(8); 4]);
        assert_eq!(values[5..7], [Some(0); 2]);
        assert_eq!(values[7], None);
        assert_eq!(value_at(TABLE, 3, 4), Some(0), "instructions of four bytes");
    }

    #[test]
    fn each_value_is_told_with_the_bytes_it_holds_for() {
        let values: Vec<_> = Values::new(TABLE, 1).collect();
        assert_eq!(values, [(0, 1, 0), (1, 5, 8), (5, 7, 0)]);
    }

    #[test]
    fn a_table_cut_short_ends_without_a_value() {
        for end in 0..TABLE.len() {
            assert_eq!(value_at(&TABLE[..end], 100, 1), None);
        }
    }
}
