//! One request as the caller describes it, and its URL taken apart.
//!
//! URLs are split by hand: the path may hold a template (`/u/{{ random_int(1, 9) }}`), which no
//! URL parser lets pass. Bytes that a path cannot hold are percent-encoded, as browsers do.

use crate::LoadError;
use base64::Engine as _;

/// A request to send, again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// Absolute, http or https. The part behind the host may be a template.
    pub url: String,
    /// In the order to send them. Values may be templates.
    pub headers: Vec<(String, String)>,
    /// The body; a template if it is text that has `{{` or `{%` in it.
    pub body: Vec<u8>,
    /// How often this request is sent, compared with the others. Nothing: never.
    pub weight: u32,
    /// Whether `{{ … }}` in path, headers and body is filled in.
    pub templates: bool,
}

impl Request {
    /// A request without body or headers, weight 1.
    pub fn new(method: &str, url: &str) -> Self {
        Self {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            weight: 1,
            templates: true,
        }
    }

    /// A GET request.
    pub fn get(url: &str) -> Self {
        Self::new("GET", url)
    }

    /// The same with a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with another weight.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }
}

/// A URL taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) https: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Host and port as the `Host` header has them.
    pub(crate) authority: String,
    /// From the first slash on, without the fragment.
    pub(crate) path: String,
    /// The value of an `Authorization` header, from `user:password@`.
    pub(crate) credentials: Option<String>,
}

impl Url {
    pub(crate) fn parse(url: &str) -> Result<Self, LoadError> {
        let problem =
            |problem: &str| LoadError::Url { url: url.to_owned(), problem: problem.to_owned() };
        let (scheme, rest) = url.trim().split_once("://").unwrap_or(("http", url.trim()));
        let https = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(problem("only http and https are spoken")),
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (user, authority) = match authority.rsplit_once('@') {
            Some((user, authority)) => (Some(user), authority),
            None => (None, authority),
        };
        let parsed: http::uri::Authority =
            authority.parse().map_err(|_| problem("it names no host"))?;
        let port = match authority.rsplit_once(':') {
            Some((_, port)) if !port.ends_with(']') => {
                Some(port.parse().map_err(|_| problem("the port is not a number below 65536"))?)
            }
            _ => None,
        };
        let host = parsed.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(problem("it names no host"));
        }
        Ok(Self {
            https,
            host,
            port: port.unwrap_or(if https { 443 } else { 80 }),
            authority: authority.to_owned(),
            path: path_of(path),
            credentials: user.map(|user| {
                format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(user))
            }),
        })
    }
}

fn path_of(path: &str) -> String {
    let fragment = path.find('#').filter(|at| !path[..*at].contains("{#"));
    let path = &path[..fragment.unwrap_or(path.len())];
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

/// `path` with what HTTP does not allow in it percent-encoded.
pub(crate) fn encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'"'
            | b'<'
            | b'>'
            | b'`'
            | b'{'
            | b'}'
            | b'\\'
            | b'^'
            | b'|'
            | b'#'
            | ..=b' '
            | 0x7f.. => {
                out.push_str(&format!("%{byte:02X}"));
            }
            _ => out.push(char::from(byte)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_and_templates_stay_in_its_path() {
        let url = Url::parse("http://[::1]:8080/u/{{ random_int(1, 9) }}?a=b#top").unwrap();
        assert_eq!((url.host.as_str(), url.port), ("::1", 8080));
        assert_eq!(url.authority, "[::1]:8080");
        assert_eq!(url.path, "/u/{{ random_int(1, 9) }}?a=b");
        let url = Url::parse("https://me:secret@example.com?q").unwrap();
        assert_eq!((url.https, url.port, url.path.as_str()), (true, 443, "/?q"));
        assert_eq!(url.credentials.as_deref(), Some("Basic bWU6c2VjcmV0"));
        assert_eq!(Url::parse("localhost:80").unwrap().path, "/");
    }

    #[test]
    fn what_is_no_url_is_refused_with_a_reason() {
        for bad in ["", "http://", "ftp://a/", "http://a:99999/", "http://a b/", "http://:80/"] {
            assert!(Url::parse(bad).is_err(), "{bad:?} was understood");
        }
    }

    #[test]
    fn a_path_may_hold_any_text() {
        assert_eq!(encoded("/a b/ü?x={1}&y=%20"), "/a%20b/%C3%BC?x=%7B1%7D&y=%20");
    }
}
