//! The flags of `photofinish load`.

use super::replay::ReplayArgs;
use crate::commands::Format;
use photofinish_load::{Stage, Threshold, units};
use std::path::PathBuf;
use std::time::Duration;

/// Drive HTTP load, count latency from when requests were due
///
/// A closed loop (--concurrency, the default) keeps that many requests in flight. An open loop
/// (--rate) sends when a request is due, whatever the server does; so does a replay of recorded
/// traffic (--replay). Exit status: 0 fine, 1 a
/// threshold was crossed or less than 99 % of the planned load was sent, 2 could not run.
#[derive(Debug, clap::Args)]
pub(crate) struct LoadArgs {
    /// Where to send to; its path may be a template
    #[arg(required_unless_present = "targets")]
    pub(super) url: Option<String>,
    #[command(flatten)]
    pub(super) amount: Amount,
    #[command(flatten)]
    pub(super) content: Content,
    #[command(flatten)]
    pub(super) replay: ReplayArgs,
    #[command(flatten)]
    pub(super) transport: Transport,
    #[command(flatten)]
    pub(super) verdict: Verdict,
}

/// How much.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "How much")]
pub(super) struct Amount {
    /// Closed loop: this many workers, each waiting for its answer [default: 10]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) concurrency: Option<u32>,
    /// Closed loop at twice the concurrency that production has
    #[arg(long, value_name = "N", conflicts_with_all = ["concurrency", "rate"],
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) twice_production: Option<u32>,
    /// Open loop: this many requests a second in all (also 600/m)
    #[arg(short, long, value_name = "R", value_parser = units::rate)]
    pub(super) rate: Option<f64>,
    /// Stop after this many requests
    #[arg(short = 'n', long, value_name = "N", conflicts_with = "for_",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) requests: Option<u64>,
    /// Stop after this long [default: 10s, or the stages]
    #[arg(short = 'd', long = "for", value_name = "D", value_parser = units::duration)]
    pub(super) for_: Option<Duration>,
    /// Change the load over time: 30s:50,2m:200 is workers, 30s:50/s,2m:200/s a rate; each
    /// stage changes it evenly, from --concurrency or --rate, or from nothing
    #[arg(long, value_name = "D:V,…", value_parser = units::stages)]
    pub(super) stages: Option<(Vec<Stage>, bool)>,
    /// Closed loop: pause of a worker after each answer
    #[arg(long, value_name = "D", value_parser = units::duration, default_value = "0s")]
    pub(super) think_time: Duration,
    /// Open loop: shed (and count) what comes due while this many are unanswered
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) max_in_flight: Option<u32>,
    /// Send this long before measuring
    #[arg(long, value_name = "D", value_parser = units::duration, default_value = "0s")]
    pub(super) warm_up: Duration,
}

/// What is sent.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What is sent")]
pub(super) struct Content {
    /// The method [default: GET, or POST with a body]
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub(super) method: Option<String>,
    /// A header; its value may be a template (repeatable)
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub(super) headers: Vec<(String, String)>,
    /// The body; may be a template: {"n":{{ counter }},"id":"{{ uuid() }}"}
    #[arg(short, long, value_name = "TEXT", conflicts_with = "body_file")]
    pub(super) body: Option<String>,
    /// A file with the body
    #[arg(long, value_name = "FILE")]
    pub(super) body_file: Option<PathBuf>,
    /// A file of targets, in vegeta's http or json format, sent in turn
    #[arg(long, value_name = "FILE")]
    pub(super) targets: Option<PathBuf>,
    /// Send {{ … }} as it is
    #[arg(long)]
    pub(super) no_templates: bool,
    /// Make random values of templates repeatable
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
}

/// How it is sent.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "How it is sent")]
pub(super) struct Transport {
    /// Limit of one request, connecting included
    #[arg(short, long, value_name = "D", value_parser = units::duration, default_value = "30s")]
    pub(super) timeout: Duration,
    /// Speak HTTP/2 (without TLS: by prior knowledge)
    #[arg(long)]
    pub(super) http2: bool,
    /// A connection for every request
    #[arg(long, conflicts_with = "http2")]
    pub(super) no_keepalive: bool,
    /// Trust any certificate
    #[arg(short = 'k', long)]
    pub(super) insecure: bool,
    /// Trust the certificate authorities in this file (PEM) instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(super) cacert: Option<PathBuf>,
    /// Threads to send from [default: one a core, fewer for a low rate]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) threads: Option<u16>,
}

/// What is good, and how it is told.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What is good")]
pub(super) struct Verdict {
    /// Statuses that are not errors [default: all below 400]
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    pub(super) ok: Vec<u16>,
    /// Exit with 1 if more of the requests than this failed
    #[arg(long, value_name = "SHARE", value_parser = units::share)]
    pub(super) max_error_rate: Option<f64>,
    /// Exit with 1 if the 99th percentile of the latency is longer
    #[arg(long, value_name = "D", value_parser = units::duration)]
    pub(super) max_p99: Option<Duration>,
    /// Exit with 1 if this holds: 'p99.9>250ms', 'error_rate>5%', 'rps<1000' (repeatable)
    #[arg(long, value_name = "CONDITION")]
    pub(super) fail_if: Vec<Threshold>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| format!("{text:?} is no header (write 'NAME: VALUE')"))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
