//! The payment example's worker on the embedded queue: a normal one beside `photofinish jobs`, which looks
//! after the race-built ones itself.

use crate::support::{House, LONG, random};
use photofinish_store::{Filter, Finding, Source, Store};
use photofinish_testkit::{
    BuildOptions, Running, build_go, go_toolchain, wait_until, workspace_root,
};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The worker, normal and race-built; nothing where its driver cannot be fetched.
fn settler(tags: &[&str]) -> Option<[PathBuf; 2]> {
    let folder = workspace_root().join("examples/payments/settler");
    let fetched = go_toolchain().command(&folder).args(["mod", "download"]).output().unwrap();
    if !fetched.status.success() {
        let why = String::from_utf8_lossy(&fetched.stderr).into_owned();
        let _ =
            writeln!(std::io::stderr(), "skipped: the driver cannot be fetched: {}", why.trim());
        return None;
    }
    let build = |options: BuildOptions| {
        build_go(&folder, &tags.iter().fold(options, |options, tag| options.tag(tag)))
    };
    Some([build(BuildOptions::normal()), build(BuildOptions::race())])
}

/// A queue, a normal worker to be started, and a configuration with race-built ones.
struct Farm {
    house: House,
    normal: PathBuf,
}

impl Farm {
    fn new(tags: &[&str], race: Option<&str>, lines: &str) -> Option<Farm> {
        let [normal, built] = settler(tags)?;
        let race = race.map_or_else(|| built.display().to_string(), str::to_owned);
        let house = House::new(&format!(
            "broker = \"sqlite\"\nurl = \"sqlite:jobs.db\"\nsource = \"settle\"\nevery = 4\n{lines}\n\
             [jobs.workers]\ncommand = [\"{race}\", \"work\", \"-db\", \"jobs.db\", \"-queue\", \"{{queue}}\"]\n\
             dir = \".\"\nmost = 2\n[store]\npath = \"findings.db\"\n[run]\nspool = \"spool\"\n"
        ));
        Some(Farm { house, normal })
    }

    fn settler(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.normal);
        command.args(words).arg("-db").arg(self.house.path("jobs.db"));
        command
    }

    fn enqueue(&self, many: u32) {
        let made = self.settler(&["enqueue", "-n", &many.to_string()]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    fn normal_worker(&self) -> Running {
        Running::start(&mut self.settler(&["work"]))
    }

    /// How many jobs are in each state of each queue.
    fn counts(&self) -> BTreeMap<(String, String), u32> {
        let file = Connection::open(self.house.path("jobs.db")).unwrap();
        file.busy_timeout(LONG).unwrap();
        let select = "SELECT queue, state, count(*) FROM jobs GROUP BY queue, state";
        let mut select = file.prepare(select).unwrap();
        let rows = select.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)));
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[track_caller]
    fn wait_done(&self, many: u32) {
        let done = || {
            let counts = self.counts();
            let done = counts.iter().filter(|((_, state), _)| state == "done");
            done.map(|(_, count)| count).sum::<u32>() == many
        };
        wait_until(LONG, "all jobs to be done", done);
    }

    fn findings(&self) -> Vec<Finding> {
        let path = self.house.path("findings.db");
        if !path.exists() {
            return Vec::new();
        }
        Store::open(path).unwrap().findings(&Filter::default()).unwrap()
    }
}

/// The processes whose command line names `text`, but for ourselves.
fn processes(text: &Path) -> Vec<u32> {
    let text = text.display().to_string();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains(&text) && *pid != std::process::id()
    })
    .collect()
}

#[test]
fn the_race_of_the_settler_is_found_through_its_race_built_worker_alone() {
    let Some(farm) = Farm::new(&[], None, "") else { return };
    let jobs = farm.house.sampler(&[]);
    let normal = farm.normal_worker();
    let mut made = 0;
    wait_until(LONG, "a finding", || {
        farm.enqueue(40);
        made += 40;
        !farm.findings().is_empty()
    });
    farm.wait_done(made);
    let counts = farm.counts();
    let (code, said) = jobs.end();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(counts.values().sum::<u32>(), made, "each job is done once: {counts:?}");
    assert!(counts[&("settle_race".to_owned(), "done".to_owned())] > 0, "{counts:?}");
    let findings = farm.findings();
    for finding in &findings {
        assert!(finding.title.contains("batch"), "{}", finding.title);
        assert!(finding.sources.keys().eq([&Source::Jobs]), "{:?}", finding.sources);
        let jobs = &finding.jobs;
        assert!(!jobs.is_empty(), "{finding:?}");
        for linked in jobs {
            assert_eq!(
                (linked.job.queue.as_str(), linked.job.kind.as_deref()),
                ("settle_race", Some("settle"))
            );
            assert!(
                linked.job.id.parse::<u32>().unwrap() <= made && linked.among > 0,
                "{linked:?}"
            );
        }
    }
    let (_, shown) = farm.house.photofinish(&[
        "findings",
        "show",
        findings[0].fingerprint.as_str(),
        "--store",
        "findings.db",
    ]);
    assert!(shown.contains("settle ") && shown.contains(" of settle_race"), "{shown}");
    drop(normal);
}

#[test]
fn the_repaired_settler_has_no_finding() {
    let Some(farm) = Farm::new(&["repaired"], None, "") else { return };
    let jobs = farm.house.sampler(&[]);
    let _normal = farm.normal_worker();
    farm.enqueue(400);
    farm.wait_done(400);
    let (code, said) = jobs.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(farm.findings().is_empty(), "{said}");
}

#[test]
fn metrics_and_status_say_how_the_queue_stands_and_how_many_workers_it_takes() {
    let Some(farm) = Farm::new(&["repaired"], None, "admin = \"127.0.0.1:0\"") else { return };
    let jobs = farm.house.sampler(&[]);
    let said = jobs.0.output();
    let address = said.split("metrics at http://").nth(1).and_then(|rest| rest.split('/').next());
    let address = address.unwrap_or_else(|| panic!("{said}")).to_owned();
    let _normal = farm.normal_worker();
    farm.enqueue(400);
    farm.wait_done(400);
    let all = "photofinish_jobs_messages_total{side=\"race\"} 100\n";
    let none = "photofinish_jobs_lag_messages{queue=\"race\"} 0\n";
    wait_until(LONG, "all jobs to be counted", || {
        let page = get(&address, "/metrics");
        page.contains(all) && page.contains(none)
    });
    let page = get(&address, "/metrics");
    for line in [
        "photofinish_jobs_messages_total{side=\"main\"} 300\n",
        "photofinish_jobs_workers_most ",
        "photofinish_jobs_worker_crashes_total 0\n",
        "photofinish_jobs_moved_back_total{reason=\"failed\"} 0\n",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
    assert!(get(&address, "/nothing").starts_with("HTTP/1.1 404"));
    let (code, said) = farm.house.jobs(&["status", "--format", "json"]);
    assert_eq!(code, Some(0), "{said}");
    let status: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(status["scaling"]["slowdown_measured"], true, "{said}");
    assert_eq!(status["scaling"]["max_replicas"], 2);
    assert_eq!(status["counts"]["race"], 100);
    let (_, said) = farm.house.jobs(&["status"]);
    assert!(said.contains("maxReplicaCount 2"), "{said}");
    jobs.end();
}

/// An answer, with its head.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_kill_of_photofinish_leaves_no_worker_behind_and_loses_no_job() {
    let Some(farm) = Farm::new(&["repaired"], None, "") else { return };
    let _normal = farm.normal_worker();
    let mark = farm.house.path("");
    let mut made = 0;
    for _ in 0..4 {
        let mut jobs = farm.house.sampler(&[]);
        // Until one of its own has done something.
        let before = race_done(&farm);
        wait_until(LONG, "a job done by a race worker", || {
            farm.enqueue(20);
            made += 20;
            race_done(&farm) > before
        });
        std::thread::sleep(Duration::from_millis(random(200)));
        jobs.0.kill();
        let workers = || race_workers(&mark);
        wait_until(LONG, "the race workers to be gone", || workers().is_empty());
    }
    let jobs = farm.house.sampler(&[]);
    farm.wait_done(made);
    assert_eq!(farm.counts().values().sum::<u32>(), made);
    jobs.end();
}

#[test]
fn a_worker_that_ignores_sigterm_does_not_survive_a_killed_photofinish_either() {
    let house = House::new(
        "broker = \"sqlite\"\nurl = \"sqlite:jobs.db\"\nsource = \"settle\"\n\
         [jobs.workers]\ncommand = [\"./stubborn\", \"settle_race\"]\ndir = \".\"\nstop_timeout = \"1s\"\n\
         [store]\npath = \"findings.db\"\n[run]\nspool = \"spool\"\n",
    );
    let script = house.path("stubborn");
    std::fs::write(&script, "#!/bin/sh\ntrap '' TERM\necho deaf\nwhile :; do sleep 1; done\n")
        .unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let mut jobs = house.sampler(&[]);
    jobs.0.wait_for_line(LONG, "deaf");
    let workers = || race_workers(&house.path(""));
    // Two for a moment: a shell that is about to become another program.
    assert!(!workers().is_empty());
    jobs.0.kill();
    wait_until(LONG, "the worker to be gone", || workers().is_empty());
}

fn race_done(farm: &Farm) -> u32 {
    farm.counts().get(&("settle_race".to_owned(), "done".to_owned())).copied().unwrap_or(0)
}

/// Those of the race queue, whose working folder is the house.
fn race_workers(house: &Path) -> Vec<u32> {
    let here = |pid: &u32| {
        std::fs::read_link(format!("/proc/{pid}/cwd"))
            .is_ok_and(|folder| folder == house.canonicalize().unwrap())
    };
    processes(Path::new("settle_race")).into_iter().filter(here).collect()
}

#[test]
fn race_workers_that_all_crash_cost_no_job_and_sampling_pauses() {
    let Some(farm) = Farm::new(&["repaired"], Some("bin/crashes"), "") else { return };
    // Not even a program: each start fails, or ends at once.
    let program = farm.house.path("bin/crashes");
    std::fs::create_dir_all(program.parent().unwrap()).unwrap();
    std::fs::copy("/bin/false", &program).unwrap();
    let _normal = farm.normal_worker();
    let jobs = farm.house.sampler(&[]);
    jobs.0.wait_for_line(LONG, "jobs: paused: no race worker runs");
    farm.enqueue(200);
    farm.wait_done(200);
    jobs.0.wait_for_line(LONG, "ended: exit status 1");
    let (code, said) = jobs.end();
    assert_eq!(code, Some(0), "{said}");
    // What is said of the queue and of the workers comes at the same moments, and in lines of its own.
    let broken: Vec<&str> =
        said.lines().filter(|line| !line.starts_with("photofinish: jobs: ")).collect();
    assert!(broken.is_empty(), "{broken:?}");
    assert!(!said.contains(" 0 crashed"), "{said}");
}
