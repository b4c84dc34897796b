//! From flags and `photofinish.toml` to a [`Plan`].

use super::HuntArgs;
use crate::commands::keep::Kept;
use crate::config::jobs::JobsFlags;
use crate::config::{Config, Percent, RequestConfig};
use crate::output::error::{Hint, hinted};
use anyhow::Context;
use photofinish_hunt::{Jobs, Place, Plan, Service};
use photofinish_load::{Load, OkStatus, Ramp, Request};
use photofinish_supervise::build::{self, Light};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

const DEFAULT_FOR: Duration = Duration::from_secs(60);
const DEFAULT_CONCURRENCY: u32 = 100;
const LONGEST_BASELINE: Duration = Duration::from_secs(10);

/// The hunt that `args` and `config` ask for, and what a person should know of it.
pub(super) fn plan(
    args: HuntArgs,
    config: &Config,
    kept: &Kept,
) -> anyhow::Result<(Plan, Vec<String>)> {
    let service = service(&args, config)?;
    let (ways, catch, notes) = super::ways::ways(&args.ways, config, &service)?;
    let duration = args.load.duration.or(config.hunt.duration).map_or(DEFAULT_FOR, |span| span.0);
    let baseline = args.load.baseline.or(config.hunt.baseline).map(|span| span.0);
    let load = load(&args, config, &service.place);
    let dir = dir(&args, config);
    let jobs = jobs(&args, config, &dir, &service.name)?;
    let catch = catch.map(|budget| catch_command(budget, duration, &service.name, kept));
    let plan = Plan {
        folder: dir.clone(),
        ways,
        build: build(&args, config, dir),
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
) -> anyhow::Result<Vec<OsString>> {
    // It is ended with the load.
    let seconds = (duration + Duration::from_secs(60)).as_secs();
    let mut command = crate::launcher()?;
    command.push(std::env::current_exe()?.into());
    command.extend(["catch", "--format", "jsonl", "--service", service, "--store"].map(Into::into));
    command.push(kept.store().flag());
    command.extend_from_slice(kept.flags());
    command.push(format!("--for={seconds}s").into());
    command.push(format!("--budget={}", budget.0).into());
    Ok(command)
}

fn dir(args: &HuntArgs, config: &Config) -> PathBuf {
    let named = args
        .service
        .dir
        .clone()
        .or_else(|| config.service.dir.as_ref().map(|dir| config.path(dir)));
    let dir = named.unwrap_or_else(|| config.base.clone());
    std::path::absolute(if dir.as_os_str().is_empty() { Path::new(".") } else { &dir })
        .unwrap_or(dir)
}

fn package(args: &HuntArgs, config: &Config) -> String {
    args.service
        .package
        .clone()
        .or_else(|| config.service.package.clone())
        .unwrap_or_else(|| ".".to_owned())
}

fn service(args: &HuntArgs, config: &Config) -> anyhow::Result<Service> {
    let url = args.service.url.as_ref().or(config.service.url.as_ref());
    let url = url.context("nobody said where the service listens").context(Hint(
        "give --url http://127.0.0.1:8080/, or url in [service] of photofinish.toml".to_owned(),
    ))?;
    let place = Place::parse(url).map_err(|error| {
        let hint = error.hint();
        hinted(error, hint)
    })?;
    let mut env = config.service.env.clone();
    env.extend(args.service.env.iter().cloned());
    let named = args.service.service.clone().or_else(|| config.service.name.clone());
    Ok(Service {
        name: named.unwrap_or_else(|| name_of(&package(args, config), &dir(args, config))),
        args: if args.service.args.is_empty() {
            config.service.args.clone()
        } else {
            args.service.args.clone()
        },
        env,
        place,
        ready: args.service.ready.clone().or_else(|| config.service.ready.clone()),
        ready_timeout: args
            .service
            .ready_timeout
            .or(config.service.ready_timeout)
            .map_or(Duration::from_secs(60), |span| span.0),
    })
}

/// `./cmd/api` is called `api`, `.` after its folder.
fn name_of(package: &str, dir: &Path) -> String {
    let last = Path::new(package).file_name().or_else(|| dir.file_name());
    last.map_or_else(|| "service".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The queue, if the configuration says what to hunt of it.
fn jobs(
    args: &HuntArgs,
    config: &Config,
    service: &Path,
    name: &str,
) -> anyhow::Result<Option<Jobs>> {
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
        build: build::Plan { packages: vec![package], ..build(args, config, dir.clone()) },
        name: own,
        work: hunt.work.clone(),
        produce: hunt.produce.clone(),
        env: hunt.env.clone(),
        folder: dir,
    }))
}

fn build(args: &HuntArgs, config: &Config, dir: PathBuf) -> build::Plan {
    let out = match &config.build.out {
        Some(out) => config.path(out),
        None => dir.join(".photofinish").join("bin"),
    };
    let mut tags = config.build.tags.clone();
    tags.extend(args.build.tags.iter().cloned());
    build::Plan {
        packages: vec![package(args, config)],
        // Its name must not be taken for that of a single binary.
        out: PathBuf::from(format!("{}/", std::path::absolute(&out).unwrap_or(out).display())),
        go: args.build.go.clone().or_else(|| config.build.go.clone()),
        tags,
        ldflags: config.build.ldflags.iter().cloned().collect(),
        gcflags: config.build.gcflags.clone(),
        env: config.build.env.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        racecanary_on_both: config.build.racecanary_everywhere,
        light: (args.build.light || config.build.light).then(Light::default),
        dir,
        ..build::Plan::default()
    }
}

fn load(args: &HuntArgs, config: &Config, place: &Place) -> photofinish_load::Plan {
    let own = [args.load.twice_production.map(|n| 2 * n), args.load.concurrency];
    let from_file = [config.load.twice_production.map(|n| 2 * n), config.load.concurrency];
    let flag = own.into_iter().flatten().next();
    let rate = args.load.rate.or(config.load.rate.filter(|_| flag.is_none()));
    let load = match rate {
        Some(rate) => Load::Open { rate: Ramp::constant(rate), max_in_flight: None },
        None => {
            let workers = flag
                .or_else(|| from_file.into_iter().flatten().next())
                .unwrap_or(DEFAULT_CONCURRENCY);
            Load::closed(workers as usize)
        }
    };
    let mut requests: Vec<Request> =
        config.load.request.iter().map(|request| self::request(request, place)).collect();
    if requests.is_empty() || args.service.url.is_some() && config.service.url.is_none() {
        requests = vec![Request::get(&place.url(&place.path))];
    }
    let mut plan = photofinish_load::Plan::new(requests, load);
    if let Some(timeout) = config.load.timeout {
        plan.timeout = timeout.0;
    }
    if !config.load.ok.is_empty() {
        plan.ok = OkStatus::Only(config.load.ok.clone());
    }
    plan
}

fn request(config: &RequestConfig, place: &Place) -> Request {
    let mut request = Request::new(&config.method, &place.url(&config.path));
    request.headers = config.headers.clone().into_iter().collect();
    request.body = config.body.clone().unwrap_or_default().into_bytes();
    request.weight = config.weight;
    request
}
