//! A sampler that can be ill-treated, and a Redis to look into.

use photofinish_testkit::servers::RedisServer;
use photofinish_testkit::{Running, temp_dir, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

pub(crate) const PHOTOFINISH: &str = env!("CARGO_BIN_EXE_photofinish");

/// Longer than anything takes that works.
pub(crate) const LONG: Duration = Duration::from_secs(180);

/// A folder with a configuration.
pub(crate) struct House {
    folder: tempfile::TempDir,
    environment: Vec<(&'static str, PathBuf)>,
}

impl House {
    /// `lines` are of the table `[jobs]`.
    pub(crate) fn new(lines: &str) -> House {
        House::made(temp_dir(), lines)
    }

    /// One on a disk.
    pub(crate) fn inside(folder: &Path, lines: &str) -> House {
        House::made(tempfile::tempdir_in(folder).unwrap(), lines)
    }

    fn made(folder: tempfile::TempDir, lines: &str) -> House {
        std::fs::write(folder.path().join("photofinish.toml"), format!("[jobs]\n{lines}")).unwrap();
        House { folder, environment: Vec::new() }
    }

    /// With a variable of the environment.
    pub(crate) fn with(mut self, name: &'static str, value: &Path) -> House {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// A file of the folder.
    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        self.plain(&[&["jobs"], words].concat())
    }

    fn plain(&self, words: &[&str]) -> Command {
        let mut command = Command::new(PHOTOFINISH);
        command.current_dir(self.folder.path()).env_remove("PHOTOFINISH_JOBS_URL");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env_remove("PHOTOFINISH_STORE").env_remove("PHOTOFINISH_SPOOL");
        command.args(words);
        command
    }

    /// A sampler, not yet at work.
    pub(crate) fn start(&self, words: &[&str]) -> Sampler {
        Sampler(Running::start(&mut self.command(words)))
    }

    /// A sampler at work.
    pub(crate) fn sampler(&self, words: &[&str]) -> Sampler {
        let sampler = self.start(words);
        sampler.0.wait_for_line(LONG, "jobs: sampling");
        sampler
    }

    /// `photofinish jobs WORDS` to its end; what it said on stdout and stderr.
    pub(crate) fn jobs(&self, words: &[&str]) -> (Option<i32>, String) {
        self.photofinish(&[&["jobs"], words].concat())
    }

    /// Waits until samplers have sent so many jobs to a side: one that a broker shows no more may be in hand.
    pub(crate) fn wait_seen(&self, many: u64) {
        wait_until(LONG, "all jobs to be sent to a side", || self.seen() == Some(many));
    }

    /// How many that are, as far as the broker can tell just now.
    pub(crate) fn seen(&self) -> Option<u64> {
        let (_, said) = self.jobs(&["status", "--format", "json"]);
        // What is on stderr comes behind it.
        let mut said = serde_json::Deserializer::from_str(&said).into_iter::<serde_json::Value>();
        let status = said.next()?.ok()?;
        status["counts"]["seen"].as_u64()
    }

    /// `photofinish WORDS` to its end; what it said on stdout and stderr.
    pub(crate) fn photofinish(&self, words: &[&str]) -> (Option<i32>, String) {
        let Output { status, stdout, stderr } = self.plain(words).output().unwrap();
        let said = [stdout, stderr].concat();
        (status.code(), String::from_utf8_lossy(&said).into_owned())
    }
}

/// A running `photofinish jobs`.
pub(crate) struct Sampler(pub(crate) Running);

impl Sampler {
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.0.pid().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Ends it in good order, and returns its exit status and all it said.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        // Before it is at work it does not listen for signals.
        self.0.wait_for_line(LONG, "jobs: sampling");
        self.signal(Signal::TERM);
        let status = self.0.wait_for_end(LONG);
        (status.code(), self.0.output())
    }
}

/// A pseudo-random number below `below`, another each time.
pub(crate) fn random(below: u64) -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish() % below
}

/// What a test asks of Redis.
pub(crate) struct Redis(redis::Connection);

impl Redis {
    pub(crate) fn of(server: &RedisServer) -> Redis {
        Redis(redis::Client::open(server.url()).unwrap().get_connection().unwrap())
    }

    pub(crate) fn ask<T: redis::FromRedisValue>(&mut self, words: &[&str]) -> T {
        let mut command = redis::Cmd::new();
        words.iter().for_each(|word| {
            command.arg(*word);
        });
        command.query(&mut self.0).unwrap()
    }

    /// Pushes numbers, the smallest first.
    pub(crate) fn push(&mut self, list: &str, numbers: std::ops::Range<u64>) {
        let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
        let mut words = vec!["LPUSH", list];
        words.extend(numbers.iter().map(String::as_str));
        self.ask::<u64>(&words);
    }

    /// The numbers in a list, the one that is taken next first.
    pub(crate) fn numbers(&mut self, list: &str) -> Vec<u64> {
        let texts: Vec<String> = self.ask(&["LRANGE", list, "0", "-1"]);
        texts.iter().rev().map(|text| text.parse().unwrap()).collect()
    }

    pub(crate) fn length(&mut self, list: &str) -> u64 {
        self.ask(&["LLEN", list])
    }

    /// A Redis that has no memory left, from the next write on, or has again.
    pub(crate) fn fill_up(&mut self, is_full: bool) {
        let most = if is_full { "1" } else { "0" };
        self.ask::<String>(&["CONFIG", "SET", "maxmemory", most]);
    }

    pub(crate) fn wait_empty(&mut self, list: &str) {
        wait_until(LONG, "a list to be empty", || self.length(list) == 0);
    }
}

/// Where the chosen of 0..`end` are, and the others.
pub(crate) fn shares(end: u64, every: u32) -> (Vec<u64>, Vec<u64>) {
    (0..end).partition(|number| photofinish_jobs::pick(*number, every))
}
