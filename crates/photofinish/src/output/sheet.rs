//! A great deal of text for stdout: colours are taken out where nobody sees them, and only once of what repeats.

use std::io::{self, BufWriter, StdoutLock, Write};

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};

/// Stdout, with room for many lines.
pub(super) struct Sheet {
    out: BufWriter<StdoutLock<'static>>,
    is_plain: bool,
}

impl Sheet {
    pub(super) fn new() -> Sheet {
        let is_plain = AutoStream::choice(&io::stdout()) == ColorChoice::Never;
        Sheet { out: BufWriter::with_capacity(1 << 16, io::stdout().lock()), is_plain }
    }

    /// Writes a line.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        if self.is_plain {
            writeln!(self.out, "{}", strip_str(text))
        } else {
            writeln!(self.out, "{text}")
        }
    }

    /// `text` as it is to stand, to be written again and again.
    pub(super) fn made_ready(&self, text: String) -> String {
        if self.is_plain { strip_str(&text).to_string() } else { text }
    }

    /// Writes what was made ready.
    pub(super) fn ready(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
