//! `a=1&b=2`: queries and forms, rewritten in place, and the pairs of a cookie.
//!
//! Pairs that need no redaction keep every byte. A semicolon counts as a separator too: some
//! services still read it as one.

use super::names::Names;
use super::stand_in::StandIn;

/// `text` with the values of `names` replaced; `None` if it has none of them.
pub(crate) fn redact(text: &str, names: &Names, stand_in: &StandIn) -> Option<String> {
    let (mut clean, mut found) = (String::with_capacity(text.len()), false);
    for piece in text.split_inclusive(['&', ';']) {
        let pair = piece.trim_end_matches(['&', ';']);
        let separator = &piece[pair.len()..];
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if pair.contains('=') && names.match_pair(String::from_utf8_lossy(&decoded(name)).trim()) {
            found = true;
            clean.push_str(name);
            clean.push('=');
            clean.push_str(&stand_in.text(&decoded(value)));
        } else {
            clean.push_str(pair);
        }
        clean.push_str(separator);
    }
    found.then_some(clean)
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
