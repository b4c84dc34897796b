//! Certificates of listeners, as callers are shown them.

use crate::plan::{Listener, TlsFiles};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// What is needed to accept TLS on each listener that has it.
#[derive(Default)]
pub(crate) struct Acceptors(Vec<Option<TlsAcceptor>>);

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
#[error("cannot offer TLS with {} and {}", certificate.display(), key.display())]
pub struct TlsError {
    certificate: std::path::PathBuf,
    key: std::path::PathBuf,
    #[source]
    cause: Box<dyn std::error::Error + Send + Sync>,
}

impl Acceptors {
    /// Reads the files of all `listeners`.
    ///
    /// # Errors
    /// A file cannot be read, or holds no key or certificate that fits the other.
    pub(crate) fn read(listeners: &[Listener]) -> Result<Acceptors, TlsError> {
        let acceptor = |listener: &Listener| match &listener.tls {
            Some(files) => config(files).map(|config| Some(TlsAcceptor::from(Arc::new(config)))),
            None => Ok(None),
        };
        Ok(Acceptors(listeners.iter().map(acceptor).collect::<Result<_, _>>()?))
    }

    /// That of a listener, by its place in the plan.
    pub(crate) fn of(&self, listener: usize) -> Option<&TlsAcceptor> {
        self.0.get(listener)?.as_ref()
    }
}

fn config(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let read = || -> Result<ServerConfig, Box<dyn std::error::Error + Send + Sync>> {
        let chain =
            CertificateDer::pem_file_iter(&files.certificate)?.collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_file(&files.key)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    };
    read().map_err(|cause| TlsError {
        certificate: files.certificate.clone(),
        key: files.key.clone(),
        cause,
    })
}
