//! Redis streams: the crash matrix, workers of go-redis, dead workers.

use crate::matrix::{CALM, InRedis, Queues, by_tenant, full, ill_treat, oversleep};
use crate::support::{House, LONG, Redis};
use crate::workers::Farm;
use photofinish_testkit::servers::RedisServer;
use photofinish_testkit::wait_until;
use std::ops::Range;

fn house(server: &RedisServer, lines: &str) -> House {
    let url = server.url();
    House::new(&format!("broker = \"redis-streams\"\nurl = \"{url}\"\nsource = \"mail\"\n{lines}"))
}

struct Streams {
    server: RedisServer,
    redis: Redis,
}

impl Streams {
    fn numbers(&mut self, stream: &str) -> Vec<u64> {
        let entries: Vec<(String, Vec<String>)> = self.redis.ask(&["XRANGE", stream, "-", "+"]);
        entries.iter().map(|(_, fields)| fields[1].parse().unwrap()).collect()
    }
}

impl Queues for Streams {
    fn push(&mut self, numbers: Range<u64>) {
        for number in numbers {
            self.redis.ask::<String>(&["XADD", "mail", "*", "n", &number.to_string()]);
        }
    }

    fn restart(&mut self) {
        self.server.crash_and_restart();
        self.redis = Redis::of(&self.server);
    }

    fn waits(&mut self) -> u64 {
        self.redis.ask(&["XLEN", "mail"])
    }

    fn sides(&mut self) -> [Vec<u64>; 2] {
        [self.numbers("mail_race"), self.numbers("mail_main")]
    }
}

impl InRedis for Streams {
    fn redis(&mut self) -> &mut Redis {
        &mut self.redis
    }
}

#[test]
fn whoever_is_killed_stopped_or_doubled_every_job_is_in_one_queue_at_its_place() {
    let Some(server) = RedisServer::start() else { return };
    let house = house(&server, CALM);
    ill_treat(&house, &mut Streams { redis: Redis::of(&server), server });
}

#[test]
fn in_a_redis_that_is_full_jobs_wait_in_the_source_and_none_is_lost() {
    let Some(server) = RedisServer::start() else { return };
    let house = house(&server, CALM);
    full(&house, &mut Streams { redis: Redis::of(&server), server });
}

#[test]
fn a_sampler_that_slept_while_another_worked_changes_nothing() {
    let Some(server) = RedisServer::start() else { return };
    let house = house(&server, CALM);
    oversleep(&house, &mut Streams { redis: Redis::of(&server), server });
}

#[test]
fn entries_of_one_tenant_go_to_the_same_side() {
    let Some(server) = RedisServer::start() else { return };
    let house = house(&server, &format!("every = 4\nkey = \"field:tenant\"\n{CALM}"));
    let mut queues = Streams { redis: Redis::of(&server), server };
    by_tenant(&house, &mut queues, |queues, number, tenant| {
        let number = number.to_string();
        let mut words = vec!["XADD", "mail", "*", "n", &number];
        words.extend(tenant.into_iter().flat_map(|tenant| ["tenant", tenant]));
        queues.redis.ask::<String>(&words);
    });
}

#[test]
fn jobs_of_go_redis_run_once_each_in_order_with_all_their_fields() {
    let Some(server) = RedisServer::start() else { return };
    let house = house(&server, CALM);
    let Some(farm) = Farm::new("redis-streams", server.url(), house) else { return };
    farm.run_all(5, true);
}

#[test]
fn jobs_that_a_race_worker_never_acknowledges_are_run_by_the_normal_ones() {
    let Some(server) = RedisServer::start() else { return };
    let house = house(&server, "stalled = \"1s\"\nmax_age = \"1h\"\nretry = \"100ms\"\n");
    let Some(farm) = Farm::new("redis-streams", server.url(), house) else { return };
    farm.run_failing();
}

#[test]
fn what_dead_race_workers_leave_goes_back_and_undo_leaves_nothing() {
    let Some(server) = RedisServer::start() else { return };
    let house = house(&server, "max_lag = 5\nmax_age = \"1h\"\nstalled = \"1s\"\nretry = \"1h\"\n");
    let mut queues = Streams { redis: Redis::of(&server), server };
    let sampler = house.sampler(&[]);
    queues.push(0..200);
    wait_until(LONG, "the source to be empty", || queues.waits() == 0);
    sampler.0.wait_for_line(LONG, "the race workers take nothing");
    wait_until(LONG, "what waits to go back", || queues.numbers("mail_race").is_empty());
    let mut back = queues.numbers("mail_main");
    back.sort_unstable();
    assert_eq!(back, (0..200).collect::<Vec<u64>>());
    sampler.end();
    let (code, said) = house.jobs(&["undo"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("200 jobs went back to mail"), "{said}");
    assert_eq!(queues.redis.ask::<Vec<String>>(&["KEYS", "*"]), ["mail"]);
}
