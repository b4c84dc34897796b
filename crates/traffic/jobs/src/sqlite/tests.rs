//! On a real file, with producers and workers that know nothing but the table.

use super::*;
use crate::plan::{Kind, Limits};
use crate::rule::pick;
use proptest::prelude::*;

struct House {
    _folder: tempfile::TempDir,
    plan: Plan,
    sqlite: Sqlite,
    /// Producers' and workers' own connection.
    file: Connection,
}

fn now<T>(asked: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(asked)
}

fn house() -> House {
    let folder = photofinish_testkit::temp_dir();
    let path = folder.path().join("jobs.db");
    let plan = Plan {
        kind: Kind::Sqlite,
        url: format!("sqlite:{}", path.display()),
        source: "mail".to_owned(),
        main: "mail".to_owned(),
        race: "mail_race".to_owned(),
        every: 10,
        key: None,
        limits: Limits::default(),
    };
    let mut sqlite = now(Sqlite::open(&plan)).unwrap();
    now(sqlite.prepare()).unwrap();
    now(sqlite.step(wish(100))).unwrap();
    let file = Connection::open(path).unwrap();
    file.busy_timeout(Duration::from_secs(30)).unwrap();
    House { _folder: folder, plan, sqlite, file }
}

fn wish(room: u64) -> Wish {
    Wish { every: 10, room, mode: "sampling" }
}

const ALL: HandBack = HandBack { older_than: Duration::ZERO, attempts: 1 };
const NONE: HandBack = HandBack { older_than: Duration::from_secs(3600), attempts: 1 };

impl House {
    /// Pushes jobs whose payload counts.
    fn push(&self, queue: &str, payloads: std::ops::Range<i64>) {
        for payload in payloads {
            let insert = "INSERT INTO jobs (queue, kind, payload) VALUES (?1, 'mail', ?2)";
            self.file.execute(insert, params![queue, payload.to_string().into_bytes()]).unwrap();
        }
    }

    /// The payloads that wait in a queue, in the order in which they are taken.
    fn waiting(&self, queue: &str) -> Vec<i64> {
        let select = "SELECT CAST(CAST(payload AS TEXT) AS INTEGER) FROM jobs
                      WHERE queue = ?1 AND state = 'waiting' ORDER BY due, id";
        let mut select = self.file.prepare(select).unwrap();
        let rows = select.query_map([queue], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    /// Takes the job that is next, as docs/jobs.md says.
    fn take(&self, queue: &str) -> Option<i64> {
        let take = "UPDATE jobs SET state = 'running', attempts = attempts + 1, worker = 'h:1',
              taken = 5, lease = ?2
            WHERE id = (SELECT id FROM jobs WHERE queue = ?1 AND state = 'waiting' ORDER BY due, id LIMIT 1)
            RETURNING id";
        let lease: i64 = i64::MAX;
        self.file.query_row(take, params![queue, lease], |row| row.get(0)).optional().unwrap()
    }

    fn look(&mut self) -> Look {
        now(self.sqlite.look(true)).unwrap()
    }
}

fn chosen(range: std::ops::Range<i64>) -> (Vec<i64>, Vec<i64>) {
    range.partition(|number| pick(u64::try_from(*number).unwrap(), 10))
}

#[test]
fn exactly_one_of_ten_jobs_of_a_queue_is_chosen_whatever_else_is_written_or_taken_back() {
    let mut house = house();
    let mut pushed = 0;
    for round in 0..100 {
        house.push("other", 0..round % 3);
        house.file.execute_batch("BEGIN IMMEDIATE").unwrap();
        house.push("mail", 1000..1000 + round % 4);
        house.file.execute_batch("ROLLBACK").unwrap();
        house.push("mail", pushed..pushed + round % 5);
        pushed += round % 5;
    }
    let (race, main) = chosen(0..pushed);
    assert_eq!(house.waiting("mail_race"), race);
    assert_eq!(house.waiting("mail"), main);
    let counts = house.look().counts.unwrap();
    assert_eq!((counts.seen, counts.race, counts.no_room), (200, 20, 0));
}

#[test]
fn a_full_race_queue_takes_no_more_and_what_it_was_to_get_is_counted() {
    let mut house = house();
    now(house.sqlite.step(wish(3))).unwrap();
    house.push("mail", 0..100);
    assert_eq!(house.waiting("mail_race").len(), 3);
    let counts = house.look().counts.unwrap();
    assert_eq!((counts.seen, counts.race, counts.no_room), (100, 3, 7));
}

#[test]
fn nothing_is_chosen_once_nobody_samples() {
    let mut house = house();
    house.file.execute("UPDATE photofinish_jobs SET until = 0", []).unwrap();
    house.push("mail", 0..30);
    assert!(house.waiting("mail_race").is_empty());
    assert_eq!(house.look().counts.unwrap().seen, 0);
}

#[test]
fn what_waited_goes_back_in_its_place_and_what_runs_stays() {
    let mut house = house();
    house.push("mail", 0..100);
    let (race, _) = chosen(0..100);
    let running = house.take("mail_race").unwrap();
    assert_eq!(now(house.sqlite.hand_back(NONE)).unwrap(), HandedBack::default());
    let back = now(house.sqlite.hand_back(ALL)).unwrap();
    assert_eq!(back, HandedBack { waited: 9, ..HandedBack::default() });
    assert_eq!(house.waiting("mail"), (0..100).filter(|job| *job != race[0]).collect::<Vec<_>>());
    let state: String = house
        .file
        .query_row("SELECT state FROM jobs WHERE id = ?1", [running], |r| r.get(0))
        .unwrap();
    assert_eq!(state, "running");
    assert_eq!(house.look().taken, 1);
}

#[test]
fn jobs_that_failed_died_or_lost_their_worker_go_to_the_normal_workers_with_an_attempt_left() {
    let mut house = house();
    house.push("mail", 0..100);
    let [failed, dead, lost, running] = [(); 4].map(|()| house.take("mail_race").unwrap());
    let change = |id: i64, sets: &str| {
        house.file.execute(&format!("UPDATE jobs SET {sets} WHERE id = ?1"), [id]).unwrap();
    };
    change(failed, "state = 'waiting', error = 'no', due = due + 3600000");
    change(dead, "state = 'dead', error = 'no', max_attempts = 1");
    change(lost, "lease = 1");
    let back = now(house.sqlite.hand_back(NONE)).unwrap();
    assert_eq!(back, HandedBack { failed: 2, orphaned: 1, waited: 0 });
    let row = |id: i64| {
        let select = "SELECT queue, state, attempts < max_attempts FROM jobs WHERE id = ?1";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        house.file.query_row::<(String, String, bool), _, _>(select, [id], row).unwrap()
    };
    for id in [failed, dead, lost] {
        assert_eq!(row(id), ("mail".to_owned(), "waiting".to_owned(), true));
    }
    assert_eq!(row(running).0, "mail_race");
    assert_eq!(house.look().handed_back, back);
}

#[test]
fn undo_leaves_a_table_of_jobs_and_nothing_of_ours() {
    let mut house = house();
    house.push("mail", 0..100);
    house.take("mail_race").unwrap();
    assert_eq!(now(house.sqlite.undo()).unwrap(), Undone { jobs: 9, running: 1 });
    house.push("mail", 100..200);
    assert_eq!(house.waiting("mail").len(), 199);
    let ours = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'photofinish%'";
    assert_eq!(house.file.query_row(ours, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    assert_eq!(now(house.sqlite.undo()).unwrap(), Undone::default());
}

#[test]
fn jobs_done_long_ago_are_forgotten_and_others_are_not() {
    let mut house = house();
    house.push("mail", 0..10);
    house.file.execute("UPDATE jobs SET state = 'done', due = 1 WHERE id <= 4", []).unwrap();
    house.file.execute("UPDATE jobs SET state = 'dead', due = 1 WHERE id = 5", []).unwrap();
    now(house.sqlite.step(wish(100))).unwrap();
    let left: i64 =
        house.file.query_row("SELECT count(*) FROM jobs", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 6);
}

#[test]
fn a_file_that_is_missing_or_somebody_elses_is_refused_with_what_to_do() {
    let house = house();
    let elsewhere = Plan { url: "sqlite:/nowhere/jobs.db".to_owned(), ..house.plan.clone() };
    let mut sqlite = now(Sqlite::open(&elsewhere)).unwrap();
    let error = now(sqlite.look(true)).unwrap_err();
    assert!(error.to_string().contains("/nowhere/jobs.db") && error.hint().is_some(), "{error}");
    house.file.execute_batch("DROP TABLE jobs; CREATE TABLE jobs (id, what)").unwrap();
    let mut sqlite = now(Sqlite::open(&house.plan)).unwrap();
    let error = now(sqlite.prepare()).unwrap_err();
    assert!(
        error.to_string().contains("no queue of ours")
            || error.to_string().contains("make the table"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_rule_in_sql_is_the_rule_in_rust(position in 0_i64..1 << 40, every in 1_u32..1_000_000) {
        let file = Connection::open_in_memory().unwrap();
        let sql = format!("SELECT {} FROM (SELECT ?1 AS position, ?2 AS every)", crate::rule::SQL);
        let picked: bool = file.query_row(&sql, params![position, every], |row| row.get(0)).unwrap();
        prop_assert_eq!(picked, pick(u64::try_from(position).unwrap(), every));
    }
}

#[test]
fn how_much_longer_the_race_build_takes_is_told_once_enough_jobs_are_done() {
    let mut house = house();
    let done = |house: &House, many: u32| {
        let sets = "UPDATE jobs SET state = 'done', taken = 1000, ended = 1000 + ?2 WHERE id IN
                    (SELECT id FROM jobs WHERE queue = ?1 AND state = 'waiting' LIMIT ?3)";
        house.file.execute(sets, params!["mail", 10, many]).unwrap();
        house.file.execute(sets, params!["mail_race", 45, many]).unwrap();
    };
    house.push("mail", 0..300);
    done(&house, 9);
    assert_eq!(now(house.sqlite.pace()).unwrap(), None);
    done(&house, 11);
    let pace = now(house.sqlite.pace()).unwrap().unwrap();
    assert_eq!((pace.main, pace.slowdown()), (Duration::from_millis(10), 4.5));
}
