//! A trial of a build of the service: started, waited for, driven, ended.

use super::catching::Catching;
use super::check::Check;
use super::running::Running;
use super::usage::{cpu_seconds, peak_memory};
use super::{Load, Seen, Trial};
use crate::{Column, Plan, Progress, Way};
use photofinish_hunt::{Place, moved};
use photofinish_load::{ErrorKind, Snapshot, Stop, Summary};
use photofinish_supervise::run::{self, Restart};
use photofinish_supervise::spool::Spool;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How often a process that may have ended is looked at.
const TICK: Duration = Duration::from_millis(100);
/// Lines of its output that are shown when it does not come up.
const LINES: usize = 8;

/// What a trial is of.
pub(crate) struct Setting<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) column: Column,
    pub(crate) binary: &'a Path,
    pub(crate) stop: &'a Stop,
}

/// Runs a trial. The error says why it could not be run.
pub(crate) fn run(
    setting: &Setting<'_>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Trial, String> {
    let plan = setting.plan;
    let place = setting.place()?;
    let spool = tempfile::tempdir_in(&plan.state).map_err(|error| error.to_string())?;
    let log = setting.log();
    File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let run_plan = setting.run_plan(&place, Spool::new(spool.path())).map_err(|e| e.to_string())?;
    let mut running = Running::start(run_plan, &log).map_err(|error| error.to_string())?;
    setting.wait(&mut running, &place)?;
    let catching = match setting.column.way {
        Way::Catch => Some(Catching::start(&plan.catch, running.pid())?),
        _ => None,
    };
    let check = Check::start(&plan.symptoms.check, &plan.folder, &place.url(""))?;
    let (begun, begun_at) = (Instant::now(), SystemTime::now());
    let driven = drive(setting, &place, &running, progress)?;
    let mut races = match catching.map(|catching| catching.finish(begun)) {
        // The process that it looked at is gone, and it was not there yet.
        Some(Err(_)) if running.ended() => Vec::new(),
        Some(caught) => caught?,
        None => Vec::new(),
    };
    let wrong_answer = check.and_then(Check::finish);
    let heard = running.heard.clone();
    // Whoever supervises looks now and then, which a short trial may fall between.
    let at_the_end = peak_memory(running.pid()).unwrap_or(0);
    let (crash, memory) = running.finish()?;
    races.extend(heard.races().into_iter().map(|(fingerprint, at)| Seen {
        fingerprint: fingerprint.to_string(),
        first_ms: at.duration_since(begun_at).unwrap_or_default().as_secs_f64() * 1e3,
    }));
    let broken = driven.summary.error_kinds.iter().find(|kind| kind.kind == ErrorKind::BrokenJson);
    Ok(Trial {
        broken_json: broken.map_or(0, |kind| kind.count),
        load: Some(driven.load(crash.is_some())),
        memory: Some(memory.max(at_the_end)).filter(|bytes| *bytes > 0),
        crash,
        wrong_answer,
        races,
        ..Trial::default()
    })
}

/// The load, and what it cost the service.
struct Driven {
    summary: Summary,
    cpu_s: f64,
    cut: bool,
}

impl Driven {
    fn load(&self, crashed: bool) -> Load {
        let ms = |quantile| self.summary.latency.quantile(quantile).as_secs_f64() * 1e3;
        Load {
            sent: self.summary.sent,
            errors: self.summary.errors,
            whole: !crashed && !self.cut && self.summary.completed > 0,
            seconds: self.summary.duration.as_secs_f64(),
            p50_ms: ms(0.5),
            p99_ms: ms(0.99),
            cpu_s: self.cpu_s,
        }
    }
}

fn drive(
    setting: &Setting<'_>,
    place: &Place,
    running: &Running,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Driven, String> {
    let plan = setting.plan;
    let mut load = moved(&plan.load, &plan.service.place, place);
    load.tick = TICK;
    let own = Stop::new();
    let pid = running.pid();
    let before = cpu_seconds(pid).unwrap_or(0.0);
    let (mut after, mut cut) = (before, false);
    let begun = Instant::now();
    let summary = photofinish_load::run(&load, &own, |now: &Snapshot<'_>| {
        after = cpu_seconds(pid).unwrap_or(after);
        cut |= begun.elapsed() > plan.limit;
        if cut || running.ended() || setting.stop.is_stopped() {
            own.stop();
        }
        progress(Progress::Load(now));
    });
    let summary = match summary {
        Ok(summary) => summary,
        Err(error) => return Err(photofinish_supervise::follow::chain(&error)),
    };
    after = cpu_seconds(pid).unwrap_or(after);
    Ok(Driven { summary, cpu_s: (after - before).max(0.0), cut })
}

impl Setting<'_> {
    /// A port of its own, so that no trial meets what another one left; the same one where the service cannot be told.
    fn place(&self) -> Result<Place, String> {
        let service = &self.plan.service;
        let place = match service.takes_a_port() {
            true => service.place.beside(&[]),
            false => service.place.must_be_free().map(|()| service.place.clone()),
        };
        place.map_err(|error| photofinish_supervise::follow::chain(&error))
    }

    fn log(&self) -> PathBuf {
        self.binary.with_extension(format!("{}.log", self.column.word()))
    }

    fn run_plan(&self, place: &Place, spool: Spool) -> std::io::Result<run::Plan> {
        let (plan, service) = (self.plan, &self.plan.service);
        let mut command = vec![self.binary.as_os_str().to_owned()];
        command.extend(service.args_at(place).into_iter().map(Into::into));
        let mut environment = vec![("GOMAXPROCS".into(), plan.gomaxprocs.to_string().into())];
        let own = service.env_at(place).into_iter();
        environment.extend(own.map(|(name, value)| (name.into(), value.into())));
        environment.extend(plan.gorace.iter().map(|options| ("GORACE".into(), options.into())));
        Ok(run::Plan {
            environment,
            folder: Some(plan.folder.clone()),
            stdout: Some(File::options().append(true).open(self.log())?.into()),
            source: "matrix".to_owned(),
            service: Some(service.name.clone()),
            // What there is of it is no business of a store.
            build: Some("matrix".to_owned()),
            launcher: plan.launcher.clone(),
            restart: Restart::No,
            memory: plan.memory,
            ..run::Plan::new(command, spool)
        })
    }

    fn wait(&self, running: &mut Running, place: &Place) -> Result<(), String> {
        let service = &self.plan.service;
        let (ready, limit) = (service.ready.as_deref(), service.ready_timeout);
        let gave_up = || running.ended() || self.stop.is_stopped();
        if place.wait_until_ready(ready, limit, gave_up).is_some() {
            return Ok(());
        }
        let url = place.url(ready.unwrap_or("/"));
        let tail = self.tail();
        let tail = if tail.is_empty() { tail } else { format!("; its last lines:\n{tail}") };
        if running.ended() {
            let end = running.finish()?.0.unwrap_or_default();
            return Err(format!("{end} before it answered at {url}{tail}"));
        }
        Err(format!("it did not answer at {url} within {} s{tail}", limit.as_secs()))
    }

    fn tail(&self) -> String {
        let text = std::fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text[text.len().saturating_sub(4096)..]).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(LINES)..];
        last.iter().map(|line| format!("    {line}\n")).collect()
    }
}
