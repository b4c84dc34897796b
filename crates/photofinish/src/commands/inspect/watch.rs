//! `--watch`: one look after another, until the process ends or somebody has had enough.
//!
//! Goroutines are compared look by look; the other views are shown again. On a terminal each look takes the place of
//! the last one, elsewhere they follow each other.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use photofinish_goprocess::ReadError;
use photofinish_inspect::{GroupBy, Watch};

use super::subject::Subject;
use super::{Grouping, InspectArgs, View, enough, once, show_look};
use crate::commands::Format;
use crate::exit::ExitStatus;
use crate::output::error::Hint;
use crate::output::inspect_watch as output;

pub(super) fn watch(
    args: &InspectArgs,
    subject: &Subject,
    every: Duration,
) -> anyhow::Result<ExitStatus> {
    if !subject.is_live() {
        let hint = Hint("leave --watch out".to_owned());
        return Err(anyhow::anyhow!("only a process that runs can be watched").context(hint));
    }
    let by = match &args.group_by {
        Some(Grouping::By(by)) => by.clone(),
        _ => GroupBy::Place,
    };
    let mut watch = Watch::new(by);
    let mut status = ExitStatus::Success;
    let mut n_looks = 0_u64;
    loop {
        let start = Instant::now();
        let looked = match args.view {
            View::Goroutines => look(args, subject, &mut watch, every),
            _ => again(args, subject, &mut status),
        };
        match looked {
            Ok(true) => {}
            Ok(false) => return Ok(status),
            // Watching a process to its end is no failure.
            Err(error) if n_looks > 0 && is_gone(&error) => {
                writeln!(anstream::stderr(), "photofinish: the process has ended")?;
                return Ok(status);
            }
            Err(error) => return Err(error),
        }
        n_looks += 1;
        std::thread::sleep(every.saturating_sub(start.elapsed()));
    }
}

/// One look at the goroutines; false if nobody reads on.
fn look(
    args: &InspectArgs,
    subject: &Subject,
    watch: &mut Watch,
    every: Duration,
) -> anyhow::Result<bool> {
    let mut look = subject.look(args.approach())?.into_owned();
    let wanted: Vec<bool> =
        look.goroutines.iter().map(|goroutine| args.wants(&look, goroutine)).collect();
    let mut wanted = wanted.into_iter();
    look.goroutines.retain(|_| wanted.next().unwrap_or(false));
    let changes = watch.next(&mut look, Instant::now());
    let printed = match args.format {
        Format::Json => output::json(&look, &changes),
        _ if std::io::stdout().is_terminal() => {
            clear()?;
            output::text(&look, &changes, every).and_then(|()| show_look(args, subject, &look))
        }
        _ => output::text(&look, &changes, every),
    };
    reads_on(printed)
}

/// Another view, once more; false if nobody reads on.
fn again(args: &InspectArgs, subject: &Subject, status: &mut ExitStatus) -> anyhow::Result<bool> {
    if std::io::stdout().is_terminal() && args.format == Format::Text {
        clear()?;
    }
    let found = once(args, subject)?;
    if found == ExitStatus::Found {
        *status = found;
    }
    let mut out = anstream::stdout();
    reads_on(writeln!(out).and_then(|()| out.flush()).map_err(anyhow::Error::from))
}

fn reads_on(printed: anyhow::Result<()>) -> anyhow::Result<bool> {
    match printed {
        Ok(()) => Ok(true),
        Err(error) => enough(error).map(|()| false),
    }
}

/// The cursor home, and everything gone.
fn clear() -> anyhow::Result<()> {
    Ok(write!(anstream::stdout(), "\x1b[H\x1b[2J")?)
}

fn is_gone(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<ReadError>().is_some_and(ReadError::is_gone))
}
