//! On a real Redis: what moves, in which order, and what comes back.

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
