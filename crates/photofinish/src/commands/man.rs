//! `photofinish man DIR`: a page for each command, made from the same text as `--help`.

use crate::exit::ExitStatus;
use anyhow::Context;
use clap::CommandFactory;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// The folder to write them into: …/share/man/man1
    dir: PathBuf,
}

/// Writes them.
pub(crate) fn man(args: ManArgs) -> anyhow::Result<ExitStatus> {
    let folder = &args.dir;
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(super::Cli::command(), folder))
        .with_context(|| format!("cannot write the pages into {}", folder.display()))?;
    Ok(ExitStatus::Success)
}
