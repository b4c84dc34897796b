//! The threads: one per receiver that is told of findings, one per receiver that is told figures.

use crate::agent::place;
use crate::courier::Courier;
use crate::figures::{Figures, Teller};
use crate::otlp::Signal;
use crate::settings::{Kind, Receiver, Settings};
use photofinish_store::{Store, StoreError};
use std::sync::mpsc::{self, Sender, channel};
use std::thread::JoinHandle;

/// Tells everybody until it is dropped.
#[derive(Debug, Default)]
pub struct Notifier {
    threads: Vec<(Sender<()>, JoinHandle<()>)>,
}

/// Why nobody is told.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The findings cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A thread cannot be started.
    #[error("cannot start the thread that tells {place}")]
    Start {
        /// Whom.
        place: String,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
}

impl Notifier {
    /// Starts telling of findings, and `figures` to whoever takes them. A receiver that was never told of anything hears
    /// what happens from now on.
    ///
    /// # Errors
    /// The findings cannot be opened, or a thread not be started.
    pub fn start(settings: &Settings, figures: &Figures) -> Result<Notifier, NotifyError> {
        let mut notifier = Notifier::default();
        for receiver in &settings.receivers {
            if let Some(url) = logs_url(receiver) {
                let (page, pace) = (settings.page.clone(), settings.pace);
                let store = Store::open(&settings.store)?;
                let courier = Courier::new(store, receiver.clone(), url, page, pace)?;
                notifier.add(receiver, move |stopped| courier.run(stopped))?;
            }
            if let Some(url) = metrics_url(receiver) {
                let teller =
                    Teller { figures: figures.clone(), url, every: settings.pace.metrics_every };
                notifier.add(receiver, move |stopped| teller.run(stopped))?;
            }
        }
        Ok(notifier)
    }

    /// `run` is to end once what it is given has lost its other side.
    fn add(
        &mut self,
        receiver: &Receiver,
        run: impl FnOnce(&mpsc::Receiver<()>) + Send + 'static,
    ) -> Result<(), NotifyError> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new()
            .name("notify".to_owned())
            .spawn(move || run(&stopped))
            .map_err(|cause| NotifyError::Start { place: place(&receiver.url), cause })?;
        self.threads.push((stop, thread));
        Ok(())
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        let (stops, threads): (Vec<_>, Vec<_>) = self.threads.drain(..).unzip();
        // All of them, before any is waited for.
        drop(stops);
        for thread in threads {
            if thread.join().is_err() {
                tracing::warn!("a thread that tells of findings had ended before");
            }
        }
    }
}

/// Where findings go.
fn logs_url(receiver: &Receiver) -> Option<String> {
    match receiver.kind {
        Kind::Otlp => Signal::Logs.url(&receiver.url),
        _ => Some(receiver.url.clone()),
    }
}

/// Where figures go.
fn metrics_url(receiver: &Receiver) -> Option<String> {
    (receiver.kind == Kind::Otlp).then(|| Signal::Metrics.url(&receiver.url)).flatten()
}
