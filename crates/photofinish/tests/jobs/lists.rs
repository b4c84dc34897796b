//! Plain lists: the crash matrix, dead workers, status and undo.

use crate::matrix::{CALM, InRedis, Queues, full, ill_treat, oversleep};
use crate::support::{House, LONG, Redis, shares};
use photofinish_testkit::servers::RedisServer;
use photofinish_testkit::{wait_for, wait_until};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

fn house(server: &RedisServer, lines: &str) -> House {
    House::new(&format!(
        "broker = \"redis-lists\"\nurl = \"{}\"\nsource = \"mail\"\n{lines}",
        server.url()
    ))
}

/// A server with lists on it, for the matrix.
struct Lists {
    server: RedisServer,
    redis: Redis,
}

impl Queues for Lists {
    fn push(&mut self, numbers: Range<u64>) {
        self.redis.push("mail", numbers);
    }

    fn restart(&mut self) {
        self.server.crash_and_restart();
        self.redis = Redis::of(&self.server);
    }

    fn waits(&mut self) -> u64 {
        self.redis.length("mail")
    }

    fn sides(&mut self) -> [Vec<u64>; 2] {
        [self.redis.numbers("mail_race"), self.redis.numbers("mail_main")]
    }
}

impl InRedis for Lists {
    fn redis(&mut self) -> &mut Redis {
        &mut self.redis
    }
}

#[test]
fn whoever_is_killed_stopped_or_doubled_every_job_is_in_one_queue_at_its_place() {
    let Some(server) = RedisServer::start() else { return };
    let house = house(&server, CALM);
    ill_treat(&house, &mut Lists { redis: Redis::of(&server), server });
}

/// How often Redis ran each command.
fn calls(redis: &mut Redis) -> BTreeMap<String, u64> {
    let stats: String = redis.ask(&["INFO", "commandstats"]);
    let lines = stats.lines().filter_map(|line| {
        let (name, figures) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), figures.split(',').next()?.parse().ok()?))
    });
    lines.collect()
}

#[test]
fn an_idle_sampler_waits_for_a_job_and_asks_for_none() {
    let Some(server) = RedisServer::start() else { return };
    let house = house(&server, CALM);
    let mut redis = Redis::of(&server);
    let sampler = house.sampler(&[]);
    let many = |redis: &mut Redis, name: &str| calls(redis).get(name).copied().unwrap_or(0);
    wait_until(LONG, "the sampler to wait", || many(&mut redis, "blmove") > 0);
    // Twice a second it looks how the queues stand, once with `hgetall`.
    let (scripts, looks) = (many(&mut redis, "evalsha"), many(&mut redis, "hgetall"));
    wait_until(LONG, "some looks", || many(&mut redis, "hgetall") >= looks + 4);
    let (scripts, looks) =
        (many(&mut redis, "evalsha") - scripts, many(&mut redis, "hgetall") - looks);
    assert!(scripts <= 4 * looks + 4, "{scripts} scripts, {looks} looks");
    // What it waits for stays where it is, and in its order.
    redis.push("mail", 0..3);
    redis.wait_empty("mail");
    let (chosen, others) = shares(3, 10);
    assert_eq!(redis.numbers("mail_race"), chosen);
    assert_eq!(redis.numbers("mail_main"), others);
    sampler.end();
}

#[test]
fn a_user_who_may_not_wait_is_served_all_the_same() {
    let Some(server) = RedisServer::start() else { return };
    let mut redis = Redis::of(&server);
    redis.ask::<String>(&["ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", "-blmove"]);
    let url = server.url().replace("://", "://app:pw@");
    let lines = format!("broker = \"redis-lists\"\nurl = \"{url}\"\nsource = \"mail\"\n{CALM}");
    let house = House::new(&lines);
    let sampler = house.sampler(&[]);
    for number in 0..30 {
        redis.push("mail", number..number + 1);
        redis.wait_empty("mail");
    }
    let (chosen, others) = shares(30, 10);
    assert_eq!(redis.numbers("mail_race"), chosen);
    assert_eq!(redis.numbers("mail_main"), others);
    sampler.end();
}

#[test]
fn in_a_redis_that_is_full_jobs_wait_in_the_source_and_none_is_lost() {
    let Some(server) = RedisServer::start() else { return };
    let house = house(&server, CALM);
    full(&house, &mut Lists { redis: Redis::of(&server), server });
}

#[test]
fn a_sampler_that_slept_while_another_worked_changes_nothing() {
    let Some(server) = RedisServer::start() else { return };
    let house = house(&server, CALM);
    oversleep(&house, &mut Lists { redis: Redis::of(&server), server });
}

#[test]
fn dead_race_workers_lose_what_waits_for_them_and_are_tried_again_until_they_live() {
    let Some(server) = RedisServer::start() else { return };
    let house = house(&server, "max_lag = 5\nmax_age = \"1h\"\nstalled = \"1s\"\nretry = \"1s\"\n");
    let mut redis = Redis::of(&server);
    let sampler = house.sampler(&[]);
    redis.push("mail", 0..200);
    redis.wait_empty("mail");
    assert!(redis.length("mail_race") <= 5, "never more than may wait");
    sampler.0.wait_for_line(LONG, "the race workers take nothing");
    redis.wait_empty("mail_race");
    assert_eq!(redis.length("mail_main"), 200, "and nobody has to wait for the dead");
    redis.push("mail", 200..300);
    redis.wait_empty("mail");
    assert_eq!(redis.length("mail_main"), 300, "meanwhile they get nothing");
    sampler.0.wait_for_line(LONG, "trying whether");
    redis.push("mail", 300..400);
    redis.wait_empty("mail");
    assert!(redis.length("mail_race") <= 1, "one, to find out");
    // A worker that lives.
    wait_until(LONG, "sampling to begin again", || {
        redis.push("mail", 400..410);
        redis.ask::<Option<String>>(&["RPOP", "mail_race"]);
        sampler.0.output().lines().last().is_some_and(|line| line.ends_with("jobs: sampling"))
    });
    let (code, said) = sampler.end();
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_sampler_that_ends_says_what_next_and_can_hand_back() {
    let Some(server) = RedisServer::start() else { return };
    let house = house(&server, "");
    let mut redis = Redis::of(&server);
    let sampler = house.sampler(&["--every", "4", "--hand-back"]);
    redis.push("mail", 0..40);
    redis.wait_empty("mail");
    assert_eq!(redis.length("mail_race"), 10);
    let (code, said) = sampler.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("40 jobs were sent on") && said.contains("photofinish jobs undo"),
        "{said}"
    );
    assert_eq!((redis.length("mail_race"), redis.length("mail_main")), (0, 40));
}

#[test]
fn status_says_how_it_stands_and_undo_waits_for_the_end_of_samplers() {
    let Some(server) = RedisServer::start() else { return };
    let house = house(&server, "");
    let mut redis = Redis::of(&server);
    let (_, said) = house.jobs(&["status"]);
    assert!(said.contains("there was never one"), "{said}");
    let sampler = house.sampler(&[]);
    redis.push("mail", 0..100);
    redis.wait_empty("mail");
    let (code, said) = house.jobs(&["status"]);
    assert_eq!(code, Some(0));
    for words in ["sampling", "10 of 100 to the race workers (10.00%)", "90 wait", "no job is lost"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    let (code, said) = house.jobs(&["undo"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("has a sampler that runs") && said.contains("try: end it first"),
        "{said}"
    );
    sampler.end();
    let (code, said) = house.jobs(&["undo"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("100 jobs went back to mail"), "{said}");
    assert_eq!(redis.ask::<Vec<String>>(&["KEYS", "*"]), ["mail"]);
    assert_eq!(redis.length("mail"), 100);
}

#[test]
fn a_broker_that_is_not_there_is_named_without_its_password() {
    let house = House::new(
        "broker = \"asynq\"\nurl = \"redis://app:s3cret@127.0.0.1:1/0\"\nsource = \"mail\"\n",
    );
    let (code, said) = house.jobs(&[]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains("error: cannot connect to Redis at 127.0.0.1:1") && said.contains("try: "),
        "{said}"
    );
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn a_job_of_an_idle_queue_is_sent_on_at_once() {
    let Some(server) = RedisServer::start() else { return };
    let house = house(&server, "");
    let mut redis = Redis::of(&server);
    let _sampler = house.sampler(&[]);
    let mut times = Vec::new();
    for number in 0..20 {
        std::thread::sleep(Duration::from_millis(20));
        let begun = Instant::now();
        redis.push("mail", number..number + 1);
        wait_for(LONG, "the job", || {
            let words = [
                "RPOP",
                if shares(number + 1, 10).0.contains(&number) { "mail_race" } else { "mail_main" },
            ];
            redis.ask::<Option<String>>(&words)
        });
        times.push(begun.elapsed());
    }
    times.sort();
    // The best of twenty: the machine may have much else to do, a sampler that polls would be late each time.
    assert!(times[0] < Duration::from_millis(200), "{times:?}");
}
