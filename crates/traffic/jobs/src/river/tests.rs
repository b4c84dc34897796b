//! On a real Postgres, with the table as River's migrations leave it. River's own client and workers run
//! nowhere yet.

use super::*;
use crate::plan::{Kind, Limits};
use crate::rule::pick;
use photofinish_testkit::servers::PostgresServer;

/// The columns of `river_job` that matter here, with River's indexes on them.
const RIVER: &str = "
CREATE TYPE river_job_state AS ENUM
  ('available', 'cancelled', 'completed', 'discarded', 'pending', 'retryable', 'running', 'scheduled');
CREATE TABLE river_job (
  id bigserial PRIMARY KEY, state river_job_state NOT NULL DEFAULT 'available',
  attempt smallint NOT NULL DEFAULT 0, max_attempts smallint NOT NULL DEFAULT 25,
  attempted_at timestamptz, created_at timestamptz NOT NULL DEFAULT now(), finalized_at timestamptz,
  scheduled_at timestamptz NOT NULL DEFAULT now(), priority smallint NOT NULL DEFAULT 1,
  args jsonb NOT NULL DEFAULT '{}', attempted_by text[], errors jsonb[], kind text NOT NULL,
  metadata jsonb NOT NULL DEFAULT '{}', queue text NOT NULL DEFAULT 'default', tags varchar(255)[],
  unique_key bytea, unique_states bit(8));
CREATE INDEX ON river_job (state, queue, priority, scheduled_at, id);
CREATE UNIQUE INDEX ON river_job (unique_key) WHERE unique_key IS NOT NULL AND state <> 'discarded';";

struct House {
    server: PostgresServer,
    plan: Plan,
    producer: Client,
}

/// Runs `test` with a server that has River's table, if this machine has Postgres.
fn with_river(test: impl AsyncFnOnce(&mut House)) {
    let Some(server) = PostgresServer::start() else { return };
    let plan = Plan {
        kind: Kind::River,
        url: server.url(),
        source: "default".to_owned(),
        main: "default".to_owned(),
        race: "default_race".to_owned(),
        every: 10,
        key: None,
        limits: Limits::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let producer = connect(&plan.url).await;
        producer.batch_execute(RIVER).await.unwrap();
        test(&mut House { server, plan, producer }).await;
    });
}

async fn connect(url: &str) -> Client {
    let (client, line) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(line);
    client
}

fn wish(every: u32) -> Wish {
    Wish { every, room: 100, mode: "sampling" }
}

async fn sampling(house: &House) -> River {
    let mut river = River::open(&house.plan).await.unwrap();
    river.prepare().await.unwrap();
    river.step(wish(10)).await.unwrap();
    river
}

/// The ids in a queue, in the order in which River takes them.
async fn ids(producer: &Client, queue: &str) -> Vec<i64> {
    let order = "SELECT id FROM river_job WHERE queue = $1 AND state = 'available' ORDER BY priority, scheduled_at, id";
    let rows = producer.query(order, &[&queue]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn insert(producer: &Client, many: i32) {
    let insert = "INSERT INTO river_job (kind) SELECT 'mail' FROM generate_series(1, $1)";
    producer.execute(insert, &[&many]).await.unwrap();
}

fn is_chosen(id: &i64) -> bool {
    pick(u64::try_from(*id).unwrap(), 10)
}

const ALL: HandBack = HandBack { older_than: Duration::ZERO, attempts: 1 };

#[test]
fn the_queue_of_a_job_follows_from_its_id_whoever_inserts_and_however() {
    with_river(async |house| {
        let _river = sampling(house).await;
        let mut producers = Vec::new();
        for producer in 0..4 {
            let url = house.plan.url.clone();
            producers.push(tokio::spawn(async move {
                let client = connect(&url).await;
                for round in 0..100 {
                    // One in five is taken back, whose ids are lost.
                    client.batch_execute("BEGIN").await.unwrap();
                    insert(&client, 1 + (round + producer) % 3).await;
                    let end = if round % 5 == 0 { "ROLLBACK" } else { "COMMIT" };
                    client.batch_execute(end).await.unwrap();
                }
            }));
        }
        for producer in producers {
            producer.await.unwrap();
        }
        house.producer.batch_execute("INSERT INTO river_job (kind, queue) SELECT 'x', 'other' FROM generate_series(1, 50)").await.unwrap();
        let (race, main) =
            (ids(&house.producer, "default_race").await, ids(&house.producer, "default").await);
        assert!(race.len() > 30 && race.iter().all(is_chosen), "{race:?}");
        assert!(main.len() > 300 && !main.iter().any(is_chosen));
        assert_eq!(ids(&house.producer, "other").await.len(), 50, "other queues are left alone");
    });
}

#[test]
fn exactly_one_of_each_ten_ids_and_postgres_chooses_as_rust_does_far_out() {
    with_river(async |house| {
        let mut river = sampling(house).await;
        insert(&house.producer, 2000).await;
        let race = ids(&house.producer, "default_race").await;
        let wanted: Vec<i64> = (1..=2000).filter(is_chosen).collect();
        assert_eq!(race, wanted);
        assert!((199..=201).contains(&race.len()));
        for (start, every) in [(5_000_000_000_i64, 3_u32), (1 << 50, 7), (123_456_789_012, 999_983)]
        {
            river.step(wish(every)).await.unwrap();
            let restart = format!(
                "ALTER SEQUENCE river_job_id_seq RESTART WITH {start}; DELETE FROM river_job"
            );
            house.producer.batch_execute(&restart).await.unwrap();
            insert(&house.producer, 500).await;
            let chosen = |id: &i64| pick(u64::try_from(*id).unwrap(), every);
            let wanted: Vec<i64> = (start..start + 500).filter(chosen).collect();
            assert_eq!(ids(&house.producer, "default_race").await, wanted, "1 of {every}");
        }
    });
}

#[test]
fn without_a_sampler_that_renews_it_nothing_more_is_chosen() {
    with_river(async |house| {
        let mut river = sampling(house).await;
        let old = "UPDATE photofinish_jobs SET until = now() - interval '1 second'";
        house.producer.batch_execute(old).await.unwrap();
        insert(&house.producer, 100).await;
        assert!(ids(&house.producer, "default_race").await.is_empty());
        river.step(wish(10)).await.unwrap();
        insert(&house.producer, 100).await;
        assert_eq!(ids(&house.producer, "default_race").await.len(), 10);
        river.leave("ended").await.unwrap();
        insert(&house.producer, 100).await;
        assert_eq!(ids(&house.producer, "default_race").await.len(), 10);
    });
}

#[test]
fn what_waited_or_failed_goes_back_and_what_runs_stays() {
    with_river(async |house| {
        let mut river = sampling(house).await;
        river.step(wish(1)).await.unwrap();
        insert(&house.producer, 7).await;
        let set = "UPDATE river_job SET state = 'running' WHERE id = 1;
            UPDATE river_job SET state = 'retryable', attempt = 1, errors = ARRAY['{}'::jsonb],
              scheduled_at = now() + interval '1 hour' WHERE id = 2;
            UPDATE river_job SET state = 'discarded', attempt = 25, finalized_at = now() WHERE id IN (3, 4);
            UPDATE river_job SET unique_key = 'k' WHERE id IN (4);
            UPDATE river_job SET scheduled_at = now() - interval '1 hour' WHERE id = 5;
            INSERT INTO river_job (kind, queue, unique_key) VALUES ('mail', 'third', 'k')";
        house.producer.batch_execute(set).await.unwrap();
        let aged = HandBack { older_than: Duration::from_secs(60), attempts: 1 };
        let back = river.hand_back(aged).await.unwrap();
        assert_eq!((back.waited, back.failed), (1, 2));
        assert_eq!(
            ids(&house.producer, "default").await,
            [5, 3],
            "3 was given up and has one attempt more"
        );
        let row = house
            .producer
            .query_one("SELECT max_attempts, finalized_at IS NULL FROM river_job WHERE id = 3", &[])
            .await
            .unwrap();
        assert_eq!((row.get::<_, i16>(0), row.get::<_, bool>(1)), (26, true));
        let row = house
            .producer
            .query_one("SELECT queue, state::text FROM river_job WHERE id = 4", &[])
            .await
            .unwrap();
        assert_eq!(
            (row.get(0), row.get(1)),
            ("default_race", "discarded"),
            "an equal job is there by now"
        );
        assert_eq!(river.hand_back(ALL).await.unwrap().waited, 2);
        let look = river.look(true).await.unwrap();
        assert_eq!(
            (look.race, look.main, look.handed_back.waited, look.handed_back.failed),
            (0, 4, 3, 2)
        );
    });
}

#[test]
fn only_a_worker_that_takes_a_job_is_a_sign_of_life() {
    with_river(async |house| {
        let mut river = sampling(house).await;
        river.step(wish(1)).await.unwrap();
        insert(&house.producer, 150).await;
        let first = river.look(false).await.unwrap().taken;
        insert(&house.producer, 1).await;
        assert_eq!(river.look(false).await.unwrap().taken, first, "more jobs");
        river.hand_back(ALL).await.unwrap();
        assert_eq!(river.look(false).await.unwrap().taken, first, "handed back");
        house
            .producer
            .batch_execute("UPDATE river_job SET state = 'running' WHERE id = 101")
            .await
            .unwrap();
        assert_eq!(river.look(false).await.unwrap().taken, first + 1, "taken");
    });
}

#[test]
fn undo_leaves_the_database_as_it_was_with_every_job_in_its_queue() {
    with_river(async |house| {
        let mut river = sampling(house).await;
        insert(&house.producer, 100).await;
        // A producer in the middle of its transaction, whose jobs the trigger has already decided.
        let late = connect(&house.plan.url).await;
        late.batch_execute("BEGIN").await.unwrap();
        insert(&late, 100).await;
        let undo = tokio::spawn(async move { river.undo().await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        late.batch_execute("COMMIT").await.unwrap();
        let undone = undo.await.unwrap().unwrap();
        assert_eq!(undone.running, 0);
        assert_eq!(ids(&house.producer, "default").await, (1..=200).collect::<Vec<i64>>());
        let left = "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'photofinish%' UNION ALL
            SELECT count(*) FROM pg_class WHERE relname LIKE 'photofinish%' UNION ALL
            SELECT count(*) FROM pg_proc WHERE proname LIKE 'photofinish%'";
        let left = house.producer.query(left, &[]).await.unwrap();
        assert!(left.iter().all(|row| row.get::<_, i64>(0) == 0));
        let mut again = River::open(&house.plan).await.unwrap();
        assert_eq!(again.undo().await.unwrap(), Undone::default(), "once more changes nothing");
    });
}

#[test]
fn a_producer_that_may_not_read_our_table_inserts_all_the_same() {
    with_river(async |house| {
        let _river = sampling(house).await;
        let user = "CREATE ROLE app LOGIN; GRANT INSERT ON river_job TO app;
            GRANT USAGE ON SEQUENCE river_job_id_seq TO app";
        house.producer.batch_execute(user).await.unwrap();
        let app = connect(&house.plan.url.replace("postgres@", "app@")).await;
        insert(&app, 100).await;
        let wanted: Vec<i64> = (1..=100).filter(is_chosen).collect();
        assert_eq!(ids(&house.producer, "default_race").await, wanted);
    });
}

#[test]
fn a_postgres_that_crashed_goes_on_where_it_was() {
    with_river(async |house| {
        let mut river = sampling(house).await;
        insert(&house.producer, 100).await;
        house.server.crash_and_restart();
        let error = river.step(wish(10)).await.unwrap_err();
        assert!(error.may_pass());
        river.step(wish(10)).await.unwrap();
        let producer = connect(&house.plan.url).await;
        insert(&producer, 100).await;
        let race = ids(&producer, "default_race").await;
        assert!(race.len() >= 18 && race.iter().all(is_chosen), "{race:?}");
    });
}

#[test]
fn jobs_with_the_same_key_go_to_the_same_side_and_those_without_are_counted() {
    with_river(async |house| {
        let plan = Plan { key: Some("metadata:tenant".to_owned()), ..house.plan.clone() };
        let mut river = River::open(&plan).await.unwrap();
        river.prepare().await.unwrap();
        river.step(wish(4)).await.unwrap();
        let tenants = "INSERT INTO river_job (kind, metadata)
            SELECT 'mail', jsonb_build_object('tenant', 'tenant ' || n % 100) FROM generate_series(1, 1000) n";
        house.producer.execute(tenants, &[]).await.unwrap();
        let sides = "SELECT count(*), count(DISTINCT sides) FILTER (WHERE sides > 1),
                       count(*) FILTER (WHERE raced) FROM (
                     SELECT count(DISTINCT queue) AS sides, bool_or(queue = 'default_race') AS raced
                     FROM river_job GROUP BY metadata) tenants";
        let row = house.producer.query_one(sides, &[]).await.unwrap();
        assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (100, 0));
        // A hash's share of a hundred.
        assert!((5..60).contains(&row.get::<_, i64>(2)), "{row:?}");
        insert(&house.producer, 400).await;
        let row =
            "SELECT id FROM river_job WHERE queue = 'default_race' AND metadata = '{}' ORDER BY id";
        let rows = house.producer.query(row, &[]).await.unwrap();
        let counted: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        let by_id = |id: &i64| pick(u64::try_from(*id).unwrap(), 4);
        assert_eq!(counted, (1001..=1400).filter(by_id).collect::<Vec<i64>>());
    });
}
