//! Handing a proxy's sockets to the proxy after it, so that no connection is refused in between.
//!
//! A running proxy waits on an abstract Unix socket named after the first address it listens on. One that
//! starts with `--takeover` asks there, gets the listening sockets themselves (`SCM_RIGHTS`, unix(7)), and
//! says when it is ready; only then does the old one drain. Both accept for a moment, and what waits
//! in the kernel's queue is lost by neither. One that fails before it is ready changes nothing.
//!
//! Only the same user, or root, is answered. Start at [`ask`] and [`Offer`].

use super::wishes::Wish;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self, UnixListener, UnixStream};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The kernel passes no more at once (SCM_MAX_FD, unix(7)).
const MOST: usize = 253;
/// How long the other side may take: reading certificates, mostly.
const PATIENCE: Duration = Duration::from_secs(60);
/// What goes with the sockets: the version of this protocol.
const VERSION: u8 = 1;
/// What the new proxy says once it serves.
const READY: u8 = b'R';

/// What an old proxy gave us, until we are ready.
pub(super) struct Inheritance {
    old: UnixStream,
    /// The sockets it listens on.
    pub(super) sockets: Vec<TcpListener>,
    /// Its process.
    pub(super) pid: i32,
}

/// Sockets offered to a proxy after us.
pub(super) struct Offer(Shared);

type Shared = Arc<Mutex<Option<Vec<TcpListener>>>>;

/// The sockets of the proxy that runs on `address`; `None` if none does.
pub(super) fn ask(address: SocketAddr) -> io::Result<Option<Inheritance>> {
    let old = match UnixStream::connect_addr(&name(address)?) {
        Ok(old) => old,
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Ok(None),
        Err(error) => return Err(error),
    };
    let pid = trusted(&old)?;
    old.set_read_timeout(Some(PATIENCE))?;
    let sockets = receive(&old)?;
    Ok(Some(Inheritance { old, sockets, pid }))
}

impl Inheritance {
    /// Has the old proxy drain, and waits until it offers its place no more.
    pub(super) fn ready(mut self) -> io::Result<()> {
        self.old.write_all(&[READY])?;
        let mut nothing = [0];
        match self.old.read(&mut nothing)? {
            0 => Ok(()),
            _ => Err(io::Error::from(io::ErrorKind::InvalidData)),
        }
    }
}

impl Offer {
    /// Offers `sockets`, the first of which listens on `address`; who takes them makes a wish.
    pub(super) fn new(
        address: SocketAddr,
        sockets: Vec<TcpListener>,
        wishes: Sender<Wish>,
    ) -> io::Result<Offer> {
        let door = UnixListener::bind_addr(&name(address)?)?;
        let offered = Arc::new(Mutex::new(Some(sockets)));
        let shared = Arc::clone(&offered);
        std::thread::Builder::new().name("takeover".to_owned()).spawn(move || {
            while let Ok((stream, _)) = door.accept() {
                if let Ok(pid) = hand_over(&stream, &shared) {
                    drop(door);
                    drop(stream);
                    let _ = wishes.send(Wish::MakeRoom(pid));
                    return;
                }
            }
        })?;
        Ok(Offer(offered))
    }

    /// Offers nothing any more, and closes its own hold of the sockets.
    pub(super) fn withdraw(self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Gives the sockets to whoever asks, and waits until they are served; then our hold of them is gone.
fn hand_over(stream: &UnixStream, offered: &Shared) -> io::Result<i32> {
    let pid = trusted(stream)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    {
        let offered = offered.lock().unwrap_or_else(PoisonError::into_inner);
        let sockets = offered.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        send(stream, sockets)?;
    }
    let mut said = [0];
    let mut reader = stream;
    reader.read_exact(&mut said)?;
    if said[0] != READY {
        return Err(io::ErrorKind::InvalidData.into());
    }
    offered.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(pid)
}

/// The process on the other side, if it is ours or root's.
fn trusted(stream: &UnixStream) -> io::Result<i32> {
    let peer = rustix::net::sockopt::socket_peercred(stream)?;
    if peer.uid == rustix::process::geteuid() || peer.uid.is_root() {
        return Ok(peer.pid.as_raw_nonzero().get());
    }
    let whose = format!("the other side is run by user {}", peer.uid.as_raw());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, whose))
}

fn name(address: SocketAddr) -> io::Result<net::SocketAddr> {
    net::SocketAddr::from_abstract_name(format!("photofinish-proxy-{address}"))
}

fn send(stream: &UnixStream, sockets: &[TcpListener]) -> io::Result<()> {
    let sockets: Vec<_> = sockets.iter().take(MOST).map(AsFd::as_fd).collect();
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&sockets)) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    sendmsg(stream, &[IoSlice::new(&[VERSION])], &mut control, SendFlags::empty())?;
    Ok(())
}

fn receive(stream: &UnixStream) -> io::Result<Vec<TcpListener>> {
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut version = [0];
    let mut buffer = [IoSliceMut::new(&mut version)];
    let got = recvmsg(stream, &mut buffer, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    if got.bytes != 1 || version[0] != VERSION {
        return Err(io::Error::other("the running proxy gives nothing, or speaks another version"));
    }
    let mut sockets = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(files) = message {
            sockets.extend(files.map(TcpListener::from));
        }
    }
    Ok(sockets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;
    use std::sync::mpsc::channel;

    #[test]
    fn sockets_change_hands_once_the_new_one_is_ready() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, wishes) = channel();
        let _offer = Offer::new(address, vec![listener], tell).unwrap();

        // One that dies before it is ready changes nothing.
        drop(ask(address).unwrap().unwrap());

        let inheritance = ask(address).unwrap().unwrap();
        let ours = inheritance.sockets[0].try_clone().unwrap();
        assert_eq!(ours.local_addr().unwrap(), address);
        assert!(wishes.try_recv().is_err(), "nobody is ready yet");
        inheritance.ready().unwrap();
        assert_eq!(wishes.recv().unwrap(), Wish::MakeRoom(std::process::id() as i32));
        TcpStream::connect(address).unwrap();
        ours.accept().unwrap();
        assert!(ask(address).unwrap().is_none(), "it offers its place no more");
    }

    #[test]
    fn what_is_withdrawn_is_not_given() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, _wishes) = channel();
        Offer::new(address, vec![listener], tell).unwrap().withdraw();
        assert!(ask(address).is_err());
        assert!(TcpStream::connect(address).is_err(), "the port is closed");
    }
}
