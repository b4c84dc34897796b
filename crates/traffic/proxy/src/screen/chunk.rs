//! The line that opens a chunk becomes the chunk's size (RFC 9112 section 7.1).
//!
//! Extensions are never acted on, but they are read by their grammar: parsers that scan for the
//! next LF and parsers that know quoted strings have ended such a line at different bytes.

use super::field;
use super::reason::Reason;

/// The size that a line, without its CRLF, announces.
pub(super) fn size(line: &[u8]) -> Result<u64, Reason> {
    let n_digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, rest) = line.split_at(n_digits);
    if !(1..=16).contains(&n_digits) {
        return Err(Reason::ChunkSize);
    }
    match rest.first() {
        None => {}
        Some(b';') if extensions(rest) => {}
        Some(b';') => return Err(Reason::ChunkExtension),
        Some(_) => return Err(Reason::ChunkSize),
    }
    let digit = |&byte: &u8| (byte as char).to_digit(16).map_or(0, u64::from);
    let size = digits.iter().fold(0, |size, byte| size << 4 | digit(byte));
    // As with Content-Length: others hold it in 63 bits.
    if size > i64::MAX as u64 { Err(Reason::ChunkSize) } else { Ok(size) }
}

/// `*( ";" BWS name [ BWS "=" BWS value ] BWS )`: RFC 9112 section 7.1.1, but for blanks before the
/// first semicolon, which some parsers take for part of the size.
fn extensions(mut rest: &[u8]) -> bool {
    while let [b';', extension @ ..] = rest {
        let Some(after_name) = token(field::trim(extension)) else {
            return false;
        };
        rest = field::trim(after_name);
        if let [b'=', value @ ..] = rest {
            let value = field::trim(value);
            let after_value =
                if value.first() == Some(&b'"') { quoted(value) } else { token(value) };
            let Some(after_value) = after_value else {
                return false;
            };
            rest = field::trim(after_value);
        }
    }
    rest.is_empty()
}

/// What follows a token.
fn token(bytes: &[u8]) -> Option<&[u8]> {
    let n = bytes.iter().take_while(|&&byte| field::is_token(&[byte])).count();
    (n > 0).then(|| &bytes[n..])
}

/// What follows a quoted string (RFC 9110 section 5.6.4).
fn quoted(bytes: &[u8]) -> Option<&[u8]> {
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(&bytes[at + 1..]),
            b'\\' if field::is_value(bytes.get(at + 1..at + 2)?) => at += 2,
            byte if *byte != b'\\' && field::is_value(&[*byte]) => at += 1,
            _ => return None,
        }
    }
}
