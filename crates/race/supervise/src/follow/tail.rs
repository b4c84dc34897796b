//! One file that somebody writes and we read: where we are, what is in it, what waits.

use crate::run::Passing;
use crate::spool::FileState;
use photofinish_model::{Detector, Kind};
use photofinish_report::{Reader, Report};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Reports that may wait in memory; more stay in the file.
const MOST_WAITING: usize = 64;
const CHUNK: usize = 256 << 10;
/// One file is read this far before the others have their turn.
const TURN: u64 = 16 << 20;
/// Room is given back to the disk in steps of this size.
const RECLAIM: u64 = 4 << 20;
/// What a slow reader of our stderr may be behind the program on a disk with room: a burst passes
/// whole, a reader that has stopped does not fill the disk.
const MOST_UNREAD: u64 = 2 << 30;

/// What sort of file it is, told by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// `race.ATTEMPT.PID`.
    Race { attempt: u32, pid: u32 },
    /// `stderr.ATTEMPT.log`.
    Stderr { attempt: u32 },
}

/// A file that is being followed.
#[derive(Debug)]
pub(super) struct Tail {
    /// The name it had when first seen; it may be called otherwise by now.
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) what: What,
    pub(super) inode: u64,
    pub(super) generation: u32,
    /// Complete reports that are not delivered yet, in the order printed, each with the
    /// generation of the file that it stood in.
    pub(super) waiting: VecDeque<(u32, Report)>,
    /// All has been read, as far as the last look went.
    pub(super) caught_up: bool,
    /// The writer is dead and all has been read.
    pub(super) ended: bool,
    /// It holds a fatal error or a panic of the Go runtime.
    pub(super) fatal: bool,
    /// It holds a data race.
    pub(super) raced: bool,
    file: File,
    read: u64,
    reclaimed: u64,
    reader: Reader,
    /// How far somebody else (who passes it on) has come, and before which nothing is reclaimed.
    passing: Option<Arc<Passing>>,
}

impl What {
    pub(super) fn of(name: &str) -> Option<What> {
        let mut parts = name.split('.');
        let first = parts.next()?;
        let attempt = parts.next()?.parse().ok()?;
        match first {
            "race" => Some(What::Race { attempt, pid: parts.next()?.parse().ok()? }),
            "stderr" => Some(What::Stderr { attempt }),
            _ => None,
        }
    }

    pub(super) fn attempt(self) -> u32 {
        match self {
            What::Race { attempt, .. } | What::Stderr { attempt } => attempt,
        }
    }
}

impl Tail {
    pub(super) fn open(
        path: &Path,
        name: String,
        what: What,
        state: &FileState,
    ) -> io::Result<Tail> {
        // For writing too, since only then may a hole be punched; where the file belongs to
        // another user, reading must do.
        let file = OpenOptions::new().read(true).write(true).open(path);
        let file = file.or_else(|_| File::open(path))?;
        Ok(Tail {
            name,
            path: path.to_owned(),
            what,
            inode: state.inode,
            generation: state.generation,
            waiting: VecDeque::new(),
            caught_up: false,
            ended: false,
            fatal: false,
            raced: false,
            file,
            read: state.offset,
            reclaimed: state.offset,
            reader: Reader::starting_at(state.offset),
            passing: None,
        })
    }

    pub(super) fn passed_by(&mut self, passing: Arc<Passing>) {
        self.passing = Some(passing);
    }

    /// Reads what was added, showing each piece and its offset to `seen`.
    pub(super) fn read(&mut self, mut seen: impl FnMut(u64, &[u8])) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        let turn = self.read + TURN;
        loop {
            self.caught_up = false;
            if self.waiting.len() >= MOST_WAITING || self.read >= turn {
                return Ok(());
            }
            let n = match self.file.read_at(&mut buffer, self.read) {
                Ok(n) => n,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(cause) => return Err(cause),
            };
            if n == 0 {
                if self.file.metadata()?.size() >= self.read {
                    self.caught_up = true;
                    return Ok(());
                }
                self.begin_again();
                continue;
            }
            let bytes = &buffer[..n];
            seen(self.read, bytes);
            self.read += n as u64;
            let seen = self.waiting.len();
            let generation = self.generation;
            let waiting = &mut self.waiting;
            self.reader.feed(bytes, &mut |report| waiting.push_back((generation, report)));
            self.note(seen);
            self.ended = false;
        }
    }

    /// Everything was read and nobody will write any more: a report that is open is all there is.
    pub(super) fn end(&mut self) {
        if !self.ended {
            self.finish();
            self.reader = Reader::starting_at(self.read);
            self.ended = true;
        }
    }

    /// Whether somebody still has the file as their stderr.
    pub(super) fn held(&self) -> bool {
        match self.file.try_lock() {
            Ok(()) => {
                let _ = self.file.unlock();
                false
            }
            Err(_) => true,
        }
    }

    /// How far it has been delivered.
    pub(super) fn state(&self) -> FileState {
        let safe = self.reader.safe_offset();
        // Reports come in the order they end, which need not be the order they begin. Those of an
        // earlier generation stand in a file that is no more.
        let now = self.waiting.iter().filter(|(generation, _)| *generation == self.generation);
        let offset =
            now.map(|(_, report)| report.range.start).min().map_or(safe, |start| start.min(safe));
        FileState { inode: self.inode, generation: self.generation, offset }
    }

    /// Gives the disk back what was delivered and passed on; in need, or when a reader of our
    /// stderr is too far behind, also what was not passed on.
    pub(super) fn reclaim(&mut self, need: bool) {
        let mut until = self.state().offset;
        if let Some(passing) = &self.passing {
            let passed = passing.passed.load(Ordering::Acquire);
            let most = if need { RECLAIM } else { MOST_UNREAD };
            until = until.min(passed.max(self.read.saturating_sub(most)));
        }
        until &= !4095;
        if until < self.reclaimed + RECLAIM {
            return;
        }
        if let Some(passing) = &self.passing {
            passing.reclaimed.store(until, Ordering::Release);
        }
        let flags = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
        let from = self.reclaimed & !4095;
        // Where a file system cannot, the file grows; it is removed in the end.
        let _ = rustix::fs::fallocate(&self.file, flags, from, until - from);
        self.reclaimed = until;
    }

    /// The file was cut to nothing (a log rotation that copies and truncates).
    fn begin_again(&mut self) {
        self.finish();
        self.generation += 1;
        self.read = 0;
        self.reclaimed = 0;
        self.reader = Reader::starting_at(0);
    }

    fn finish(&mut self) {
        let seen = self.waiting.len();
        let generation = self.generation;
        let waiting = &mut self.waiting;
        self.reader.finish(&mut |report| waiting.push_back((generation, report)));
        self.note(seen);
    }

    /// Remembers what sort of report came after the first `seen` that wait.
    fn note(&mut self, seen: usize) {
        for (_, report) in self.waiting.iter().skip(seen) {
            self.raced |= report.race.kind == Kind::DataRace;
            self.fatal |= report.race.detector == Detector::GoRuntime;
        }
    }
}
