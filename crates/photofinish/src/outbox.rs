//! Sightings, and what campaigns came to, on their way to another machine: on the disk until they are there.
//!
//! For whoever has no spool of its own (`catch`, `proxy`, `hunt`). One file a batch, synced before it
//! counts; one thread sends them in order and removes what was taken. A crash between the two sends
//! again, with the same keys, so nothing counts twice. Of several processes with one outbox one at a
//! time sends; what the dead left is sent by whoever comes next.
//!
//! Start at [`Outbox::put`].

use photofinish_dashboard::client::Client;
use photofinish_dashboard::wire::{CampaignJson, SightingJson};
use serde::Serialize;
use serde::de::DeserializeOwned;
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
/// What a file ends in that has a campaign; all others have sightings.
const CAMPAIGN: &str = ".campaign.json";
/// A file that nobody finished for so long is what a killed process left.
const ABANDONED: Duration = Duration::from_secs(3600);

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
        sweep(&folder);
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

    /// Where it is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Keeps `sightings` until they are sent.
    pub(crate) fn put(&self, sightings: &[SightingJson]) -> io::Result<()> {
        self.keep(".json", sightings)
    }

    /// Keeps what a campaign came to until it is sent.
    pub(crate) fn put_campaign(&self, campaign: &CampaignJson) -> io::Result<()> {
        self.keep(CAMPAIGN, campaign)
    }

    fn keep(&self, ending: &str, what: &(impl Serialize + ?Sized)) -> io::Result<()> {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let name = format!(
            "{:020}-{}-{:06}",
            since.unwrap_or_default().as_nanos(),
            std::process::id(),
            self.next.fetch_add(1, Ordering::Relaxed)
        );
        let unborn = self.folder.join(format!(".{name}"));
        let write = || {
            let mut file = File::create(&unborn)?;
            file.write_all(&serde_json::to_vec(what)?)?;
            file.sync_all()?;
            fs::rename(&unborn, self.folder.join(format!("{name}{ending}")))
        };
        if let Err(cause) = write() {
            // Half of it would keep others from the little room there is.
            let _ = fs::remove_file(&unborn);
            return Err(cause);
        }
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
        let sent = if path.to_string_lossy().ends_with(CAMPAIGN) {
            read::<CampaignJson>(path).map(|campaign| self.client.campaign(&campaign))
        } else {
            read::<Vec<SightingJson>>(path).map(|those| self.client.send(&those).map(drop))
        };
        let sent = match sent {
            Ok(sent) => sent,
            Err(cause) => {
                tracing::warn!("{} is set aside, it cannot be read: {cause}", path.display());
                let _ = fs::rename(path, path.with_extension("unreadable"));
                return Ok(());
            }
        };
        match sent {
            Ok(()) => {
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

fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

/// Removes what killed processes did not finish writing.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_unborn = entry.file_name().to_string_lossy().starts_with('.');
        let age = entry.metadata().and_then(|of| of.modified()).map(|at| at.elapsed());
        if is_unborn && matches!(age, Ok(Ok(age)) if age > ABANDONED) {
            let _ = fs::remove_file(entry.path());
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
