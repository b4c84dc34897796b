//! A mirror: a race build that gets copies of requests, and whose answers are dropped.

use super::{Schedule, Share, Upstream};
use crate::compare;
use http::{HeaderName, HeaderValue, Method};
use std::time::Duration;

/// A race build that gets copies of requests.
#[derive(Clone, Debug)]
pub struct Mirror {
    /// Its name in figures.
    pub name: String,
    /// Where it is.
    pub to: Upstream,
    /// How many of the requests that its rules allow are copied.
    pub share: Share,
    /// Which requests may be copied; the first rule that fits decides, and without one the method
    /// does: GET, HEAD and OPTIONS are copied, others are not.
    pub rules: Vec<Rule>,
    /// When it gets copies.
    pub schedule: Schedule,
    /// How bodies are copied.
    pub bodies: Bodies,
    /// The largest body that is copied, in bytes.
    pub body_bytes: usize,
    /// Bytes of bodies that all copies under way may hold together.
    pub budget_bytes: usize,
    /// Copies under way at once.
    pub in_flight: usize,
    /// How long a copy may take, its answer included.
    pub deadline: Duration,
    /// The `Host` of copies.
    pub host: CopyHost,
    /// The header that marks a copy; taken off what callers send.
    pub marker: HeaderName,
    /// Headers changed on copies.
    pub headers: CopyHeaders,
    /// Whether, and how, its answers are compared with the primary's.
    pub compare: Option<Compare>,
}

/// Which requests may be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The methods it is about; all of them when empty.
    pub methods: Vec<Method>,
    /// The path it is about: `/orders/*` with `*` for anything, slashes included.
    pub path: String,
    /// Whether such requests are copied.
    pub copy: bool,
}

/// How bodies are copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bodies {
    /// The copy is sent once the body is whole: the mirror never sees half of one.
    #[default]
    Whole,
    /// The copy is sent while the body arrives, for bodies larger than memory. A caller who leaves or a
    /// mirror slower than the budget cuts the copy, as a broken connection.
    Streamed,
}

/// The `Host` of copies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CopyHost {
    /// The caller's: routing and signatures stay right.
    #[default]
    Kept,
    /// This one.
    Rewritten(HeaderValue),
}

/// Headers changed on copies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyHeaders {
    /// Taken off.
    pub remove: Vec<HeaderName>,
    /// Set, whatever the caller sent.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// Replaced, only where the caller sent one: credentials of a test account.
    pub replace: Vec<(HeaderName, HeaderValue)>,
}

/// How a mirror's answers are compared with the primary's.
#[derive(Clone, Debug)]
pub struct Compare {
    /// What is compared and what not.
    pub rules: compare::Rules,
    /// The largest answer that is compared, in bytes.
    pub answer_bytes: usize,
}

impl Mirror {
    /// A mirror at `to` that gets a copy of every safe request.
    pub fn new(name: impl Into<String>, to: Upstream) -> Mirror {
        Mirror {
            name: name.into(),
            to,
            share: Share::ALL,
            rules: Vec::new(),
            schedule: Schedule::default(),
            bodies: Bodies::Whole,
            body_bytes: 16 << 20,
            budget_bytes: 64 << 20,
            in_flight: 256,
            deadline: Duration::from_secs(30),
            host: CopyHost::Kept,
            marker: HeaderName::from_static("x-photofinish-mirror"),
            headers: CopyHeaders::default(),
            compare: None,
        }
    }
}

impl Rule {
    /// Whether the rule is about this request.
    pub fn fits(&self, method: &Method, path: &str) -> bool {
        (self.methods.is_empty() || self.methods.contains(method)) && matches(&self.path, path)
    }
}

/// Whether `path` fits `pattern`, in which `*` stands for anything.
fn matches(pattern: &str, path: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or("");
    let Some(mut rest) = path.strip_prefix(first) else { return false };
    let Some(last) = pattern.split('*').next_back().filter(|_| pattern.contains('*')) else {
        return rest.is_empty();
    };
    let middle: Vec<&str> = pieces.collect();
    for piece in &middle[..middle.len() - 1] {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, path, fits) in [
            ("/orders", "/orders", true),
            ("/orders", "/orders/1", false),
            ("/orders/*", "/orders/1/items", true),
            ("/orders/*", "/orders", false),
            ("*", "/", true),
            ("/*/items/*", "/orders/1/items/2", true),
            ("/*/items", "/orders/1/items/2", false),
            ("/a*a", "/a", false),
        ] {
            assert_eq!(matches(pattern, path), fits, "{pattern} {path}");
        }
    }

    #[test]
    fn the_first_rule_that_fits_is_about_its_methods_only() {
        let rule = Rule { methods: vec![Method::POST], path: "/search".into(), copy: true };
        assert!(rule.fits(&Method::POST, "/search"));
        assert!(!rule.fits(&Method::GET, "/search"));
    }
}
