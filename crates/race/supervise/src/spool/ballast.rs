//! A file that takes up room on a healthy disk so that there is some on a full one.
//!
//! When the disk fills up, the race runtime's own writes fail and nobody hears of it: the report
//! is gone. So before it is full the ballast goes, and the room it took is the reports'.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// How much room is kept, in bytes.
const SIZE: u64 = 8 << 20;

/// The reserve of one spool.
#[derive(Debug)]
pub(crate) struct Ballast {
    path: PathBuf,
    held: bool,
    given_up: bool,
    size: u64,
}

/// What has just happened to the reserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The disk is nearly full and the reserve was given up.
    GivenUp,
    /// There is room again and the reserve is back.
    Back,
}

impl Ballast {
    pub(crate) fn new(root: &Path) -> Ballast {
        let path = root.join("ballast");
        let held = path.exists();
        Ballast { path, held, given_up: false, size: SIZE }
    }

    /// Looks at the free space, and gives up or takes back the reserve. The reserve is never more
    /// than a sixteenth of the disk.
    pub(crate) fn check(&mut self) -> Option<Change> {
        let stat = rustix::fs::statvfs(self.path.parent()?).ok()?;
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        self.size = SIZE.min(stat.f_blocks.saturating_mul(stat.f_frsize) / 16);
        if self.held && free < self.size / 2 {
            self.held = false;
            self.given_up = fs::remove_file(&self.path).is_ok();
            return self.given_up.then_some(Change::GivenUp);
        }
        if !self.held && free > self.size.saturating_mul(4) && self.reserve() {
            self.held = true;
            return std::mem::take(&mut self.given_up).then_some(Change::Back);
        }
        None
    }

    /// Gives up the reserve of the spool in `root`, if there is one.
    pub(crate) fn give_up(root: &Path) -> bool {
        fs::remove_file(root.join("ballast")).is_ok()
    }

    fn reserve(&self) -> bool {
        let made = File::create(&self.path).and_then(|file| {
            let flags = rustix::fs::FallocateFlags::empty();
            Ok(rustix::fs::fallocate(&file, flags, 0, self.size)?)
        });
        if made.is_err() {
            let _ = fs::remove_file(&self.path);
        }
        made.is_ok()
    }
}
