//! What went wrong with one request, as a kind to count and a sentence to show.
//!
//! The sentence is made only for the few failures that are shown: at ten thousand refused
//! connections a second, making it would be most of the work.

use std::error::Error;
use std::io;

/// What sort of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorKind {
    /// Nothing listens at the address.
    ConnectRefused,
    /// No connection for another reason.
    Connect,
    /// All local ports to this server are in use.
    OutOfPorts,
    /// This process may not open more files.
    OutOfFiles,
    /// The TLS handshake failed.
    Tls,
    /// No complete answer in time.
    Timeout,
    /// The server (or its kernel) reset the connection.
    Reset,
    /// The server closed the connection without an answer.
    Closed,
    /// The answer's body stopped half-way.
    BodyCut,
    /// The answer is not HTTP.
    Malformed,
    /// The answer's head or body is larger than allowed.
    TooLarge,
    /// The answer says that it is JSON and is not.
    BrokenJson,
    /// HTTP/2 broke: a stream or connection error.
    Http2,
    /// A template could not be filled in.
    Template,
    /// A recorded request could not be read from its file.
    Recording,
    /// An answer with a status that is not allowed.
    Status,
}

impl ErrorKind {
    /// The name in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConnectRefused => "connect-refused",
            Self::Connect => "connect",
            Self::OutOfPorts => "out-of-ports",
            Self::OutOfFiles => "out-of-files",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::BodyCut => "body-cut",
            Self::Malformed => "malformed",
            Self::TooLarge => "too-large",
            Self::BrokenJson => "broken-json",
            Self::Http2 => "http2",
            Self::Template => "template",
            Self::Recording => "recording",
            Self::Status => "status",
        }
    }
}

/// One request without an answer.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) cause: Cause,
    /// The connection had been closed before the request got to the server: a fresh one may do.
    pub(crate) stale: bool,
}

#[derive(Debug)]
pub(crate) enum Cause {
    Io(io::Error),
    Hyper(hyper::Error),
    Template(minijinja::Error),
    Recording(photofinish_recording::ReadError),
    Text(&'static str),
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, cause: Cause) -> Self {
        Self { kind, cause, stale: false }
    }

    pub(crate) fn text(kind: ErrorKind, text: &'static str) -> Self {
        Self::new(kind, Cause::Text(text))
    }

    /// A failure to connect.
    pub(crate) fn connect(cause: io::Error) -> Self {
        // EMFILE 24 and ENFILE 23, the same on all Linux architectures.
        let kind = match (cause.kind(), cause.raw_os_error()) {
            (_, Some(23 | 24)) => ErrorKind::OutOfFiles,
            (io::ErrorKind::ConnectionRefused, _) => ErrorKind::ConnectRefused,
            (io::ErrorKind::ConnectionReset, _) => ErrorKind::Reset,
            (io::ErrorKind::AddrNotAvailable, _) => ErrorKind::OutOfPorts,
            (io::ErrorKind::TimedOut, _) => ErrorKind::Timeout,
            (io::ErrorKind::InvalidData, _) => ErrorKind::Tls,
            _ => ErrorKind::Connect,
        };
        Self::new(kind, Cause::Io(cause))
    }

    /// What hyper said before the head of an answer was complete.
    pub(crate) fn head(cause: hyper::Error) -> Self {
        // hyper has a method for this, for servers only.
        let kind = if cause.is_parse() && cause.to_string().contains("too large") {
            ErrorKind::TooLarge
        } else if cause.is_parse() {
            ErrorKind::Malformed
        } else {
            io_kind(&cause).unwrap_or(ErrorKind::Closed)
        };
        Self::new(kind, Cause::Hyper(cause))
    }

    /// What hyper said while the body was read.
    pub(crate) fn body(cause: hyper::Error) -> Self {
        let kind = if cause.is_parse() {
            ErrorKind::Malformed
        } else {
            io_kind(&cause).unwrap_or(ErrorKind::BodyCut)
        };
        Self::new(kind, Cause::Hyper(cause))
    }

    /// What hyper said on an HTTP/2 connection.
    pub(crate) fn http2(cause: hyper::Error) -> Self {
        let kind = io_kind(&cause).unwrap_or(ErrorKind::Http2);
        Self::new(kind, Cause::Hyper(cause))
    }

    /// The whole chain in one line.
    pub(crate) fn sentence(&self) -> String {
        match &self.cause {
            Cause::Io(cause) => chain(cause),
            Cause::Hyper(cause) => chain(cause),
            Cause::Template(cause) => chain(cause),
            Cause::Recording(cause) => chain(cause),
            Cause::Text(text) => (*text).to_owned(),
        }
    }
}

/// The kind of the I/O error somewhere below, if it says more than that the connection ended.
fn io_kind(error: &hyper::Error) -> Option<ErrorKind> {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return match io.kind() {
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                    Some(ErrorKind::Reset)
                }
                io::ErrorKind::InvalidData
                    if io.get_ref().is_some_and(|e| e.is::<rustls::Error>()) =>
                {
                    Some(ErrorKind::Tls)
                }
                io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                    Some(ErrorKind::Malformed)
                }
                _ => None,
            };
        }
        cause = error.source();
    }
    None
}

fn chain(error: &dyn Error) -> String {
    let mut sentence = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !sentence.ends_with(&text) {
            sentence.push_str(": ");
            sentence.push_str(&text);
        }
        cause = error.source();
    }
    sentence
}
