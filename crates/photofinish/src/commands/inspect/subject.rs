//! What is looked at: a running process, a core file, or a dump that was written earlier.

use std::borrow::Cow;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use jiff::Timestamp;
use photofinish_goprocess::{LayoutSource, Process, ReadError};
use photofinish_inspect::{Approach, Deadlocks, Dump, Look, Maps, Title};

use crate::output::error::{Hint, hinted};
use crate::output::style::ago;

/// What is looked at.
pub(super) enum Subject {
    /// It runs, or left a core file.
    Process(Box<Process>),
    /// What was made of one earlier.
    Dump(Box<Dump>),
}

/// Deadlocks, and the look they were found in.
pub(super) enum Found<'a> {
    Now(Box<(Look, Deadlocks)>),
    Kept(&'a Dump),
}

impl Subject {
    /// Opens `target`: a number, or a file.
    pub(super) fn open(target: &str, program: Option<&Path>) -> anyhow::Result<Subject> {
        let path = Path::new(target);
        let opened = match target.parse() {
            Ok(pid) => Process::open(pid),
            Err(_) if is_dump(path) => {
                let read = Dump::read(path).map_err(|error| {
                    let hint = error.hint();
                    hinted(error, hint)
                })?;
                return Ok(Subject::Dump(Box::new(read)));
            }
            Err(_) if path.exists() => Process::open_core(path, program),
            Err(_) => {
                let what =
                    format!("`{target}` is neither a process number nor a core file or dump");
                let hint = Hint("find its number: pgrep -l NAME".to_owned());
                return Err(anyhow::anyhow!(what).context(hint));
            }
        };
        let process = opened.map_err(|error| {
            let hint = error.hint();
            hinted(error, hint)
        })?;
        if process.layout_source() == LayoutSource::Guess {
            eprint_guess(&process)?;
        }
        Ok(Subject::Process(Box::new(process)))
    }

    pub(super) fn is_live(&self) -> bool {
        matches!(self, Subject::Process(process) if process.pid().is_some())
    }

    /// Reads all goroutines, and says on stderr what there is to say of how.
    pub(super) fn look(&self, approach: Approach) -> anyhow::Result<Cow<'_, Look>> {
        match self {
            Subject::Process(process) => {
                let look = Look::take_by(process, approach).map_err(|error| self.unread(error))?;
                say_how_taken(&look)?;
                Ok(Cow::Owned(look))
            }
            Subject::Dump(dump) => Ok(Cow::Borrowed(&dump.look)),
        }
    }

    pub(super) fn deadlocks(&self) -> anyhow::Result<Found<'_>> {
        match self {
            Subject::Process(process) => {
                let found = Deadlocks::find(process).map_err(|error| self.unread(error))?;
                Ok(Found::Now(Box::new(found)))
            }
            Subject::Dump(dump) => Ok(Found::Kept(dump)),
        }
    }

    pub(super) fn maps(&self, time: Duration, is_held: bool) -> anyhow::Result<Cow<'_, Maps>> {
        match self {
            Subject::Process(process) => {
                let seen = Maps::watch(process, time, is_held);
                Ok(Cow::Owned(seen.map_err(|error| self.unread(error))?))
            }
            Subject::Dump(dump) => Ok(Cow::Borrowed(&dump.maps)),
        }
    }

    pub(super) fn title(&self) -> Title {
        match self {
            Subject::Process(process) => Title {
                program: process.path().to_string_lossy().into_owned(),
                pid: process.pid(),
                go_version: process.build().go_version.clone(),
                taken_at: SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .map_or(0, |since| since.as_secs()),
            },
            Subject::Dump(dump) => dump.title.clone(),
        }
    }

    /// When it was looked at, if that is not now.
    pub(super) fn when(&self) -> Option<String> {
        let Subject::Dump(dump) = self else { return None };
        let at = i64::try_from(dump.title.taken_at).ok()?;
        let at = Timestamp::from_second(at).ok()?;
        Some(format!("dumped {}", ago(at, Timestamp::now())))
    }

    fn unread(&self, error: ReadError) -> anyhow::Error {
        let hint = error.hint();
        let what = match self {
            Subject::Process(process) => match process.pid() {
                Some(pid) => format!("process {pid}"),
                None => "the core file".to_owned(),
            },
            Subject::Dump(_) => "the dump".to_owned(),
        };
        hinted(error, hint).context(format!("cannot read the goroutines of {what}"))
    }
}

impl Found<'_> {
    pub(super) fn look(&self) -> &Look {
        match self {
            Found::Now(now) => &now.0,
            Found::Kept(dump) => &dump.look,
        }
    }

    pub(super) fn deadlocks(&self) -> &Deadlocks {
        match self {
            Found::Now(now) => &now.1,
            Found::Kept(dump) => &dump.deadlocks,
        }
    }
}

fn is_dump(path: &Path) -> bool {
    let mut head = [0; 8];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && Dump::begins(&head)
}

/// A Go that we do not know is said, since what follows may be wrong.
fn eprint_guess(process: &Process) -> anyhow::Result<()> {
    let version = &process.build().go_version;
    writeln!(
        anstream::stderr(),
        "photofinish: {version} is newer than known, and {} has no debug information: tried as the newest known Go",
        process.path().display()
    )
    .context("cannot write to stderr")
}

/// For how long the process stood, and why goroutines that run have no stack.
fn say_how_taken(look: &Look) -> anyhow::Result<()> {
    let mut err = anstream::stderr();
    if let Some(held) = look.held {
        let millis = held.as_secs_f64() * 1e3;
        writeln!(err, "photofinish: the process stood still for {millis:.2} ms")?;
    }
    if let Some(why) = &look.not_sampled {
        writeln!(err, "photofinish: goroutines that run are shown without their stacks: {why}")?;
        if let Some(hint) = why.hint() {
            writeln!(err, "  try: {hint}; or --stop")?;
        }
    }
    Ok(())
}
