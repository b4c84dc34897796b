//! The TCP connection under the AMQP client, which can be cut.
//!
//! The client reads and writes in a thread of its own that ends when the broker has answered its goodbye. A broker
//! that is full reads nothing, and one whose queue is stuck answers nothing; to both a connection that is only dropped
//! stays alive, with the source in its hands. So the socket is ours too: one that is cut is over for both sides.

use lapin::tcp::{AsyncTcpStream, OwnedTLSConfig};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Connection, ConnectionProperties};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The socket of one connection, from before it is connected.
#[derive(Clone, Debug, Default)]
pub(super) struct Socket(Arc<Mutex<State>>);

#[derive(Debug, Default)]
enum State {
    #[default]
    Awaited,
    Connected(TcpStream),
    Cut,
}

impl Socket {
    /// Connects, and says hello.
    pub(super) async fn connect(
        &self,
        uri: AMQPUri,
        properties: ConnectionProperties,
    ) -> lapin::Result<Connection> {
        let socket = self.clone();
        Connection::connector(
            uri,
            lapin::runtime::default_runtime()?,
            async move |uri: AMQPUri, runtime| {
                let (host, port) = (uri.authority.host.as_str(), uri.authority.port);
                let addresses = tokio::net::lookup_host((host, port)).await?;
                let addresses: Vec<SocketAddr> = addresses.collect();
                let stream = AsyncTcpStream::connect(&runtime, addresses).await?;
                if let AsyncTcpStream::Plain(plain) = &stream {
                    socket.keep(plain.get_ref().as_fd().try_clone_to_owned()?.into())?;
                }
                let config = OwnedTLSConfig::default();
                Ok(match uri.scheme {
                    AMQPScheme::AMQP => stream,
                    AMQPScheme::AMQPS => stream.into_tls(host, config.as_ref()).await?,
                })
            },
            properties,
        )
        .await
    }

    fn keep(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut state = self.state();
        if matches!(*state, State::Cut) {
            // Given up while it was being connected; it is closed with the stream.
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        *state = State::Connected(stream);
        Ok(())
    }

    /// Ends the connection, now or once it is there.
    pub(super) fn cut(&self) {
        if let State::Connected(stream) = std::mem::replace(&mut *self.state(), State::Cut) {
            // It may be over already, which is as good.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
