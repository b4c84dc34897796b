//! `deadlocks --record`: rings and leaks become findings.

use std::io::Write as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use photofinish_model::Race;
use photofinish_supervise::{Sighted, Sink as _};

use super::InspectArgs;
use super::subject::Subject;
use crate::config::Config;
use crate::exit::ExitStatus;

pub(super) fn record(
    args: &InspectArgs,
    subject: &Subject,
    races: Vec<Race>,
) -> anyhow::Result<ExitStatus> {
    if races.is_empty() {
        return Ok(ExitStatus::Success);
    }
    let kept = args.keep.kept(&Config::load(None)?)?;
    let title = subject.title();
    let program = Path::new(&title.program).file_name().unwrap_or_default();
    let service = args.service.clone();
    let service = service.unwrap_or_else(|| program.to_string_lossy().into_owned());
    let at = UNIX_EPOCH + std::time::Duration::from_secs(title.taken_at);
    let unique = match subject {
        Subject::Process(_) => nanoseconds(SystemTime::now()),
        // The same dump again is the same sighting.
        Subject::Dump(_) => nanoseconds(at),
    };
    let pid = title.pid.unwrap_or_default();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let sighted = |(race_idx, mut race): (usize, Race)| {
        race.raw = photofinish_report::write(&race);
        Sighted {
            key: format!("inspect:{host}:{pid}:{unique}:{race_idx}"),
            race,
            source: "inspect".to_owned(),
            service: service.clone(),
            build: String::new(),
            host: host.clone(),
            pid,
            at,
        }
    };
    let sighted: Vec<Sighted> = races.into_iter().enumerate().map(sighted).collect();
    let delivered = kept.sink()?.deliver(&sighted)?;
    for found in delivered {
        let what = if found.new { "new" } else { "known" };
        let id = found.fingerprint.as_str().get(..8).unwrap_or_default();
        writeln!(anstream::stderr(), "photofinish: {what} finding {id}")?;
    }
    Ok(ExitStatus::Success)
}

fn nanoseconds(at: SystemTime) -> u128 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos())
}
