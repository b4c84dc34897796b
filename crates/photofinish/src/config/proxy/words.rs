//! How the values of `[proxy]` are written.

use super::{ListenConfig, UpstreamConfig};
use crate::config::Bytes;
use crate::config::word::{Word, Worded};
use http::{HeaderName, HeaderValue, Method};
use photofinish_proxy::compare::Values;
use photofinish_proxy::plan::{Bodies, Forwarded, Protocol, Share, Sticky, Upstream};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::net::SocketAddr;

impl Word for Share {
    const WHAT: &'static str = "a share like \"2%\"";
    fn read(word: &str) -> Result<Self, String> {
        word.parse()
    }
}

impl Word for Bytes {
    const WHAT: &'static str = "an amount of memory like \"16MiB\"";
    fn read(word: &str) -> Result<Self, String> {
        word.parse()
    }
}

impl Word for Upstream {
    const WHAT: &'static str = "a URL like \"http://127.0.0.1:9001\"";
    fn read(word: &str) -> Result<Self, String> {
        word.parse()
    }
}

impl Word for UpstreamConfig {
    const WHAT: &'static str = Upstream::WHAT;
    fn read(word: &str) -> Result<Self, String> {
        Ok(UpstreamConfig { url: Worded(word.parse()?), protocol: None, authorities: None })
    }
}

impl Word for SocketAddr {
    const WHAT: &'static str = "an address like \"127.0.0.1:8080\"";
    fn read(word: &str) -> Result<Self, String> {
        word.trim().parse().map_err(|_| {
            format!(
                "`{word}` is no address; write 127.0.0.1:8080 for this machine only, 0.0.0.0:8080 for all \
                 who can reach it"
            )
        })
    }
}

impl Word for ListenConfig {
    const WHAT: &'static str = SocketAddr::WHAT;
    fn read(word: &str) -> Result<Self, String> {
        Ok(ListenConfig { address: Worded(SocketAddr::read(word)?), tls: None })
    }
}

impl Word for Forwarded {
    const WHAT: &'static str = "one of append, replace, off";
    fn read(word: &str) -> Result<Self, String> {
        match word {
            "append" => Ok(Forwarded::Append),
            "replace" => Ok(Forwarded::Replace),
            "off" => Ok(Forwarded::Off),
            _ => Err(format!("`{word}` is not {}", Self::WHAT)),
        }
    }
}

impl Word for Protocol {
    const WHAT: &'static str = "one of auto, http1, http2";
    fn read(word: &str) -> Result<Self, String> {
        match word {
            "auto" => Ok(Protocol::Auto),
            "http1" => Ok(Protocol::Http1),
            "http2" => Ok(Protocol::Http2),
            _ => Err(format!("`{word}` is not {}", Self::WHAT)),
        }
    }
}

impl Word for Bodies {
    const WHAT: &'static str = "one of whole, streamed";
    fn read(word: &str) -> Result<Self, String> {
        match word {
            "whole" => Ok(Bodies::Whole),
            "streamed" => Ok(Bodies::Streamed),
            _ => Err(format!("`{word}` is not {}", Self::WHAT)),
        }
    }
}

impl Word for Values {
    const WHAT: &'static str = "one of shown, hidden";
    fn read(word: &str) -> Result<Self, String> {
        match word {
            "shown" => Ok(Values::Shown),
            "hidden" => Ok(Values::Hidden),
            _ => Err(format!("`{word}` is not {}", Self::WHAT)),
        }
    }
}

impl Word for Sticky {
    const WHAT: &'static str = "one of cookie:NAME, header:NAME, address";
    fn read(word: &str) -> Result<Self, String> {
        match word.split_once(':') {
            Some(("cookie", name)) if !name.is_empty() => Ok(Sticky::Cookie(name.to_owned())),
            Some(("header", name)) => HeaderName::read(name).map(Sticky::Header),
            None if word == "address" => Ok(Sticky::Address),
            _ => Err(format!("`{word}` is not {}", Self::WHAT)),
        }
    }
}

impl Word for HeaderName {
    const WHAT: &'static str = "a header's name";
    fn read(word: &str) -> Result<Self, String> {
        word.parse().map_err(|_| format!("`{word}` cannot be a header's name"))
    }
}

impl Word for HeaderValue {
    const WHAT: &'static str = "a header's value";
    /// The value is not quoted in the error: it may be a secret.
    fn read(word: &str) -> Result<Self, String> {
        let mut value: HeaderValue =
            word.parse().map_err(|_| "a header's value has no control characters".to_owned())?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl Word for Method {
    const WHAT: &'static str = "a method like \"POST\"";
    fn read(word: &str) -> Result<Self, String> {
        match Method::from_bytes(word.as_bytes()) {
            Ok(method) if !word.bytes().any(|byte| byte.is_ascii_lowercase()) => Ok(method),
            _ => Err(format!("`{word}` is no method; they are written in capitals, like POST")),
        }
    }
}

/// Headers and their values, in the order of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Headers(pub(crate) Vec<(HeaderName, HeaderValue)>);

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Headers;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of headers, like { \"x-api-key\" = \"test\" }")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
                let mut headers = Vec::new();
                while let Some((Worded(name), Worded(value))) = map.next_entry()? {
                    headers.push((name, value));
                }
                Ok(Headers(headers))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}
