//! Whether a request target fits its method, and names the same host as `Host` does.
//!
//! The path and query are not looked into: they frame nothing, and what they mean is the
//! upstream's to say.

use memchr::memmem;

use super::reason::Reason;

/// The host that a target in absolute or authority form names.
#[derive(Debug)]
pub(super) struct Authority {
    text: Vec<u8>,
    default_port: &'static [u8],
}

impl Authority {
    /// Whether `host` is the same but for case and a port that goes without saying
    /// (RFC 9112 section 3.2.2, RFC 9110 section 4.2.3).
    pub(super) fn is(&self, host: &[u8]) -> bool {
        let (name, port) = split(&self.text);
        let (other_name, other_port) = split(host);
        let effective = |port| if port == b"" { self.default_port } else { port };
        name.eq_ignore_ascii_case(other_name) && effective(port) == effective(other_port)
    }
}

/// Checks a target against its method (RFC 9112 section 3.2) and gives the host that it names.
pub(super) fn authority(method: &[u8], target: &[u8]) -> Result<Option<Authority>, Reason> {
    let is_bad = |byte: u8| (byte <= b' ') | (byte == 0x7f) | (byte == b'#');
    if target.is_empty() {
        return Err(Reason::RequestLine);
    }
    if target.iter().fold(false, |bad, &byte| bad | is_bad(byte)) {
        return Err(if target.contains(&b'\r') { Reason::BareCr } else { Reason::Target });
    }
    let (text, default_port): (&[u8], &[u8]) = match target {
        _ if method == b"CONNECT" => (target, b""),
        [b'/', ..] => return Ok(None),
        b"*" if method == b"OPTIONS" => return Ok(None),
        _ => absolute(target).ok_or(Reason::Target)?,
    };
    let has_port = !split(text).1.is_empty();
    if !is_host(text) || method == b"CONNECT" && !has_port {
        return Err(Reason::Target);
    }
    Ok(Some(Authority { text: text.to_vec(), default_port }))
}

/// A name, an IPv4 address or an IPv6 address in brackets, and maybe a port.
///
/// Narrower than RFC 3986: percent signs, commas and bytes from 0x80 are refused, because what
/// they stand for depends on who reads them and no name in use has them.
pub(super) fn is_host(host: &[u8]) -> bool {
    let (name, port) = split(host);
    let is_name_byte = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'')
            || matches!(byte, b'(' | b')' | b'*' | b'+' | b';' | b'=')
    };
    let name_fits = match name {
        [b'[', address @ .., b']'] => {
            address.contains(&b':')
                && address.iter().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(byte))
        }
        name => !name.is_empty() && name.iter().all(is_name_byte),
    };
    name_fits && port.len() <= 5 && port.iter().all(u8::is_ascii_digit) && is_port(port)
}

fn is_port(digits: &[u8]) -> bool {
    digits.iter().fold(0, |port, digit| port * 10 + u32::from(digit - b'0')) <= 65_535
}

/// The authority of `http://authority/...`, with its scheme's default port.
fn absolute(target: &[u8]) -> Option<(&[u8], &'static [u8])> {
    let colon = memmem::find(target, b"://")?;
    let default_port: &[u8] = match &target[..colon] {
        scheme if scheme.eq_ignore_ascii_case(b"http") => b"80",
        scheme if scheme.eq_ignore_ascii_case(b"https") => b"443",
        _ => return None,
    };
    let rest = &target[colon + 3..];
    let end = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
    Some((&rest[..end], default_port))
}

/// The name and the port, which is empty when there is none.
fn split(host: &[u8]) -> (&[u8], &[u8]) {
    // An IPv6 address has colons of its own, all before its bracket.
    let after = host.iter().rposition(|&byte| byte == b']').unwrap_or(0);
    match memchr::memrchr(b':', &host[after..]) {
        Some(colon) => (&host[..after + colon], &host[after + colon + 1..]),
        None => (host, b""),
    }
}
