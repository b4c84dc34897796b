//! What of a message's head belongs to one connection, and what is said about the caller.

use crate::plan::Forwarded;
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::net::IpAddr;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Of the connection, whatever `Connection` says (RFC 9110 7.6.1, and what is seen in the wild).
const HOP_BY_HOP: [HeaderName; 8] = [
    KEEP_ALIVE,
    PROXY_CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TRANSFER_ENCODING,
    UPGRADE,
    HTTP2_SETTINGS,
    TE,
];

/// What a request wants to become: the value of `Upgrade`, if `Connection` names it. HTTP/2 by upgrade
/// is not offered (RFC 9113 dropped it), so it is no wish.
pub(crate) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let wish = headers.get(UPGRADE)?;
    let is_named = tokens(headers).any(|token| token.eq_ignore_ascii_case("upgrade"));
    let is_http2 = wish.as_bytes().eq_ignore_ascii_case(b"h2c");
    (is_named && !is_http2).then(|| wish.clone())
}

/// Takes off what belongs to the connection the message came on, nominated headers included. `TE:
/// trailers` stays: it is what gRPC asks every hop for.
pub(crate) fn strip(headers: &mut HeaderMap) {
    let wants_trailers = headers.get_all(TE).iter().any(|value| {
        value.to_str().is_ok_and(|value| {
            value.split(',').any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
        })
    });
    // Beside a coding a length says nothing (RFC 9112 6.3), and the body is framed anew.
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
    if headers.contains_key(CONNECTION) {
        for name in nominated(headers) {
            headers.remove(name);
        }
        headers.remove(CONNECTION);
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    if wants_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

/// Headers that `Connection` names. Not those that say where the request goes and how long it is: a
/// caller who nominates them wants the next hop to read the request differently.
fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    tokens(headers)
        .filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok())
        .filter(|name| *name != HOST && *name != CONTENT_LENGTH)
        .collect()
}

fn tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// Takes off `Expect: 100-continue`: this proxy says `100 Continue` itself, once it reads the body.
pub(crate) fn strip_expect(headers: &mut HeaderMap) {
    headers.remove(EXPECT);
}

/// Says who called, by which scheme and for which host.
pub(crate) fn say_who_called(
    headers: &mut HeaderMap,
    forwarded: Forwarded,
    caller: &HeaderValue,
    is_tls: bool,
    host: &HeaderValue,
) {
    let keep = match forwarded {
        Forwarded::Off => return,
        Forwarded::Append => true,
        Forwarded::Replace => false,
    };
    let proto = HeaderValue::from_static(if is_tls { "https" } else { "http" });
    if !keep || !headers.contains_key(FORWARDED_FOR) {
        headers.insert(FORWARDED_FOR, caller.clone());
    } else {
        let said = headers.get_all(FORWARDED_FOR);
        let mut line = Vec::new();
        for value in said {
            line.extend_from_slice(value.as_bytes());
            line.extend_from_slice(b", ");
        }
        line.extend_from_slice(caller.as_bytes());
        if let Ok(line) = HeaderValue::from_bytes(&line) {
            headers.insert(FORWARDED_FOR, line);
        }
    }
    for (name, value) in [(FORWARDED_PROTO, proto), (FORWARDED_HOST, host.clone())] {
        // HTTP/1.0 need not name a host.
        if value.is_empty() {
            continue;
        }
        if !keep || !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    }
}

/// Whom the proxy in front of us was called by: the last address in `X-Forwarded-For`.
pub(crate) fn last_caller(headers: &HeaderMap) -> Option<IpAddr> {
    let line = headers.get_all(FORWARDED_FOR).iter().next_back()?;
    line.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
}

/// An address as `X-Forwarded-For` has it.
pub(crate) fn address_line(address: IpAddr) -> HeaderValue {
    // Digits, dots and colons always make a header.
    HeaderValue::from_str(&address.to_canonical().to_string())
        .unwrap_or(HeaderValue::from_static("unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_belongs_to_the_connection_goes_no_further() {
        let mut seen = headers(&[
            ("host", "a"),
            ("connection", "keep-alive, X-Drop"),
            ("connection", "x-also"),
            ("x-drop", "1"),
            ("x-also", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "x"),
            ("proxy-authorization", "y"),
            ("te", "gzip"),
            ("x-kept", "1"),
        ]);
        strip(&mut seen);
        assert_eq!(names(&seen), ["host", "x-kept"]);
    }

    #[test]
    fn trailers_are_asked_of_every_hop() {
        let mut seen = headers(&[("te", "gzip, Trailers"), ("connection", "te")]);
        strip(&mut seen);
        assert_eq!(seen.get("te").unwrap(), "trailers");
    }

    #[test]
    fn a_caller_cannot_nominate_away_where_a_request_goes_or_how_long_it_is() {
        let mut seen = headers(&[
            ("connection", "close, host, content-length"),
            ("host", "a"),
            ("content-length", "3"),
        ]);
        strip(&mut seen);
        assert_eq!(names(&seen), ["content-length", "host"]);
    }

    #[test]
    fn only_an_upgrade_that_connection_names_is_one() {
        assert_eq!(
            upgrade(&headers(&[("connection", "Upgrade"), ("upgrade", "websocket")])).unwrap(),
            "websocket"
        );
        assert_eq!(upgrade(&headers(&[("upgrade", "websocket")])), None);
        assert_eq!(upgrade(&headers(&[("connection", "upgrade"), ("upgrade", "h2c")])), None);
    }

    fn told(forwarded: Forwarded) -> HeaderMap {
        let mut seen = headers(&[("x-forwarded-for", "10.0.0.1"), ("x-forwarded-proto", "https")]);
        let caller = address_line("::ffff:192.0.2.7".parse().unwrap());
        say_who_called(
            &mut seen,
            forwarded,
            &caller,
            false,
            &HeaderValue::from_static("shop.test"),
        );
        seen
    }

    #[test]
    fn the_caller_is_added_to_what_a_proxy_in_front_said() {
        let seen = told(Forwarded::Append);
        assert_eq!(seen.get("x-forwarded-for").unwrap(), "10.0.0.1, 192.0.2.7");
        assert_eq!(seen.get("x-forwarded-proto").unwrap(), "https");
        assert_eq!(seen.get("x-forwarded-host").unwrap(), "shop.test");
    }

    #[test]
    fn what_callers_say_is_replaced_where_they_are_not_believed() {
        let seen = told(Forwarded::Replace);
        assert_eq!(seen.get("x-forwarded-for").unwrap(), "192.0.2.7");
        assert_eq!(seen.get("x-forwarded-proto").unwrap(), "http");
        assert_eq!(names(&told(Forwarded::Off)).len(), 2);
    }
}
