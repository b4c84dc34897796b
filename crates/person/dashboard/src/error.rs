//! Why `serve` could not begin.

use crate::token::TokenError;
use photofinish_store::StoreError;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {listen}")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// Others could reach the page, and nothing keeps them from it.
    #[error("{listen} can be reached from other machines, and there is no token to keep them out")]
    NoToken {
        /// The address.
        listen: SocketAddr,
    },
    /// The token cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The certificate or its key cannot be used.
    #[error("cannot use the {what} in {}", path.display())]
    Tls {
        /// `certificate`, `key`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The findings cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A thread cannot be started.
    #[error("cannot start the {what}")]
    Start {
        /// Which part.
        what: &'static str,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
}

impl ServeError {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            ServeError::Listen { cause, .. } if cause.kind() == std::io::ErrorKind::AddrInUse => {
                Some("choose another port: --listen 127.0.0.1:0 takes a free one".to_owned())
            }
            ServeError::NoToken { .. } => Some(
                "write a long random word into a file and name it: --token-file FILE \
                 (head -c 24 /dev/urandom | base64 > FILE)"
                    .to_owned(),
            ),
            ServeError::Token(error) => error.hint(),
            ServeError::Tls { .. } => {
                Some("both are PEM files: --tls-cert CHAIN.pem --tls-key KEY.pem".to_owned())
            }
            ServeError::Store(error) => error.hint(),
            ServeError::Listen { .. } | ServeError::Start { .. } => None,
        }
    }
}
