//! An upstream becomes a connected stream: a name looked up, TLS on top, the protocol agreed.

use crate::plan::{Scheme, Upstream};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How to reach one upstream.
#[derive(Clone)]
pub(crate) struct Connector {
    upstream: Upstream,
    address: Option<IpAddr>,
    tls: Option<TlsSetup>,
    limit: Duration,
}

/// TLS to one upstream, for each protocol that may be agreed on.
#[derive(Clone)]
pub(crate) struct TlsSetup {
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
    name: ServerName<'static>,
}

/// A connection to an upstream.
pub(crate) type Stream = crate::stream::Stream<TlsStream<TcpStream>>;

/// Why TLS to an upstream cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up TLS to {upstream}")]
pub struct UpstreamTlsError {
    upstream: String,
    #[source]
    cause: Box<dyn std::error::Error + Send + Sync>,
}

impl TlsSetup {
    /// What `upstream` needs; nothing without `https`.
    pub(crate) fn of(upstream: &Upstream) -> Result<Option<TlsSetup>, UpstreamTlsError> {
        if upstream.scheme == Scheme::Http {
            return Ok(None);
        }
        let build = || -> Result<TlsSetup, Box<dyn std::error::Error + Send + Sync>> {
            let roots = Arc::new(roots(upstream)?);
            let config = |protocol: &[u8]| -> Result<Arc<ClientConfig>, rustls::Error> {
                let provider = Arc::new(rustls::crypto::ring::default_provider());
                let mut config = ClientConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()?
                    .with_root_certificates(Arc::clone(&roots))
                    .with_no_client_auth();
                config.alpn_protocols = vec![protocol.to_vec()];
                Ok(Arc::new(config))
            };
            Ok(TlsSetup {
                http1: config(b"http/1.1")?,
                http2: config(b"h2")?,
                name: ServerName::try_from(upstream.host.clone())?,
            })
        };
        build()
            .map(Some)
            .map_err(|cause| UpstreamTlsError { upstream: upstream.to_string(), cause })
    }
}

fn roots(upstream: &Upstream) -> Result<RootCertStore, Box<dyn std::error::Error + Send + Sync>> {
    let mut roots = RootCertStore::empty();
    match &upstream.authorities {
        Some(file) => {
            for certificate in CertificateDer::pem_file_iter(file)? {
                roots.add(certificate?)?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err("no certificate authority to believe was found".into());
    }
    Ok(roots)
}

impl Connector {
    pub(crate) fn new(upstream: &Upstream, tls: Option<TlsSetup>, limit: Duration) -> Connector {
        let address = upstream.host.parse().ok();
        Connector { upstream: upstream.clone(), address, tls, limit }
    }

    pub(crate) fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// A new connection, for HTTP/2 or HTTP/1.1.
    pub(crate) async fn connect(&self, http2: bool) -> io::Result<Stream> {
        match tokio::time::timeout(self.limit, self.open(http2)).await {
            Ok(opened) => opened,
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no connection within {:?}", self.limit),
            )),
        }
    }

    async fn open(&self, http2: bool) -> io::Result<Stream> {
        let tcp = match self.address {
            Some(address) => TcpStream::connect((address, self.upstream.port)).await?,
            None => TcpStream::connect((self.upstream.host.as_str(), self.upstream.port)).await?,
        };
        tcp.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Stream::Plain(tcp)) };
        let config = if http2 { &tls.http2 } else { &tls.http1 };
        let stream = TlsConnector::from(Arc::clone(config)).connect(tls.name.clone(), tcp).await?;
        if http2 && stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(io::Error::other("the upstream does not offer HTTP/2"));
        }
        Ok(Stream::Tls(Box::new(stream)))
    }
}
