//! Routes: what requests have in common, and patterns over them.
//!
//! A [`Route`] is a method and a path whose segments that look like ids are `{}`, told from one
//! request alone: nobody tells a proxy the routes of the service behind it.

use std::fmt;

/// Segments kept of a path.
const MOST_SEGMENTS: usize = 16;
/// Bytes kept of a segment.
const LONGEST_SEGMENT: usize = 40;

/// `GET /orders/{}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Route(String);

impl Route {
    /// The route of a request for `path` (a query is left out).
    pub fn of(method: &str, path: &str) -> Route {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let mut text = format!("{method} ");
        let mut segments = path.trim_start_matches('/').split('/');
        for segment in segments.by_ref().take(MOST_SEGMENTS) {
            let is_id = segment.len() > LONGEST_SEGMENT || looks_like_id(segment);
            text.push('/');
            text.push_str(if is_id { "{}" } else { segment });
        }
        if segments.next().is_some() {
            text.push_str("/…");
        }
        Route(text)
    }

    /// The method, a space, the path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Whether `name` is likely data and not a name: a number, a date, a UUID, a hash, a token, an
/// address. `v2`, `oauth2` and `top-10` are names.
pub(super) fn looks_like_id(name: &str) -> bool {
    let n_digits = name.bytes().filter(u8::is_ascii_digit).count();
    let all = |is: fn(&u8) -> bool| name.bytes().all(|b| is(&b));
    let is_number = || all(|b| b.is_ascii_digit() || b"-_.:,+".contains(b));
    let is_hex = || name.len() >= 8 && all(|b| b.is_ascii_hexdigit() || *b == b'-');
    let is_token = || {
        name.len() >= 20
            && name.bytes().any(|b| b.is_ascii_uppercase())
            && name.bytes().any(|b| b.is_ascii_lowercase())
    };
    n_digits >= 4
        || n_digits > 0 && (is_number() || is_hex() || is_token())
        || name.contains('@')
        || name.contains("%40")
}

/// Which requests: `/orders/**`, `GET /orders/*`. `*` is one segment, `**` at the end any number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutePattern {
    method: Option<String>,
    segments: Vec<Segment>,
    open_end: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Any,
    Named(String),
}

impl RoutePattern {
    /// Reads a pattern; the error says at which character (from 1) what was expected.
    pub(super) fn parse(text: &str) -> Result<RoutePattern, (usize, &'static str)> {
        let (method, path) = match text.split_once(' ') {
            Some((method, path)) => (Some(method.to_owned()), path.trim_start()),
            None => (None, text),
        };
        let path_at = text.chars().count() - path.chars().count() + 1;
        if let Some(method) = &method
            && (method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-'))
        {
            return Err((1, "a method in capitals, or `/`"));
        }
        let Some(inner) = path.strip_prefix('/') else {
            return Err((path_at, "a path that begins with `/`"));
        };
        let mut pattern = RoutePattern { method, segments: Vec::new(), open_end: false };
        let mut at = path_at + 1;
        for segment in inner.split('/') {
            if pattern.open_end {
                return Err((at, "nothing behind `**`"));
            }
            match segment {
                "**" => pattern.open_end = true,
                "*" => pattern.segments.push(Segment::Any),
                _ if segment.starts_with('{') && segment.ends_with('}') => {
                    pattern.segments.push(Segment::Any);
                }
                _ if segment.contains(['*', '?', ' ']) => {
                    return Err((at, "a name, `*` or `**` as a whole segment"));
                }
                _ => pattern.segments.push(Segment::Named(segment.to_owned())),
            }
            at += segment.chars().count() + 1;
        }
        Ok(pattern)
    }

    /// Whether a request with `method` for `path` is meant.
    pub fn takes(&self, method: &str, path: &str) -> bool {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let mut segments = path.strip_prefix('/').unwrap_or(path).split('/');
        self.method.as_deref().is_none_or(|wanted| wanted == method)
            && self.segments.iter().all(|wanted| match (wanted, segments.next()) {
                (_, None) => false,
                (Segment::Any, Some(segment)) => !segment.is_empty(),
                (Segment::Named(name), Some(segment)) => name == segment,
            })
            && (self.open_end || segments.next().is_none())
    }
}
