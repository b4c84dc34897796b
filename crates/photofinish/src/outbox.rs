//! Sightings on their way to another machine, on the disk until they are there.
//!
//! For whoever has no spool of its own (`catch`, `proxy`, `hunt`). One file a batch, synced before it
//! counts; one thread sends them in order and removes what was taken. A crash between the two sends
//! again, with the same keys, so nothing counts twice. Of several processes with one outbox one at a
//! time sends; what the dead left is sent by whoever comes next.
//!
//! Start at [`Outbox::put`].

use photofinish_dashboard::client::Client;
use photofinish_dashboard::wire::SightingJson;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two tries; doubled up to the second while nobody answers.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(30);
/// How long the end of a process waits for the last ones.
const LAST: Duration = Duration::from_secs(3);

/// A folder of sightings, and the thread that sends them.
#[derive(Debug)]
pub(crate) struct Outbox {
    folder: PathBuf,
    next: AtomicU64,
    /// Nothing waits, as far as this process knows.
    empty: Arc<AtomicBool>,
    wake: Mutex<Option<Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Outbox {
    /// The outbox in `folder`, made if missing; what waits in it is sent from now on.
    pub(crate) fn open(folder: PathBuf, client: Client) -> io::Result<Outbox> {
        fs::create_dir_all(&folder)?;
        let empty = Arc::new(AtomicBool::new(waiting(&folder)?.is_empty()));
        let (wake, woken) = channel();
        let courier =
            Courier { folder: folder.clone(), client, empty: Arc::clone(&empty), was_away: false };
        let thread = std::thread::Builder::new()
            .name("courier".to_owned())
            .spawn(move || courier.run(&woken))?;
        Ok(Outbox {
            folder,
            next: AtomicU64::new(0),
            empty,
            wake: Mutex::new(Some(wake)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Nothing waits: who comes now need not stand in line.
    pub(crate) fn is_empty(&self) -> bool {
        self.empty.load(Ordering::Acquire)
    }

    /// Keeps `sightings` until they are sent.
    pub(crate) fn put(&self, sightings: &[SightingJson]) -> io::Result<()> {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let name = format!(
            "{:020}-{}-{:06}",
            since.unwrap_or_default().as_nanos(),
            std::process::id(),
            self.next.fetch_add(1, Ordering::Relaxed)
        );
        let unborn = self.folder.join(format!(".{name}"));
        let mut file = File::create(&unborn)?;
        file.write_all(&serde_json::to_vec(sightings)?)?;
        file.sync_all()?;
        fs::rename(&unborn, self.folder.join(format!("{name}.json")))?;
        File::open(&self.folder)?.sync_all()?;
        self.empty.store(false, Ordering::Release);
        if let Some(wake) = &*self.wake.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = wake.send(());
        }
        Ok(())
    }
}

impl Drop for Outbox {
    /// A last try; what stays is sent by whoever comes next.
    fn drop(&mut self) {
        drop(self.wake.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::warn!("the thread that sends sightings had ended before");
        }
        match waiting(&self.folder) {
            Ok(left) if !left.is_empty() => tracing::warn!(
                "{} batches of sightings wait in {} for the next photofinish with the same --to",
                left.len(),
                self.folder.display()
            ),
            _ => {}
        }
    }
}

/// The thread's side.
struct Courier {
    folder: PathBuf,
    client: Client,
    empty: Arc<AtomicBool>,
    was_away: bool,
}

impl Courier {
    fn run(mut self, woken: &Receiver<()>) {
        let mut pause = FIRST_RETRY;
        loop {
            match self.send_all() {
                Ok(()) => {
                    pause = FIRST_RETRY;
                    // One may have been put between the last look and now; it has woken us.
                    if woken.recv().is_err() {
                        return self.end();
                    }
                }
                Err(wait) => {
                    let wait = wait.unwrap_or(pause).max(pause);
                    pause = (pause * 2).min(LAST_RETRY);
                    if nap(woken, wait).is_err() {
                        return self.end();
                    }
                }
            }
            while woken.try_recv().is_ok() {}
        }
    }

    fn end(mut self) {
        let deadline = Instant::now() + LAST;
        while !self.empty.load(Ordering::Acquire)
            && self.send_all().is_err()
            && Instant::now() < deadline
        {
            std::thread::sleep(FIRST_RETRY.min(LAST / 10));
        }
    }

    /// Sends what waits, in order; what was not sent is tried again, after the pause asked for.
    fn send_all(&mut self) -> Result<(), Option<Duration>> {
        let folder = self.folder.clone();
        let trouble = |what: &str, cause: io::Error| {
            tracing::warn!("cannot {what} the outbox {}: {cause}", folder.display());
            None
        };
        let lock = File::create(self.folder.join("lock")).map_err(|e| trouble("lock", e))?;
        if lock.try_lock().is_err() {
            return Err(None); // another process sends
        }
        loop {
            // Before the look: what is put after it says so again.
            self.empty.store(true, Ordering::Release);
            let files = waiting(&self.folder).map_err(|cause| trouble("read", cause))?;
            if files.is_empty() {
                return Ok(());
            }
            self.empty.store(false, Ordering::Release);
            for file in files {
                self.send(&file)?;
            }
        }
    }

    fn send(&mut self, path: &Path) -> Result<(), Option<Duration>> {
        let sightings = fs::read(path)
            .map_err(anyhow::Error::from)
            .and_then(|bytes| Ok(serde_json::from_slice::<Vec<SightingJson>>(&bytes)?));
        let sightings = match sightings {
            Ok(sightings) => sightings,
            Err(cause) => {
                tracing::warn!("{} is set aside, it cannot be read: {cause}", path.display());
                let _ = fs::rename(path, path.with_extension("unreadable"));
                return Ok(());
            }
        };
        match self.client.send(&sightings) {
            Ok(_) => {
                if std::mem::take(&mut self.was_away) {
                    tracing::info!("{} takes sightings again", self.client.url());
                }
                fs::remove_file(path).map_err(|cause| {
                    tracing::warn!("cannot remove {}: {cause}", path.display());
                    None
                })
            }
            Err(error) => {
                if !std::mem::replace(&mut self.was_away, true) {
                    let error = anyhow::Error::from(error);
                    tracing::warn!("sightings wait on the disk: {error:#}");
                    return Err(None);
                }
                Err(error.pause())
            }
        }
    }
}

/// Waits, even if somebody wakes us: more to send brings nobody back. An error at the end.
fn nap(woken: &Receiver<()>, wait: Duration) -> Result<(), ()> {
    let until = Instant::now() + wait;
    loop {
        match woken.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(()) if Instant::now() < until => {}
            Ok(()) | Err(RecvTimeoutError::Timeout) => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => return Err(()),
        }
    }
}

/// What waits in `folder`, the oldest first.
fn waiting(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests;
