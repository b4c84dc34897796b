//! On a real Redis: what moves, in which order, and what comes back.

mod streams;

use super::lists::Lists;
use super::*;
use crate::broker::{Broker, HandBack, Wish};
use crate::plan::{Kind, Limits, Plan, Push};
use crate::rule::pick;
use photofinish_testkit::servers::RedisServer;

const NOW: HandBack = HandBack { older_than: Duration::ZERO, attempts: 1 };

/// Runs `test` with a server and a plan for it, if this machine has one.
fn with_redis(kind: Kind, test: impl AsyncFnOnce(&mut RedisServer, Plan)) {
    let Some(mut server) = RedisServer::start() else { return };
    let plan = Plan {
        kind,
        url: server.url(),
        source: "in".to_owned(),
        main: "main".to_owned(),
        race: "race".to_owned(),
        every: 10,
        limits: Limits::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test(&mut server, plan));
}

async fn raw(plan: &Plan) -> Redis {
    Redis::open(&plan.url, plan.place()).await.unwrap()
}

fn wish(every: u32, room: u64) -> Wish {
    Wish { every, room, mode: "sampling" }
}

/// Moves all there is.
async fn drain(broker: &mut impl Broker, wish: Wish) -> u64 {
    let mut moved = 0;
    loop {
        match broker.step(wish).await.unwrap() {
            0 => return moved,
            more => moved += more,
        }
    }
}

/// A list from the job taken next to the last one.
async fn in_turn(redis: &mut Redis, key: &str, push: Push) -> Vec<String> {
    let mut jobs: Vec<String> = redis.command("list", &["LRANGE", key, "0", "-1"]).await.unwrap();
    if push == Push::Left {
        jobs.reverse();
    }
    jobs
}

async fn push_jobs(redis: &mut Redis, push: Push, jobs: std::ops::Range<u64>) {
    let word = if push == Push::Left { "LPUSH" } else { "RPUSH" };
    let jobs: Vec<String> = jobs.map(|job| job.to_string()).collect();
    let mut words = vec![word, "in"];
    words.extend(jobs.iter().map(String::as_str));
    let _: u64 = redis.command("push", &words).await.unwrap();
}

fn names(jobs: impl Iterator<Item = u64>) -> Vec<String> {
    jobs.map(|job| job.to_string()).collect()
}

#[test]
fn one_of_each_ten_jobs_of_a_list_goes_to_the_race_queue_in_order_at_either_end() {
    for push in [Push::Left, Push::Right] {
        with_redis(Kind::RedisLists { push }, async |_, plan| {
            let mut redis = raw(&plan).await;
            let mut lists = Lists::open(&plan, push).await.unwrap();
            push_jobs(&mut redis, push, 0..1000).await;
            assert_eq!(drain(&mut lists, wish(10, 1000)).await, 1000);
            let race = in_turn(&mut redis, "race", push).await;
            assert_eq!(
                race,
                names((0..1000).filter(|job| pick(*job, 10))),
                "Lua says what Rust says"
            );
            let main = in_turn(&mut redis, "main", push).await;
            assert_eq!(main, names((0..1000).filter(|job| !pick(*job, 10))));
            let look = lists.look(true).await.unwrap();
            let counts = look.counts.unwrap();
            assert_eq!((counts.seen, counts.race, look.race, look.main), (1000, 100, 100, 900));
        });
    }
}

#[test]
fn lua_and_rust_choose_the_same_far_out_and_for_odd_shares() {
    let push = Push::Left;
    with_redis(Kind::RedisLists { push }, async |_, plan| {
        let mut redis = raw(&plan).await;
        for (start, every) in [(0, 1), (5_000_000_000, 3), (1 << 50, 7), (123_456_789_012, 999_983)]
        {
            let _: u64 = redis.command("wipe", &["DEL", "main", "race", "in"]).await.unwrap();
            let mut lists = Lists::open(&plan, push).await.unwrap();
            let start_word = start.to_string();
            let set = ["HSET", &lists_state(), "position", &start_word];
            let _: u64 = redis.command("set", &set).await.unwrap();
            push_jobs(&mut redis, push, start..start + 500).await;
            drain(&mut lists, wish(every, 1000)).await;
            let wanted = names((start..start + 500).filter(|job| pick(*job, every)));
            assert_eq!(
                in_turn(&mut redis, "race", push).await,
                wanted,
                "from {start}, 1 of {every}"
            );
        }
    });
}

fn lists_state() -> String {
    state_key("list", "in")
}

#[test]
fn without_room_the_chosen_go_to_the_normal_workers_and_are_counted() {
    let push = Push::Left;
    with_redis(Kind::RedisLists { push }, async |_, plan| {
        let mut redis = raw(&plan).await;
        let mut lists = Lists::open(&plan, push).await.unwrap();
        push_jobs(&mut redis, push, 0..100).await;
        drain(&mut lists, wish(10, 3)).await;
        let look = lists.look(true).await.unwrap();
        assert_eq!((look.race, look.main, look.counts.unwrap().no_room), (3, 97, 7));
    });
}

#[test]
fn jobs_that_go_back_are_taken_next_and_in_their_order() {
    for push in [Push::Left, Push::Right] {
        with_redis(Kind::RedisLists { push }, async |_, plan| {
            let mut redis = raw(&plan).await;
            let mut lists = Lists::open(&plan, push).await.unwrap();
            push_jobs(&mut redis, push, 0..40).await;
            drain(&mut lists, wish(10, 100)).await;
            let taken = lists.look(false).await.unwrap().taken;
            let young = HandBack { older_than: Duration::from_secs(60), attempts: 1 };
            assert_eq!(lists.hand_back(young).await.unwrap().waited, 0, "none is so old");
            assert_eq!(lists.hand_back(NOW).await.unwrap().waited, 4);
            let main = in_turn(&mut redis, "main", push).await;
            assert_eq!(main[..4], names((0..40).filter(|job| pick(*job, 10))));
            assert_eq!(main[4..], names((0..40).filter(|job| !pick(*job, 10))));
            assert_eq!(lists.look(false).await.unwrap().taken, taken, "that is no sign of life");
        });
    }
}

#[test]
fn only_jobs_that_waited_too_long_go_back() {
    let push = Push::Left;
    with_redis(Kind::RedisLists { push }, async |_, plan| {
        let mut redis = raw(&plan).await;
        let mut lists = Lists::open(&plan, push).await.unwrap();
        push_jobs(&mut redis, push, 0..20).await;
        drain(&mut lists, wish(10, 100)).await;
        let pause = Duration::from_millis(300);
        tokio::time::sleep(pause).await;
        push_jobs(&mut redis, push, 20..40).await;
        drain(&mut lists, wish(10, 100)).await;
        // A worker takes the oldest, whose time must go with it.
        let _: String = redis.command("take", &["RPOP", "race"]).await.unwrap();
        let old = HandBack { older_than: pause, attempts: 1 };
        assert_eq!(lists.hand_back(old).await.unwrap().waited, 1);
        let race = in_turn(&mut redis, "race", push).await;
        assert_eq!(race, names((20..40).filter(|job| pick(*job, 10))));
    });
}

#[test]
fn undo_brings_all_back_to_the_source_and_leaves_nothing() {
    for push in [Push::Left, Push::Right] {
        with_redis(Kind::RedisLists { push }, async |_, plan| {
            let mut redis = raw(&plan).await;
            let mut lists = Lists::open(&plan, push).await.unwrap();
            push_jobs(&mut redis, push, 0..350).await;
            drain(&mut lists, wish(10, 100)).await;
            push_jobs(&mut redis, push, 350..360).await;
            assert_eq!(lists.undo().await.unwrap().jobs, 350);
            let source = in_turn(&mut redis, "in", push).await;
            let (race, main): (Vec<u64>, Vec<u64>) = (0..350).partition(|job| pick(*job, 10));
            assert_eq!(source, names(main.into_iter().chain(race).chain(350..360)));
            let left: Vec<String> = redis.command("list", &["KEYS", "*"]).await.unwrap();
            assert_eq!(left, ["in"]);
        });
    }
}

#[test]
fn a_key_of_the_wrong_kind_or_a_full_memory_moves_nothing() {
    let push = Push::Left;
    with_redis(Kind::RedisLists { push }, async |_, plan| {
        let mut redis = raw(&plan).await;
        let mut lists = Lists::open(&plan, push).await.unwrap();
        push_jobs(&mut redis, push, 0..50).await;
        let _: String = redis.command("set", &["SET", "race", "a text"]).await.unwrap();
        let error = lists.step(wish(10, 10)).await.unwrap_err();
        assert!(error.to_string().contains("did not move jobs"), "{error}");
        let _: u64 = redis.command("wipe", &["DEL", "race"]).await.unwrap();
        let _: String = redis.command("set", &["CONFIG", "SET", "maxmemory", "1"]).await.unwrap();
        let error = lists.step(wish(10, 10)).await.unwrap_err();
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("maxmemory"));
        let _: String = redis.command("set", &["CONFIG", "SET", "maxmemory", "0"]).await.unwrap();
        assert_eq!(in_turn(&mut redis, "in", push).await.len(), 50);
        assert_eq!(drain(&mut lists, wish(10, 10)).await, 50);
        assert_eq!(in_turn(&mut redis, "race", push).await.len(), 5);
    });
}

// asynq: tasks made by hand, as its client writes them (its own client and server run in the binary's tests).

/// A task's message: type, payload, id, queue, and what else there is.
fn message(id: &str, queue: &str, payload: &[u8], retried: u8, failed_at: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut text = |field: u8, value: &[u8]| {
        bytes.push(field << 3 | 2);
        bytes.push(
            u8::try_from(value.len() & 127).unwrap() | if value.len() > 127 { 128 } else { 0 },
        );
        if value.len() > 127 {
            bytes.push(u8::try_from(value.len() >> 7).unwrap());
        }
        bytes.extend(value);
    };
    text(1, b"mail:send");
    text(2, payload);
    text(3, id.as_bytes());
    text(4, queue.as_bytes());
    text(15, b"\x0a\x01a\x12\x01b");
    for (field, number) in [(5, 25), (6, retried), (11, failed_at)] {
        if number > 0 {
            bytes.extend([field << 3, number]);
        }
    }
    bytes
}

/// Without the field of the queue, which may have moved.
fn without_queue(message: &[u8], queue: &str) -> Vec<u8> {
    let mut field = vec![4 << 3 | 2, u8::try_from(queue.len()).unwrap()];
    field.extend(queue.as_bytes());
    let at = message.windows(field.len()).rposition(|window| window == field).unwrap();
    [&message[..at], &message[at + field.len()..]].concat()
}

async fn enqueue(redis: &mut Redis, id: &str, message: &[u8]) {
    let mut connection = redis.connection().await.unwrap();
    let key = format!("asynq:{{in}}:t:{id}");
    let mut pipe = redis::pipe();
    pipe.cmd("HSET").arg(key).arg("msg").arg(message).arg("state").arg("pending");
    pipe.cmd("LPUSH").arg("asynq:{in}:pending").arg(id);
    let () = pipe.query_async(&mut connection).await.unwrap();
}

async fn stored(redis: &mut Redis, queue: &str, id: &str) -> Option<Vec<u8>> {
    redis.command("read", &["HGET", &format!("asynq:{{{queue}}}:t:{id}"), "msg"]).await.unwrap()
}

async fn waiting(redis: &mut Redis, queue: &str) -> Vec<String> {
    in_turn(redis, &format!("asynq:{{{queue}}}:pending"), Push::Left).await
}

#[test]
fn a_task_moves_with_its_message_changed_in_nothing_but_its_queue() {
    with_redis(Kind::Asynq, async |_, plan| {
        let mut redis = raw(&plan).await;
        let mut asynq = Asynq::open(&plan).await.unwrap();
        // Bytes that look like a queue's field, zeros, all bytes, and more than a varint's byte long.
        let mut payload = vec![34, 2, b'i', b'n', 0];
        payload.extend(0..=255);
        for id in 0..30 {
            let id = id.to_string();
            enqueue(&mut redis, &id, &message(&id, "in", &payload, 0, 0)).await;
        }
        assert_eq!(drain(&mut asynq, wish(10, 100)).await, 30);
        assert_eq!(waiting(&mut redis, "race").await, names((0..30).filter(|id| pick(*id, 10))));
        assert_eq!(waiting(&mut redis, "main").await, names((0..30).filter(|id| !pick(*id, 10))));
        for id in 0..30 {
            let queue = if pick(id, 10) { "race" } else { "main" };
            let id = id.to_string();
            let moved = stored(&mut redis, queue, &id).await.unwrap();
            let before = without_queue(&message(&id, "in", &payload, 0, 0), "in");
            assert_eq!(without_queue(&moved, queue), before);
            assert_eq!(stored(&mut redis, "in", &id).await, None);
        }
        assert_eq!(asynq.undo().await.unwrap().jobs, 30);
        for id in 0..30 {
            let id = id.to_string();
            let back = stored(&mut redis, "in", &id).await.unwrap();
            let before = without_queue(&message(&id, "in", &payload, 0, 0), "in");
            assert_eq!(without_queue(&back, "in"), before);
        }
        assert_eq!(waiting(&mut redis, "in").await.len(), 30);
    });
}

#[test]
fn what_is_no_message_of_asynq_moves_as_it_is() {
    with_redis(Kind::Asynq, async |_, plan| {
        let mut redis = raw(&plan).await;
        let mut asynq = Asynq::open(&plan).await.unwrap();
        let torn = &message("2", "in", b"payload", 0, 0)[..19];
        for (id, text) in
            [("0", &b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"[..]), ("1", b""), ("2", torn)]
        {
            enqueue(&mut redis, id, text).await;
        }
        let _: u64 =
            redis.command("push", &["LPUSH", "asynq:{in}:pending", "ghost"]).await.unwrap();
        assert_eq!(drain(&mut asynq, wish(1, 100)).await, 4);
        assert_eq!(waiting(&mut redis, "race").await, ["0", "1", "2"]);
        assert_eq!(waiting(&mut redis, "main").await, ["ghost"], "an id without a task");
        assert_eq!(stored(&mut redis, "race", "2").await.unwrap(), torn);
    });
}

#[test]
fn a_task_whose_id_is_taken_on_the_other_side_waits_its_turn() {
    with_redis(Kind::Asynq, async |_, plan| {
        let mut redis = raw(&plan).await;
        let mut asynq = Asynq::open(&plan).await.unwrap();
        let plain = message("same", "in", b"first", 0, 0);
        enqueue(&mut redis, "same", &plain).await;
        drain(&mut asynq, wish(0, 0)).await;
        enqueue(&mut redis, "same", &message("same", "in", b"second", 0, 0)).await;
        enqueue(&mut redis, "other", &plain).await;
        assert_eq!(drain(&mut asynq, wish(0, 0)).await, 2);
        assert_eq!(waiting(&mut redis, "main").await, ["same", "other"]);
        assert_eq!(asynq.look(true).await.unwrap().counts.unwrap().put_off, 1);
        // The first one ends; the second is due in half a minute, which is made now.
        let _: u64 = redis.command("end", &["DEL", "asynq:{main}:t:same"]).await.unwrap();
        let _: u64 = redis.command("end", &["DEL", "asynq:{main}:pending"]).await.unwrap();
        let _: u64 =
            redis.command("age", &["ZADD", "asynq:{in}:scheduled", "1", "same"]).await.unwrap();
        assert_eq!(drain(&mut asynq, wish(0, 0)).await, 1);
        let second = stored(&mut redis, "main", "same").await.unwrap();
        assert!(second.windows(6).any(|window| window == b"second"));
    });
}

#[test]
fn a_paused_queue_rests_and_due_tasks_of_the_source_are_made_pending() {
    with_redis(Kind::Asynq, async |_, plan| {
        let mut redis = raw(&plan).await;
        let mut asynq = Asynq::open(&plan).await.unwrap();
        enqueue(&mut redis, "a", &message("a", "in", b"", 0, 0)).await;
        let _: u64 = redis.command("take", &["DEL", "asynq:{in}:pending"]).await.unwrap();
        let _: u64 =
            redis.command("schedule", &["ZADD", "asynq:{in}:scheduled", "1", "a"]).await.unwrap();
        let _: String = redis.command("pause", &["SET", "asynq:{in}:paused", "1"]).await.unwrap();
        assert_eq!(drain(&mut asynq, wish(10, 100)).await, 0);
        let _: u64 = redis.command("resume", &["DEL", "asynq:{in}:paused"]).await.unwrap();
        assert_eq!(drain(&mut asynq, wish(10, 100)).await, 1);
        assert_eq!(waiting(&mut redis, "race").await, ["a"]);
    });
}

#[test]
fn tasks_that_failed_or_lost_their_worker_go_to_the_normal_workers() {
    with_redis(Kind::Asynq, async |_, plan| {
        let mut redis = raw(&plan).await;
        let mut asynq = Asynq::open(&plan).await.unwrap();
        for (id, retried, failed_at) in [
            ("once", 1, 9),
            ("never", 0, 0),
            ("given-up", 2, 9),
            ("by-hand", 0, 0),
            ("orphan", 0, 0),
        ] {
            enqueue(&mut redis, id, &message(id, "in", b"", retried, failed_at)).await;
        }
        drain(&mut asynq, wish(1, 100)).await;
        // As its workers leave them: in retry, archived, or leased to one that is dead.
        let _: u64 = redis.command("take", &["DEL", "asynq:{race}:pending"]).await.unwrap();
        for (set, id, score) in [
            ("retry", "once", "4000000000"),
            ("retry", "never", "4000000000"),
            ("archived", "given-up", "1"),
            ("archived", "by-hand", "1"),
            ("lease", "orphan", "1"),
        ] {
            let key = format!("asynq:{{race}}:{set}");
            let _: u64 = redis.command("set", &["ZADD", &key, score, id]).await.unwrap();
        }
        let _: u64 =
            redis.command("take", &["LPUSH", "asynq:{race}:active", "orphan"]).await.unwrap();
        let back = asynq.hand_back(NOW).await.unwrap();
        assert_eq!((back.waited, back.failed, back.orphaned), (0, 2, 1));
        let retry: Vec<String> =
            redis.command("list", &["ZRANGE", "asynq:{main}:retry", "0", "-1"]).await.unwrap();
        assert_eq!(retry, ["given-up", "once"]);
        let due: String =
            redis.command("tell", &["ZSCORE", "asynq:{main}:retry", "once"]).await.unwrap();
        assert_eq!(due, "4000000000", "its pause before the next attempt stays");
        assert_eq!(waiting(&mut redis, "main").await, ["orphan"]);
        assert_eq!(asynq.hand_back(NOW).await.unwrap(), HandedBack::default());
        let left: Vec<String> =
            redis.command("list", &["ZRANGE", "asynq:{race}:archived", "0", "-1"]).await.unwrap();
        assert_eq!(left, ["by-hand"]);
    });
}
