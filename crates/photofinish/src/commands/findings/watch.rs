//! `--watch`: shown again whenever somebody has changed something, until the reader has had enough.
//!
//! On a terminal what is new takes the place of what was there, and times that are told by their age are told again
//! now and then; elsewhere a text that has changed follows the last one. A database that is away for a while is
//! waited for.

use crate::commands::place::{StoreArgs, store_error};
use crate::exit::ExitStatus;
use anyhow::Context;
use photofinish_store::{Store, StoreError};
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Between two looks.
const PACE: Duration = Duration::from_millis(500);
/// Until ages are told again.
const AGES: Duration = Duration::from_secs(10);

/// Shows what `text` makes of the findings, or of none at all, again and again.
pub(super) fn watch(
    place: &StoreArgs,
    mut text: impl FnMut(Option<&Store>) -> anyhow::Result<String>,
) -> anyhow::Result<ExitStatus> {
    let is_terminal = std::io::stdout().is_terminal();
    let mut store = place.open()?;
    let mut shown: Option<(Option<i64>, Instant, String)> = None;
    loop {
        if store.is_none() {
            store = place.open()?;
        }
        let version = store.as_ref().map(Store::version).transpose();
        let version = match version {
            Err(error) if error.is_passing() && shown.is_some() => {
                std::thread::sleep(PACE);
                continue;
            }
            version => version.map_err(store_error)?,
        };
        let is_due = shown
            .as_ref()
            .is_none_or(|(known, at, _)| *known != version || (is_terminal && at.elapsed() > AGES));
        if is_due {
            match text(store.as_ref()) {
                Ok(text) => {
                    let is_new = shown.as_ref().is_none_or(|(_, _, known)| *known != text);
                    if is_new && !show(&text, is_terminal, shown.is_none())? {
                        return Ok(ExitStatus::Success);
                    }
                    shown = Some((version, Instant::now(), text));
                }
                Err(error) if shown.is_some() && is_passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        std::thread::sleep(PACE);
    }
}

fn is_passing(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<StoreError>().is_some_and(StoreError::is_passing))
}

/// False if nobody reads on.
fn show(text: &str, is_terminal: bool, is_first: bool) -> anyhow::Result<bool> {
    let mut out = anstream::stdout().lock();
    let before = match (is_terminal, is_first) {
        // The cursor home, and everything gone.
        (true, _) => "\x1b[H\x1b[2J\x1b[3J",
        (false, true) => "",
        (false, false) => "\n",
    };
    match write!(out, "{before}{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true).context("cannot write to stdout"),
    }
}
