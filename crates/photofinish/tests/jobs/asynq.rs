//! asynq's own client and servers: a normal worker, a race-built one under `photofinish run`, and a
//! sampler that is killed between them.

use crate::matrix::{CALM, InRedis, Queues, full, ill_treat, kills, oversleep};
use crate::support::{House, LONG, PHOTOFINISH, Redis, random, shares};
use photofinish_testkit::servers::RedisServer;
use photofinish_testkit::{
    BuildOptions, Running, build_go, go_toolchain, temp_dir, wait_until, workspace_root,
};
use std::collections::BTreeSet;
use std::io::Write;
use std::ops::Range;
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

/// Tasks as asynq's client writes them, which nobody runs.
struct Tasks {
    server: RedisServer,
    redis: Redis,
}

impl Tasks {
    fn start() -> Option<(House, Tasks)> {
        let server = RedisServer::start()?;
        let url = server.url();
        let house =
            House::new(&format!("broker = \"asynq\"\nurl = \"{url}\"\nsource = \"mail\"\n{CALM}"));
        Some((house, Tasks { redis: Redis::of(&server), server }))
    }
}

impl Queues for Tasks {
    fn push(&mut self, numbers: Range<u64>) {
        for number in numbers {
            let id = number.to_string();
            let text = |field: u8, text: &str| {
                let head = [char::from(field << 3 | 2), char::from(text.len() as u8)];
                head.into_iter().collect::<String>() + text
            };
            let message = text(1, "count") + &text(2, "") + &text(3, &id) + &text(4, "mail");
            let key = format!("asynq:{{mail}}:t:{id}");
            self.redis.ask::<u64>(&["HSET", &key, "msg", &message, "state", "pending"]);
            self.redis.ask::<u64>(&["LPUSH", "asynq:{mail}:pending", &id]);
        }
    }

    fn restart(&mut self) {
        self.server.crash_and_restart();
        self.redis = Redis::of(&self.server);
    }

    fn waits(&mut self) -> u64 {
        self.redis.length("asynq:{mail}:pending")
    }

    fn sides(&mut self) -> [Vec<u64>; 2] {
        ["mail_race", "mail_main"].map(|queue| {
            let numbers = self.redis.numbers(&format!("asynq:{{{queue}}}:pending"));
            let tasks: Vec<String> = self.redis.ask(&["KEYS", &format!("asynq:{{{queue}}}:t:*")]);
            assert_eq!(tasks.len(), numbers.len(), "each has its message there");
            numbers
        })
    }
}

impl InRedis for Tasks {
    fn redis(&mut self) -> &mut Redis {
        &mut self.redis
    }
}

#[test]
fn whoever_is_killed_stopped_or_doubled_every_task_is_in_one_queue_at_its_place() {
    let Some((house, mut tasks)) = Tasks::start() else { return };
    ill_treat(&house, &mut tasks);
}

#[test]
fn in_a_redis_that_is_full_tasks_wait_in_the_source_and_none_is_lost() {
    let Some((house, mut tasks)) = Tasks::start() else { return };
    full(&house, &mut tasks);
}

#[test]
fn a_sampler_that_slept_while_another_worked_changes_nothing() {
    let Some((house, mut tasks)) = Tasks::start() else { return };
    oversleep(&house, &mut tasks);
}

#[test]
fn what_dead_race_workers_leave_goes_back_and_what_one_has_ends_with_it() {
    let Some((patient, mut tasks)) = Tasks::start() else { return };
    let lines = "max_age = \"1h\"\nstalled = \"1s\"\nretry = \"1h\"\n";
    let url = tasks.server.url();
    let house =
        House::new(&format!("broker = \"asynq\"\nurl = \"{url}\"\nsource = \"mail\"\n{lines}"));
    let sampler = patient.sampler(&[]);
    tasks.push(0..200);
    wait_until(LONG, "the source to be empty", || tasks.waits() == 0);
    // As a worker takes one: it is in the list of those under way, with a lease.
    let now: Vec<u64> = tasks.redis.ask(&["TIME"]);
    let [pending, active, lease] =
        ["pending", "active", "lease"].map(|list| format!("asynq:{{mail_race}}:{list}"));
    let taken: String = tasks.redis.ask(&["RPOPLPUSH", &pending, &active]);
    let until = (now[0] + 3600).to_string();
    tasks.redis.ask::<u64>(&["ZADD", &lease, &until, &taken]);
    sampler.end();
    let sampler = house.sampler(&[]);
    sampler.0.wait_for_line(LONG, "the race workers take nothing");
    wait_until(LONG, "what waits to go back", || {
        tasks.redis.length("asynq:{mail_main}:pending") == 199
    });
    assert_eq!(tasks.redis.ask::<Vec<String>>(&["LRANGE", &active, "0", "-1"]), [taken.as_str()]);
    // The worker is dead for longer than asynq waits for one.
    let before = (now[0] - 60).to_string();
    tasks.redis.ask::<u64>(&["ZADD", &lease, &before, &taken]);
    wait_until(LONG, "the one under way to go back", || tasks.redis.length(&active) == 0);
    let (_, said) = house.jobs(&["status", "--format", "json"]);
    assert!(said.contains("\"orphaned\": 1"), "{said}");
    sampler.end();
    let (code, said) = house.jobs(&["undo"]);
    assert_eq!(code, Some(0), "{said}");
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

#[test]
fn tasks_of_one_tenant_go_to_the_same_side() {
    let lines = "every = 4\nkey = \"header:tenant\"\nmax_lag = 100000\nmax_age = \"1h\"\nstalled = \"1h\"\n";
    let Some(farm) = Farm::new(lines) else { return };
    let (normal, race) = (farm.normal_worker(), farm.race_worker(&[]));
    let sampler = farm.house.sampler(&[]);
    farm.produce(0, 400);
    wait_until(LONG, "all tasks to have run", || {
        numbers(&normal, "ran ").len() + numbers(&race, "ran ").len() >= 400
    });
    let tenants = |numbers: Vec<u64>| -> BTreeSet<u64> {
        numbers.into_iter().map(|number| number % 20).collect()
    };
    let (normal, race) = (tenants(numbers(&normal, "ran ")), tenants(numbers(&race, "ran ")));
    assert!(normal.is_disjoint(&race) && !race.is_empty(), "{normal:?} {race:?}");
    assert_eq!(normal.len() + race.len(), 20);
    sampler.end();
}
