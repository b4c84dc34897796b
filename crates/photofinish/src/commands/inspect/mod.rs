//! `photofinish inspect`: what the goroutines of a running process do, without stopping it.
//!
//! Here are the flags and one look; where the looks come from is in `subject`, many looks in `watch`, files in `dump`.

mod dump;
mod record;
mod subject;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use photofinish_goprocess::{Goroutine, block_child_signals};
use photofinish_inspect::{Approach, Filter, GroupBy, Look};

use self::subject::Subject;
use super::inspect_goroutine::{GoroutineArgs, show, show_kept};
use super::keep::KeepArgs;
use super::{Format, text_or_json};
use crate::config::Span;
use crate::exit::ExitStatus;
use crate::output::error::Hint;
use crate::output::{
    inspect as text, inspect_json as json, inspect_maps as maps, inspect_views as views,
};

/// Show what the goroutines of a live Go process do
///
/// The process is not stopped and not changed: its memory is read while it runs, with checks. It needs no debug
/// information, no symbols and no cooperation, only the right to read it: the same user, or CAP_SYS_PTRACE.
///
/// Exit status: 0 looked, 1 found a deadlock or a leak (`deadlocks`), or two goroutines in a map that one of them
/// writes (`maps`), 2 could not look.
#[derive(Debug, clap::Args)]
pub(crate) struct InspectArgs {
    /// The process, a core file, or a dump written with --dump
    #[arg(value_name = "PID|FILE")]
    target: String,
    /// What to show
    #[arg(value_enum, default_value_t = View::Goroutines)]
    view: View,
    /// Which goroutine, for the view `goroutine`
    #[arg(value_name = "N", required_if_eq("view", "goroutine"))]
    number: Option<u64>,
    /// Only goroutines that are: user, running, waitreason=TEXT, label=NAME[=VALUE], function=TEXT (several: all of them)
    #[arg(long, value_name = "FILTER")]
    with: Vec<Filter>,
    /// No goroutines that are so
    #[arg(long, value_name = "FILTER")]
    without: Vec<Filter>,
    /// Group by: place, state, function, start, creator, stack, waiting-for, label=NAME; or none (default: place
    /// when there are more than a screenful)
    #[arg(long, value_name = "BY", value_parser = grouping)]
    group_by: Option<Grouping>,
    /// Show whole stacks
    #[arg(long)]
    stacks: bool,
    /// Hold the process still while it is read, for an exact picture, and say for how long it stood
    #[arg(long)]
    stop: bool,
    /// Look again and again, each so many seconds, and show what changed
    #[arg(
        long,
        value_name = "SECONDS",
        value_parser = seconds,
        num_args = 0..=1,
        default_missing_value = "2",
        conflicts_with = "dump"
    )]
    watch: Option<Duration>,
    /// Write everything into FILE, to be looked at later, on another machine: photofinish inspect FILE. It holds
    /// stacks, labels and addresses, and no memory of the process
    #[arg(long, value_name = "FILE")]
    dump: Option<PathBuf>,
    /// Keep deadlocks and leaks as findings (with `deadlocks`)
    #[arg(long)]
    record: bool,
    /// The name of the service in findings [default: the program's]
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    #[command(flatten)]
    keep: KeepArgs,
    /// Watch maps for so long
    #[arg(long = "for", value_name = "TIME", default_value = "1s")]
    watched_for: Span,
    /// Show the insides of the runtime and the compiler's wrappers too
    #[arg(long)]
    all_frames: bool,
    /// Show so many goroutines, or groups, at most
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    one: GoroutineArgs,
    /// The program of a core file, where it is not at the place that the core file says
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// How to print
    #[arg(long, value_parser = text_or_json, default_value = "text")]
    format: Format,
}

/// What there is to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum View {
    /// All goroutines
    Goroutines,
    /// One goroutine, with its stack and who waits for the same
    Goroutine,
    /// Rings of goroutines that wait for each other, and goroutines that wait for ever
    Deadlocks,
    /// Who is inside which map: readers against writers
    Maps,
    /// What each thread runs
    Threads,
}

/// `--group-by`.
#[derive(Clone, Debug)]
enum Grouping {
    By(GroupBy),
    None,
}

fn grouping(word: &str) -> Result<Grouping, String> {
    match word {
        "none" => Ok(Grouping::None),
        _ => word.parse().map(Grouping::By),
    }
}

/// `2`, `0.5`, `2s`.
fn seconds(text: &str) -> Result<Duration, String> {
    let refused = || format!("`{text}` is no time; write it like 2, 0.5, 500ms or 1m");
    let time = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|_| refused())?,
        Err(_) => text.parse::<Span>()?.0,
    };
    if time.is_zero() { Err(refused()) } else { Ok(time) }
}

pub(crate) fn inspect(args: InspectArgs) -> anyhow::Result<ExitStatus> {
    if args.record && args.view != View::Deadlocks {
        let hint = Hint("photofinish inspect PID deadlocks --record".to_owned());
        return Err(anyhow::anyhow!("only deadlocks and leaks are recorded").context(hint));
    }
    if args.stop {
        // Before any other thread begins.
        block_child_signals();
    }
    let subject = Subject::open(&args.target, args.program.as_deref())?;
    if let Some(path) = &args.dump {
        return dump::dump(&args, &subject, path);
    }
    match args.watch {
        Some(every) => watch::watch(&args, &subject, every),
        None => once(&args, &subject),
    }
}

/// One look, by the view asked for.
fn once(args: &InspectArgs, subject: &Subject) -> anyhow::Result<ExitStatus> {
    match args.view {
        View::Deadlocks => deadlocks(args, subject),
        View::Maps => in_maps(args, subject),
        View::Goroutines | View::Goroutine | View::Threads => {
            let look = subject.look(args.approach())?;
            show_look(args, subject, &look)?;
            Ok(ExitStatus::Success)
        }
    }
}

impl InspectArgs {
    fn approach(&self) -> Approach {
        if self.stop { Approach::Still } else { Approach::Sampled }
    }

    /// Whether a goroutine passes the filters.
    fn wants(&self, look: &Look, goroutine: &Goroutine) -> bool {
        self.with.iter().all(|filter| filter.fits(look, goroutine))
            && !self.without.iter().any(|filter| filter.fits(look, goroutine))
    }
}

fn deadlocks(args: &InspectArgs, subject: &Subject) -> anyhow::Result<ExitStatus> {
    let found = subject.deadlocks()?;
    let (look, deadlocks) = (found.look(), found.deadlocks());
    let limit = args.limit.unwrap_or(usize::MAX);
    // First: it is seen even where it cannot be recorded.
    let printed = match args.format {
        Format::Json => json::deadlocks(deadlocks, limit),
        _ => views::deadlocks(look, deadlocks, limit),
    };
    if args.record {
        record::record(args, subject, deadlocks.races(look))?;
    }
    printed.or_else(enough)?;
    Ok(if deadlocks.is_empty() { ExitStatus::Success } else { ExitStatus::Found })
}

fn in_maps(args: &InspectArgs, subject: &Subject) -> anyhow::Result<ExitStatus> {
    let time = args.watched_for.0;
    let seen = subject.maps(time, args.stop)?;
    let limit = args.limit.unwrap_or(usize::MAX);
    let printed = match args.format {
        Format::Json => maps::json(&seen, limit),
        _ => maps::text(&seen, limit, subject.is_live().then_some(time)),
    };
    printed.or_else(enough)?;
    let is_race = seen.maps.iter().any(|map| map.together.is_some());
    Ok(if is_race { ExitStatus::Found } else { ExitStatus::Success })
}

fn show_look(args: &InspectArgs, subject: &Subject, look: &Look) -> anyhow::Result<()> {
    let printed = match (args.view, args.number) {
        (View::Goroutine, Some(id)) => one(args, subject, look, id),
        (View::Threads, _) => match args.format {
            Format::Json => json::threads(look),
            _ => views::threads(look),
        },
        _ => all(args, subject, look),
    };
    printed.or_else(enough)
}

/// Whoever reads our output may have had enough of it (`| head`).
fn enough(error: anyhow::Error) -> anyhow::Result<()> {
    let is_closed = error.chain().any(|cause| {
        let kind = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let json =
            cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        kind.or(json) == Some(std::io::ErrorKind::BrokenPipe)
    });
    if is_closed { Ok(()) } else { Err(error) }
}

fn all(args: &InspectArgs, subject: &Subject, look: &Look) -> anyhow::Result<()> {
    let wanted: Vec<&Goroutine> =
        look.goroutines.iter().filter(|goroutine| args.wants(look, goroutine)).collect();
    if args.format == Format::Json {
        let limit = args.limit.unwrap_or(usize::MAX);
        let shown = &wanted[..wanted.len().min(limit)];
        return json::goroutines(look, shown, args.all_frames).context("cannot write to stdout");
    }
    let title = subject.title();
    let listing = text::Listing {
        title: &title,
        when: subject.when(),
        look,
        stacks: args.stacks,
        all_frames: args.all_frames,
        limit: args.limit,
    };
    let group_by = match &args.group_by {
        Some(Grouping::By(by)) => Some(by.clone()),
        Some(Grouping::None) => None,
        None => (wanted.len() > text::screenful()).then_some(GroupBy::Place),
    };
    listing.print(&wanted, group_by.as_ref()).context("cannot write to stdout")
}

fn one(args: &InspectArgs, subject: &Subject, look: &Look, id: u64) -> anyhow::Result<()> {
    let Some(goroutine) = look.goroutine(id) else {
        let hint = match (look.goroutines.first(), look.goroutines.last()) {
            (Some(first), Some(last)) => format!(
                "it may have ended; there are {}, numbered {} to {}",
                look.goroutines.len(),
                first.id,
                last.id
            ),
            _ => "the process has no goroutines".to_owned(),
        };
        return Err(anyhow::anyhow!("no goroutine {id}").context(Hint(hint)));
    };
    match subject {
        Subject::Process(process) => {
            show(&args.one, process, look, goroutine, args.all_frames, args.format)
        }
        Subject::Dump(_) => show_kept(&args.one, look, goroutine, args.all_frames, args.format),
    }
}
