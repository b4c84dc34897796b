//! River's table: a sampler is not on the way of jobs, and may be killed at will.

use crate::matrix::{CALM, kills};
use crate::support::{House, LONG, random};
use photofinish_testkit::servers::PostgresServer;
use photofinish_testkit::{fill_disk, on_small_disk_of_all};
use rustix::process::Signal;
use std::path::Path;
use std::time::Duration;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

async fn connect(server: &PostgresServer) -> Client {
    let (client, line) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
    tokio::spawn(line);
    client
}

/// The columns that matter here; the crate's own tests have more of them.
const RIVER: &str = "
CREATE TYPE river_job_state AS ENUM
  ('available', 'cancelled', 'completed', 'discarded', 'pending', 'retryable', 'running', 'scheduled');
CREATE TABLE river_job (
  id bigserial PRIMARY KEY, state river_job_state NOT NULL DEFAULT 'available',
  attempt smallint NOT NULL DEFAULT 0, max_attempts smallint NOT NULL DEFAULT 25,
  finalized_at timestamptz, scheduled_at timestamptz NOT NULL DEFAULT now(),
  priority smallint NOT NULL DEFAULT 1, errors jsonb[], kind text NOT NULL,
  queue text NOT NULL DEFAULT 'default')";

async fn ids(client: &Client, queue: &str) -> Vec<i64> {
    let rows =
        client.query("SELECT id FROM river_job WHERE queue = $1 ORDER BY id", &[&queue]).await;
    rows.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Waits until the trigger goes by a sampler that lives, or by none.
async fn wait_on(client: &Client, is_on: bool) {
    let asked = "SELECT every = 10 AND until > clock_timestamp() + interval '5 s', until < clock_timestamp()
      FROM photofinish_jobs";
    loop {
        let row = client.query_one(asked, &[]).await;
        if row.is_ok_and(|row| row.get::<_, bool>(usize::from(!is_on))) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

const INSERT: &str = "INSERT INTO river_job (kind) SELECT 'a' FROM generate_series(1, 50)";

/// That one of each ten rows is in the race queue, those of so many ids that did not meet a trigger excepted.
async fn assert_shared(client: &Client, unseen: std::ops::Range<i64>) {
    let all = "SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM river_job";
    let all: Vec<i64> = client.query_one(all, &[]).await.unwrap().get(0);
    let chosen =
        |id: &i64| !unseen.contains(id) && photofinish_jobs::pick(u64::try_from(*id).unwrap(), 10);
    let (race, main): (Vec<i64>, Vec<i64>) = all.into_iter().partition(chosen);
    assert_eq!(ids(client, "default_race").await, race);
    assert_eq!(ids(client, "default").await, main);
}

#[tokio::test]
async fn a_sampler_that_sleeps_past_its_lease_chooses_nothing_meanwhile() {
    let Some(server) = PostgresServer::start() else { return };
    let url = server.url();
    let house =
        House::new(&format!("broker = \"river\"\nurl = \"{url}\"\nsource = \"default\"\n{CALM}"));
    let client = connect(&server).await;
    client.batch_execute(RIVER).await.unwrap();
    let sleeper = house.sampler(&[]);
    wait_on(&client, true).await;
    client.batch_execute(INSERT).await.unwrap();
    sleeper.signal(Signal::STOP);
    wait_on(&client, false).await;
    // Nobody watches the race queue now.
    client.batch_execute(INSERT).await.unwrap();
    sleeper.signal(Signal::CONT);
    wait_on(&client, true).await;
    client.batch_execute(INSERT).await.unwrap();
    assert_shared(&client, 51..101).await;
    let (code, said) = sleeper.end();
    assert_eq!(code, Some(0), "{said}");
}

#[tokio::test]
async fn samplers_that_are_killed_or_doubled_change_nothing_about_the_share_and_undo_removes_all() {
    let Some(mut server) = PostgresServer::start() else { return };
    let url = server.url();
    let house =
        House::new(&format!("broker = \"river\"\nurl = \"{url}\"\nsource = \"default\"\n{CALM}"));
    let mut client = connect(&server).await;
    client.batch_execute(RIVER).await.unwrap();
    // Two at once make the same table and trigger.
    let mut samplers = [house.start(&[]), house.start(&[])];
    for sampler in &samplers {
        sampler.0.wait_for_line(LONG, "jobs: sampling");
    }
    for round in 0..kills(20) {
        wait_on(&client, true).await;
        client.batch_execute(INSERT).await.unwrap();
        tokio::time::sleep(Duration::from_micros(random(20_000))).await;
        if round % 10 == 7 {
            server.crash_and_restart();
            client = connect(&server).await;
        }
        let victim = &mut samplers[usize::try_from(round % 2).unwrap()];
        victim.0.kill();
        *victim = house.start(&[]);
    }
    assert_shared(&client, 0..0).await;
    for sampler in samplers {
        let (code, said) = sampler.end();
        assert_eq!(code, Some(0), "{said}");
    }
    let (code, said) = house.jobs(&["undo"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(ids(&client, "default").await.len() as u64, kills(20) * 50);
    client.batch_execute("INSERT INTO river_job (kind) VALUES ('after')").await.unwrap();
    assert!(
        client.query("SELECT * FROM photofinish_jobs", &[]).await.is_err(),
        "our table is gone"
    );
}

#[tokio::test]
async fn jobs_that_no_race_worker_takes_go_back_and_no_more_are_chosen() {
    let Some(server) = PostgresServer::start() else { return };
    let url = server.url();
    let house = House::new(&format!(
        "broker = \"river\"\nurl = \"{url}\"\nsource = \"default\"\nevery = 2\nstalled = \"1s\"\nretry = \"1h\"\n"
    ));
    let client = connect(&server).await;
    client.batch_execute(RIVER).await.unwrap();
    let sampler = house.sampler(&[]);
    let mut rows = 0;
    while ids(&client, "default_race").await.is_empty() {
        client.batch_execute(INSERT).await.unwrap();
        rows += 50;
    }
    sampler.0.wait_for_line(LONG, "the race workers take nothing");
    while !ids(&client, "default_race").await.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    client.batch_execute(INSERT).await.unwrap();
    assert_eq!(ids(&client, "default").await.len(), rows + 50);
    let (_, said) = house.jobs(&["status"]);
    assert!(said.contains("paused: the race workers take nothing"), "{said}");
    sampler.end();
}

#[test]
fn on_a_full_disk_producers_hear_of_it_and_no_job_is_lost_or_doubled() {
    let me = "river::on_a_full_disk_producers_hear_of_it_and_no_job_is_lost_or_doubled";
    on_small_disk_of_all(me, "8m", |disk| {
        let Some(server) = PostgresServer::start() else { return };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(fill_up(&server, disk));
    });
}

/// All tables on a small disk, which gets full in the middle, and has room again.
async fn fill_up(server: &PostgresServer, disk: &Path) {
    let client = connect(server).await;
    let place = disk.join("tables");
    // Made by whom Postgres runs as, who alone may have it. What does not read what it is given ends Postgres' own pipe.
    let make = format!("cat > /dev/null && mkdir {}", place.display());
    let program = format!("COPY (SELECT 1) TO PROGRAM '{make}'");
    client.batch_execute(&program).await.unwrap();
    let space = format!("CREATE TABLESPACE small LOCATION '{}'", place.display());
    client.batch_execute(&space).await.unwrap();
    client.batch_execute("ALTER ROLE postgres SET default_tablespace = small").await.unwrap();
    let client = connect(server).await;
    client.batch_execute(RIVER).await.unwrap();
    let url = server.url();
    let house =
        House::new(&format!("broker = \"river\"\nurl = \"{url}\"\nsource = \"default\"\n{CALM}"));
    let sampler = house.sampler(&[]);
    wait_on(&client, true).await;
    client.batch_execute(INSERT).await.unwrap();
    let ballast = fill_disk(disk);
    let (mut taken, insert) = (50, "INSERT INTO river_job (kind) VALUES (repeat(md5('a'), 40))");
    let refusal = loop {
        match client.batch_execute(insert).await {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refusal.code(), Some(&SqlState::DISK_FULL), "{refusal}");
    for _ in 0..20 {
        assert!(
            client
                .batch_execute(INSERT.replace("'a'", "repeat(md5('a'), 40)").as_str())
                .await
                .is_err()
        );
    }
    drop(ballast);
    wait_on(&client, true).await;
    client.batch_execute(INSERT).await.unwrap();
    taken += 50;
    assert_shared(&client, 0..0).await;
    let rows = client.query_one("SELECT count(*) FROM river_job", &[]).await.unwrap();
    assert_eq!(rows.get::<_, i64>(0), taken, "what was acknowledged is there, and nothing else");
    let (code, said) = sampler.end();
    assert_eq!(code, Some(0), "{said}");
}
