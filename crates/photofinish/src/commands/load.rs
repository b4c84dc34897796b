//! `photofinish load`: requests we make ourselves, and what they took.

mod args;
mod replay;

use super::Format;
use crate::exit::ExitStatus;
use crate::output::error::{Hint, hinted};
use crate::output::{load as text, load_json as json, load_live::LiveLine};
use anyhow::Context as _;
use args::Amount;
use photofinish_load::{
    End, Load, OkStatus, Plan, Protocol, Ramp, Request, Stop, Summary, Threshold, Tls, targets,
};
use std::time::Duration;

pub(crate) use args::LoadArgs;

pub(crate) fn load(args: LoadArgs) -> anyhow::Result<ExitStatus> {
    if args.verdict.format == Format::Sarif {
        anyhow::bail!("load has no findings to print as SARIF: use --format text or json");
    }
    let thresholds = args.thresholds();
    let plan = args.plan()?;
    text::notes(&args.notes(&plan))?;
    let stop = Stop::new();
    stop_on_signals(&stop)?;
    let line = LiveLine::new();
    let summary = photofinish_load::run(&plan, &stop, |now| line.show(now)).map_err(load_error)?;
    line.clear();
    let crossed: Vec<_> = thresholds.iter().filter_map(|limit| limit.check(&summary)).collect();
    match args.verdict.format {
        Format::Json => json::print(&summary, &crossed)?,
        _ => text::print(&plan, &summary, &crossed)?,
    }
    verdict(&summary, !crossed.is_empty())
}

fn verdict(summary: &Summary, crossed: bool) -> anyhow::Result<ExitStatus> {
    if summary.completed == 0 && summary.errors > 0 {
        let sample = summary.error_kinds.iter().flat_map(|error| &error.samples).next();
        let error = anyhow::anyhow!("{}", sample.map_or("no reason is known", String::as_str))
            .context("not one request was answered");
        return Err(error.context(Hint("check that the service runs, and the URL".to_owned())));
    }
    Ok(match crossed || summary.unsent_share() > 0.01 {
        true => ExitStatus::Found,
        false => ExitStatus::Success,
    })
}

impl LoadArgs {
    fn plan(&self) -> anyhow::Result<Plan> {
        let Amount { concurrency, twice_production, rate, requests, for_, .. } = &self.amount;
        let (stages, as_rates) = self.amount.stages.clone().unwrap_or_default();
        let start = |default: f64| if stages.is_empty() { default } else { 0.0 };
        let load = if let Some(replay) = self.replay.plan(&self.amount)? {
            Load::Replay(replay)
        } else if rate.is_some() || as_rates {
            Load::Open {
                rate: Ramp { start: rate.unwrap_or(0.0), stages },
                max_in_flight: self.amount.max_in_flight.map(|max| max as usize),
            }
        } else {
            let workers = concurrency.or(twice_production.map(|n| n.saturating_mul(2)));
            let start = workers.map_or(start(10.0), f64::from);
            let workers = Ramp { start, stages };
            Load::Closed { workers, think_time: self.amount.think_time }
        };
        let mut plan = Plan::new(self.requests()?, load);
        plan.end = match (requests, for_) {
            (Some(requests), _) => End::Requests(*requests),
            (None, Some(after)) => End::After(*after),
            (None, None) => self.end(),
        };
        plan.warm_up = self.amount.warm_up;
        plan.timeout = self.transport.timeout;
        plan.protocol = if self.transport.http2 { Protocol::Http2 } else { Protocol::Http1 };
        plan.keep_alive = !self.transport.no_keepalive;
        plan.tls =
            Tls { insecure: self.transport.insecure, ca_file: self.transport.cacert.clone() };
        if !self.verdict.ok.is_empty() {
            plan.ok = OkStatus::Only(self.verdict.ok.clone());
        }
        plan.threads = self.transport.threads.map(usize::from);
        plan.seed = self.content.seed;
        Ok(plan)
    }

    /// When to stop, if nobody said.
    fn end(&self) -> End {
        match &self.amount.stages {
            None if self.replay.file.is_none() => End::After(Duration::from_secs(10)),
            _ => End::Stopped,
        }
    }

    fn requests(&self) -> anyhow::Result<Vec<Request>> {
        let content = &self.content;
        let body = match (&content.body, &content.body_file) {
            (Some(body), _) => Some(body.clone().into_bytes()),
            (None, Some(file)) => Some(
                std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?,
            ),
            (None, None) => None,
        };
        let mut requests = match (&content.targets, &self.url) {
            (Some(file), base) => targets::read(file, base.as_deref()).map_err(load_error)?,
            (None, Some(url)) => {
                vec![Request::new(if body.is_some() { "POST" } else { "GET" }, url)]
            }
            (None, None) => anyhow::bail!("neither a URL nor --targets says where to send to"),
        };
        for request in &mut requests {
            request.templates = !content.no_templates;
            request.headers.extend(content.headers.iter().cloned());
            if let Some(method) = &content.method {
                request.method.clone_from(method);
            }
            if let Some(body) = body.as_ref().filter(|_| request.body.is_empty()) {
                request.body.clone_from(body);
            }
            say_json(request);
        }
        Ok(requests)
    }

    fn thresholds(&self) -> Vec<Threshold> {
        let mut thresholds = self.verdict.fail_if.clone();
        thresholds.extend(self.verdict.max_error_rate.map(Threshold::max_error_rate));
        thresholds.extend(self.verdict.max_p99.map(Threshold::max_p99));
        thresholds
    }

    /// What the user should know before the run.
    fn notes(&self, plan: &Plan) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(production) = self.amount.twice_production {
            notes.push(format!(
                "twice the production concurrency of {production}: {} requests in flight",
                u64::from(production) * 2
            ));
        }
        let is_open = match &plan.load {
            Load::Closed { .. } => false,
            Load::Open { .. } => true,
            Load::Replay(replay) => {
                notes.extend(self.replay.notes(replay, &self.content.headers));
                replay.is_open()
            }
        };
        if is_open && self.amount.concurrency.is_some() {
            notes.push(
                "an open loop opens connections as they are needed; --concurrency limits nothing then \
                 (--max-in-flight does)"
                    .to_owned(),
            );
        }
        if !is_open && self.amount.max_in_flight.is_some() {
            notes.push("--max-in-flight is for an open loop (--rate): ignored".to_owned());
        }
        notes.extend(files_note(plan));
        notes
    }
}

/// Warns when the limit of open files may be reached.
fn files_note(plan: &Plan) -> Option<String> {
    let limit = photofinish_load::open_files::raise_limit()?;
    let spare = limit.saturating_sub(64);
    match &plan.load {
        Load::Closed { workers, .. } if workers.peak() > spare as f64 => Some(format!(
            "{} workers need more sockets than the {limit} files this process may open: \
             raise the limit (ulimit -n)",
            workers.peak()
        )),
        Load::Closed { .. } => None,
        Load::Open { rate, max_in_flight } => {
            stall_note(plan, limit, spare, rate.peak(), *max_in_flight)
        }
        Load::Replay(replay) => {
            stall_note(plan, limit, spare, replay.rate()?, replay.max_in_flight)
        }
    }
}

fn stall_note(
    plan: &Plan,
    limit: u64,
    spare: u64,
    rate: f64,
    max_in_flight: Option<usize>,
) -> Option<String> {
    let stall_s = spare as f64 / rate;
    let bounded = max_in_flight.is_some_and(|max| max as u64 <= spare);
    (!bounded && stall_s < plan.timeout.as_secs_f64()).then(|| {
        format!(
            "if the server stalls for more than {stall_s:.1}s, the {limit} files this process may \
             open are used up: raise the limit (ulimit -n), or bound it with --max-in-flight {spare}"
        )
    })
}

/// Bodies that look like JSON are called so, unless the user calls them something.
fn say_json(request: &mut Request) {
    let looks = request.body.first().is_some_and(|first| matches!(first, b'{' | b'['));
    let is_said = |(name, _): &(String, String)| name.eq_ignore_ascii_case("content-type");
    if looks && !request.headers.iter().any(is_said) {
        request.headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
}

fn load_error(error: photofinish_load::LoadError) -> anyhow::Error {
    let hint = error.hint();
    hinted(error, hint)
}

/// The first SIGINT or SIGTERM ends the run and prints what was measured, the second ends us.
fn stop_on_signals(stop: &Stop) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = stop.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            for _ in 0..2 {
                tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
                if stop.is_stopped() {
                    std::process::exit(130);
                }
                stop.stop();
            }
        });
    })?;
    Ok(())
}
