//! An origin becomes a connected stream: every address tried, TLS on top, the agreed protocol
//! checked.

use super::meter::Stream;
use super::origin::Origin;
use crate::plan::Protocol;
use rustls::pki_types::ServerName;
use std::io;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Connects to `origin`; the error is that of the last address tried.
pub(crate) async fn connect(
    origin: &Origin,
    tls: &TlsConnector,
    protocol: Protocol,
) -> io::Result<Stream> {
    let mut last = io::Error::other("no address to connect to");
    for (at, address) in origin.in_order() {
        match TcpStream::connect(address).await {
            Ok(tcp) => {
                origin.worked(at);
                tcp.set_nodelay(true)?;
                return if origin.https {
                    secure(origin, tcp, tls, protocol).await
                } else {
                    Ok(Stream::Plain(tcp))
                };
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn secure(
    origin: &Origin,
    tcp: TcpStream,
    tls: &TlsConnector,
    protocol: Protocol,
) -> io::Result<Stream> {
    let name = ServerName::try_from(origin.host.clone())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let stream = tls.connect(name, tcp).await?;
    if protocol == Protocol::Http2 && stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the server does not offer HTTP/2"));
    }
    Ok(Stream::Tls(Box::new(stream)))
}
