//! Numbers and texts as bytes, and back. Numbers are as short as they can be (LEB128), texts are kept once.
//!
//! What is read was perhaps cut or spoilt: every number of things is compared with the bytes that are left before
//! room is made for them, and all that is made of the bytes together is bounded: a few of them can name one long text,
//! or one deep stack, again and again.

use std::collections::HashMap;

/// Bytes being written.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    body: Vec<u8>,
    texts: Vec<u8>,
    n_texts: u64,
    known: HashMap<String, u64>,
}

/// Bytes that make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nonsense;

/// Bytes being read.
#[derive(Debug)]
pub(super) struct Decoder<'a> {
    rest: &'a [u8],
    texts: Vec<&'a str>,
    /// Bytes of memory that may still be used.
    room: usize,
}

/// So much memory what is read may take, and so much more for each of its bytes.
const ROOM: usize = 16 << 20;
const ROOM_PER_BYTE: usize = 64;

impl Encoder {
    pub(super) fn number(&mut self, value: u64) {
        number(&mut self.body, value);
    }

    /// One more than the number, or 0 for none.
    pub(super) fn optional(&mut self, value: Option<u64>) {
        match value {
            // The largest number is kept as the one below it: nothing counts that far.
            Some(value) => self.number(value.min(u64::MAX - 1) + 1),
            None => self.number(0),
        }
    }

    pub(super) fn flags(&mut self, flags: &[bool]) {
        let bits = flags.iter().enumerate().map(|(bit, flag)| u64::from(*flag) << bit);
        self.number(bits.sum());
    }

    pub(super) fn text(&mut self, text: &str) {
        let number = match self.known.get(text) {
            Some(number) => *number,
            None => {
                let number = self.n_texts;
                self.n_texts += 1;
                self.known.insert(text.to_owned(), number);
                self::number(&mut self.texts, text.len() as u64);
                self.texts.extend_from_slice(text.as_bytes());
                number
            }
        };
        self.number(number);
    }

    pub(super) fn many<T>(
        &mut self,
        things: impl ExactSizeIterator<Item = T>,
        mut put: impl FnMut(&mut Encoder, T),
    ) {
        self.number(things.len() as u64);
        things.for_each(|thing| put(self, thing));
    }

    /// Texts first, then what refers to them.
    pub(super) fn finish(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.body.len() + self.texts.len() + 20);
        number(&mut bytes, self.n_texts);
        bytes.extend(self.texts);
        bytes.extend(self.body);
        bytes
    }
}

fn number(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

impl<'a> Decoder<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Decoder<'a>, Nonsense> {
        let room = ROOM.saturating_add(bytes.len().saturating_mul(ROOM_PER_BYTE));
        let mut decoder = Decoder { rest: bytes, texts: Vec::new(), room };
        decoder.texts = decoder.many(|decoder| {
            let len = decoder.count()?;
            let (text, rest) = decoder.rest.split_at_checked(len).ok_or(Nonsense)?;
            decoder.rest = rest;
            std::str::from_utf8(text).map_err(|_| Nonsense)
        })?;
        Ok(decoder)
    }

    pub(super) fn number(&mut self) -> Result<u64, Nonsense> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or(Nonsense)?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Nonsense)
    }

    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Result<T, Nonsense> {
        T::try_from(self.number()?).map_err(|_| Nonsense)
    }

    pub(super) fn optional(&mut self) -> Result<Option<u64>, Nonsense> {
        Ok(self.number()?.checked_sub(1))
    }

    pub(super) fn flags<const N: usize>(&mut self) -> Result<[bool; N], Nonsense> {
        let bits = self.number()?;
        Ok(std::array::from_fn(|bit| bits >> bit & 1 == 1))
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Nonsense> {
        let number = self.small::<usize>()?;
        let text = self.texts.get(number).copied().ok_or(Nonsense)?;
        self.use_room(text.len())?;
        Ok(text)
    }

    /// Takes account of memory about to be used.
    pub(super) fn use_room(&mut self, n_bytes: usize) -> Result<(), Nonsense> {
        self.room = self.room.checked_sub(n_bytes).ok_or(Nonsense)?;
        Ok(())
    }

    /// A number of things, each of which takes a byte at least.
    fn count(&mut self) -> Result<usize, Nonsense> {
        let count = self.small::<usize>()?;
        if count <= self.rest.len() { Ok(count) } else { Err(Nonsense) }
    }

    pub(super) fn many<T>(
        &mut self,
        mut take: impl FnMut(&mut Decoder<'a>) -> Result<T, Nonsense>,
    ) -> Result<Vec<T>, Nonsense> {
        let count = self.count()?;
        // Room for what is there, not for what is said.
        let mut things = Vec::with_capacity(count.min(1 << 16));
        for _ in 0..count {
            self.use_room(size_of::<T>())?;
            things.push(take(self)?);
        }
        Ok(things)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again() {
        let mut encoder = Encoder::default();
        encoder.number(u64::MAX);
        encoder.optional(None);
        encoder.optional(Some(0));
        encoder.flags(&[true, false, true]);
        encoder.many(["a", "bé", "a"].iter(), |encoder, text| encoder.text(text));
        let bytes = encoder.finish();
        let mut decoder = Decoder::new(&bytes).unwrap();
        assert_eq!(decoder.number(), Ok(u64::MAX));
        assert_eq!(decoder.optional(), Ok(None));
        assert_eq!(decoder.optional(), Ok(Some(0)));
        assert_eq!(decoder.flags(), Ok([true, false, true]));
        assert_eq!(decoder.many(Decoder::text), Ok(vec!["a", "bé", "a"]));
        assert!(decoder.is_at_end());
    }

    #[test]
    fn more_things_than_bytes_are_nonsense() {
        assert!(Decoder::new(&[0xff, 0xff, 0xff, 0xff, 0x0f]).is_err());
        assert!(Decoder::new(&[1, 9, b'a']).is_err());
        assert!(Decoder::new(&[]).is_err());
    }
}
