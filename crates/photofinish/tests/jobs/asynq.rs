//! asynq's own client and servers: a normal worker, a race-built one under `photofinish run`, and a
//! sampler that is killed between them.

use crate::matrix::kills;
use crate::support::{House, LONG, PHOTOFINISH, Redis, random, shares};
use photofinish_testkit::servers::RedisServer;
use photofinish_testkit::{
    BuildOptions, Running, build_go, go_toolchain, temp_dir, wait_until, workspace_root,
};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// The workers, normal and race-built; nothing where their module cannot be fetched.
fn workers() -> Option<[PathBuf; 2]> {
    let folder = workspace_root().join("crates/photofinish/tests/jobs/asynq");
    let fetched = go_toolchain().command(&folder).args(["mod", "download"]).output().unwrap();
    if !fetched.status.success() {
        let why = String::from_utf8_lossy(&fetched.stderr).into_owned();
        let _ = writeln!(std::io::stderr(), "skipped: asynq cannot be fetched: {}", why.trim());
        return None;
    }
    Some([build_go(&folder, &BuildOptions::normal()), build_go(&folder, &BuildOptions::race())])
}

struct Farm {
    server: RedisServer,
    house: House,
    normal: PathBuf,
    race: PathBuf,
    spool: tempfile::TempDir,
}

impl Farm {
    fn new(lines: &str) -> Option<Farm> {
        let server = RedisServer::start()?;
        let [normal, race] = workers()?;
        let url = server.url();
        let house =
            House::new(&format!("broker = \"asynq\"\nurl = \"{url}\"\nsource = \"mail\"\n{lines}"));
        Some(Farm { server, house, normal, race, spool: temp_dir() })
    }

    fn address(&self) -> String {
        self.server.url().replace("redis://", "").replace("/0", "")
    }

    fn produce(&self, from: u64, to: u64) {
        let mut command = Command::new(&self.normal);
        command.args([&self.address(), "produce", "mail", &from.to_string(), &to.to_string()]);
        let made = command.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
    }

    fn normal_worker(&self) -> Running {
        Running::start(Command::new(&self.normal).args([&self.address(), "work", "mail_main"]))
    }

    /// Under `photofinish run`, as it is meant.
    fn race_worker(&self, words: &[&str]) -> Running {
        let mut command = Command::new(PHOTOFINISH);
        command.args(["run", "--store"]).arg(self.spool.path().join("findings.db"));
        command.arg("--spool").arg(self.spool.path().join("spool")).arg("--").arg(&self.race);
        Running::start(command.args([&self.address(), "work", "mail_race"]).args(words))
    }
}

/// The numbers that a worker said it did something with.
fn numbers(worker: &Running, did: &str) -> Vec<u64> {
    let output = worker.output();
    output.lines().filter_map(|line| line.strip_prefix(did)?.trim().parse().ok()).collect()
}

#[test]
fn tasks_of_asynqs_own_client_run_once_each_in_order_and_one_of_ten_in_the_race_build() {
    let Some(farm) = Farm::new("max_lag = 100000\nmax_age = \"1h\"\nstalled = \"1h\"\n") else {
        return;
    };
    let mut redis = Redis::of(&farm.server);
    let (normal, race) = (farm.normal_worker(), farm.race_worker(&[]));
    let mut sampler = farm.house.sampler(&[]);
    let mut made = 0;
    for _ in 0..kills(10) {
        farm.produce(made, made + 60);
        made += 60;
        std::thread::sleep(Duration::from_micros(random(20_000)));
        sampler.0.kill();
        sampler = farm.house.start(&[]);
    }
    let (chosen, others) = shares(made, 10);
    wait_until(LONG, "all tasks to have run", || {
        numbers(&normal, "ran ").len() >= others.len()
            && numbers(&race, "ran ").len() >= chosen.len()
    });
    assert_eq!(numbers(&race, "ran "), chosen);
    assert_eq!(numbers(&normal, "ran "), others);
    // What a worker does at the end of a task worked: nothing of it is left, its unique lock neither.
    wait_until(LONG, "the tasks to be gone", || {
        redis.ask::<Vec<String>>(&["KEYS", "asynq:{*:t:*"]).is_empty()
    });
    assert!(redis.ask::<Vec<String>>(&["KEYS", "asynq:{mail}:unique:*"]).is_empty());
    let (code, said) = sampler.end();
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn tasks_that_fail_in_the_race_build_succeed_with_the_normal_workers_and_none_is_given_up() {
    let Some(farm) = Farm::new("stalled = \"1h\"\nmax_age = \"1h\"\n") else { return };
    let mut redis = Redis::of(&farm.server);
    let (normal, race) = (farm.normal_worker(), farm.race_worker(&["fail"]));
    let sampler = farm.house.sampler(&[]);
    // A third of them may not be tried again: asynq archives those at once.
    farm.produce(0, 60);
    let (chosen, _) = shares(60, 10);
    wait_until(LONG, "all tasks to have run", || numbers(&normal, "ran ").len() >= 60);
    let mut ran = numbers(&normal, "ran ");
    ran.sort_unstable();
    assert_eq!(ran, (0..60).collect::<Vec<u64>>());
    // One whose next attempt is due before the sampler looks (twice a second) may fail there once more.
    let failed: BTreeSet<u64> = numbers(&race, "failed ").into_iter().collect();
    assert_eq!(failed, chosen.into_iter().collect());
    for queue in ["mail_main", "mail_race"] {
        assert_eq!(redis.ask::<u64>(&["ZCARD", &format!("asynq:{{{queue}}}:archived")]), 0);
    }
    let (_, said) = farm.house.jobs(&["status", "--format", "json"]);
    assert!(said.contains("\"failed\": 6"), "{said}");
    sampler.end();
}
