//! What a process's file descriptors are, and which system call a thread is in.
//!
//! Of a socket the kernel's tables of its network namespace say who is at the other end. Formats: proc(5),
//! `Documentation/networking/proc_net_tcp.rst`; `/proc/PID/task/TID/syscall` of proc(5).
//!
//! Start at [`descriptor`] and [`syscall`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

/// A file descriptor of another process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// What the kernel calls it: a path, `pipe:[4711]`, `socket:[4712]`.
    pub name: String,
    /// Of a socket that is in the kernel's tables: what it is connected to.
    pub socket: Option<Socket>,
}

/// A socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// `tcp`, `udp` or `unix`.
    pub protocol: &'static str,
    /// Its own address; a path or nothing of one of the machine's own.
    pub local: String,
    /// Who is at the other end, of one that is connected.
    pub peer: Option<String>,
    /// It takes connections.
    pub is_listening: bool,
}

/// A system call that a thread is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syscall {
    /// Its number.
    pub number: u64,
    /// Its arguments.
    pub arguments: [u64; 6],
}

/// What descriptor `fd` of process `pid` is; `None` if it has none or may not be asked.
pub fn descriptor(pid: u32, fd: u64) -> Option<Descriptor> {
    let link = std::fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok()?;
    let name = link.to_string_lossy().into_owned();
    let inode = name.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
    let socket = inode.and_then(|inode| socket(pid, inode));
    Some(Descriptor { name, socket })
}

/// The system call that thread `tid` of process `pid` is in; `None` if it runs, or may not be asked.
pub fn syscall(pid: u32, tid: u32) -> Option<Syscall> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/syscall")).ok()?;
    let mut words = text.split_whitespace();
    let number = words.next()?.parse().ok()?;
    let mut arguments = [0; 6];
    for argument in &mut arguments {
        *argument = u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
    }
    Some(Syscall { number, arguments })
}

/// The socket with that number, in the tables of the process's network namespace.
fn socket(pid: u32, inode: &str) -> Option<Socket> {
    let table =
        |name: &str| std::fs::read_to_string(PathBuf::from(format!("/proc/{pid}/net/{name}"))).ok();
    for (name, protocol) in [("tcp", "tcp"), ("tcp6", "tcp"), ("udp", "udp"), ("udp6", "udp")] {
        if let Some(found) = table(name).and_then(|text| in_table(&text, protocol, inode)) {
            return Some(found);
        }
    }
    table("unix").and_then(|text| in_unix_table(&text, inode))
}

/// `sl local_address rem_address st … inode`, one a line.
fn in_table(text: &str, protocol: &'static str, inode: &str) -> Option<Socket> {
    const LISTENS: &str = "0A";
    text.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if fields.get(9) != Some(&inode) {
            return None;
        }
        let peer = address(fields.get(2)?)?;
        Some(Socket {
            protocol,
            local: address(fields.get(1)?)?.to_string(),
            peer: (peer.port() != 0).then(|| peer.to_string()),
            is_listening: protocol == "tcp" && fields.get(3) == Some(&LISTENS),
        })
    })
}

/// `Num RefCount Protocol Flags Type St Inode Path`.
fn in_unix_table(text: &str, inode: &str) -> Option<Socket> {
    const LISTENS: &str = "00010000";
    text.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (fields.get(6) == Some(&inode)).then(|| Socket {
            protocol: "unix",
            local: fields.get(7).copied().unwrap_or_default().to_owned(),
            peer: None,
            is_listening: fields.get(3) == Some(&LISTENS),
        })
    })
}

/// `0100007F:1F90` or 32 digits: words in the machine's order, the port as a number.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| u32::from_str_radix(ip.get(8 * at..8 * at + 8)?, 16).ok();
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?.to_ne_bytes())),
        32 => {
            let mut bytes = [0; 16];
            for (word_idx, four) in bytes.chunks_exact_mut(4).enumerate() {
                four.copy_from_slice(&word(word_idx)?.to_ne_bytes());
            }
            let ip = Ipv6Addr::from(bytes);
            ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4)
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

    use super::*;

    #[test]
    fn a_connection_of_our_own_is_told_with_both_its_ends() {
        use std::os::fd::AsRawFd;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let caller = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let of = |fd: i32| descriptor(std::process::id(), u64::try_from(fd).unwrap()).unwrap();
        let socket = of(caller.as_raw_fd()).socket.unwrap();
        assert_eq!(socket.protocol, "tcp");
        assert_eq!(socket.local, caller.local_addr().unwrap().to_string());
        assert_eq!(socket.peer.unwrap(), listener.local_addr().unwrap().to_string());
        assert!(of(listener.as_raw_fd()).socket.unwrap().is_listening);
    }

    #[test]
    fn a_file_is_told_by_its_path_and_what_is_not_there_is_not() {
        use std::os::fd::AsRawFd;
        let file = std::fs::File::open("/proc/self/stat").unwrap();
        let fd = u64::try_from(file.as_raw_fd()).unwrap();
        let found = descriptor(std::process::id(), fd).unwrap();
        assert!(found.name.ends_with("/stat") && found.socket.is_none(), "{found:?}");
        assert_eq!(descriptor(std::process::id(), 99_999), None);
        assert_eq!(syscall(std::process::id(), 0), None);
    }
}
