//! Sleeps until something is written into one of the folders, or somebody calls.
//!
//! inotify where there is one to be had (instances are few on a busy machine), else a look every
//! 50 ms. Even with it there is a look now and then: what a network file system does on another
//! machine is not told.

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::inotify;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What the follower sleeps on.
#[derive(Debug)]
pub(super) struct Watch {
    inotify: Option<OwnedFd>,
    bell: Arc<OwnedFd>,
}

/// Wakes a [`Watch`] from another thread.
#[derive(Clone, Debug)]
pub(super) struct Bell(Arc<OwnedFd>);

const CHANGES: inotify::WatchFlags = inotify::WatchFlags::MODIFY
    .union(inotify::WatchFlags::CREATE)
    .union(inotify::WatchFlags::MOVED_TO)
    .union(inotify::WatchFlags::MOVED_FROM);

impl Watch {
    pub(super) fn new() -> std::io::Result<Watch> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        Ok(Watch { inotify: inotify::init(flags).ok(), bell: Arc::new(bell) })
    }

    pub(super) fn bell(&self) -> Bell {
        Bell(self.bell.clone())
    }

    pub(super) fn add(&mut self, folder: &Path) {
        if let Some(inotify) = &self.inotify
            && inotify::add_watch(inotify, folder, CHANGES).is_err()
        {
            self.inotify = None;
        }
    }

    /// Sleeps, at most for `longest`.
    pub(super) fn wait(&mut self, longest: Duration) {
        let polling = self.inotify.is_none();
        let longest = if polling { longest.min(Duration::from_millis(50)) } else { longest };
        let timeout = Timespec::try_from(longest).ok();
        let bell = self.bell.as_fd();
        match &self.inotify {
            Some(inotify) => {
                let mut fds = [
                    PollFd::from_borrowed_fd(bell, PollFlags::IN),
                    PollFd::from_borrowed_fd(inotify.as_fd(), PollFlags::IN),
                ];
                let _ = poll(&mut fds, timeout.as_ref());
                let mut buffer = [MaybeUninit::<u8>::uninit(); 4096];
                let mut reader = inotify::Reader::new(inotify, &mut buffer);
                while reader.next().is_ok() {}
            }
            None => {
                let _ =
                    poll(&mut [PollFd::from_borrowed_fd(bell, PollFlags::IN)], timeout.as_ref());
            }
        }
        let _ = rustix::io::read(&self.bell, &mut [0; 8]);
    }
}

impl Bell {
    pub(super) fn ring(&self) {
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }
}
