//! A recording in the order of arrival, without holding it in memory: when each request came,
//! where it stands in the file, and on which requests of its connection it had waited.
//!
//! 64 bytes a request; bodies are read again when they are wanted.

use super::{Place, Recording, Torn};
use crate::error::ReadError;
use crate::line::{Head, Recorded};
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The requests of a recording, by number.
#[derive(Debug)]
pub struct Index {
    path: PathBuf,
    file: File,
    head: Head,
    torn: Vec<Torn>,
    entries: Vec<Entry>,
    /// How many requests each connection has.
    connections: Vec<u32>,
    span: Duration,
    concurrency: Concurrency,
}

/// One request of an [`Index`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it arrived, since the first one did.
    pub at: Duration,
    /// How long its answer took.
    pub took: Duration,
    /// Its connection: an index without gaps. A request that names none has one of its own.
    pub connection: usize,
    /// Which of its connection's requests it was by the order in which they *ended*, from 0.
    pub ended_as: u32,
    /// How many requests of its connection, the first to end, had ended when it arrived. It
    /// overlapped with the others.
    pub after: u32,
    position: u64,
    len: u32,
    /// Its connection carries one request at a time.
    is_http1: bool,
}

/// Requests that were unanswered at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Concurrency {
    /// Most of them.
    pub peak: usize,
    /// On average over the whole time.
    pub mean: f64,
}

impl Index {
    /// Reads the recording at `path` once, from its beginning to its end.
    ///
    /// # Errors
    /// As [`Recording::open`], and the first line that is no request.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let mut recording = Recording::open(path)?;
        let (mut entries, mut ids) = (Vec::new(), Vec::new());
        while let Some((request, Place { position, len })) = recording.step()? {
            entries.push(Entry {
                at: request.at,
                took: request.took,
                connection: 0,
                ended_as: 0,
                after: 0,
                position,
                len: u32::try_from(len).unwrap_or(u32::MAX),
                is_http1: request.version <= http::Version::HTTP_11,
            });
            // Recordings that were joined each count their connections from the beginning.
            ids.push(request.connection.map(|id| (recording.shift, id)));
        }
        let connections = number_connections(&mut entries, &ids);
        entries.sort_by_key(|entry| entry.at);
        let first = entries.first().map_or(Duration::ZERO, |entry| entry.at);
        for entry in &mut entries {
            entry.at = entry.at.saturating_sub(first);
        }
        order_connections(&mut entries, connections.len());
        let (concurrency, span) = overlap(&entries);
        let (head, torn) = (recording.head().clone(), recording.torn().to_vec());
        let (path, file) = (path.to_owned(), recording.into_file());
        Ok(Self { path, file, head, torn, entries, connections, span, concurrency })
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What its first line says.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Lines that were not written to their end.
    pub fn torn(&self) -> &[Torn] {
        &self.torn
    }

    /// The requests in the order in which they arrived.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many requests connection `at` has.
    pub fn connection_len(&self, at: usize) -> u32 {
        self.connections.get(at).copied().unwrap_or(0)
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// From the first arrival to the last answer.
    pub fn span(&self) -> Duration {
        self.span
    }

    /// How many requests were unanswered at one time, by how long their answers took.
    pub fn concurrency(&self) -> Concurrency {
        self.concurrency
    }

    /// More bytes than the largest body has.
    pub fn longest(&self) -> usize {
        self.entries.iter().map(|entry| entry.len as usize).max().unwrap_or(0)
    }

    /// Reads request `number`, in order of arrival. From any thread.
    ///
    /// # Errors
    /// A file that cannot be read, or is another than it was.
    pub fn fetch(&self, number: usize) -> Result<Recorded, ReadError> {
        let changed = || ReadError::Changed { path: self.path.clone() };
        let entry = self.entries.get(number).ok_or_else(changed)?;
        let mut line = vec![0; entry.len as usize];
        self.file.read_exact_at(&mut line, entry.position).map_err(|cause| match cause.kind() {
            std::io::ErrorKind::UnexpectedEof => changed(),
            _ => ReadError::io(&self.path, cause),
        })?;
        Recorded::parse(line.trim_ascii()).map_err(|_| changed())
    }
}

const _: () = assert!(size_of::<Entry>() == 64);

/// Gives connections numbers without gaps; how many requests each has.
fn number_connections(entries: &mut [Entry], ids: &[Option<(Duration, u64)>]) -> Vec<u32> {
    let (mut known, mut connections) = (BTreeMap::new(), Vec::new());
    for (entry, id) in entries.iter_mut().zip(ids) {
        let fresh = connections.len();
        entry.connection = match id {
            Some(id) => *known.entry(*id).or_insert(fresh),
            None => fresh,
        };
        match connections.get_mut(entry.connection) {
            Some(n_requests) => *n_requests += 1,
            None => connections.push(1),
        }
    }
    connections
}

/// Works out `ended_as` and `after` of entries that are in the order of arrival.
fn order_connections(entries: &mut [Entry], n_connections: usize) {
    // On HTTP/1 a request begins when the one before it is answered: one that seems to have ended
    // later did so in our bookkeeping only.
    let mut next_at = vec![Duration::MAX; n_connections];
    let mut by_end = Vec::with_capacity(entries.len());
    for (number, entry) in entries.iter().enumerate().rev() {
        let Some(next_at) = next_at.get_mut(entry.connection) else { return };
        let latest = if entry.is_http1 { *next_at } else { Duration::MAX };
        by_end.push((ended(entry).min(latest), number));
        *next_at = entry.at;
    }
    by_end.sort_unstable();
    let mut n_ended = vec![0; n_connections];
    for (_, at) in &by_end {
        if let Some(entry) = entries.get_mut(*at)
            && let Some(n_ended) = n_ended.get_mut(entry.connection)
        {
            entry.ended_as = *n_ended;
            *n_ended += 1;
        }
    }
    let mut n_ended = vec![0; n_connections];
    let mut ends = by_end.into_iter().peekable();
    for number in 0..entries.len() {
        let Some(Entry { at, connection, .. }) = entries.get(number).copied() else { return };
        // Whoever arrived later ended later, but for answers that took no time.
        while let Some((_, ender)) = ends.next_if(|(end, ender)| *end <= at && *ender < number) {
            let ended = entries.get(ender).and_then(|entry| n_ended.get_mut(entry.connection));
            if let Some(n_ended) = ended {
                *n_ended += 1;
            }
        }
        if let (Some(entry), Some(n_ended)) = (entries.get_mut(number), n_ended.get(connection)) {
            entry.after = *n_ended;
        }
    }
}

/// Most and mean of the requests that were unanswered at one time, and from when to when.
fn overlap(entries: &[Entry]) -> (Concurrency, Duration) {
    let mut ends: Vec<Duration> = entries.iter().map(ended).collect();
    ends.sort_unstable();
    let span = ends.last().copied().unwrap_or_default();
    let (mut peak, mut n_ended) = (0, 0);
    for (number, entry) in entries.iter().enumerate() {
        while ends.get(n_ended).is_some_and(|end| *end <= entry.at) && n_ended < number {
            n_ended += 1;
        }
        peak = peak.max(number + 1 - n_ended);
    }
    let busy_s: f64 = entries.iter().map(|entry| entry.took.as_secs_f64()).sum();
    let mean = if span.is_zero() { 0.0 } else { busy_s / span.as_secs_f64() };
    (Concurrency { peak, mean }, span)
}

fn ended(entry: &Entry) -> Duration {
    entry.at.saturating_add(entry.took)
}
