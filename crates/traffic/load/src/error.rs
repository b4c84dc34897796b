//! Why a run could not start, and what to do about it.
//!
//! Only what keeps a run from starting is an error here. What goes wrong with single requests
//! while it runs is counted by [`ErrorKind`](crate::ErrorKind) in the summary.

use std::path::PathBuf;

/// A run that could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A URL that is none, or of a scheme other than http and https.
    #[error("cannot use the URL {url:?}: {problem}")]
    Url {
        /// As given.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A method, header name or header value that HTTP does not allow.
    #[error("cannot use the {what} {value:?}")]
    Request {
        /// Which part: `method`, `header name`, `header value`.
        what: &'static str,
        /// As given.
        value: String,
    },
    /// A template that does not compile, or fails when tried once.
    #[error("the template of {place} fails")]
    Template {
        /// Which text: `the body of POST http://…`, …
        place: String,
        /// What minijinja says, with the line.
        #[source]
        cause: minijinja::Error,
    },
    /// A targets file, or a body that it names, that cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// A line of a targets file that is no target.
    #[error("{}:{line}: {problem}", path.display())]
    Target {
        /// The targets file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A plan that asks for nothing, or for the impossible.
    #[error("the plan cannot be run: {problem}")]
    Plan {
        /// What is wrong.
        problem: String,
    },
    /// A name that does not resolve.
    #[error("cannot find the address of {host}")]
    Resolve {
        /// Host and port.
        host: String,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// No address of the server lets us connect.
    #[error("cannot connect to {origin} ({addresses})")]
    Connect {
        /// Scheme, host and port.
        origin: String,
        /// The addresses that were tried.
        addresses: String,
        /// What the last of them said.
        #[source]
        cause: std::io::Error,
    },
    /// The certificates to trust cannot be used.
    #[error("cannot set up TLS")]
    Tls {
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A thread or its runtime could not be started.
    #[error("cannot start a thread to send from")]
    Thread {
        /// Why.
        #[source]
        cause: std::io::Error,
    },
}

impl LoadError {
    /// What to do next, where that is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Url { .. } => "write it like http://127.0.0.1:8080/path",
            Self::Request { .. } => {
                "a header is written NAME: VALUE, without line breaks; a method is one word"
            }
            Self::Template { .. } => {
                "known in templates: counter, random_int(LOW, HIGH), random_string(N), uuid(), \
                 choice(A, B, …), now(), timestamp(), timestamp_ms(); --no-templates sends the \
                 text as it is"
            }
            Self::Target { .. } => {
                "a target is METHOD URL, then header lines and @BODYFILE, then an empty line; or \
                 one JSON object a line with method, url, header and body (base64)"
            }
            Self::Connect { cause, .. } => return Some(connect_hint(cause)),
            Self::Resolve { .. } => "check the name, or give the address",
            Self::Tls { .. } => "--insecure trusts any certificate, --cacert FILE names your own",
            Self::Read { .. } | Self::Plan { .. } | Self::Thread { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

fn connect_hint(cause: &std::io::Error) -> String {
    let text = cause.to_string();
    match cause.kind() {
        std::io::ErrorKind::ConnectionRefused => {
            "nothing listens there: start the service first, or check host and port".to_owned()
        }
        std::io::ErrorKind::TimedOut => {
            "nothing answers there: check the address, and firewalls on the way".to_owned()
        }
        _ if text.contains("certificate") || text.contains("UnknownIssuer") => {
            "--insecure trusts any certificate, --cacert FILE names your own".to_owned()
        }
        _ if text.contains("HTTP/2") => "leave --http2 out".to_owned(),
        _ => "check that the URL names the right scheme, host and port".to_owned(),
    }
}
