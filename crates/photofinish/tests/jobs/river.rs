//! River's table: a sampler is not on the way of jobs, and may be killed at will.

use crate::matrix::kills;
use crate::support::{House, LONG, random};
use photofinish_testkit::servers::PostgresServer;
use std::time::Duration;
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

#[tokio::test]
async fn samplers_that_are_killed_or_doubled_change_nothing_about_the_share_and_undo_removes_all() {
    let Some(server) = PostgresServer::start() else { return };
    let url = server.url();
    let house = House::new(&format!(
        "broker = \"river\"\nurl = \"{url}\"\nsource = \"default\"\nmax_lag = 100000\nmax_age = \"1h\"\nstalled = \"1h\"\n"
    ));
    let client = connect(&server).await;
    client.batch_execute(RIVER).await.unwrap();
    // Two at once make the same table and trigger.
    let mut samplers = [house.start(&[]), house.start(&[])];
    for sampler in &samplers {
        sampler.0.wait_for_line(LONG, "jobs: sampling");
    }
    let on = || async {
        let row = client.query_one("SELECT every FROM photofinish_jobs", &[]).await;
        row.is_ok_and(|row| row.get::<_, i64>(0) == 10)
    };
    while !on().await {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let rounds = usize::try_from(kills(20)).unwrap();
    for round in 0..rounds {
        client
            .batch_execute("INSERT INTO river_job (kind) SELECT 'a' FROM generate_series(1, 50)")
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_micros(random(20_000))).await;
        let victim = &mut samplers[round % 2];
        victim.0.kill();
        *victim = house.start(&[]);
    }
    let chosen = |id: &i64| photofinish_jobs::pick(u64::try_from(*id).unwrap(), 10);
    let all = i64::try_from(rounds).unwrap() * 50;
    let (race, main): (Vec<i64>, Vec<i64>) = (1..=all).partition(chosen);
    assert_eq!(ids(&client, "default_race").await, race);
    assert_eq!(ids(&client, "default").await, main);
    for sampler in samplers {
        let (code, said) = sampler.end();
        assert_eq!(code, Some(0), "{said}");
    }
    let (code, said) = house.jobs(&["undo"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(ids(&client, "default").await.len(), rounds * 50);
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
    let insert = "INSERT INTO river_job (kind) SELECT 'a' FROM generate_series(1, 50)";
    let mut rows = 0;
    while ids(&client, "default_race").await.is_empty() {
        client.batch_execute(insert).await.unwrap();
        rows += 50;
    }
    sampler.0.wait_for_line(LONG, "the race workers take nothing");
    while !ids(&client, "default_race").await.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    client.batch_execute(insert).await.unwrap();
    assert_eq!(ids(&client, "default").await.len(), rows + 50);
    let (_, said) = house.jobs(&["status"]);
    assert!(said.contains("paused: the race workers take nothing"), "{said}");
    sampler.end();
}
