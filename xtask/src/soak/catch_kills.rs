//! `cargo xtask soak catch-kills [--kills 200]`: SIGKILL of `photofinish catch` at random moments, and a service that must not notice.
//!
//! Some fall before it is attached, most while it waits, holds a thread, or has the kernel plant breakpoints for it. After each the
//! service is looked at: no thread of it is traced or stopped, and the bytes of its code are those of its file.

use std::fs;
use std::os::unix::fs::FileExt;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use photofinish_testkit::{BuildOptions, free_port, try_build_go, workspace_root};

use super::stage::{Program, Stage, amount, errors, loaded, option};
use crate::Outcome;
use crate::tools::story;

/// The kernel lets a dead tracer's threads go at once, and gives back what it planted soon after.
const LET_GO: Duration = Duration::from_secs(5);
/// It has attached by then.
const ATTACHES: Duration = Duration::from_secs(20);
/// Kills fall within this time from the start, or from attaching, in us.
const WITHIN: u64 = 2_000_000;
/// From what a service can pay to all there is: the larger, the more often a thread is held.
const BUDGETS: [&str; 3] = ["1%", "20%", "100%"];

/// In what states the kills met it.
#[derive(Default)]
struct Met {
    unattached: u64,
    attached: u64,
    held: u64,
    planted: u64,
    /// From a kill until the service was as before.
    longest: Duration,
}

pub(super) fn catch_kills(arguments: &[String]) -> Outcome {
    let n_kills = amount(option(arguments, "--kills").unwrap_or("200"), &[])?;
    let stage = Stage::new()?;
    let address = format!("127.0.0.1:{}", free_port());
    let mut service = payments(&stage, &address)?;
    let over = AtomicBool::new(false);
    let mut met = Met::default();
    let (killed, load) = std::thread::scope(|scope| {
        let load = scope.spawn(|| load(&stage, &address, &over));
        let killed = (0..n_kills).try_for_each(|kill| {
            let budget = BUDGETS[kill as usize % BUDGETS.len()];
            kill_one(&stage, &service, budget, &mut met)
                .map_err(|harm| format!("kill {}: {harm}", kill + 1))
        });
        over.store(true, Ordering::Relaxed);
        (killed, load.join())
    });
    let (n_requests, n_errors) = load.map_err(|_| "the load ended early".to_owned())??;
    println!("| | |\n|---|---:|\n| kills | {n_kills} |");
    println!("| before it was attached | {} |", met.unattached);
    println!("| while attached | {} |", met.attached);
    println!("| of these while it held a thread | {} |", met.held);
    println!("| and while breakpoints were planted for it | {} |", met.planted);
    println!("| longest until all was as before, ms | {} |", met.longest.as_millis());
    println!("| requests meanwhile | {n_requests} |\n| of these failed | {n_errors} |");
    killed.map_err(|harm| format!("{harm}; {}", service.last_words()))?;
    println!("after each: alive, no thread traced or stopped, every byte of code as in the file");
    let is_good = n_errors == 0 && n_requests > 0 && met.attached > 0;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The payment service without its races, listening.
fn payments(stage: &Stage, address: &str) -> Result<Program, String> {
    let options = BuildOptions::normal().tag("repaired");
    let binary = try_build_go(&workspace_root().join("examples/payments"), &options)
        .map_err(|error| story(&error))?;
    let mut command = Command::new(binary);
    command.env("ADDR", address).env("GATEWAY_FAILURE_RATE", "0");
    command.env("GATEWAY_MIN", "1ms").env("GATEWAY_MAX", "5ms");
    let program = stage.start("payments", &mut command)?;
    program.wait("the payment service to listen", || {
        std::net::TcpStream::connect(address).is_ok().then_some(())
    })?;
    Ok(program)
}

/// Load after load until it is `over`: requests and errors.
fn load(stage: &Stage, address: &str, over: &AtomicBool) -> Result<(u64, u64), String> {
    let url = format!("http://{address}/process-payment");
    let body = r#"{"user_id": "user-{{ random_int(1, 200) }}", "amount": {{ random_int(1, 50) }}}"#;
    let (mut n_requests, mut n_errors) = (0, 0);
    while !over.load(Ordering::Relaxed) {
        let arguments = ["--concurrency", "20", "--for", "5s", "--method", "POST", "--body", body];
        let told = loaded(stage.load(&[&[url.as_str()], &arguments[..]].concat())?)?;
        n_requests += told["completed"].as_u64().unwrap_or(0);
        n_errors += errors(&told);
    }
    Ok((n_requests, n_errors))
}

/// Starts catch, kills it some time later, and looks at what it leaves; the error is the harm.
fn kill_one(stage: &Stage, service: &Program, budget: &str, met: &mut Met) -> Result<(), String> {
    let pid = service.pid();
    let mut command = stage.photofinish();
    command.args(["catch", &pid.to_string(), "--for", "60s", "--budget", budget]);
    let mut catching = stage.start("catch", &mut command)?;
    // One in four falls while it reads the program or attaches, the others while it looks.
    if fastrand::u8(..4) > 0 {
        let begun = Instant::now();
        while !threads(pid).iter().any(|thread| thread.traced)
            && begun.elapsed() < ATTACHES
            && !catching.has_ended()
        {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    std::thread::sleep(Duration::from_micros(fastrand::u64(..WITHIN)));
    let before = threads(pid);
    let planted = !is_as_in_file(pid)?;
    if catching.has_ended() {
        return Err(format!("catch ended by itself: {}", catching.log()));
    }
    // Dropping it is SIGKILL.
    drop(catching);
    let is_attached = before.iter().any(|thread| thread.traced);
    met.unattached += u64::from(!is_attached);
    met.attached += u64::from(is_attached);
    met.held += u64::from(before.iter().any(|thread| thread.stopped));
    met.planted += u64::from(planted);
    let killed = Instant::now();
    loop {
        let threads = threads(pid);
        let is_free = !threads.is_empty()
            && threads.iter().all(|thread| !thread.traced && !thread.stopped)
            && is_as_in_file(pid)?;
        if is_free {
            met.longest = met.longest.max(killed.elapsed());
            return Ok(());
        }
        if killed.elapsed() > LET_GO {
            let traced = threads.iter().filter(|thread| thread.traced).count();
            let stopped = threads.iter().filter(|thread| thread.stopped).count();
            return Err(format!(
                "after {LET_GO:?}: {} threads, {traced} traced, {stopped} stopped, code as in the file: {}",
                threads.len(),
                is_as_in_file(pid)?
            ));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

struct Thread {
    traced: bool,
    stopped: bool,
}

/// The threads of a process, of those that did not end while we looked.
fn threads(pid: u32) -> Vec<Thread> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let statuses = tasks.filter_map(|task| fs::read_to_string(task.path().join("status")).ok());
    statuses
        .filter(|status| !status.is_empty())
        .map(|status| {
            let field = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap_or_default().trim().to_owned()
            };
            let state = field("State:");
            let stopped = state.starts_with('t') || state.starts_with('T');
            Thread { traced: field("TracerPid:") != "0", stopped }
        })
        .collect()
}

/// Whether the code in memory is that of the file, byte by byte.
fn is_as_in_file(pid: u32) -> Result<bool, String> {
    let gone = |cause: std::io::Error| format!("the service is gone: {cause}");
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).map_err(gone)?;
    let memory = fs::File::open(format!("/proc/{pid}/mem")).map_err(gone)?;
    let file = fs::File::open(format!("/proc/{pid}/exe")).map_err(gone)?;
    let path = fs::read_link(format!("/proc/{pid}/exe")).map_err(gone)?;
    let path = path.display().to_string();
    let mut n_compared = 0;
    for line in maps.lines().filter(|line| line.ends_with(&path) && line.contains(" r-xp ")) {
        let numbers: Vec<u64> =
            line.split([' ', '-']).filter_map(|word| u64::from_str_radix(word, 16).ok()).collect();
        let [start, end, offset, ..] = numbers[..] else { continue };
        let mut there = vec![0; (end - start) as usize];
        memory.read_exact_at(&mut there, start).map_err(gone)?;
        let mut wanted = vec![0; there.len()];
        // The last page of the file is filled up with nothing.
        let mut filled = 0;
        while let Ok(n @ 1..) = file.read_at(&mut wanted[filled..], offset + filled as u64) {
            filled += n;
        }
        if there[..filled] != wanted[..filled] {
            return Ok(false);
        }
        n_compared += filled;
    }
    if n_compared == 0 { Err("the service has no code to compare".to_owned()) } else { Ok(true) }
}
