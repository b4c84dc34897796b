//! Sockets that callers connect to: opened here, or taken over from the proxy before.

use std::io;
use std::net::{SocketAddr, TcpListener};

/// Connections the kernel keeps for us while we are busy.
const BACKLOG: i32 = 4096;

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    /// Which.
    pub address: SocketAddr,
    /// Why.
    #[source]
    pub cause: io::Error,
}

impl ListenError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self.cause.kind() {
            io::ErrorKind::AddrInUse => Some(format!(
                "another program listens on port {}; stop it, choose another port, or take over \
                 from a running proxy with --takeover",
                self.address.port()
            )),
            io::ErrorKind::PermissionDenied => Some(
                "ports below 1024 need the NET_BIND_SERVICE capability, or choose another port"
                    .to_owned(),
            ),
            io::ErrorKind::AddrNotAvailable => {
                Some("this machine has no such address; 0.0.0.0 takes all it has".to_owned())
            }
            _ => None,
        }
    }
}

/// Opens `address`, or takes the one of `inherited` that listens there.
pub(super) fn listen(
    address: SocketAddr,
    inherited: &mut Vec<TcpListener>,
) -> Result<TcpListener, ListenError> {
    let same = |listener: &TcpListener| listener.local_addr().is_ok_and(|own| own == address);
    if let Some(at) = inherited.iter().position(same) {
        let listener = inherited.swap_remove(at);
        return match listener.set_nonblocking(true) {
            Ok(()) => Ok(listener),
            Err(cause) => Err(ListenError { address, cause }),
        };
    }
    open(address).map_err(|cause| ListenError { address, cause })
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = if address.is_ipv4() { socket2::Domain::IPV4 } else { socket2::Domain::IPV6 };
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
    // A restart need not wait for connections of the last run to be forgotten.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
