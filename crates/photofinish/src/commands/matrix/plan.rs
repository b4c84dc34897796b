//! From flags and `photofinish.toml` to a [`Plan`].

use super::MatrixArgs;
use crate::commands::service::{Asked, Pace};
use crate::config::{Config, Percent};
use crate::output::error::hinted;
use anyhow::Context;
use photofinish_load::End;
use photofinish_matrix::{Column, Plan, Subject, Symptoms, Test, Way};
use photofinish_supervise::build;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

const DEFAULT_TRIALS: u32 = 10;
const DEFAULT_REQUESTS: u64 = 10_000;
const DEFAULT_LIMIT: Duration = Duration::from_secs(300);
const DEFAULT_ERROR_RATE: f64 = 0.05;
/// Nobody is served, so more than in production.
const CATCH_BUDGET: Percent = Percent(0.05);

/// The matrix that `args` and `config` ask for.
pub(super) fn plan(args: MatrixArgs, config: &Config) -> anyhow::Result<Plan> {
    let asked = Asked { service: &args.service, build: &args.build, config };
    let (own, file) = (&args.trials, &config.matrix);
    let service = asked.service()?;
    let mut load =
        asked.load(Pace { concurrency: own.concurrency, ..Pace::default() }, &service.place);
    load.end = match (own.requests, own.duration.or(file.duration), file.requests) {
        (Some(requests), _, _) | (None, None, Some(requests)) => End::Requests(requests),
        (None, Some(span), _) => End::After(span.0),
        (None, None, None) => End::Requests(DEFAULT_REQUESTS),
    };
    load.json = file.broken_json.unwrap_or(true);
    // Every trial sends the same.
    let seed = own.seed.or(file.seed).unwrap_or(1);
    load.seed = Some(seed);
    let dir = asked.dir();
    let build = asked.build(dir.clone());
    let repaired = repaired(&args, config, &build);
    let limit = file.limit.map_or(DEFAULT_LIMIT, |span| span.0);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let state = own.state.clone().or_else(|| file.state.as_ref().map(|state| config.path(state)));
    let state = state.unwrap_or_else(|| config.base.join(".photofinish").join("matrix"));
    let state = std::path::absolute(&state).unwrap_or(state);
    let toolchains = match (own.toolchains.is_empty(), file.toolchains.is_empty()) {
        (false, _) => own.toolchains.clone(),
        (true, false) => file.toolchains.clone(),
        (true, true) => vec!["local".to_owned()],
    };
    Ok(Plan {
        columns: columns(&args, config, repaired.is_some())?,
        catch: catch_command(file.catch.unwrap_or(CATCH_BUDGET), &service.name, &state, limit)?,
        toolchains,
        trials: own.trials.or(file.trials).unwrap_or(DEFAULT_TRIALS).max(1),
        seed,
        gomaxprocs: own.gomaxprocs.map(|n| n as usize).or(file.gomaxprocs).unwrap_or(processors),
        load,
        limit,
        symptoms: Symptoms {
            error_rate: config.load.max_error_rate.map_or(DEFAULT_ERROR_RATE, |share| share.0),
            check: file.check.clone(),
        },
        test: Test {
            packages: file.test.packages.clone(),
            tags: file.test.tags.clone(),
            args: file.test.args.clone(),
        },
        gorace: config.run.gorace.clone(),
        memory: config.run.memory.map(|bytes| bytes.0),
        launcher: crate::launcher()?,
        folder: dir,
        toolchain_cache: cache(),
        state,
        fresh: own.fresh,
        build,
        repaired,
        service,
    })
}

fn repaired(args: &MatrixArgs, config: &Config, build: &build::Plan) -> Option<build::Plan> {
    let file = config.matrix.repaired.clone();
    if file.is_none() && args.trials.repaired_tags.is_empty() {
        return None;
    }
    let file = file.unwrap_or_default();
    let mut repaired = build.clone();
    let tags =
        if args.trials.repaired_tags.is_empty() { &file.tags } else { &args.trials.repaired_tags };
    repaired.tags.extend(tags.iter().cloned());
    if let Some(dir) = file.dir {
        let dir = config.path(&dir);
        repaired.dir = std::path::absolute(&dir).unwrap_or(dir);
    }
    Some(repaired)
}

fn columns(args: &MatrixArgs, config: &Config, is_repaired: bool) -> anyhow::Result<Vec<Column>> {
    let mut columns: Vec<Column> = args.trials.columns.iter().map(|column| column.0).collect();
    if let (true, Some(file)) = (columns.is_empty(), &config.matrix.columns) {
        columns = file.0.iter().map(|column| column.0.0).collect();
    }
    if columns.is_empty() {
        let subjects = [Subject::Racy, Subject::Repaired];
        columns = subjects
            .into_iter()
            .filter(|subject| is_repaired || *subject == Subject::Racy)
            .flat_map(|subject| Way::ALL.map(|way| Column { subject, way }))
            .collect();
    }
    let unknown = columns.iter().find(|column| column.subject == Subject::Repaired && !is_repaired);
    if let Some(column) = unknown {
        let problem = format!("is missing, and {} is a column", column.word());
        let hint = "say how the repaired program is built: repaired = { tags = [\"repaired\"] }, or --repaired-tags";
        let error = config.wrong("matrix.repaired", &problem, Some(hint.to_owned()));
        let hint = error.hint();
        return Err(hinted(error, hint));
    }
    // In the order of the table, each once.
    columns.sort_unstable();
    columns.dedup();
    Ok(columns)
}

/// Ourselves, looking at the process whose number is put behind it. What it catches is counted here and kept nowhere else.
fn catch_command(
    budget: Percent,
    service: &str,
    state: &std::path::Path,
    limit: Duration,
) -> anyhow::Result<Vec<OsString>> {
    // It is ended with the load.
    let seconds = (limit + Duration::from_secs(60)).as_secs();
    let mut command = crate::launcher()?;
    command.push(std::env::current_exe().context("cannot find our own program")?.into());
    command.extend(["catch", "--format", "jsonl", "--service", service, "--store"].map(Into::into));
    command.push(state.join("catch.db").into());
    command.push("--spool".into());
    command.push(state.join("catch-spool").into());
    command.push(format!("--for={seconds}s").into());
    command.push(format!("--budget={}", budget.0).into());
    Ok(command)
}

/// Where toolchains are kept that Go does not bring itself.
fn cache() -> PathBuf {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    folder("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| folder("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("photofinish")
        .join("toolchains")
}
