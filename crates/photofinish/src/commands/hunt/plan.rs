//! From flags and `photofinish.toml` to a [`Plan`].

use super::{HuntArgs, LoadArgs};
use crate::commands::keep::Kept;
use crate::commands::service::{Asked, Pace, name_of};
use crate::config::jobs::JobsFlags;
use crate::config::{Config, Percent};
use crate::output::error::{Hint, hinted};
use anyhow::Context;
use photofinish_hunt::{CatchCommand, Jobs, Plan};
use photofinish_supervise::build;
use std::path::Path;
use std::time::Duration;

const DEFAULT_FOR: Duration = Duration::from_secs(60);
const LONGEST_BASELINE: Duration = Duration::from_secs(10);

/// The hunt that `args` and `config` ask for, and what a person should know of it.
pub(super) fn plan(
    args: HuntArgs,
    config: &Config,
    kept: &Kept,
) -> anyhow::Result<(Plan, Vec<String>)> {
    let asked = Asked { service: &args.service, build: &args.build, config };
    let service = asked.service()?;
    let (ways, catch, notes) = super::ways::ways(&args.ways, config, &service)?;
    let duration = args.load.duration.or(config.hunt.duration).map_or(DEFAULT_FOR, |span| span.0);
    let baseline = args.load.baseline.or(config.hunt.baseline).map(|span| span.0);
    let LoadArgs { twice_production, concurrency, rate, .. } = args.load;
    let load = asked.load(Pace { twice_production, concurrency, rate }, &service.place);
    let dir = asked.dir();
    let jobs = jobs(asked, &dir, &service.name)?;
    let catch = catch.map(|budget| catch_command(budget, duration, &service.name, kept));
    let plan = Plan {
        folder: dir.clone(),
        ways,
        build: asked.build(dir),
        gorace: config.run.gorace.clone(),
        memory: config.run.memory.map(|bytes| bytes.0),
        spool: kept.spool(),
        launcher: crate::launcher()?,
        guard: crate::guard(std::time::Duration::from_secs(10))?,
        catch: catch.transpose()?,
        jobs,
        load,
        duration,
        baseline: baseline.unwrap_or_else(|| (duration / 6).min(LONGEST_BASELINE)),
        service,
    };
    Ok((plan, notes))
}

/// Ourselves, looking at the process whose number is put behind it.
fn catch_command(
    budget: Percent,
    duration: Duration,
    service: &str,
    kept: &Kept,
) -> anyhow::Result<CatchCommand> {
    // It is ended with the load.
    let seconds = (duration + Duration::from_secs(60)).as_secs();
    let mut words = crate::launcher()?;
    words.push(std::env::current_exe()?.into());
    words.extend(["catch", "--format", "jsonl", "--service", service, "--store"].map(Into::into));
    words.push(kept.store().flag());
    words.extend_from_slice(kept.flags());
    words.push(format!("--for={seconds}s").into());
    words.push(format!("--budget={}", budget.0).into());
    let password = kept.store().password();
    let env = password.map(|password| ("PGPASSWORD".into(), password)).into_iter().collect();
    Ok(CatchCommand { words, env })
}

/// The queue, if the configuration says what to hunt of it.
fn jobs(asked: Asked<'_>, service: &Path, name: &str) -> anyhow::Result<Option<Jobs>> {
    let config = asked.config;
    let Some(hunt) = &config.jobs.hunt else { return Ok(None) };
    if hunt.work.is_empty() {
        return Err(anyhow::anyhow!("`jobs.hunt.work` is missing")).context(Hint(
            "say with which arguments the program is a worker: work = [\"work\", \"-queue={queue}\"]".to_owned(),
        ));
    }
    let url = std::env::var("PHOTOFINISH_JOBS_URL").ok();
    let queue = config.jobs_plan(&JobsFlags { url, ..JobsFlags::default() }).map_err(|error| {
        let hint = error.hint();
        hinted(error, hint)
    })?;
    let named = hunt.dir.as_ref().map(|dir| config.path(dir));
    let dir =
        named.map_or_else(|| service.to_owned(), |dir| std::path::absolute(&dir).unwrap_or(dir));
    let package = hunt.package.clone().unwrap_or_else(|| ".".to_owned());
    let own = match hunt.dir {
        Some(_) => name_of(&package, &dir),
        None => name.to_owned(),
    };
    Ok(Some(Jobs {
        queue,
        build: build::Plan { packages: vec![package], ..asked.build(dir.clone()) },
        name: own,
        work: hunt.work.clone(),
        produce: hunt.produce.clone(),
        env: hunt.env.clone(),
        folder: dir,
    }))
}
