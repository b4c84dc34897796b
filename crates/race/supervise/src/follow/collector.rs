//! A folder of the spool, followed: one pass looks, reads, delivers and remembers.
//!
//! The order inside [`Collector::pass`] is the point. Whether the writer is dead is asked *before*
//! the last read, or what it wrote in between would be missed. `state.json` is written *after* the
//! sink took a report, so a crash in between delivers it again, with the same key.
//!
//! Not here: what is told to the sink (`deliver`), reading one file (`tail`).

use super::tail::{Tail, What};
use super::{Found, Notice, chain, writers};
use crate::gorace::Copy;
use crate::run::{Passing, Voice};
use crate::sink::{Sink, SinkError};
use crate::spool::{Folder, State};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::SystemTime;

/// Follows the files of one folder.
#[derive(Debug)]
pub(crate) struct Collector {
    pub(super) folder: Folder,
    pub(super) tails: Vec<Tail>,
    /// An earlier run left it: its program is not ours, its stderr nobody's.
    pub(super) left_over: bool,
    voice: Option<Voice>,
    pub(super) found: Vec<Found>,
    /// Starts of the program that printed a fatal error, and those that printed a race.
    fatal: BTreeSet<u32>,
    raced: BTreeSet<u32>,
    trouble: Option<String>,
    /// The disk is nearly full.
    pub(crate) in_need: bool,
}

/// How things stand after a pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Reports that the sink has not taken.
    pub(crate) waiting: usize,
    /// There is more to read.
    pub(crate) more: bool,
    /// Reports that were delivered in this pass, known ones included.
    pub(crate) delivered: usize,
}

/// What is known about one start of the program once it has ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settled {
    /// What was found for the first time.
    pub(crate) found: Vec<Found>,
    /// Reports that the sink has not taken.
    pub(crate) waiting: usize,
    /// A fatal error or a panic was printed, stored or not.
    pub(crate) fatal: bool,
    /// A data race was printed, stored or not.
    pub(crate) raced: bool,
}

impl Collector {
    pub(crate) fn new(folder: Folder, left_over: bool, voice: Option<Voice>) -> Collector {
        let tails = Vec::new();
        Collector {
            folder,
            tails,
            left_over,
            voice,
            found: Vec::new(),
            fatal: BTreeSet::new(),
            raced: BTreeSet::new(),
            trouble: None,
            in_need: false,
        }
    }

    pub(crate) fn state_mut(&mut self) -> &mut State {
        &mut self.folder.state
    }

    /// Writes the state down; trouble is told once.
    pub(crate) fn save(&mut self, sync: bool, tell: &mut dyn FnMut(Notice)) {
        for tail in &self.tails {
            self.folder.state.files.insert(tail.name.clone(), tail.state());
        }
        if let Err(error) = self.folder.save(sync) {
            self.complain(chain(&error), tell);
        }
    }

    /// Says how far stderr of `attempt` has been passed on.
    pub(crate) fn passed_by(&mut self, attempt: u32, passing: &Arc<Passing>) {
        self.look(&mut |_| {});
        for tail in &mut self.tails {
            if (tail.what == What::Stderr { attempt }) {
                tail.passed_by(passing.clone());
            }
        }
    }

    /// Tells the sink what is running. If it does not listen, the first report will tell it.
    pub(crate) fn announce(&self, sink: &mut dyn Sink) {
        let manifest = &self.folder.manifest;
        let _ = sink.started(&manifest.service, &manifest.build, SystemTime::now());
    }

    /// Reads what was added and offers it to `sink`.
    pub(crate) fn pass(
        &mut self,
        sink: &mut dyn Sink,
        tell: &mut dyn FnMut(Notice),
    ) -> Result<Progress, SinkError> {
        self.look(tell);
        let mut progress = Progress { more: self.read(tell), ..Progress::default() };
        let before = self.folder.state.clone();
        let delivered = self.deliver(sink, tell, &mut progress);
        progress.waiting = self.waiting();
        let moved = self.tails.iter().any(|tail| {
            before.files.get(&tail.name).is_none_or(|state| {
                let now = tail.state();
                // A cursor that moved over mere log lines need not be written each time.
                now.inode != state.inode || now.offset > state.offset + (1 << 20)
            })
        });
        if progress.delivered > 0 || moved {
            self.save(progress.delivered > 0, tell);
        }
        if !self.folder.manifest.keep {
            self.tails.iter_mut().for_each(|tail| tail.reclaim(self.in_need));
        }
        delivered.map(|()| progress)
    }

    /// Ends the files whose writers are dead: reads their rest, takes open reports for what they
    /// are, and removes them once all is delivered. True when nothing is left and nobody writes.
    pub(crate) fn settle(
        &mut self,
        sink: &mut dyn Sink,
        tell: &mut dyn FnMut(Notice),
    ) -> Result<bool, SinkError> {
        self.look(tell);
        let writers = writers::of(self.folder.path());
        let dead: Vec<bool> = self
            .tails
            .iter()
            .map(|tail| match tail.what {
                What::Race { pid, .. } => !writers.contains(&pid) && !writers::hidden(pid),
                What::Stderr { .. } => !tail.held(),
            })
            .collect();
        loop {
            self.read(tell);
            let mut over = true;
            for (tail, _) in self.tails.iter_mut().zip(&dead).filter(|(_, dead)| **dead) {
                if tail.caught_up {
                    tail.end();
                }
                over &= tail.ended;
            }
            let progress = self.pass(sink, tell)?;
            if over && progress.waiting == 0 {
                break;
            }
        }
        for tail in &self.tails {
            let attempt = tail.what.attempt();
            self.fatal.extend(tail.fatal.then_some(attempt));
            self.raced.extend(tail.raced.then_some(attempt));
        }
        self.forget(tell);
        Ok(self.tails.is_empty() && writers.is_empty())
    }

    /// What came of one start of the program, by now.
    pub(crate) fn settled(&self, attempt: u32) -> Settled {
        let found = self.found.iter().filter(|found| found.attempt == attempt);
        Settled {
            found: found.cloned().collect(),
            waiting: self.waiting(),
            fatal: self.fatal.contains(&attempt),
            raced: self.raced.contains(&attempt),
        }
    }

    /// Takes note of what an earlier run left over.
    pub(crate) fn add_found(&mut self, found: Vec<Found>) {
        self.found.extend(found);
    }

    /// Forgets what earlier starts found, which nobody will ask for again.
    pub(crate) fn forget_before(&mut self, attempt: u32) {
        self.found.retain(|found| found.attempt >= attempt);
    }

    /// Gives the folder up: removed if nothing is left in it, else for the next who comes.
    pub(crate) fn close(mut self, empty: bool) {
        if empty && self.folder.state.gate.is_empty() {
            self.folder.remove();
        } else {
            self.save(true, &mut |_| {});
        }
    }

    fn waiting(&self) -> usize {
        self.tails.iter().map(|tail| tail.waiting.len()).sum()
    }

    fn look(&mut self, tell: &mut dyn FnMut(Notice)) {
        let Ok(entries) = fs::read_dir(self.folder.path()) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(what) = What::of(&name) else { continue };
            let Ok(meta) = entry.metadata() else { continue };
            let inode = meta.ino();
            if self.tails.iter().any(|tail| tail.inode == inode) {
                continue;
            }
            let (name, state) = self.known(name, inode, meta.size());
            match Tail::open(&entry.path(), name, what, &state) {
                Ok(tail) => self.tails.push(tail),
                Err(cause) => {
                    self.complain(format!("cannot read {}: {cause}", entry.path().display()), tell)
                }
            }
        }
    }

    /// Where reading a file goes on: by its inode, since it may have been renamed.
    fn known(&self, name: String, inode: u64, size: u64) -> (String, crate::spool::FileState) {
        let files = &self.folder.state.files;
        let renamed = files.iter().find(|(_, state)| state.inode == inode && state.offset <= size);
        if let Some((name, state)) = renamed {
            return (name.clone(), state.clone());
        }
        let generation = files.get(&name).map_or(0, |old| old.generation + 1);
        let taken = self.tails.iter().filter(|tail| tail.name == name).map(|tail| tail.generation);
        let generation = taken.map(|taken| taken + 1).max().unwrap_or(0).max(generation);
        (name, crate::spool::FileState { inode, generation, offset: 0 })
    }

    fn read(&mut self, tell: &mut dyn FnMut(Notice)) -> bool {
        let mut more = false;
        let mut troubles = Vec::new();
        for tail in &mut self.tails {
            let race = matches!(tail.what, What::Race { .. });
            let copy = if race { self.folder.manifest.copy.clone() } else { Copy::None };
            let name = tail.name.clone();
            let voice = self.voice.as_ref();
            let read = tail.read(|offset, bytes| {
                super::deliver::copy_bytes(&copy, &name, offset, bytes, voice)
            });
            match read {
                Ok(()) => more |= !tail.caught_up,
                Err(cause) => {
                    // Nothing more can be had from it.
                    tail.caught_up = true;
                    troubles.push(format!("cannot read {}: {cause}", tail.path.display()));
                }
            }
        }
        troubles.into_iter().for_each(|text| self.complain(text, tell));
        more
    }

    /// Removes files that are read to the end, delivered, and that nobody writes any more.
    fn forget(&mut self, tell: &mut dyn FnMut(Notice)) {
        let (over, rest): (Vec<Tail>, Vec<Tail>) =
            self.tails.drain(..).partition(|tail| tail.ended && tail.waiting.is_empty());
        if self.folder.manifest.keep {
            self.tails = over.into_iter().chain(rest).collect();
            return;
        }
        self.tails = rest;
        for tail in &over {
            self.folder.state.files.remove(&tail.name);
        }
        if !over.is_empty() {
            // First forgotten, then removed: a cursor without a file would be taken for that of
            // the next file with this inode.
            self.save(false, tell);
        }
        for tail in over {
            let _ = fs::remove_file(&tail.path);
        }
    }

    fn complain(&mut self, text: String, tell: &mut dyn FnMut(Notice)) {
        if self.trouble.as_ref() != Some(&text) {
            self.trouble = Some(text.clone());
            tell(Notice::Trouble(text));
        }
    }
}
