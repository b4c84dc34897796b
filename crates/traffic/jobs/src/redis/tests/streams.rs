//! Streams: what moves, what a group of workers has, what comes back.

use super::super::streams::Streams;
use super::*;
use crate::broker::{InFlight, Undone, When};
use std::time::SystemTime;

/// The values of the field `n` of a stream's entries.
async fn entries(redis: &mut Redis, stream: &str) -> Vec<String> {
    let entries: Vec<(String, Vec<String>)> =
        redis.command("list", &["XRANGE", stream, "-", "+"]).await.unwrap();
    entries.into_iter().map(|(_, mut fields)| fields.swap_remove(1)).collect()
}

async fn add(redis: &mut Redis, jobs: std::ops::Range<u64>) {
    for job in jobs {
        let _: String = redis
            .command("add", &["XADD", "in", "*", "n", &job.to_string(), "n", "again"])
            .await
            .unwrap();
    }
}

async fn group(redis: &mut Redis, stream: &str) {
    let words = ["XGROUP", "CREATE", stream, "workers", "0", "MKSTREAM"];
    let _: String = redis.command("make a group", &words).await.unwrap();
}

/// Gives a worker so many, and returns their ids.
async fn give(redis: &mut Redis, stream: &str, many: u64) -> Vec<String> {
    let many = many.to_string();
    let words = ["XREADGROUP", "GROUP", "workers", "one", "COUNT", &many, "STREAMS", stream, ">"];
    type Streams = Vec<(String, Vec<(String, Vec<String>)>)>;
    let given: Streams = redis.command("take", &words).await.unwrap();
    given.into_iter().flat_map(|(_, entries)| entries).map(|(id, _)| id).collect()
}

async fn streams(plan: &Plan) -> Streams {
    let mut streams = Streams::open(plan).await.unwrap();
    streams.prepare().await.unwrap();
    streams
}

#[test]
fn one_of_each_ten_entries_goes_to_the_race_stream_in_order_and_leaves_the_source() {
    with_redis(Kind::RedisStreams, async |_, plan| {
        let mut redis = raw(&plan).await;
        let mut streams = streams(&plan).await;
        add(&mut redis, 0..1000).await;
        assert_eq!(drain(&mut streams, wish(10, 1000)).await, 1000);
        assert_eq!(
            entries(&mut redis, "race").await,
            names((0..1000).filter(|job| pick(*job, 10)))
        );
        assert_eq!(
            entries(&mut redis, "main").await,
            names((0..1000).filter(|job| !pick(*job, 10)))
        );
        assert!(entries(&mut redis, "in").await.is_empty());
        let look = streams.look(true).await.unwrap();
        let counts = look.counts.unwrap();
        assert_eq!((counts.seen, counts.race, look.race, look.main), (1000, 100, 100, 900));
        // Every field, as often as it is there, and in its order.
        let first: Vec<(String, Vec<String>)> =
            redis.command("list", &["XRANGE", "main", "-", "+", "COUNT", "1"]).await.unwrap();
        assert_eq!(first[0].1, ["n", &entries(&mut redis, "main").await[0], "n", "again"]);
    });
}

#[test]
fn what_old_workers_of_the_source_were_given_is_left_to_them() {
    with_redis(Kind::RedisStreams, async |_, plan| {
        let mut redis = raw(&plan).await;
        group(&mut redis, "in").await;
        add(&mut redis, 0..30).await;
        give(&mut redis, "in", 10).await;
        let mut streams = streams(&plan).await;
        assert_eq!(streams.look(true).await.unwrap().source, Some(20));
        assert_eq!(drain(&mut streams, wish(10, 100)).await, 20);
        assert_eq!(entries(&mut redis, "in").await, names(0..10));
        assert_eq!(streams.look(true).await.unwrap().source, Some(0));
    });
}

#[test]
fn an_entry_a_worker_has_stays_and_what_waits_goes_back_to_the_end() {
    with_redis(Kind::RedisStreams, async |_, plan| {
        let mut redis = raw(&plan).await;
        let mut streams = streams(&plan).await;
        group(&mut redis, "race").await;
        add(&mut redis, 0..50).await;
        drain(&mut streams, wish(10, 100)).await;
        let before = streams.look(false).await.unwrap();
        give(&mut redis, "race", 2).await;
        let look = streams.look(false).await.unwrap();
        assert_eq!((look.race, look.taken), (3, before.taken + 2));
        let young = HandBack { older_than: Duration::from_secs(60), attempts: 1 };
        assert_eq!(streams.hand_back(young).await.unwrap(), HandedBack::default());
        assert_eq!(streams.hand_back(NOW).await.unwrap().waited, 3);
        assert_eq!(streams.look(false).await.unwrap().taken, look.taken, "that is no sign of life");
        let chosen: Vec<u64> = (0..50).filter(|job| pick(*job, 10)).collect();
        let main = entries(&mut redis, "main").await;
        assert_eq!(main[45..], names(chosen[2..].iter().copied()));
        assert_eq!(entries(&mut redis, "race").await, names(chosen[..2].iter().copied()));
    });
}

#[test]
fn what_a_race_worker_never_acknowledges_goes_to_the_normal_workers() {
    with_redis(Kind::RedisStreams, async |_, plan| {
        let mut redis = raw(&plan).await;
        let stalled = Duration::from_millis(300);
        let plan = Plan { limits: Limits { stalled, ..plan.limits }, ..plan };
        let mut streams = streams(&plan).await;
        group(&mut redis, "race").await;
        add(&mut redis, 0..30).await;
        drain(&mut streams, wish(10, 100)).await;
        let given = give(&mut redis, "race", 2).await;
        let _: u64 = redis.command("end", &["XACK", "race", "workers", &given[0]]).await.unwrap();
        let young = HandBack { older_than: Duration::from_secs(60), attempts: 1 };
        assert_eq!(streams.hand_back(young).await.unwrap().failed, 0, "it may be at work");
        tokio::time::sleep(stalled * 2).await;
        let twice = HandBack { attempts: 2, ..young };
        assert_eq!(streams.hand_back(twice).await.unwrap().failed, 0, "it may try once more");
        assert_eq!(streams.hand_back(young).await.unwrap().failed, 1);
        let chosen: Vec<u64> = (0..30).filter(|job| pick(*job, 10)).collect();
        assert_eq!(*entries(&mut redis, "main").await.last().unwrap(), chosen[1].to_string());
        // What was acknowledged is trimmed, what waits is not.
        assert_eq!(entries(&mut redis, "race").await, names(chosen[2..].iter().copied()));
    });
}

#[test]
fn undo_brings_back_what_waits_each_queue_in_its_order_and_leaves_groups_alone() {
    with_redis(Kind::RedisStreams, async |_, plan| {
        let mut redis = raw(&plan).await;
        let mut sampler = streams(&plan).await;
        add(&mut redis, 0..350).await;
        drain(&mut sampler, wish(10, 100)).await;
        assert_eq!(sampler.undo().await.unwrap(), Undone { jobs: 350, running: 0 });
        let source: Vec<u64> =
            entries(&mut redis, "in").await.iter().map(|job| job.parse().unwrap()).collect();
        let (race, main): (Vec<u64>, Vec<u64>) = source.iter().partition(|job| pick(**job, 10));
        assert!(race.is_sorted() && main.is_sorted() && source.len() == 350, "{source:?}");
        let left: Vec<String> = redis.command("list", &["KEYS", "*"]).await.unwrap();
        assert_eq!(left, ["in"]);
        let mut sampler = streams(&plan).await;
        group(&mut redis, "main").await;
        drain(&mut sampler, wish(10, 100)).await;
        give(&mut redis, "main", 1).await;
        assert_eq!(sampler.undo().await.unwrap(), Undone { jobs: 349, running: 1 });
        assert_eq!(entries(&mut redis, "main").await.len(), 1);
    });
}

#[test]
fn a_stream_of_several_groups_or_a_key_of_another_kind_is_refused_with_a_hint() {
    with_redis(Kind::RedisStreams, async |_, plan| {
        let mut redis = raw(&plan).await;
        group(&mut redis, "in").await;
        let words = ["XGROUP", "CREATE", "in", "others", "0"];
        let _: String = redis.command("make a group", &words).await.unwrap();
        let error = Streams::open(&plan).await.unwrap().prepare().await.unwrap_err();
        assert!(error.to_string().contains("several groups") && error.hint().is_some());
        let _: u64 = redis.command("wipe", &["DEL", "in"]).await.unwrap();
        let _: u64 = redis.command("push", &["LPUSH", "main", "job"]).await.unwrap();
        let error = Streams::open(&plan).await.unwrap().prepare().await.unwrap_err();
        assert!(error.to_string().contains("something else"), "{error}");
        assert!(error.hint().unwrap().contains("redis-lists"));
    });
}

#[test]
fn a_full_memory_moves_nothing_and_an_entry_that_cannot_be_copied_stops_the_queue_before_it() {
    with_redis(Kind::RedisStreams, async |_, plan| {
        let mut redis = raw(&plan).await;
        let mut streams = streams(&plan).await;
        add(&mut redis, 0..20).await;
        let _: String = redis.command("set", &["CONFIG", "SET", "maxmemory", "1"]).await.unwrap();
        assert!(streams.step(wish(10, 10)).await.unwrap_err().may_pass());
        let _: String = redis.command("set", &["CONFIG", "SET", "maxmemory", "0"]).await.unwrap();
        assert_eq!(entries(&mut redis, "in").await.len(), 20);
        let mut huge = vec!["XADD", "in", "*"];
        huge.extend(["n"; 8000]);
        let _: String = redis.command("add", &huge).await.unwrap();
        add(&mut redis, 20..30).await;
        assert_eq!(streams.step(wish(10, 10)).await.unwrap(), 20, "what comes before it");
        let error = streams.step(wish(10, 10)).await.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("cannot be added"), "{cause}");
        assert_eq!(entries(&mut redis, "in").await.len(), 11);
    });
}

#[test]
fn what_a_race_worker_has_is_told_with_its_consumer_as_long_as_it_has_it() {
    with_redis(Kind::RedisStreams, async |_, plan| {
        let mut redis = raw(&plan).await;
        let mut streams = streams(&plan).await;
        add(&mut redis, 0..100).await;
        drain(&mut streams, wish(10, 1000)).await;
        group(&mut redis, "race").await;
        let given = give(&mut redis, "race", 2).await;
        let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
        let when = When { at: i64::try_from(now()).unwrap(), slack: Duration::from_secs(600) };
        let told =
            |id: &String| InFlight { id: id.clone(), kind: None, worker: Some("one".into()) };
        assert_eq!(streams.in_flight(when).await.unwrap(), [told(&given[0]), told(&given[1])]);
        let _: u64 = redis.command("ack", &["XACK", "race", "workers", &given[0]]).await.unwrap();
        assert_eq!(streams.in_flight(when).await.unwrap(), [told(&given[1])]);
        // An hour ago it had not yet been given it.
        let when = When { at: when.at - 3_600_000, slack: Duration::ZERO };
        assert_eq!(streams.in_flight(when).await.unwrap(), []);
    });
}
