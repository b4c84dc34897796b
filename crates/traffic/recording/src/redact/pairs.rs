//! `a=1&b=2`: queries and forms, rewritten in place, and the pairs of a cookie.
//!
//! Pairs that need no redaction keep every byte. A semicolon counts as a separator too: some
//! services still read it as one. A value that is itself JSON (`payload={…}`) is looked into.

use super::json;
use super::names::Names;
use super::stand_in::StandIn;

/// `text` with the values of `names` replaced; `None` if it has none of them.
pub(crate) fn redact(text: &str, names: &Names, stand_in: &StandIn) -> Option<String> {
    let (mut clean, mut found) = (String::with_capacity(text.len()), false);
    for piece in text.split_inclusive(['&', ';']) {
        let pair = piece.trim_end_matches(['&', ';']);
        let separator = &piece[pair.len()..];
        match pair
            .split_once('=')
            .and_then(|(name, value)| Some((name, without_secret(name, value, names, stand_in)?)))
        {
            Some((name, value)) => {
                found = true;
                clean.extend([name, "=", &value]);
            }
            None => clean.push_str(pair),
        }
        clean.push_str(separator);
    }
    found.then_some(clean)
}

/// What to write for `value`, if not itself.
fn without_secret(name: &str, value: &str, names: &Names, stand_in: &StandIn) -> Option<String> {
    let value = decoded(value);
    if names.match_pair(String::from_utf8_lossy(&decoded(name)).trim()) {
        return Some(stand_in.text(&value));
    }
    let text = std::str::from_utf8(&value).ok()?;
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    Some(encoded(&json::redact(text, names, stand_in).ok()??))
}

/// All values of a `cookie` header replaced, its names kept (RFC 6265 section 4.2.1).
pub(crate) fn redact_cookies(cookies: &str, stand_in: &StandIn) -> String {
    let pairs = cookies.split(';').map(|pair| match pair.split_once('=') {
        Some((name, value)) => {
            format!("{}={}", name.trim(), stand_in.text(value.trim().as_bytes()))
        }
        None => stand_in.text(pair.trim().as_bytes()),
    });
    pairs.collect::<Vec<_>>().join("; ")
}

/// With everything percent-encoded but what RFC 3986 section 2.3 calls unreserved.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.extend([format!("%{byte:02X}")]);
        }
    }
    encoded
}

/// Percent signs and plusses undone; a percent sign that begins no code stays.
fn decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut plain, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', ..) => plain.push(b' '),
            _ => plain.push(*byte),
        }
        at += 1;
    }
    plain
}
