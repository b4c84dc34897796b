//! Whom the proxy calls: `http://127.0.0.1:9001`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Whom the proxy calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Upstream {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// A name or an address, without brackets. Names are looked up anew for every connection.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The HTTP version spoken.
    pub protocol: Protocol,
    /// Certificate authorities to believe, as a PEM file; the machine's when there is none.
    pub authorities: Option<PathBuf>,
}

/// Whether an upstream speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain text.
    Http,
    /// TLS.
    Https,
}

/// The HTTP version spoken to an upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/2 for gRPC (which knows nothing else), HTTP/1.1 for all other requests.
    #[default]
    Auto,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, over plain text with prior knowledge.
    Http2,
}

impl Upstream {
    /// `host:port`, as it stands in a `Host` line.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// Reads `http://127.0.0.1:9001`, `https://api.internal`, or `127.0.0.1:9001`.
impl FromStr for Upstream {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = |why: &str| {
            format!("`{text}` is no upstream: {why}; write it like http://127.0.0.1:9001")
        };
        let (scheme, rest) = match text.trim().split_once("://") {
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(("https", rest)) => (Scheme::Https, rest),
            Some((other, _)) => return Err(refused(&format!("`{other}` is not http or https"))),
            None => (Scheme::Http, text.trim()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err(refused("requests keep their own path, so it must have none"));
        }
        let authority: http::uri::Authority =
            rest.parse().map_err(|_| refused("it has no host that makes sense"))?;
        if authority.as_str().contains('@') {
            return Err(refused("it must hold no password"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(refused("it has no host"));
        }
        let port = match (authority.port_u16(), scheme) {
            (Some(0), _) => return Err(refused("nothing can be reached at port 0")),
            (Some(port), _) => port,
            (None, _) if authority.as_str().len() > authority.host().len() => {
                return Err(refused("its port is no number"));
            }
            (None, Scheme::Http) => 80,
            (None, Scheme::Https) => 443,
        };
        Ok(Upstream { scheme, host, port, protocol: Protocol::Auto, authorities: None })
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        text.parse::<Upstream>().map(|upstream| upstream.to_string())
    }

    #[test]
    fn an_upstream_is_a_scheme_a_host_and_a_port() {
        assert_eq!(read("127.0.0.1:9001").unwrap(), "http://127.0.0.1:9001");
        assert_eq!(read("https://api.internal/").unwrap(), "https://api.internal:443");
        assert_eq!(read("http://[::1]:80").unwrap(), "http://[::1]:80");
    }

    #[test]
    fn what_is_no_upstream_is_refused_with_the_reason() {
        for (text, why) in [
            ("ftp://a", "not http or https"),
            ("http://a/path", "their own path"),
            ("http://user:secret@a", "no password"),
            ("http://a:0", "port 0"),
            ("http://a:99999", "no host that makes sense"),
            ("", "no host"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(why) || error.contains("no number"), "{text}: {error}");
        }
    }
}
