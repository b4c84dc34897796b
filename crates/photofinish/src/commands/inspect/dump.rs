//! `--dump FILE`: everything that can be seen, into a file.

use std::io::Write as _;
use std::path::Path;

use photofinish_inspect::Dump;

use super::InspectArgs;
use super::subject::Subject;
use crate::exit::ExitStatus;
use crate::output::error::hinted;

pub(super) fn dump(
    args: &InspectArgs,
    subject: &Subject,
    path: &Path,
) -> anyhow::Result<ExitStatus> {
    let found = subject.deadlocks()?;
    let deadlocks = found.deadlocks().clone();
    // What that look saw of goroutines that run is less.
    drop(found);
    let maps = subject.maps(args.watched_for.0, args.stop)?.into_owned();
    let look = subject.look(args.approach())?.into_owned();
    let n_goroutines = look.goroutines.len();
    let dump = Dump { title: subject.title(), look, deadlocks, maps };
    let n_bytes = dump.write(path).map_err(|error| {
        let hint = error.hint();
        hinted(error, hint)
    })?;
    writeln!(
        anstream::stderr(),
        "photofinish: {n_goroutines} goroutines in {} ({:.1} MiB); look at them with: photofinish inspect {}",
        path.display(),
        n_bytes as f64 / f64::from(1 << 20),
        path.display()
    )?;
    Ok(ExitStatus::Success)
}
