//! Pools of real race-built workers: they follow the lag, are replaced when they grow, and start again
//! after a crash.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

use photofinish_model::Fingerprint;
use photofinish_pool::{Event, Plan, Pool};
use photofinish_supervise::run::{self, Voice};
use photofinish_supervise::spool::Spool;
use photofinish_supervise::{Delivered, Sighted, Sink, SinkError};
use photofinish_testkit::{BuildOptions, build_go_source, temp_dir};
use std::path::Path;
use std::time::{Duration, Instant};

/// Longer than anything takes that works.
const LONG: Duration = Duration::from_secs(60);

/// Does what the word says, until SIGTERM.
const WORKER: &str = r#"
package main

import (
	"os"
	"time"
)

var kept [][]byte

func main() {
	switch os.Args[1] {
	case "crash":
		time.Sleep(20 * time.Millisecond)
		panic("as it was told to")
	case "end":
		time.Sleep(20 * time.Millisecond)
		return
	case "grow":
		for i := 0; i < 50; i++ {
			piece := make([]byte, 4<<20)
			for at := range piece {
				piece[at] = 1
			}
			kept = append(kept, piece)
		}
	}
	select {
	case <-time.After(time.Hour):
	}
}
"#;

/// Takes everything, and keeps nothing.
struct Nowhere;

impl Sink for Nowhere {
    fn deliver(&mut self, sighted: &[Sighted]) -> Result<Vec<Delivered>, SinkError> {
        let taken = sighted.iter().map(|sighted| Delivered {
            fingerprint: Fingerprint::of(&sighted.race),
            new: true,
            regressed: false,
            duplicate: false,
        });
        Ok(taken.collect())
    }

    fn acknowledged(&mut self, _: &Fingerprint) -> Result<bool, SinkError> {
        Ok(true)
    }
}

/// A pool of workers that do what `word` says.
struct House {
    pool: Pool,
    events: Vec<String>,
    pauses: Vec<Duration>,
    _folder: tempfile::TempDir,
}

impl House {
    fn new(word: &str, change: impl FnOnce(Plan) -> Plan) -> House {
        let folder = temp_dir();
        let worker = build_go_source("pooled", WORKER, &BuildOptions::race());
        let plan =
            Plan::new(vec![worker.into(), word.into()], Spool::new(folder.path().join("spool")));
        let mut plan = change(plan);
        plan.worker.stop_timeout = Duration::from_secs(5);
        let sinks = Box::new(|| Box::new(Nowhere) as Box<dyn Sink>);
        let pool = Pool::new(plan, sinks, Voice::new(None).unwrap());
        House { pool, events: Vec::new(), pauses: Vec::new(), _folder: folder }
    }

    fn follow(&mut self, waiting: u64) {
        let (events, pauses) = (&mut self.events, &mut self.pauses);
        self.pool.follow(waiting, &mut |event| {
            if let Event::Worker(_, run::Event::RestartIn { pause, .. }) = &event {
                pauses.push(*pause);
            }
            events.push(match event {
                Event::Worker(_, event) => event.line().unwrap_or_default(),
                other => format!("{other:?}"),
            });
        });
    }

    /// Follows this lag until `holds`.
    #[track_caller]
    fn until(&mut self, waiting: u64, what: &str, holds: impl Fn(&House) -> bool) {
        let end = Instant::now() + LONG;
        loop {
            self.follow(waiting);
            if holds(self) {
                return;
            }
            assert!(Instant::now() < end, "never {what}: {:#?}", self.events);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the pool; none of the processes may live on.
    fn end(&mut self) {
        let pids = self.pool.pids();
        self.pool.stop(&mut |_| {});
        for pid in pids {
            assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{pid} lives on");
        }
    }
}

#[test]
fn workers_follow_the_lag_up_to_the_most_and_down_to_the_least() {
    let mut house = House::new("wait", |plan| Plan {
        least: 1,
        most: 3,
        lag: 10,
        idle: Duration::from_millis(200),
        ..plan
    });
    house.until(0, "one worker", |house| house.pool.pids().len() == 1);
    house.until(500, "three workers", |house| house.pool.pids().len() == 3);
    assert_eq!(house.pool.ready(), 3);
    house.until(0, "one worker again", |house| house.pool.pids().len() == 1);
    house.end();
    assert_eq!(house.pool.totals().starts, 3);
}

#[test]
fn a_worker_that_grew_too_large_is_replaced_and_its_end_is_no_crash() {
    let mut house = House::new("grow", |plan| Plan { memory: Some(150 << 20), most: 1, ..plan });
    house.until(0, "a second worker", |house| house.pool.totals().starts >= 2);
    house.end();
    let totals = house.pool.totals();
    assert!(totals.recycled >= 1 && totals.peak_memory > 150 << 20, "{totals:?}");
    assert_eq!(totals.crashes, 0, "{:#?}", house.events);
}

#[test]
fn workers_that_crash_are_started_again_after_pauses_that_grow_and_nobody_is_ready_meanwhile() {
    let mut house = House::new("crash", |plan| Plan { most: 1, ..plan });
    house.until(0, "nobody ready", |house| {
        house.pool.totals().crashes > 0 && house.pool.ready() == 0
    });
    house.until(0, "a fourth pause", |house| house.pauses.len() >= 4);
    house.end();
    assert!(house.pauses.windows(2).all(|two| two[1] > two[0]), "{:?}", house.pauses);
    assert!(house.pool.totals().crashes >= 4);
}

#[test]
fn a_worker_that_ends_in_good_order_is_started_again_without_growing_pauses() {
    let mut house = House::new("end", |plan| Plan { most: 1, ..plan });
    house.until(0, "a sixth start", |house| house.pool.totals().starts >= 6);
    house.end();
    assert_eq!(house.pool.totals().crashes, 0);
    assert!(
        house.pauses.iter().all(|pause| *pause < Duration::from_millis(150)),
        "{:?}",
        house.pauses
    );
}

#[test]
fn a_program_that_is_not_there_is_said_and_tried_again_not_too_often() {
    let mut house = House::new("wait", |mut plan| {
        plan.worker.command[0] = "/nowhere/worker".into();
        Plan { most: 1, ..plan }
    });
    let failed =
        |house: &House| house.events.iter().filter(|event| event.starts_with("Failed")).count();
    house.until(0, "a third failure", |house| failed(house) >= 3);
    assert_eq!(house.pool.totals().starts, 0);
    assert!(failed(&house) < 10, "{:#?}", house.events);
    house.end();
}
