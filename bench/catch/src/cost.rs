//! The repaired twins: what catch and a `-race` build cost them, and what is reported of them by mistake.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::catching::Catching;
use crate::corpus::{Pattern, Programs};
use crate::target::{Target, memory_mib};

/// A program begins with caches that are empty and a heap that grows.
const WARM: Duration = Duration::from_millis(200);

/// One twin.
#[derive(Debug)]
pub(crate) struct Cost {
    /// Rounds of work against those of the normal build.
    pub(crate) work_catch: f64,
    pub(crate) work_race: f64,
    /// Resident memory.
    pub(crate) normal_mib: f64,
    pub(crate) race_mib: f64,
    /// The peak of catch itself.
    pub(crate) catch_mib: f64,
    /// How long catch watched.
    pub(crate) watched: Duration,
    /// What it reported, each a false alarm.
    pub(crate) alarms: Vec<String>,
}

impl Cost {
    /// The cells of its line.
    pub(crate) fn cells(&self) -> String {
        format!(
            "{:.2} | {:.2} | {:.0} | {:.0} | {:.0} |",
            self.work_catch, self.work_race, self.normal_mib, self.race_mib, self.catch_mib
        )
    }
}

/// All twins, each alone, as a race build, and watched.
pub(crate) fn measure(programs: &Programs, quick: bool) -> anyhow::Result<BTreeMap<String, Cost>> {
    let alone = Duration::from_millis(if quick { 500 } else { 1000 });
    let watched = Duration::from_millis(if quick { 1500 } else { 4000 });
    let mut costs = BTreeMap::new();
    for Pattern { name, .. } in &programs.patterns {
        eprintln!("cost: {name}");
        // A machine's debug registers may be taken for a moment.
        let cost = twin(programs, name, alone, watched).or_else(|error| {
            eprintln!("{name}, again: {error:#}");
            twin(programs, name, alone, watched)
        })?;
        for alarm in &cost.alarms {
            eprintln!("{name}: a false alarm:\n{alarm}");
        }
        costs.insert(name.clone(), cost);
    }
    Ok(costs)
}

fn twin(
    programs: &Programs,
    name: &str,
    alone: Duration,
    watched: Duration,
) -> anyhow::Result<Cost> {
    let (race, race_mib) = run(&programs.race, name, alone)?;
    let mut target = Target::start(&programs.normal, name, "repaired")?;
    std::thread::sleep(WARM);
    let mark = target.mark()?;
    std::thread::sleep(alone);
    let before = target.pace(mark)?;
    let normal_mib = memory_mib(target.pid(), "VmRSS");
    let mut catching = Catching::start(target.pid(), watched, &[])?;
    catching.attached();
    let mark = target.mark()?;
    let caught = catching.finish()?;
    let during = target.pace(mark)?;
    let mark = target.mark()?;
    std::thread::sleep(alone);
    // Alone before and behind: what else the machine does changes meanwhile.
    let normal = f64::midpoint(before, target.pace(mark)?).max(f64::MIN_POSITIVE);
    Ok(Cost {
        work_catch: during / normal,
        work_race: race / normal,
        normal_mib,
        race_mib,
        catch_mib: caught.peak_mib,
        watched,
        alarms: caught.races,
    })
}

/// Rounds in a second, and resident memory.
fn run(binary: &Path, name: &str, time: Duration) -> anyhow::Result<(f64, f64)> {
    let mut target = Target::start(binary, name, "repaired")?;
    std::thread::sleep(WARM);
    let mark = target.mark()?;
    std::thread::sleep(time);
    Ok((target.pace(mark)?, memory_mib(target.pid(), "VmRSS")))
}
