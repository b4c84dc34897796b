//! A thousand processes that report once a second each, to one `serve` that is killed again and again, and its Postgres
//! too: in the end everything that was sent is there once.
//!
//! Each reporter is a process of its own, ourselves with `--report-to`, and sends a sighting until it was answered.
//! Who sees an answer may forget; who does not sends again with the same key.

use crate::Server;
use crate::intake::sighting;
use anyhow::{Context, Result, bail, ensure};
use photofinish_dashboard::client::Client;
use photofinish_testkit::free_port;
use photofinish_testkit::servers::PostgresServer;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// What is asked for.
pub(crate) struct Fleet {
    /// Processes that report.
    pub(crate) processes: usize,
    /// Reports of each, one a second.
    pub(crate) reports: usize,
    /// How often somebody is killed.
    pub(crate) kills: usize,
    /// Findings are kept in a Postgres.
    pub(crate) postgres: bool,
}

/// One of the processes: sends `reports` sightings to `url`, one a second.
pub(crate) fn report(url: &str, number: usize, reports: usize) -> Result<()> {
    let client = Client::new(url, None, None)?;
    // Not all at the same moment of a second.
    let start = Instant::now() + Duration::from_millis(number as u64 % 1000);
    for index in 0..reports {
        let due = start + Duration::from_secs(index as u64);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let sighting = sighting(number, index);
        while client.send(std::slice::from_ref(&sighting)).is_err() {
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    Ok(())
}

/// Prints what came of it.
pub(crate) fn soak(fleet: &Fleet) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut postgres = match fleet.postgres {
        true => Some(PostgresServer::start().context("this machine has no Postgres")?),
        false => None,
    };
    let store: OsString = match &postgres {
        Some(postgres) => postgres.url().into(),
        None => folder.path().join("findings.db").into(),
    };
    let listen = format!("127.0.0.1:{}", free_port());
    let serve = || Server::on(&store, &folder.path().join("spool"), &listen);
    let mut server = serve()?;
    let begun = Instant::now();
    let mut reporters = Reporters::start(fleet, &server.url)?;
    let pause = Duration::from_secs(fleet.reports as u64) / (u32::try_from(fleet.kills)? + 1);
    for kill in 0..fleet.kills {
        std::thread::sleep(pause);
        match &mut postgres {
            Some(postgres) if kill % 2 == 0 => postgres.crash_and_restart(),
            _ => {
                drop(server);
                server = serve()?;
            }
        }
    }
    reporters.wait()?;
    let sent = (fleet.processes * fleet.reports) as u64;
    let took = begun.elapsed().as_secs_f64();
    let by_host = by_host(&server.url)?;
    let counted: u64 = by_host.values().sum();
    println!("| | |\n|---|---:|");
    println!("| processes that report once a second | {} |", fleet.processes);
    println!("| kept in | {} |", if fleet.postgres { "Postgres" } else { "a file" });
    println!(
        "| SIGKILLs of serve{} | {} |",
        if fleet.postgres { " or Postgres" } else { "" },
        fleet.kills
    );
    println!("| reports, each sent until it was answered | {sent} |");
    println!("| counted in the end | {counted} |");
    println!("| seconds from the first to the last answer | {took:.0} |");
    println!("| reports a second, outages included | {:.0} |", sent as f64 / took);
    // One that was lost may hide behind one that was doubled, but not in one process's count.
    for number in 0..fleet.processes {
        let of_it = by_host.get(&format!("pod-{number}")).copied().unwrap_or_default();
        let sent = fleet.reports as u64;
        ensure!(of_it == sent, "process {number} sent {sent} and {of_it} were counted");
    }
    ensure!(counted == sent, "{sent} were sent and {counted} were counted");
    Ok(())
}

struct Reporters(Vec<Child>);

impl Reporters {
    fn start(fleet: &Fleet, url: &str) -> Result<Reporters> {
        let ourselves = std::env::current_exe()?;
        let mut reporters = Reporters(Vec::new());
        for number in 0..fleet.processes {
            let mut command = Command::new(&ourselves);
            command.args(["--report-to", url, "--number", &number.to_string()]);
            command.args(["--reports", &fleet.reports.to_string()]);
            reporters.0.push(command.spawn().context("cannot start a reporter")?);
        }
        Ok(reporters)
    }

    fn wait(&mut self) -> Result<()> {
        for child in &mut self.0 {
            let status = child.wait()?;
            if !status.success() {
                bail!("a reporter ended with {status}");
            }
        }
        Ok(())
    }
}

impl Drop for Reporters {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Either may fail only because it is over already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// How many sightings of each host are counted, over all findings.
fn by_host(url: &str) -> Result<BTreeMap<String, u64>> {
    let get = |path: &str| -> Result<Value> {
        let mut answer = ureq::get(format!("{url}/api/v1/findings{path}")).call()?;
        let text = answer.body_mut().with_config().limit(64 << 20).read_to_string()?;
        Ok(serde_json::from_str(&text)?)
    };
    let mut by_host = BTreeMap::new();
    for finding in get("?limit=500")?["findings"].as_array().into_iter().flatten() {
        let id = finding["id"].as_str().context("a finding without an id")?;
        for (name, count) in get(&format!("/{id}"))?["hosts"].as_object().into_iter().flatten() {
            *by_host.entry(name.clone()).or_default() += count.as_u64().unwrap_or(0);
        }
    }
    Ok(by_host)
}
