//! River's own client and workers: a normal one, and a race-built one under `photofinish run` or in a pool.

use crate::support::{House, LONG, PHOTOFINISH, random};
use photofinish_store::{Filter, Source, Store};
use photofinish_testkit::servers::PostgresServer;
use photofinish_testkit::{
    BuildOptions, Running, build_go, go_toolchain, wait_until, workspace_root,
};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// The workers, normal and race-built; nothing where their module cannot be fetched.
fn workers() -> Option<[PathBuf; 2]> {
    let folder = workspace_root().join("crates/photofinish/tests/jobs/river");
    let fetched = go_toolchain().command(&folder).args(["mod", "download"]).output().unwrap();
    if !fetched.status.success() {
        let why = String::from_utf8_lossy(&fetched.stderr).into_owned();
        let _ = writeln!(std::io::stderr(), "skipped: river cannot be fetched: {}", why.trim());
        return None;
    }
    Some([build_go(&folder, &BuildOptions::normal()), build_go(&folder, &BuildOptions::race())])
}

struct Farm {
    server: PostgresServer,
    house: House,
    normal: PathBuf,
    race: PathBuf,
}

impl Farm {
    fn new(lines: &str) -> Option<Farm> {
        let server = PostgresServer::start()?;
        let [normal, race] = workers()?;
        let house = House::new(&format!(
            "broker = \"river\"\nurl = \"{}\"\nsource = \"mail\"\nmax_age = \"1h\"\nstalled = \"1h\"\n{lines}\n\
             [store]\npath = \"findings.db\"\n[run]\nspool = \"spool\"\n",
            server.url()
        ));
        let farm = Farm { server, house, normal, race };
        farm.river(&["migrate"]);
        Some(farm)
    }

    fn river(&self, words: &[&str]) {
        let done = Command::new(&self.normal).arg(self.server.url()).args(words).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    }

    fn produce(&self, from: u64, to: u64) {
        self.river(&["produce", "mail", &from.to_string(), &to.to_string()]);
    }

    fn normal_worker(&self) -> Running {
        Running::start(Command::new(&self.normal).args([&self.server.url(), "work", "mail"]))
    }

    /// Under `photofinish run`, as it is meant.
    fn race_worker(&self, words: &[&str]) -> Running {
        let mut command = Command::new(PHOTOFINISH);
        command.args(["run", "--source", "jobs", "-c"]).arg(self.house.path("photofinish.toml"));
        command
            .env_remove("PHOTOFINISH_STORE")
            .env_remove("PHOTOFINISH_SPOOL")
            .env_remove("GORACE");
        command.env_remove("PHOTOFINISH_JOBS_URL").arg("--").arg(&self.race);
        Running::start(command.args([&self.server.url(), "work", "mail_race"]).args(words))
    }
}

/// The numbers that a worker said it did something with.
fn numbers(worker: &Running, did: &str) -> Vec<u64> {
    let output = worker.output();
    output.lines().filter_map(|line| line.strip_prefix(did)?.trim().parse().ok()).collect()
}

/// Where River's own client puts 0..`end`: the first id is 1.
fn shares(end: u64) -> (Vec<u64>, Vec<u64>) {
    (0..end).partition(|number| photofinish_jobs::pick(number + 1, 10))
}

#[test]
fn jobs_of_rivers_own_client_run_once_each_in_order_and_one_of_ten_in_the_race_build() {
    let Some(farm) = Farm::new("max_lag = 100000\n") else { return };
    let mut sampler = farm.house.sampler(&[]);
    // The first of its steps is made.
    wait_until(LONG, "sampling to be on", || {
        let (_, said) = farm.house.jobs(&["status", "--format", "json"]);
        said.contains("\"sampler\": \"sampling\"")
    });
    let (normal, race) = (farm.normal_worker(), farm.race_worker(&[]));
    let mut made = 0;
    for _ in 0..10 {
        farm.produce(made, made + 60);
        made += 60;
        std::thread::sleep(Duration::from_micros(random(20_000)));
        sampler.0.kill();
        sampler = farm.house.start(&[]);
    }
    let (chosen, others) = shares(made);
    wait_until(LONG, "all jobs to have run", || {
        numbers(&normal, "ran ").len() >= others.len()
            && numbers(&race, "ran ").len() >= chosen.len()
    });
    assert_eq!(numbers(&race, "ran "), chosen);
    assert_eq!(numbers(&normal, "ran "), others);
    let (code, said) = sampler.end();
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn jobs_that_fail_in_the_race_build_succeed_with_the_normal_workers_and_none_is_discarded() {
    let Some(farm) = Farm::new("") else { return };
    let sampler = farm.house.sampler(&[]);
    wait_until(LONG, "sampling to be on", || {
        let (_, said) = farm.house.jobs(&["status", "--format", "json"]);
        said.contains("\"sampler\": \"sampling\"")
    });
    let (normal, race) = (farm.normal_worker(), farm.race_worker(&["fail"]));
    // A third of them may not be tried again: River discards those at once.
    farm.produce(0, 60);
    wait_until(LONG, "all jobs to have run", || numbers(&normal, "ran ").len() >= 60);
    let mut ran = numbers(&normal, "ran ");
    ran.sort_unstable();
    assert_eq!(ran, (0..60).collect::<Vec<u64>>());
    let failed: BTreeSet<u64> = numbers(&race, "failed ").into_iter().collect();
    let (chosen, _) = shares(60);
    let many = format!("\"failed\": {}", chosen.len());
    assert_eq!(failed, chosen.into_iter().collect());
    wait_until(LONG, "what went back to be counted", || {
        let (_, said) = farm.house.jobs(&["status", "--format", "json"]);
        said.contains(&many)
    });
    sampler.end();
}

#[test]
fn a_finding_of_a_river_worker_names_the_job_that_it_was_at() {
    let Some(farm) = Farm::new("every = 2\n") else { return };
    let sampler = farm.house.sampler(&[]);
    wait_until(LONG, "sampling to be on", || {
        let (_, said) = farm.house.jobs(&["status", "--format", "json"]);
        said.contains("\"sampler\": \"sampling\"")
    });
    let (_normal, _race) = (farm.normal_worker(), farm.race_worker(&["race"]));
    let mut made = 0;
    let findings = || {
        let path = farm.house.path("findings.db");
        let Some(store) = path.exists().then(|| Store::open(path).unwrap()) else {
            return Vec::new();
        };
        store.findings(&Filter::default()).unwrap()
    };
    wait_until(LONG, "a finding with its job", || {
        farm.produce(made, made + 2);
        made += 2;
        findings().iter().any(|finding| !finding.jobs.is_empty())
    });
    for finding in findings() {
        assert!(finding.sources.keys().eq([&Source::Jobs]), "{:?}", finding.sources);
        for linked in &finding.jobs {
            assert_eq!(linked.job.kind.as_deref(), Some("count"));
            // One at a time; on a slow machine the moment of the report takes in its neighbours.
            assert!((1..10).contains(&linked.among), "{linked:?}");
            let id: u64 = linked.job.id.parse().unwrap();
            assert!(photofinish_jobs::pick(id, 2), "a job of the race queue: {linked:?}");
        }
    }
    sampler.end();
}
