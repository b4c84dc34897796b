//! What is mapped where in another process: `/proc/PID/maps` (proc_pid_maps(5)).

use std::fs;

use crate::SysError;

/// One mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Its first address.
    pub start: u64,
    /// The address behind its last.
    pub end: u64,
    /// May be read.
    pub readable: bool,
    /// May be written.
    pub writable: bool,
    /// May be executed.
    pub executable: bool,
    /// Where in the file it begins, in bytes.
    pub offset: u64,
    /// The file's number; 0 where there is no file.
    pub inode: u64,
    /// The file as the process sees it, `[heap]`, `[stack]` and so on; empty where there is none.
    pub path: String,
}

/// The mappings of process `pid`, by rising addresses.
///
/// # Errors
/// The process is gone, or its mappings may not be read.
pub fn mappings(pid: u32) -> Result<Vec<Mapping>, SysError> {
    let text = fs::read(format!("/proc/{pid}/maps"))
        .map_err(|cause| SysError::of(pid, "read the mappings", cause))?;
    Ok(String::from_utf8_lossy(&text).lines().filter_map(mapping).collect())
}

/// `55d0c0a00000-55d0c0a01000 r--p 00001000 fd:00 1234   /usr/bin/x`.
fn mapping(line: &str) -> Option<Mapping> {
    let mut parts = line.splitn(5, ' ');
    let (start, end) = parts.next()?.split_once('-')?;
    let rights = parts.next()?.as_bytes();
    let offset = parts.next()?;
    let _device = parts.next()?;
    let (inode, path) = parts.next()?.split_once(' ').unwrap_or_default();
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    Some(Mapping {
        start: hex(start)?,
        end: hex(end)?,
        readable: rights.first() == Some(&b'r'),
        writable: rights.get(1) == Some(&b'w'),
        executable: rights.get(2) == Some(&b'x'),
        offset: hex(offset)?,
        inode: inode.parse().unwrap_or(0),
        path: path.trim_start().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::mapping;

    #[test]
    fn a_path_may_hold_spaces_or_be_absent() {
        let line = "00400000-0048b000 r-xp 00001000 fd:00 1234      /srv/a b/api (deleted)";
        let there = mapping(line).unwrap();
        assert_eq!((there.start, there.end, there.offset), (0x400000, 0x48b000, 0x1000));
        assert!(there.readable && !there.writable && there.executable);
        assert_eq!((there.inode, there.path.as_str()), (1234, "/srv/a b/api (deleted)"));
        let nameless = mapping("c000000000-c000400000 rw-p 00000000 00:00 0 ").unwrap();
        assert_eq!((nameless.inode, nameless.path.as_str()), (0, ""));
        assert_eq!(mapping("nonsense"), None);
    }
}
