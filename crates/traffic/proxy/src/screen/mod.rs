//! Refuses what two HTTP/1 parsers could read differently, before any parser sees it.
//!
//! In: the request bytes of one downstream connection, cut anywhere. Out: how many of them may be
//! handed on. hyper, which comes behind, is strict but lets some things through (two `Host` lines,
//! a bare LF as a line end, `Content-Length` dropped beside `Transfer-Encoding`), and by the time
//! it hands over a request the bytes that would show it are gone. So the screen follows the framing
//! itself, by RFC 9112 and stricter where upstreams are known to disagree.
//!
//! Every check waits for the end of a line. No parser can call a head complete without that LF, so
//! the part of a bad head that was handed on while it came in pieces can never become a request.
//! Two things are let through on purpose: names that differ only in `_` and `-` (a CGI habit, not
//! framing), and bytes from 0x80 in a target or a value (hyper wants UTF-8 in a target).
//!
//! Not here: reading the socket, answering, closing, time-outs (the I/O wrapper), hop-by-hop
//! fields (the handler), HTTP/2. Start at [`Screen::feed`].

mod chunk;
mod field;
mod head;
mod limits;
mod reason;
mod target;
#[cfg(test)]
mod tests;
mod verdict;

use memchr::memchr;

pub use self::head::asks_to_upgrade;
use self::head::{Framing, Head};
pub use self::limits::Limits;
pub use self::reason::Reason;
pub use self::verdict::{POISON, Part, Progress, Refused};

/// Follows the request bytes of one HTTP/1 connection.
#[derive(Debug)]
pub struct Screen {
    limits: Limits,
    state: State,
    head: Head,
    /// Bytes seen of the section that is open: a head, a chunk's opening line, the CRLF behind its
    /// data, a trailer section. A refusal takes back the section as far as it lies in this feed.
    section: usize,
    trailer_lines: usize,
    /// The start of a line whose end is still to come; empty when lines arrive whole.
    carry: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Head,
    Body {
        left: u64,
    },
    ChunkLine,
    ChunkData {
        left: u64,
    },
    ChunkCr,
    ChunkLf,
    Trailers,
    /// Behind a request for another protocol, until the answer says what the bytes are.
    Waiting,
    Tunnel,
    Refused {
        reason: Reason,
        part: Part,
    },
}

impl Screen {
    /// A screen for a connection of which no byte has been read.
    pub fn new(limits: Limits) -> Screen {
        Screen {
            limits,
            state: State::Head,
            head: Head::default(),
            section: 0,
            trailer_lines: 0,
            carry: Vec::new(),
        }
    }

    /// Looks at bytes just read from the socket, and says how many may be handed on.
    ///
    /// # Errors
    /// [`Refused`] when two parsers could read them differently or a limit is passed:
    /// `bytes[..pass]` may still be handed on, nothing may follow on this connection. Earlier
    /// requests in the same bytes are in `pass`. Feeding on gives the same answer with `pass: 0`.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Progress, Refused> {
        let mut at = 0;
        let mut section_at = 0;
        while at < bytes.len() {
            if self.section == 0 {
                section_at = at;
            }
            match self.step(&bytes[at..]) {
                Ok(0) => break,
                Ok(n) => at += n,
                Err(reason) => {
                    let part = match self.state {
                        State::Refused { part, .. } => part,
                        State::Head => Part::Head,
                        _ => Part::Body,
                    };
                    self.state = State::Refused { reason, part };
                    self.carry = Vec::new();
                    return Err(Refused { pass: section_at, reason, part });
                }
            }
        }
        Ok(Progress { pass: at })
    }

    /// Whether a request that [asks to upgrade](asks_to_upgrade) has been handed on and the bytes
    /// behind it are held back, until [`upgraded`](Screen::upgraded) or
    /// [`not_upgraded`](Screen::not_upgraded) tells what they are.
    pub fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting)
    }

    /// Whether the last request has been seen whole and no byte of a next one has.
    pub fn is_between_requests(&self) -> bool {
        matches!(self.state, State::Head) && self.section == 0
    }

    /// Whether a head has begun and not ended.
    pub fn is_in_head(&self) -> bool {
        matches!(self.state, State::Head) && self.section > 0
    }

    /// The answer switched protocols: what follows is handed on unseen. Ignored unless waiting.
    pub fn upgraded(&mut self) {
        if self.is_waiting() {
            self.state = State::Tunnel;
        }
    }

    /// The answer did not switch protocols: what follows is the next request. Ignored unless
    /// waiting.
    pub fn not_upgraded(&mut self) {
        if self.is_waiting() {
            self.state = State::Head;
        }
    }

    /// Takes one line, or one stretch of body, off the front of `rest`, and gives its length.
    fn step(&mut self, rest: &[u8]) -> Result<usize, Reason> {
        let limits = self.limits;
        match self.state {
            State::Head => {
                self.line(rest, (limits.head_bytes, Reason::HeadTooLong), Screen::head_line)
            }
            State::ChunkLine => {
                let limit = (limits.chunk_line_bytes, Reason::ChunkLineTooLong);
                self.line(rest, limit, Screen::chunk_line)
            }
            State::Trailers => {
                let limit = (limits.trailer_bytes, Reason::TrailersTooLong);
                self.line(rest, limit, Screen::trailer_line)
            }
            State::Body { left } => {
                let (n, left) = skip(rest, left);
                self.state = if left == 0 { State::Head } else { State::Body { left } };
                Ok(n)
            }
            State::ChunkData { left } => {
                let (n, left) = skip(rest, left);
                self.state = if left == 0 { State::ChunkCr } else { State::ChunkData { left } };
                Ok(n)
            }
            State::ChunkCr => self.chunk_end(rest, b'\r', State::ChunkLf),
            State::ChunkLf => self.chunk_end(rest, b'\n', State::ChunkLine),
            State::Waiting => Ok(0),
            State::Tunnel => Ok(rest.len()),
            State::Refused { reason, .. } => Err(reason),
        }
    }

    /// Hands a line without its CRLF to `look` once its end is there.
    fn line(
        &mut self,
        rest: &[u8],
        (limit, too_long): (usize, Reason),
        look: fn(&mut Screen, &[u8]) -> Result<(), Reason>,
    ) -> Result<usize, Reason> {
        let end = memchr(b'\n', rest);
        let n = end.map_or(rest.len(), |lf| lf + 1);
        self.section += n;
        if self.section > limit {
            return Err(too_long);
        }
        let line = &rest[..n];
        if end.is_none() {
            self.carry.extend_from_slice(line);
        } else if self.carry.is_empty() {
            look(self, without_crlf(line)?)?;
        } else {
            let mut whole = std::mem::take(&mut self.carry);
            whole.extend_from_slice(line);
            look(self, without_crlf(&whole)?)?;
        }
        Ok(n)
    }

    fn head_line(&mut self, line: &[u8]) -> Result<(), Reason> {
        let Some(framing) = self.head.line(line, self.limits.header_lines)? else {
            return Ok(());
        };
        self.head = Head::default();
        self.section = 0;
        self.state = match framing {
            Framing::Length(0) => State::Head,
            Framing::Length(left) => State::Body { left },
            Framing::Chunked => State::ChunkLine,
            Framing::Upgrade => State::Waiting,
        };
        Ok(())
    }

    fn chunk_line(&mut self, line: &[u8]) -> Result<(), Reason> {
        self.section = 0;
        self.state = match chunk::size(line)? {
            0 => State::Trailers,
            left => State::ChunkData { left },
        };
        Ok(())
    }

    fn chunk_end(&mut self, rest: &[u8], expected: u8, next: State) -> Result<usize, Reason> {
        if rest.first() != Some(&expected) {
            return Err(Reason::ChunkEnd);
        }
        self.section = usize::from(expected == b'\r');
        self.state = next;
        Ok(1)
    }

    fn trailer_line(&mut self, line: &[u8]) -> Result<(), Reason> {
        if line.is_empty() {
            self.section = 0;
            self.trailer_lines = 0;
            self.state = State::Head;
            return Ok(());
        }
        self.trailer_lines += 1;
        if self.trailer_lines > self.limits.header_lines {
            return Err(Reason::TooManyLines);
        }
        field::trailer(line)
    }
}

fn without_crlf(line: &[u8]) -> Result<&[u8], Reason> {
    line.strip_suffix(b"\r\n").ok_or(Reason::BareLf)
}

fn skip(rest: &[u8], left: u64) -> (usize, u64) {
    let n = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
    (n, left - n as u64)
}
