//! One header or trailer line becomes a name and a value without the blanks around it.

use super::reason::Reason;

/// A header line whose bytes are those RFC 9110 section 5 allows.
pub(super) struct Field<'a> {
    pub(super) name: Name,
    pub(super) value: &'a [u8],
}

/// The names that decide where a request ends and where it goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Connection,
    ContentLength,
    Host,
    TransferEncoding,
    Upgrade,
    Other,
}

impl Name {
    pub(super) fn of(name: &[u8]) -> Name {
        let (candidate, word): (Name, &[u8]) = match name.len() {
            4 => (Name::Host, b"host"),
            7 => (Name::Upgrade, b"upgrade"),
            10 => (Name::Connection, b"connection"),
            14 => (Name::ContentLength, b"content-length"),
            17 => (Name::TransferEncoding, b"transfer-encoding"),
            _ => return Name::Other,
        };
        if name.eq_ignore_ascii_case(word) { candidate } else { Name::Other }
    }

    /// Whether taking this field away, or adding it late, changes where a request ends or goes.
    pub(super) fn is_framing(self) -> bool {
        matches!(self, Name::ContentLength | Name::TransferEncoding | Name::Host)
    }
}

/// Takes a line apart that is not empty and has no LF in it.
pub(super) fn field(line: &[u8]) -> Result<Field<'_>, Reason> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Reason::ObsFold);
    }
    let n = line.iter().take_while(|&&byte| TOKEN[usize::from(byte)]).count();
    let (name, rest) = line.split_at(n);
    let [b':', value @ ..] = rest else {
        return Err(without_name(line, rest));
    };
    if name.is_empty() {
        return Err(Reason::HeaderName);
    }
    if !is_value(value) {
        return Err(if value.contains(&b'\r') { Reason::BareCr } else { Reason::Control });
    }
    Ok(Field { name: Name::of(name), value: trim(value) })
}

/// Checks a trailer line.
pub(super) fn trailer(line: &[u8]) -> Result<(), Reason> {
    if field(line)?.name.is_framing() { Err(Reason::TrailerForbidden) } else { Ok(()) }
}

/// RFC 9110 section 5.6.2.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| TOKEN[usize::from(byte)])
}

/// RFC 9110 section 5.5: HTAB, everything printable, and 0x80 and up.
pub(super) fn is_value(bytes: &[u8]) -> bool {
    // No early exit: this way the compiler looks at 16 bytes at a time.
    let is_bad = |byte: u8| ((byte < b' ') & (byte != b'\t')) | (byte == 0x7f);
    bytes.iter().fold(0, |bad, &byte| bad | u8::from(is_bad(byte))) == 0
}

/// Without the blanks that RFC 9110 section 5.6.3 calls OWS.
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The members of a comma-separated list (RFC 9110 section 5.6.1), empty ones left out.
pub(super) fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim).filter(|member| !member.is_empty())
}

/// What is wrong with a line of which `rest` is left where its name ends without a colon.
fn without_name(line: &[u8], rest: &[u8]) -> Reason {
    let before_colon = line.split(|&byte| byte == b':').next().unwrap_or_default();
    if before_colon.contains(&b'\r') {
        Reason::BareCr
    } else if rest.len() < line.len() && trim(rest).first() == Some(&b':') {
        Reason::SpaceBeforeColon
    } else {
        Reason::HeaderName
    }
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte as usize] = matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z')
            || matches!(byte, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+')
            || matches!(byte, b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~');
        byte += 1;
    }
    table
};
