//! The embedded queue: a sampler is not on the way of jobs, and may be killed at will.

use crate::matrix::{CALM, assert_same, kills};
use crate::support::{House, LONG, Sampler, random, shares};
use photofinish_testkit::{fill_disk, on_small_disk, wait_for, wait_until};
use rusqlite::Connection;
use rustix::process::Signal;
use std::time::Duration;

const SQLITE: &str = "broker = \"sqlite\"\nurl = \"sqlite:jobs.db\"\nsource = \"mail\"\n";

/// A queue `mail`, and samplers of it.
struct Table {
    house: House,
    file: Connection,
    made: u64,
}

impl Table {
    fn new(lines: &str) -> Table {
        Table::of(House::new(&format!("{SQLITE}{lines}")))
    }

    fn of(house: House) -> Table {
        // It makes the table.
        house.sampler(&[]).end();
        let file = Connection::open(house.path("jobs.db")).unwrap();
        file.busy_timeout(LONG).unwrap();
        Table { house, file, made: 0 }
    }

    fn push(&mut self, many: u64) {
        let mut insert = self
            .file
            .prepare("INSERT INTO jobs (queue, kind, payload) VALUES ('mail', 'count', ?1)");
        let insert = insert.as_mut().unwrap();
        for number in self.made..self.made + many {
            insert.execute([i64::try_from(number).unwrap()]).unwrap();
        }
        self.made += many;
    }

    fn numbers(&self, queue: &str) -> Vec<u64> {
        let select = "SELECT payload FROM jobs WHERE queue = ?1 ORDER BY due, id";
        let mut select = self.file.prepare(select).unwrap();
        let rows = select.query_map([queue], |row| row.get::<_, i64>(0)).unwrap();
        rows.map(|row| row.unwrap().try_into().unwrap()).collect()
    }

    /// Waits until the trigger goes by a sampler that lives.
    fn wait_on(&self) {
        let on = "SELECT every = 10 AND until > (julianday('now') - 2440587.5) * 86400000 + 5000 FROM photofinish_jobs";
        wait_until(LONG, "the trigger to choose", || {
            self.file.query_row(on, [], |row| row.get(0)).unwrap_or(false)
        });
    }

    fn wait_off(&self) {
        let off = "SELECT until < (julianday('now') - 2440587.5) * 86400000 FROM photofinish_jobs";
        wait_until(LONG, "the trigger to rest", || {
            self.file.query_row(off, [], |row| row.get(0)).unwrap_or(false)
        });
    }

    #[track_caller]
    fn assert_shared(&self) {
        let (race, main) = shares(self.made, 10);
        assert_same(&self.numbers("mail_race"), &race, "one of each ten, each once, in order");
        assert_same(&self.numbers("mail"), &main, "all others, each once, in order");
    }
}

#[test]
fn on_a_full_disk_it_says_so_and_with_room_again_each_job_is_where_its_number_says() {
    let me =
        "sqlite::on_a_full_disk_it_says_so_and_with_room_again_each_job_is_where_its_number_says";
    on_small_disk(me, "16m", |disk| {
        let mut table = Table::of(House::inside(disk, &format!("{SQLITE}{CALM}")));
        let sampler = table.house.sampler(&[]);
        table.wait_on();
        table.push(205);
        let ballast = fill_disk(disk);
        // Its lease cannot be renewed, so it chooses no more.
        sampler.0.wait_for_line(LONG, "disk is full");
        let insert =
            "INSERT INTO jobs (queue, kind, payload) VALUES ('mail', 'count', zeroblob(1000000))";
        let refused = table.file.execute(insert, []).unwrap_err().to_string();
        assert!(refused.contains("full"), "{refused}");
        // One that is killed and started on the full disk says what to do, or waits as the first one does.
        sampler.signal(Signal::KILL);
        drop(sampler);
        let (code, said) = wait_for(LONG, "the one that was killed to be forgotten", || {
            let (code, said) = table.house.jobs(&["undo"]);
            (!said.contains("has a sampler that runs")).then_some((code, said))
        });
        assert!(code == Some(2) && said.contains("full"), "{said}");
        assert!(said.contains("try: make room"), "{said}");
        drop(ballast);
        let sampler = table.house.sampler(&[]);
        table.wait_on();
        table.push(500);
        end(sampler);
        table.assert_shared();
    });
}

#[track_caller]
fn end(sampler: Sampler) {
    let (code, said) = sampler.end();
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn samplers_that_are_killed_or_doubled_change_nothing_about_the_share_and_undo_removes_all() {
    let mut table = Table::new(CALM);
    let mut samplers = [table.house.sampler(&[]), table.house.sampler(&[])];
    for round in 0..kills(10) {
        table.wait_on();
        table.push(50);
        std::thread::sleep(Duration::from_micros(random(20_000)));
        let victim = &mut samplers[usize::try_from(round % 2).unwrap()];
        victim.0.kill();
        *victim = table.house.start(&[]);
    }
    table.assert_shared();
    samplers.into_iter().for_each(end);
    let (code, said) = table.house.jobs(&["undo"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(table.numbers("mail").len() as u64, table.made);
    let ours = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'photofinish%'";
    assert_eq!(table.file.query_row(ours, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[test]
fn a_sampler_that_sleeps_past_its_lease_chooses_nothing_meanwhile() {
    let mut table = Table::new(CALM);
    for _ in 0..kills(1).min(10) {
        let sleeper = table.house.sampler(&[]);
        table.wait_on();
        table.push(100);
        sleeper.signal(Signal::STOP);
        table.wait_off();
        // Nobody watches the race queue now.
        let race = table.numbers("mail_race").len();
        let late = "INSERT INTO jobs (queue, kind, payload) VALUES ('mail', 'late', 0)";
        for _ in 0..50 {
            table.file.execute(late, []).unwrap();
        }
        assert_eq!(table.numbers("mail_race").len(), race);
        table.file.execute("DELETE FROM jobs WHERE kind = 'late'", []).unwrap();
        sleeper.signal(Signal::CONT);
        table.wait_on();
        table.push(100);
        end(sleeper);
    }
    table.assert_shared();
}

#[test]
fn jobs_that_no_race_worker_takes_go_back_and_no_more_are_chosen() {
    let mut table = Table::new("every = 2\nstalled = \"1s\"\nretry = \"1h\"\n");
    let sampler = table.house.sampler(&[]);
    wait_until(LONG, "jobs to be chosen", || {
        table.push(10);
        !table.numbers("mail_race").is_empty()
    });
    sampler.0.wait_for_line(LONG, "the race workers take nothing");
    wait_until(LONG, "what waits to go back", || table.numbers("mail_race").is_empty());
    table.push(50);
    assert_eq!(table.numbers("mail").len() as u64, table.made);
    end(sampler);
}
