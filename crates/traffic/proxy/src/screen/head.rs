//! The lines of a request's head become the way its body is framed.
//!
//! A line is judged when it comes, so nothing of it is kept besides what a later line can
//! contradict. Start at [`Head::line`].

use http::{HeaderMap, Method, Version, header, request};

use super::field::{self, Field, Name};
use super::reason::Reason;
use super::target::{self, Authority};

/// Where a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    /// At its head; and what follows depends on the answer.
    Upgrade,
}

/// What the lines of a head have said so far.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// None until the request line has been seen.
    version: Option<Http1>,
    blank_line: bool,
    lines: usize,
    connect: bool,
    /// What the target names, if it names a host: almost never, so the copy costs nothing.
    authority: Option<Box<Authority>>,
    host: bool,
    content_length: Option<u64>,
    chunked: bool,
    upgrade: bool,
    connection_upgrade: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Http1 {
    Zero,
    One,
}

impl Head {
    /// Looks at a line without its CRLF. Gives the framing at the blank line that ends the head.
    pub(super) fn line(&mut self, line: &[u8], limit: usize) -> Result<Option<Framing>, Reason> {
        let Some(version) = self.version else {
            return self.first_line(line).map(|()| None);
        };
        if line.is_empty() {
            return self.end(version).map(Some);
        }
        self.lines += 1;
        if self.lines > limit {
            return Err(Reason::TooManyLines);
        }
        let Field { name, value } = field::field(line)?;
        match name {
            Name::Other => {}
            Name::Host => self.host(value)?,
            Name::ContentLength => self.content_length(value)?,
            Name::TransferEncoding => self.transfer_encoding(value, version)?,
            Name::Upgrade => self.upgrade |= names_a_protocol(value),
            Name::Connection => {
                if field::members(value).any(|option| Name::of(option).is_framing()) {
                    return Err(Reason::FramingNominated);
                }
                self.connection_upgrade |= names_upgrade(value);
            }
        }
        Ok(None)
    }

    /// RFC 9112 section 3, and the one blank line that section 2.2 forgives before it.
    fn first_line(&mut self, line: &[u8]) -> Result<(), Reason> {
        if line.is_empty() {
            return if std::mem::replace(&mut self.blank_line, true) {
                Err(Reason::EmptyLines)
            } else {
                Ok(())
            };
        }
        let malformed = || {
            if line.contains(&b'\r') { Reason::BareCr } else { Reason::RequestLine }
        };
        let (method, rest) = split_at_space(line).ok_or_else(malformed)?;
        let (target, version) = split_at_space(rest).ok_or_else(malformed)?;
        if !field::is_token(method) {
            return Err(Reason::Method);
        }
        let version = match version {
            b"HTTP/1.1" => Http1::One,
            b"HTTP/1.0" => Http1::Zero,
            [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
                if major.is_ascii_digit() && minor.is_ascii_digit() =>
            {
                return Err(Reason::Version);
            }
            _ => return Err(malformed()),
        };
        self.authority = target::authority(method, target)?.map(Box::new);
        self.connect = method == b"CONNECT";
        self.version = Some(version);
        Ok(())
    }

    fn host(&mut self, value: &[u8]) -> Result<(), Reason> {
        if std::mem::replace(&mut self.host, true) {
            return Err(Reason::HostRepeated);
        }
        // A target without an authority goes with an empty Host (RFC 9112 section 3.2).
        if !value.is_empty() && !target::is_host(value) {
            return Err(Reason::Host);
        }
        match &self.authority {
            Some(authority) if !authority.is(value) => Err(Reason::HostDiffers),
            _ => Ok(()),
        }
    }

    fn content_length(&mut self, value: &[u8]) -> Result<(), Reason> {
        if self.chunked {
            return Err(Reason::LengthAndCoding);
        }
        if self.content_length.is_some() {
            return Err(Reason::LengthRepeated);
        }
        self.content_length = Some(length(value).ok_or(Reason::Length)?);
        Ok(())
    }

    fn transfer_encoding(&mut self, value: &[u8], version: Http1) -> Result<(), Reason> {
        if version == Http1::Zero {
            return Err(Reason::CodingInHttp10);
        }
        if self.content_length.is_some() {
            return Err(Reason::LengthAndCoding);
        }
        if self.chunked {
            return Err(Reason::CodingRepeated);
        }
        if !value.eq_ignore_ascii_case(b"chunked") {
            return Err(if is_codings(value) { Reason::Coding } else { Reason::CodingMalformed });
        }
        self.chunked = true;
        Ok(())
    }

    fn end(&self, version: Http1) -> Result<Framing, Reason> {
        if version == Http1::One && !self.host {
            return Err(Reason::HostMissing);
        }
        // RFC 9110 section 7.8: Upgrade is ignored in HTTP/1.0, and without its connection option.
        let upgrade = version == Http1::One && self.upgrade && self.connection_upgrade;
        let length = self.content_length.unwrap_or(0);
        if upgrade || self.connect {
            let empty = !self.chunked && length == 0;
            return if empty { Ok(Framing::Upgrade) } else { Err(Reason::BodyWithUpgrade) };
        }
        Ok(if self.chunked { Framing::Chunked } else { Framing::Length(length) })
    }
}

/// Whether the screen waits behind this request, so that the handler has to tell it the outcome:
/// CONNECT, and HTTP/1.1 with `Connection: upgrade` and an `Upgrade` to anything but `h2c`.
///
/// `h2c` by upgrade is obsolete (RFC 9113 section 3.1), yet clients like Java's offer it on their
/// first request whatever its body. It has to be answered as the plain request that it is too.
pub fn asks_to_upgrade(request: &request::Parts) -> bool {
    let any = |headers: &HeaderMap, name, is: fn(&[u8]) -> bool| {
        headers.get_all(name).iter().any(|value| is(value.as_bytes()))
    };
    request.method == Method::CONNECT
        || request.version == Version::HTTP_11
            && any(&request.headers, header::UPGRADE, names_a_protocol)
            && any(&request.headers, header::CONNECTION, names_upgrade)
}

fn names_a_protocol(value: &[u8]) -> bool {
    field::members(value).any(|protocol| !protocol.eq_ignore_ascii_case(b"h2c"))
}

fn names_upgrade(value: &[u8]) -> bool {
    field::members(value).any(|option| option.eq_ignore_ascii_case(b"upgrade"))
}

/// Whether each member opens with a token; parameters may follow (RFC 9110 section 10.1.4).
fn is_codings(value: &[u8]) -> bool {
    value.split(|&byte| byte == b',').all(|coding| {
        let name = coding.split(|&byte| byte == b';').next().unwrap_or_default();
        field::is_token(field::trim(name))
    })
}

fn split_at_space(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = memchr::memchr(b' ', bytes)?;
    Some((&bytes[..space], &bytes[space + 1..]))
}

/// Digits alone. Go and Java hold a length in 63 bits, so neither more nor longer ones pass.
fn length(value: &[u8]) -> Option<u64> {
    if !(1..=19).contains(&value.len()) || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let length = value.iter().fold(0, |length, digit| length * 10 + u64::from(digit - b'0'));
    (length <= i64::MAX as u64).then_some(length)
}
