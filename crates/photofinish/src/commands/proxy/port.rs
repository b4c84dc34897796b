//! Who holds a port that we wanted: from `/proc/net/tcp` its socket, from `/proc/*/fd` its process.
//!
//! Best effort: the descriptors of other users' processes cannot be read, and then nobody is named.

use std::fs;
use std::net::SocketAddr;

/// A process that listens.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) pid: u32,
    /// Its command line, cut.
    pub(crate) command: String,
}

/// Who listens on the port of `address`, as far as can be seen.
pub(crate) fn holder(address: SocketAddr) -> Option<Holder> {
    let sockets = ["/proc/net/tcp", "/proc/net/tcp6"];
    let inodes: Vec<String> = sockets
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok())
        .flat_map(|table| listening(&table, address.port()))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let pid = pids.into_iter().find(|pid| has_socket(*pid, &inodes))?;
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let command = String::from_utf8_lossy(&command).replace('\0', " ");
    Some(Holder { pid, command: crate::output::style::shorten(command.trim(), 80) })
}

/// The inodes of sockets that listen on `port`: the tenth column, where the state is 0A (proc_pid_net(5)).
fn listening(table: &str, port: u16) -> Vec<u64> {
    let end = format!(":{port:04X}");
    let lines = table.lines().skip(1).filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let listens = columns.get(3) == Some(&"0A") && columns.get(1)?.ends_with(&end);
        columns.get(9)?.parse().ok().filter(|_| listens)
    });
    lines.collect()
}

fn has_socket(pid: u32, inodes: &[String]) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    files.flatten().any(|file| {
        let target = fs::read_link(file.path()).unwrap_or_default();
        inodes.iter().any(|inode| target.as_os_str() == inode.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_listens_is_found_and_whoever_does_not_is_not() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let holder = holder(address).unwrap();
        assert_eq!(holder.pid, std::process::id());
        assert!(holder.command.contains("photofinish"), "{}", holder.command);
        drop(listener);
        assert_eq!(super::holder(address), None);
    }
}
