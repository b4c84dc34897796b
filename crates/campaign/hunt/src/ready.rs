//! Waiting until a service answers, and making sure beforehand that nobody else does.
//!
//! Plain `std` sockets: one small request now and then. A service behind TLS is ready once it accepts
//! connections; a ready path is asked over plain HTTP only.

use crate::ports::free_port;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(50);
const ONE_TRY: Duration = Duration::from_secs(2);

/// Where the service under test listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `http` or `https`.
    pub scheme: String,
    /// Host as written, an IPv6 address in brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path and query of the URL, from its `/`.
    pub path: String,
}

/// Why a URL cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Not an http or https URL.
    #[error("`{url}` is not a URL like http://127.0.0.1:8080/")]
    NotAUrl {
        /// What was given.
        url: String,
    },
    /// The host has no address.
    #[error("cannot find the address of {host}")]
    NoAddress {
        /// Its name.
        host: String,
        /// What the resolver said.
        source: std::io::Error,
    },
    /// No free port was to be had.
    #[error("cannot find a free port on {host}")]
    NoPort {
        /// Where.
        host: String,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// Something listens there already, so load would reach a stranger.
    #[error("something already listens on {host}:{port}")]
    Taken {
        /// Host.
        host: String,
        /// Port.
        port: u16,
    },
}

impl Place {
    /// Reads a URL. A port of 0 is replaced by one that is free now.
    pub fn parse(url: &str) -> Result<Place, PlaceError> {
        let not_a_url = || PlaceError::NotAUrl { url: url.to_owned() };
        let (scheme, rest) = url.split_once("://").ok_or_else(not_a_url)?;
        if !matches!(scheme, "http" | "https") {
            return Err(not_a_url());
        }
        let path_at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(path_at);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| not_a_url())?)
            }
            _ => (authority, if scheme == "https" { 443 } else { 80 }),
        };
        if host.is_empty() || host.contains('@') {
            return Err(not_a_url());
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let mut place = Place { scheme: scheme.to_owned(), host: host.to_owned(), port, path };
        if port == 0 {
            place.port = port_of(host, &[])?;
        }
        Ok(place)
    }

    /// The same service on another port, a free one that is none of `taken`'s.
    pub fn beside(&self, taken: &[&Place]) -> Result<Place, PlaceError> {
        let mut ports: Vec<u16> = taken.iter().map(|place| place.port).collect();
        ports.push(self.port);
        Ok(Place { port: port_of(&self.host, &ports)?, ..self.clone() })
    }

    /// The URL of `path` there.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}:{}{path}", self.scheme, self.host, self.port)
    }

    /// Its addresses.
    pub fn addresses(&self) -> Result<Vec<SocketAddr>, PlaceError> {
        (self.host.trim_matches(['[', ']']), self.port)
            .to_socket_addrs()
            .map(Iterator::collect)
            .map_err(|source| PlaceError::NoAddress { host: self.host.clone(), source })
    }

    /// Refuses a place where something listens.
    pub fn must_be_free(&self) -> Result<(), PlaceError> {
        let taken = self
            .addresses()?
            .iter()
            .any(|address| TcpStream::connect_timeout(address, ONE_TRY).is_ok());
        if taken {
            return Err(PlaceError::Taken { host: self.host.clone(), port: self.port });
        }
        Ok(())
    }

    /// Waits until the service answers `ready` (or, without it, accepts a connection), at most
    /// `limit`, or until `gave_up` says that it never will. Returns how long that took.
    pub fn wait_until_ready(
        &self,
        ready: Option<&str>,
        limit: Duration,
        mut gave_up: impl FnMut() -> bool,
    ) -> Option<Duration> {
        let start = Instant::now();
        while start.elapsed() < limit && !gave_up() {
            if self.answers(ready) {
                return Some(start.elapsed());
            }
            std::thread::sleep(POLL);
        }
        None
    }

    fn answers(&self, ready: Option<&str>) -> bool {
        let Ok(addresses) = self.addresses() else { return false };
        addresses.iter().any(|address| {
            let Ok(mut connection) = TcpStream::connect_timeout(address, ONE_TRY) else {
                return false;
            };
            match ready {
                Some(path) if self.scheme == "http" => {
                    self.status(&mut connection, path).is_some_and(|s| s < 500)
                }
                _ => true,
            }
        })
    }

    /// The status of a GET of `path`, `None` if no HTTP comes back in time.
    fn status(&self, connection: &mut TcpStream, path: &str) -> Option<u16> {
        connection.set_read_timeout(Some(ONE_TRY)).ok()?;
        connection.set_write_timeout(Some(ONE_TRY)).ok()?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}:{}\r\nConnection: close\r\n\r\n",
            self.host, self.port
        );
        connection.write_all(request.as_bytes()).ok()?;
        let mut head = [0_u8; 12];
        connection.read_exact(&mut head).ok()?;
        std::str::from_utf8(&head).ok()?.strip_prefix("HTTP/1.")?.get(2..)?.parse().ok()
    }
}

impl PlaceError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            PlaceError::Taken { port, .. } => Some(format!(
                "stop what listens there (`ss -ltnp 'sport = :{port}'` names it), or give the service another port"
            )),
            PlaceError::NotAUrl { .. } => {
                Some("give the address the service listens on, with http:// in front".into())
            }
            PlaceError::NoAddress { .. } | PlaceError::NoPort { .. } => None,
        }
    }
}

fn port_of(host: &str, taken: &[u16]) -> Result<u16, PlaceError> {
    free_port(host, taken).map_err(|source| PlaceError::NoPort { host: host.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_url_becomes_a_place() {
        let place = Place::parse("http://127.0.0.1:8080/orders?id=1").unwrap();
        assert_eq!(
            (place.host.as_str(), place.port, place.path.as_str()),
            ("127.0.0.1", 8080, "/orders?id=1")
        );
        assert_eq!(
            Place::parse("https://example.com").unwrap().url("/x"),
            "https://example.com:443/x"
        );
        assert_eq!(Place::parse("http://[::1]:9/").unwrap().host, "[::1]");
        assert_ne!(Place::parse("http://127.0.0.1:0").unwrap().port, 0);
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for url in ["localhost:8080", "ftp://x/", "http://", "http://x:port/", "http://u:p@x/"] {
            assert!(matches!(Place::parse(url), Err(PlaceError::NotAUrl { .. })), "{url}");
        }
    }

    #[test]
    fn a_port_in_use_is_noticed_before_anything_is_started() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let error = Place::parse(&url).unwrap().must_be_free().unwrap_err();
        assert!(error.hint().unwrap().contains("ss -ltnp"), "{error}");
    }

    #[test]
    fn a_service_that_gives_up_is_not_waited_for() {
        let place = Place::parse("http://127.0.0.1:0/").unwrap();
        assert_eq!(place.wait_until_ready(None, Duration::from_secs(60), || true), None);
    }
}
