//! `photofinish inspect PID goroutine N`: everything about one goroutine.

use std::path::PathBuf;

use anyhow::Context as _;
use photofinish_goprocess::{Goroutine, Limits, Pc, Process, Values};
use photofinish_inspect::{Detail, Look};

use super::Format;
use crate::output::inspect_goroutine::{Told, text};
use crate::output::inspect_goroutine_json::json;
use crate::output::source_files::SourceFiles;

/// Flags of the view `goroutine`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct GoroutineArgs {
    /// Show names and types of arguments and locals, and no values: they can hold secrets
    #[arg(long)]
    no_values: bool,
    /// Show so many bytes of a string
    #[arg(long, value_name = "N", default_value_t = 64)]
    string_len: usize,
    /// Look for source below this folder too (several: in that order)
    #[arg(long, value_name = "DIR")]
    source_root: Vec<PathBuf>,
}

/// Prints what a dump has of `goroutine`.
pub(crate) fn show_kept(
    args: &GoroutineArgs,
    look: &Look,
    goroutine: &Goroutine,
    all_frames: bool,
    format: Format,
) -> anyhow::Result<()> {
    let (detail, values) = (Detail::kept(look, goroutine), Vec::new());
    let told = Told { look, goroutine, detail, values, hide: true, all_frames, is_kept: true };
    let printed = match format {
        Format::Json => json(&told),
        _ => text(&told, &mut SourceFiles::new(&args.source_root, None)),
    };
    printed.context("cannot write to stdout")
}

/// Prints everything about `goroutine`.
pub(crate) fn show(
    args: &GoroutineArgs,
    process: &Process,
    look: &Look,
    goroutine: &Goroutine,
    all_frames: bool,
    format: Format,
) -> anyhow::Result<()> {
    let limits = Limits { string: args.string_len, ..Limits::default() };
    let values = Values::open(process, limits);
    // The runtime's own variables say nothing to those who did not write it.
    let is_wanted = |pc: Pc| {
        let frames = process.frames(pc);
        all_frames || frames.iter().any(|frame| !frame.function.starts_with("runtime."))
    };
    let told = Told {
        look,
        goroutine,
        detail: Detail::of(process, look, goroutine),
        values: values.of(goroutine, is_wanted).unwrap_or_default(),
        hide: args.no_values,
        all_frames,
        is_kept: false,
    };
    let printed = match format {
        Format::Json => json(&told),
        _ => {
            let module = process.build().module.as_deref();
            text(&told, &mut SourceFiles::new(&args.source_root, module))
        }
    };
    printed.context("cannot write to stdout")
}
