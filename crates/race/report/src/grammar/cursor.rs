//! A place in a line, moved forward word by word. Start at [`Cursor::word`].

/// The rest of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    pub(crate) rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Cursor { rest: text }
    }

    /// Steps over `word` and the blanks before it, or stays.
    pub(crate) fn word(&mut self, word: &str) -> bool {
        match self.rest.trim_start().strip_prefix(word) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Steps over `0x…`, with whatever number of digits.
    pub(crate) fn hex(&mut self) -> Option<u64> {
        let digits = self.rest.trim_start().strip_prefix("0x")?;
        let len = digits.bytes().take_while(u8::is_ascii_hexdigit).count();
        let value = u64::from_str_radix(&digits[..len], 16).ok()?;
        self.rest = &digits[len..];
        Some(value)
    }

    /// Steps over a decimal number.
    pub(crate) fn number<N: std::str::FromStr>(&mut self) -> Option<N> {
        let text = self.rest.trim_start();
        let len = text.bytes().take_while(u8::is_ascii_digit).count();
        let value = text[..len].parse().ok()?;
        self.rest = &text[len..];
        Some(value)
    }

    /// Whether nothing but blanks is left.
    pub(crate) fn at_end(&self) -> bool {
        self.rest.trim().is_empty()
    }
}
