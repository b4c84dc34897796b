//! What `photofinish serve` takes for each page of 10,000 findings with 1,000,000 sightings, and how
//! many sightings a second many senders get onto its disk.
//!
//! With `--fleet` it is a soak instead: many processes report while `serve` is killed (`fleet`); with `--webhook-away`,
//! a receiver of webhooks is (`hour`).
//!
//! `fill` makes the findings (different functions, patterns, owners, services, over 60 days), `pages`
//! and `intake` ask. The server is a process of its own, as it would be; times are taken by the client
//! over a kept connection on the loopback, so they hold everything but a network. A Postgres runs beside it, with the settings
//! of a new installation.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a table is what it is for")]

mod fill;
mod fleet;
mod hour;
mod intake;
mod pages;

use anyhow::{Context, Result};
use clap::Parser;
use photofinish_store::StorePlace;
use photofinish_testkit::servers::PostgresServer;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

#[derive(Debug, Parser)]
struct Args {
    /// Findings
    #[arg(long, default_value_t = 10_000)]
    findings: usize,
    /// Sightings of them
    #[arg(long, default_value_t = 1_000_000)]
    sightings: usize,
    /// Times each page is asked for
    #[arg(long, default_value_t = 50)]
    rounds: usize,
    /// Senders at a time
    #[arg(long, default_value_t = 64)]
    senders: usize,
    /// And then so many
    #[arg(long, default_value_t = 1_000)]
    crowd: usize,
    /// Sightings that each of them sends, one after the other; of a crowd an eighth
    #[arg(long, default_value_t = 200)]
    each: usize,
    /// Make the findings in this file, or take those that are there
    #[arg(long)]
    store: Option<PathBuf>,
    /// No pages: only how many sightings a second arrive
    #[arg(long)]
    intake_only: bool,
    /// Instead: so many processes report, and `serve` is killed meanwhile
    #[arg(long, value_name = "PROCESSES")]
    fleet: Option<usize>,
    /// Reports of each process, one a second
    #[arg(long, default_value_t = 60)]
    reports: usize,
    /// How often `serve`, or its Postgres, is killed
    #[arg(long, default_value_t = 10)]
    kills: usize,
    /// Keep findings in a Postgres, which is killed too
    #[arg(long)]
    postgres: bool,
    /// Instead: a receiver of webhooks is away so many minutes
    #[arg(long, value_name = "MINUTES")]
    webhook_away: Option<u64>,
    /// Be the receiver
    #[arg(long, hide = true, requires = "heard")]
    receive: Option<u16>,
    #[arg(long, hide = true)]
    heard: Option<PathBuf>,
    /// Be one of the processes
    #[arg(long, hide = true)]
    report_to: Option<String>,
    #[arg(long, hide = true, default_value_t = 0)]
    number: usize,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if let Some(url) = &args.report_to {
        return fleet::report(url, args.number, args.reports);
    }
    if let (Some(port), Some(heard)) = (args.receive, &args.heard) {
        return hour::receiver::receive(port, heard);
    }
    if let Some(minutes) = args.webhook_away {
        return hour::soak(minutes);
    }
    if let Some(processes) = args.fleet {
        let Args { reports, kills, postgres, .. } = args;
        return fleet::soak(&fleet::Fleet { processes, reports, kills, postgres });
    }
    let folder = tempfile::tempdir()?;
    if args.intake_only {
        intake(&args, "a file", &folder.path().join("empty.db").into())?;
        let server = PostgresServer::start_durable().context("this machine has no Postgres")?;
        return intake(&args, "a Postgres", &server.url().as_str().into());
    }
    let file = args.store.clone().unwrap_or_else(|| folder.path().join("findings.db"));
    let is_empty = !file.exists();
    pages(&args, "a file", &file.into(), is_empty)?;
    intake(&args, "a file", &folder.path().join("empty.db").into())?;
    let servers = (PostgresServer::start_durable(), PostgresServer::start_durable());
    let (Some(full), Some(empty)) = servers else {
        println!("\nThis machine has no Postgres.");
        return Ok(());
    };
    pages(&args, "a Postgres", &full.url().as_str().into(), true)?;
    drop(full);
    intake(&args, "a Postgres", &empty.url().as_str().into())
}

fn pages(args: &Args, what: &str, place: &StorePlace, is_empty: bool) -> Result<()> {
    if is_empty {
        fill::fill(place, args.findings, args.sightings)?;
    }
    println!(
        "\n`serve` with {} findings and {} sightings in {what}: from asking for a page to its last byte.\n",
        args.findings, args.sightings
    );
    let spool = tempfile::tempdir()?;
    let server = Server::on(&place.flag(), spool.path(), "127.0.0.1:0")?;
    pages::measure(&server.url, args.rounds)
}

fn intake(args: &Args, what: &str, place: &StorePlace) -> Result<()> {
    println!("\nSightings into {what}, one a request, answered once they are on the disk:\n");
    let spool = tempfile::tempdir()?;
    let server = Server::on(&place.flag(), spool.path(), "127.0.0.1:0")?;
    intake::measure(&server.url, &[(args.senders, args.each), (args.crowd, args.each / 8)])
}

/// A server, ended with the value.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn on(store: &OsStr, spool: &Path, listen: &str) -> Result<Server> {
        Server::with(store, spool, listen, &[])
    }

    fn with(store: &OsStr, spool: &Path, listen: &str, more: &[OsString]) -> Result<Server> {
        let program = std::env::var_os("PHOTOFINISH").context("PHOTOFINISH names no program")?;
        let mut child = Command::new(program)
            .args(["serve", "--listen", listen, "--store"])
            .arg(store)
            .arg("--spool")
            .arg(spool)
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start photofinish")?;
        let stderr = child.stderr.take().context("no stderr")?;
        let mut lines = BufReader::new(stderr).lines();
        let url = lines.by_ref().map_while(Result::ok).find_map(|line| {
            Some(line.split_once("findings are at ")?.1.trim_end_matches('/').to_owned())
        });
        let url = url.context("photofinish serve did not say where it is")?;
        // Whoever writes to a pipe that nobody reads stops.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Server { child, url })
    }

    /// What is in memory of it, in MB.
    fn memory_mb(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: f64 =
            line.and_then(|line| line.split_whitespace().next()).unwrap_or("0").parse()?;
        Ok(kib / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Either may fail only because it is over already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
