//! `photofinish inspect`: what the goroutines of a running process do, without stopping it.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;
use photofinish_goprocess::{Goroutine, LayoutSource, Process, ReadError};
use photofinish_inspect::{Approach, Deadlocks, Filter, GroupBy, Look, Maps};

use super::{Format, text_or_json};
use crate::config::Span;
use crate::exit::ExitStatus;
use crate::output::error::{Hint, hinted};
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
    /// The process, or a core file
    #[arg(value_name = "PID|CORE")]
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
    /// Watch maps for so long
    #[arg(long = "for", value_name = "TIME", default_value = "1s")]
    watched_for: Span,
    /// Show the insides of the runtime and the compiler's wrappers too
    #[arg(long)]
    all_frames: bool,
    /// Show so many goroutines, or groups, at most
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
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

pub(crate) fn inspect(args: InspectArgs) -> anyhow::Result<ExitStatus> {
    let process = open(&args.target, args.program.as_deref())?;
    if process.layout_source() == LayoutSource::Guess {
        eprint_guess(&process)?;
    }
    let unread = |error: ReadError| {
        let hint = error.hint();
        hinted(error, hint).context(format!("cannot read the goroutines of {}", args.target))
    };
    if args.view == View::Deadlocks {
        let (look, deadlocks) = Deadlocks::find(&process).map_err(unread)?;
        let printed = match args.format {
            Format::Json => json::deadlocks(&deadlocks),
            _ => views::deadlocks(&look, &deadlocks),
        };
        printed.or_else(enough)?;
        let is_found = !deadlocks.is_empty();
        return Ok(if is_found { ExitStatus::Found } else { ExitStatus::Success });
    }
    if args.view == View::Maps {
        let time = args.watched_for.0;
        let maps = Maps::watch(&process, time, args.stop).map_err(unread)?;
        let limit = args.limit.unwrap_or(usize::MAX);
        let printed = match args.format {
            Format::Json => maps::json(&maps, limit),
            _ => maps::text(&maps, limit, time),
        };
        printed.or_else(enough)?;
        let is_race = maps.maps.iter().any(|map| map.together.is_some());
        return Ok(if is_race { ExitStatus::Found } else { ExitStatus::Success });
    }
    let approach = if args.stop { Approach::Still } else { Approach::Sampled };
    let look = Look::take_by(&process, approach).map_err(unread)?;
    say_how_taken(&look)?;
    let printed = match (args.view, args.number) {
        (View::Goroutine, Some(id)) => one(&args, &look, id),
        (View::Threads, _) => match args.format {
            Format::Json => json::threads(&look),
            _ => views::threads(&look),
        },
        _ => all(&args, &process, &look),
    };
    printed.or_else(enough)?;
    Ok(ExitStatus::Success)
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

fn open(target: &str, program: Option<&Path>) -> anyhow::Result<Process> {
    let opened = match target.parse() {
        Ok(pid) => Process::open(pid),
        Err(_) if Path::new(target).exists() => Process::open_core(Path::new(target), program),
        Err(_) => {
            let what = format!("`{target}` is neither a process number nor a core file");
            let hint = Hint("find its number: pgrep -l NAME".to_owned());
            return Err(anyhow::anyhow!(what).context(hint));
        }
    };
    opened.map_err(|error| {
        let hint = error.hint();
        hinted(error, hint)
    })
}

/// A Go that we do not know is said, since what follows may be wrong.
fn eprint_guess(process: &Process) -> anyhow::Result<()> {
    let version = &process.build().go_version;
    writeln!(
        anstream::stderr(),
        "photofinish: {version} is newer than known, and {} has no debug information: tried as the newest known Go",
        process.path().display()
    )?;
    Ok(())
}

/// For how long the process stood, and why goroutines that run have no stack.
fn say_how_taken(look: &Look) -> anyhow::Result<()> {
    let mut err = anstream::stderr();
    if let Some(held) = look.held {
        writeln!(
            err,
            "photofinish: the process stood still for {:.2} ms",
            held.as_secs_f64() * 1e3
        )?;
    }
    if let Some(why) = &look.not_sampled {
        writeln!(err, "photofinish: goroutines that run are shown without their stacks: {why}")?;
        if let Some(hint) = why.hint() {
            writeln!(err, "  try: {hint}; or --stop")?;
        }
    }
    Ok(())
}

fn all(args: &InspectArgs, process: &Process, look: &Look) -> anyhow::Result<()> {
    let is_wanted = |goroutine: &&Goroutine| {
        args.with.iter().all(|filter| filter.fits(look, goroutine))
            && !args.without.iter().any(|filter| filter.fits(look, goroutine))
    };
    let wanted: Vec<&Goroutine> = look.goroutines.iter().filter(is_wanted).collect();
    if args.format == Format::Json {
        let limit = args.limit.unwrap_or(usize::MAX);
        let shown = &wanted[..wanted.len().min(limit)];
        return json::goroutines(look, shown, args.all_frames).context("cannot write to stdout");
    }
    let listing = text::Listing {
        process,
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

fn one(args: &InspectArgs, look: &Look, id: u64) -> anyhow::Result<()> {
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
    match args.format {
        Format::Json => json::goroutine(look, goroutine, args.all_frames),
        _ => views::goroutine(look, goroutine, args.all_frames),
    }
    .context("cannot write to stdout")
}
