//! `photofinish hunt`: builds a service, runs it, drives load at it, shows the races it has.

mod campaign;
mod keep;
mod plan;
mod ways;

use super::Format;
use super::keep::KeepArgs;
use super::place::store_error;
use super::service::{BuildArgs, ServiceArgs};
use crate::config::{CompareWhat, Config, Percent, Span, Way};
use crate::exit::ExitStatus;
use crate::output::error::hinted;
use crate::output::{hunt as text, hunt_json as json, hunt_live::HuntLive};
use anyhow::Context;
use photofinish_hunt::Outcome;
use photofinish_load::Stop;
use photofinish_store::{Finding, Store};
use std::path::PathBuf;

/// Build a Go service, run its race build under load, show what the detector found
///
/// The service is built normally and with -race. The normal build gets a short run of the load to compare with, then the
/// whole load goes through a proxy: the normal build answers, a race build answers a share of it (canary), another gets a
/// copy (mirror); the normal build is looked at from outside meanwhile (catch). Everything can stand in photofinish.toml; flags override it.
/// Exit status: 0 nothing found, 1 races found, 2 could not run.
#[derive(Debug, clap::Args)]
pub(crate) struct HuntArgs {
    /// The configuration [default: photofinish.toml, if there is one]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    service: ServiceArgs,
    #[command(flatten)]
    build: BuildArgs,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    ways: WaysArgs,
    #[command(flatten)]
    keep: KeepArgs,
    /// How to print what was found
    #[arg(long, value_parser = super::text_or_json, default_value = "text")]
    format: Format,
}

/// The load.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The load")]
struct LoadArgs {
    /// How long it is driven [default: 60s]
    #[arg(long = "for", value_name = "TIME")]
    duration: Option<Span>,
    /// How long it is driven straight at the normal build before [default: a sixth of that, at most 10s; 0: not at all]
    #[arg(long, value_name = "TIME")]
    baseline: Option<Span>,
    /// Production's concurrency; twice as many requests are kept under way
    #[arg(long, value_name = "N", conflicts_with_all = ["concurrency", "rate"], value_parser = clap::value_parser!(u32).range(1..))]
    twice_production: Option<u32>,
    /// Keep this many requests under way [default: 100]
    #[arg(long, value_name = "N", conflicts_with = "rate", value_parser = clap::value_parser!(u32).range(1..))]
    concurrency: Option<u32>,
    /// Send this many requests a second, whatever the service does
    #[arg(long, value_name = "R")]
    rate: Option<f64>,
    /// Say so when more than this share of requests fails [default: 5%]
    #[arg(long, value_name = "SHARE")]
    max_error_rate: Option<Percent>,
}

/// How race builds get their traffic.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The race builds")]
struct WaysArgs {
    /// The ways, all at once [default: canary,mirror,catch; load,catch where the service cannot be told its port]
    #[arg(long, value_name = "WAYS", value_delimiter = ',')]
    ways: Vec<Way>,
    /// How many of the requests the canary answers [default: 25%]
    #[arg(long, value_name = "SHARE")]
    canary: Option<Percent>,
    /// How many of the requests the mirror gets a copy of [default: 100%]
    #[arg(long, value_name = "SHARE")]
    mirror: Option<Percent>,
    /// What `catch` may spend of the processors' time at the normal build [default: 5%]
    #[arg(long, value_name = "PERCENT")]
    catch: Option<Percent>,
    /// What of the mirror's answers is compared with those that callers got [default: shape]
    #[arg(long, value_name = "WHAT")]
    compare: Option<CompareWhat>,
}

/// Hunts, and shows what was found.
pub(crate) fn hunt(args: HuntArgs) -> anyhow::Result<ExitStatus> {
    let config = Config::load(args.config.as_deref())?;
    let format = args.format;
    let max_error_rate =
        args.load.max_error_rate.or(config.load.max_error_rate).map_or(0.05, |share| share.0);
    let kept = args.keep.kept(&config)?;
    let store_path = kept.store();
    let (plan, notes) = plan::plan(args, &config, &kept)?;
    let mut store = Store::open(store_path).map_err(store_error)?;
    let rules = photofinish_store::OwnerRules::load(&plan.build.dir);
    let stop = stop_on_signal(&plan)?;

    let started = jiff::Timestamp::now();
    let mut live = HuntLive::new(&plan);
    notes.iter().for_each(|note| live.note(note));
    let mut keep = keep::StoreKeep {
        store: kept.sink_here_too()?.with_owner_rules(rules),
        service: plan.service.name.clone(),
    };
    let outcome =
        photofinish_hunt::hunt(&plan, &mut keep, &stop, &mut |progress| live.show(progress));
    live.clear();
    let outcome = outcome.map_err(|error| {
        let hint = error.hint();
        hinted(error, hint)
    })?;
    campaign::keep(&mut keep.store, &plan.service.name, started, &outcome);
    let findings = read_findings(&mut store, &outcome)?;
    match format {
        Format::Json => json::print(&outcome, &findings),
        _ => text::print(&outcome, &findings, &plan.build.dir, store_path, max_error_rate),
    }
    .context("cannot write to stdout")?;
    Ok(if findings.is_empty() { ExitStatus::Success } else { ExitStatus::Found })
}

/// What the store knows of the findings that this hunt saw.
fn read_findings(store: &mut Store, outcome: &Outcome) -> anyhow::Result<Vec<Finding>> {
    let read = outcome.findings.iter().map(|seen| store.finding(&seen.fingerprint));
    read.collect::<Result<_, _>>().context("cannot read the findings back")
}

/// Ends the hunt in good order at the first SIGINT or SIGTERM: what was found until then is shown.
fn stop_on_signal(plan: &photofinish_hunt::Plan) -> anyhow::Result<Stop> {
    let stop = Stop::new();
    let (load, build) = (stop.clone(), std::sync::Arc::clone(&plan.build.stop));
    crate::signal::on_first_interrupt(move || {
        load.stop();
        build.store(true, std::sync::atomic::Ordering::Relaxed);
    })?;
    Ok(stop)
}
