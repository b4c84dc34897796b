//! `cargo xtask soak proxy-slow`: callers who take their time, beside callers who do not.
//!
//! slowhttptest sends heads, then bodies, then reads answers as slowly as it can; then 10,000 connections idle, half of
//! them after one request. All the while good requests come at a steady rate, and each has to be answered.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, ExitCode};
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};

use super::stage::{Proxy, Service, Stage, errors, loaded};
use crate::{Outcome, tools};

const CONNECTIONS: usize = 10_000;
/// How long each kind of slowness lasts, in seconds.
const EACH: u64 = 20;
/// Connections of each kind of slowness.
const ATTACKERS: usize = 1000;
/// Memory that all of it may take: the proxy itself, 16 KiB for a connection that idles, 256 KiB for one that
/// has an answer waiting.
const ALLOWED_MIB: u64 = 64 + (CONNECTIONS as u64 * 16 + ATTACKERS as u64 * 256) / 1024;

/// Name, and the arguments of slowhttptest: slow heads, slow bodies, slow reading.
const SLOW: &[(&str, &[&str])] = &[
    ("slow heads (slowloris)", &["-H", "-i", "5", "-x", "24"]),
    ("slow bodies", &["-B", "-i", "5", "-s", "100000", "-x", "10"]),
    ("slow readers", &["-X", "-w", "16", "-y", "64", "-n", "5", "-z", "16", "-k", "5"]),
];

pub(super) fn slow(_: &[String]) -> Outcome {
    if !tools::on_path("slowhttptest") {
        tools::install_debian(&["slowhttptest"]);
    }
    raise_files();
    let stage = Stage::new()?;
    let stable = Service::new("stable", "1ms");
    let _stable = stage.service(&stable)?;
    let proxy = stage.proxy(&format!("stable = \"{}\"\n", stable.address))?;
    let targets = stage.targets(&proxy.address)?;
    let time = format!("{}s", EACH * 4 + 15);
    let load = stage.load(&["--targets", &targets, "--rate", "200", "--for", &time])?;
    println!("| callers | open at once | resident, MiB |\n|---|---:|---:|");
    for (name, arguments) in SLOW {
        if !tools::on_path("slowhttptest") {
            println!("| {name} | slowhttptest is not installed | |");
            continue;
        }
        slowhttptest(&stage, &proxy, name, arguments)?;
    }
    let held = idle(&proxy.address)?;
    say(&stage, &proxy, "idle connections")?;
    std::thread::sleep(Duration::from_secs(EACH));
    drop(held);
    let load = loaded(load)?;
    let (failed, peak_mib) = (errors(&load), proxy.program.memory_kib("VmHWM") / 1024);
    println!(
        "\n{} good requests beside them, {failed} errors, p99 {:.1} ms; peak of the proxy's memory {peak_mib} MiB \
         (at most {ALLOWED_MIB})",
        load["completed"],
        load["latency_ms"]["p99"].as_f64().unwrap_or(0.0)
    );
    if failed > 0 {
        println!("statuses {}, errors {}", load["status"], load["error_kinds"]);
    }
    Ok(if failed == 0 && peak_mib <= ALLOWED_MIB { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn slowhttptest(
    stage: &Stage,
    proxy: &Proxy,
    name: &str,
    arguments: &[&str],
) -> Result<(), String> {
    let mut command = Command::new("slowhttptest");
    command.args(arguments).args(["-c", &ATTACKERS.to_string(), "-r", "500", "-p", "3"]);
    command.args(["-l", &EACH.to_string(), "-u", &format!("http://{}/shelf", proxy.address)]);
    let _attack = stage.start("slowhttptest", &mut command)?;
    // Long enough for all of them to be connected, and too short for the first to be sent away.
    std::thread::sleep(Duration::from_secs(EACH / 2));
    say(stage, proxy, name)?;
    std::thread::sleep(Duration::from_secs(EACH / 2));
    Ok(())
}

fn say(stage: &Stage, proxy: &Proxy, name: &str) -> Result<(), String> {
    let open = &stage.status(proxy)?["callers"]["connections"];
    println!("| {name} | {open} | {} |", proxy.program.memory_kib("VmRSS") / 1024);
    Ok(())
}

/// Connections that do nothing; every other one has had an answer.
fn idle(address: &str) -> Result<Vec<TcpStream>, String> {
    let story = |cause: std::io::Error| format!("an idle connection to the proxy: {cause}");
    let request = format!("GET /item/1 HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let mut held = Vec::with_capacity(CONNECTIONS);
    for idx in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(address).map_err(story)?;
        if idx % 2 == 0 {
            stream.set_read_timeout(Some(Duration::from_secs(30))).map_err(story)?;
            stream.write_all(request.as_bytes()).map_err(story)?;
            stream.read(&mut [0; 4096]).map_err(story)?;
        }
        held.push(stream);
    }
    Ok(held)
}

/// As many open files as we may have, for us and for what we start.
fn raise_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // If not, connecting says so.
    let _ = setrlimit(Resource::Nofile, limit);
}
