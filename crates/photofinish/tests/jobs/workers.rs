//! Workers of the client libraries that teams use: `workers/`.

use crate::support::{House, LONG, PHOTOFINISH, shares};
use photofinish_testkit::{
    BuildOptions, Running, build_go, go_toolchain, temp_dir, wait_until, workspace_root,
};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// A producer, a normal worker and a race-built one.
pub(crate) struct Farm {
    broker: &'static str,
    url: String,
    pub(crate) house: House,
    normal: PathBuf,
    race: PathBuf,
    spool: tempfile::TempDir,
}

impl Farm {
    /// Nothing where the libraries cannot be fetched.
    pub(crate) fn new(broker: &'static str, url: String, house: House) -> Option<Farm> {
        let folder = workspace_root().join("crates/photofinish/tests/jobs/workers");
        let fetched = go_toolchain().command(&folder).args(["mod", "download"]).output().unwrap();
        if !fetched.status.success() {
            let why = String::from_utf8_lossy(&fetched.stderr).into_owned();
            let _ =
                writeln!(std::io::stderr(), "skipped: workers cannot be fetched: {}", why.trim());
            return None;
        }
        let normal = build_go(&folder, &BuildOptions::normal());
        let race = build_go(&folder, &BuildOptions::race());
        Some(Farm { broker, url, house, normal, race, spool: temp_dir() })
    }

    pub(crate) fn produce(&self, from: u64, to: u64) {
        let mut command = Command::new(&self.normal);
        command.args([
            self.broker,
            &self.url,
            "produce",
            "mail",
            &from.to_string(),
            &to.to_string(),
        ]);
        let made = command.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
    }

    pub(crate) fn normal_worker(&self) -> Running {
        let words = [self.broker, &self.url, "work", "mail_main"];
        Running::start(Command::new(&self.normal).args(words))
    }

    /// Under `photofinish run`, as it is meant.
    pub(crate) fn race_worker(&self, words: &[&str]) -> Running {
        let mut command = Command::new(PHOTOFINISH);
        command.args(["run", "--store"]).arg(self.spool.path().join("findings.db"));
        command.arg("--spool").arg(self.spool.path().join("spool")).arg("--").arg(&self.race);
        command.args([self.broker, &self.url, "work", "mail_race"]).args(words);
        Running::start(&mut command)
    }

    /// Jobs pass, while the sampler is killed or not; every one runs once, in order, on its side, as it was sent.
    pub(crate) fn run_all(&self, rounds: u64, kills: bool) {
        let mut sampler = self.house.sampler(&[]);
        let (normal, race) = (self.normal_worker(), self.race_worker(&[]));
        let mut made = 0;
        for _ in 0..rounds {
            self.produce(made, made + 60);
            made += 60;
            if kills {
                sampler.0.kill();
                sampler = self.house.start(&[]);
            }
        }
        let (chosen, others) = shares(made, 10);
        let begun = Instant::now();
        while numbers(&normal, "ran ").len() < others.len()
            || numbers(&race, "ran ").len() < chosen.len()
        {
            let said = || [normal.output(), race.output(), sampler.0.output()].join("\n--\n");
            assert!(begun.elapsed() < LONG, "of {made}: {}", said());
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(numbers(&race, "ran "), chosen, "{}", race.output());
        assert_eq!(numbers(&normal, "ran "), others, "{}", normal.output());
        let (code, said) = sampler.end();
        assert_eq!(code, Some(0), "{said}");
    }

    /// What the race build gives up is run by the normal workers.
    pub(crate) fn run_failing(&self) {
        let sampler = self.house.sampler(&[]);
        let (normal, race) = (self.normal_worker(), self.race_worker(&["fail"]));
        self.produce(0, 60);
        let (chosen, _) = shares(60, 10);
        wait_until(LONG, "all jobs to have run", || numbers(&normal, "ran ").len() >= 60);
        let mut ran = numbers(&normal, "ran ");
        ran.sort_unstable();
        assert_eq!(ran, (0..60).collect::<Vec<u64>>(), "each once: {}", normal.output());
        let mut failed = numbers(&race, "failed ");
        failed.sort_unstable();
        failed.dedup();
        assert!(
            !failed.is_empty() && failed.iter().all(|number| chosen.contains(number)),
            "{}",
            race.output()
        );
        let (code, said) = sampler.end();
        assert_eq!(code, Some(0), "{said}");
    }
}

/// The numbers that a worker said it did something with.
fn numbers(worker: &Running, did: &str) -> Vec<u64> {
    let output = worker.output();
    let told = output.lines().filter_map(|line| line.strip_prefix(did));
    told.filter_map(|rest| rest.split(':').next()?.trim().parse().ok()).collect()
}
