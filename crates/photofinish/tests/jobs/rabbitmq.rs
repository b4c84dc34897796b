//! RabbitMQ: the crash matrix, where a few jobs may come twice, marked; workers of amqp091-go; dead workers.

use crate::matrix::{CALM, Queues, abuse, assert_same, by_tenant, kills};
use crate::support::{House, LONG, shares};
use crate::workers::Farm;
use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions,
    ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};
use photofinish_testkit::servers::RabbitServer;
use photofinish_testkit::wait_until;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;

const PREFETCH: u64 = 40;

fn house(url: &str, lines: &str) -> House {
    House::new(&format!(
        "broker = \"rabbitmq\"\nurl = \"{url}\"\nsource = \"mail\"\nprefetch = {PREFETCH}\n{lines}"
    ))
}

/// A server with the queue `mail`, bound to the exchange `jobs`.
pub(crate) struct Rabbit {
    pub(crate) server: RabbitServer,
    runtime: Runtime,
    channel: Channel,
    _connection: Connection,
}

/// A job in a queue.
#[derive(Debug)]
struct Job {
    number: u64,
    is_marked: bool,
}

async fn connect(server: &RabbitServer) -> (Connection, Channel) {
    let connection =
        Connection::connect(&server.url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    (connection, channel)
}

impl Rabbit {
    pub(crate) fn new(server: RabbitServer) -> Rabbit {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
        let (connection, channel) = runtime.block_on(connect(&server));
        let made = async {
            let mut quorum = FieldTable::default();
            quorum.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
            let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
            let none = FieldTable::default;
            channel.exchange_declare("jobs".into(), ExchangeKind::Topic, durable, none()).await?;
            channel.queue_declare("mail".into(), QueueDeclareOptions::durable(), quorum).await?;
            let bind = QueueBindOptions::default();
            channel.queue_bind("mail".into(), "jobs".into(), "mail.#".into(), bind, none()).await
        };
        runtime.block_on(made).unwrap();
        Rabbit { server, runtime, channel, _connection: connection }
    }

    fn ready(&self, queue: &str) -> u64 {
        let passive = QueueDeclareOptions::durable().passive();
        let asked = self.channel.queue_declare(queue.into(), passive, FieldTable::default());
        self.runtime.block_on(asked).unwrap().message_count().into()
    }

    fn publish(&self, number: u64, headers: FieldTable) {
        let (text, options) = (number.to_string(), BasicPublishOptions::default());
        let properties = BasicProperties::default().with_delivery_mode(2).with_headers(headers);
        let sent = async {
            let body = text.as_bytes();
            let key = "mail.count".into();
            self.channel.basic_publish("jobs".into(), key, options, body, properties).await?.await
        };
        assert!(self.runtime.block_on(sent).unwrap().is_ack());
    }

    /// Takes all jobs out of a queue.
    fn take(&self, queue: &str) -> Vec<Job> {
        let taken = async {
            let mut jobs = Vec::new();
            let get = || self.channel.basic_get(queue.into(), BasicGetOptions::default());
            while let Some(job) = get().await.unwrap() {
                let headers = job.properties.headers().clone().unwrap_or_default();
                jobs.push(Job {
                    number: std::str::from_utf8(&job.data).unwrap().parse().unwrap(),
                    is_marked: headers.contains_key("x-photofinish-redelivered"),
                });
                self.channel.basic_ack(job.delivery_tag, BasicAckOptions::default()).await.unwrap();
            }
            jobs
        };
        self.runtime.block_on(taken)
    }
}

/// Publishes jobs one by one; the number behind the last.
async fn push_until(channel: &Channel, is_over: &AtomicBool, begin: u64) -> u64 {
    let mut next = begin;
    while !is_over.load(Ordering::Relaxed) {
        let (text, options) = (next.to_string(), BasicPublishOptions::default());
        let properties = BasicProperties::default().with_delivery_mode(2);
        let sent = channel.basic_publish(
            "jobs".into(),
            "mail.count".into(),
            options,
            text.as_bytes(),
            properties,
        );
        assert!(sent.await.unwrap().await.unwrap().is_ack());
        next += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    next
}

impl Queues for Rabbit {
    fn push(&mut self, numbers: Range<u64>) {
        let pushed = async {
            let mut confirms = Vec::new();
            for number in numbers {
                let (text, options) = (number.to_string(), BasicPublishOptions::default());
                let properties = BasicProperties::default().with_delivery_mode(2);
                let sent = self.channel.basic_publish(
                    "jobs".into(),
                    "mail.count".into(),
                    options,
                    text.as_bytes(),
                    properties,
                );
                confirms.push(sent.await.unwrap());
            }
            for confirm in confirms {
                assert!(confirm.await.unwrap().is_ack());
            }
        };
        self.runtime.block_on(pushed);
    }

    fn restart(&mut self) {
        self.server.crash_and_restart();
        (self._connection, self.channel) = self.runtime.block_on(connect(&self.server));
    }

    fn waits(&mut self) -> u64 {
        self.ready("mail")
    }

    fn sides(&mut self) -> [Vec<u64>; 2] {
        let numbers = |queue| self.take(queue).iter().map(|job| job.number).collect();
        [numbers("mail_race"), numbers("mail_main")]
    }
}

#[test]
fn messages_of_one_tenant_go_to_the_same_side() {
    let Some(server) = RabbitServer::start() else { return };
    let lines = format!("every = 4\nkey = \"header:tenant\"\n{CALM}");
    let house = house(&server.url(), &lines);
    by_tenant(&house, &mut Rabbit::new(server), |rabbit, number, tenant| {
        let mut headers = FieldTable::default();
        if let Some(tenant) = tenant {
            // A number is as good as a text.
            let value = match number % 2 {
                0 => AMQPValue::LongString(tenant.into()),
                _ => AMQPValue::LongInt(tenant.parse().unwrap()),
            };
            headers.insert("tenant".into(), value);
        }
        rabbit.publish(number, headers);
    });
}

/// Without those that came twice: each where it came first, but for one that is marked.
fn once(jobs: &[Job]) -> (Vec<u64>, u64) {
    let mut seen = BTreeMap::new();
    for job in jobs {
        *seen.entry(job.number).or_insert(0) += 1;
    }
    let doubled = seen.values().map(|many| many - 1).sum();
    for (number, many) in seen.iter().filter(|(_, many)| **many > 1) {
        let marked = jobs.iter().filter(|job| job.number == *number && job.is_marked).count();
        assert!(marked as u64 >= many - 1, "{number} came {many} times, {marked} marked");
    }
    (seen.into_keys().collect(), doubled)
}

#[test]
fn whoever_is_killed_no_job_is_lost_and_few_come_twice_marked_and_on_the_same_side() {
    let Some(server) = RabbitServer::start() else { return };
    let house = house(&server.url(), CALM);
    let mut rabbit = Rabbit::new(server);
    let times = kills(10);
    let all = abuse(&house, &mut rabbit, times);
    let (race, _) = shares(all, 10);
    let (is_race, is_main) = (rabbit.take("mail_race"), rabbit.take("mail_main"));
    let ((race_once, doubled), (main_once, more)) = (once(&is_race), once(&is_main));
    let mut both: Vec<u64> = race_once.iter().chain(&main_once).copied().collect();
    both.sort_unstable();
    assert_same(&both, &(0..all).collect::<Vec<_>>(), "each on one side");
    assert_eq!(race_once.len(), race.len(), "one of each ten");
    // Once more for each crash of the broker.
    let most = (times + times / 10) * PREFETCH;
    assert!(doubled + more <= most, "{doubled} and {more} came twice, of {most}");
    let [turned, most_turned] = [turns(&is_race), turns(&is_main)];
    for turned in [turned, most_turned] {
        assert!(turned <= times + times / 10, "{turned} times out of order");
    }
    // They are counted as they are taken: where one sampler's handful came behind another's, these two were counted
    // the other way round.
    let others = race_once.iter().filter(|number| !race.contains(number)).count() as u64;
    let handfuls = 2 * PREFETCH / 10 + 1;
    assert!(others <= most_turned * handfuls, "{others} others, {most_turned} times out of order");
}

/// How often the jobs that are not marked are out of order.
fn turns(jobs: &[Job]) -> u64 {
    let unmarked: Vec<u64> =
        jobs.iter().filter(|job| !job.is_marked).map(|job| job.number).collect();
    unmarked.windows(2).filter(|pair| pair[0] > pair[1]).count() as u64
}

#[test]
fn a_sampler_that_slept_past_its_heartbeats_changes_nothing() {
    let Some(server) = RabbitServer::start() else { return };
    let house = house(&format!("{}?heartbeat=1", server.url()), CALM);
    let mut rabbit = Rabbit::new(server);
    let sleeper = house.sampler(&[]);
    rabbit.push(0..300);
    sleeper.signal(Signal::STOP);
    rabbit.push(300..600);
    // It has the turn until the broker gives it up.
    let other = house.sampler(&[]);
    wait_until(LONG, "the source to be empty", || rabbit.waits() == 0);
    std::thread::sleep(Duration::from_millis(300));
    sleeper.signal(Signal::CONT);
    rabbit.push(600..700);
    house.wait_seen(700);
    let (code, said) = sleeper.end();
    assert_eq!(code, Some(0), "{said}");
    other.end();
    let (race, main) = shares(700, 10);
    let ((is_race, doubled), (is_main, more)) =
        (once(&rabbit.take("mail_race")), once(&rabbit.take("mail_main")));
    assert_same(&is_race, &race, "one of each ten");
    assert_same(&is_main, &main, "all others");
    assert!(doubled + more <= PREFETCH, "{doubled} and {more}");
}

#[test]
fn while_an_alarm_of_the_disk_is_on_jobs_wait_in_the_source_and_it_says_so() {
    let Some(server) = RabbitServer::start() else { return };
    let house = house(&server.url(), CALM);
    let mut rabbit = Rabbit::new(server);
    let sampler = house.sampler(&[]);
    rabbit.push(0..200);
    house.wait_seen(200);
    // Jobs keep coming, so that the sampler's connection is blocked in the middle of something.
    let is_over = AtomicBool::new(false);
    let pushed = std::thread::scope(|scope| {
        let pushing =
            scope.spawn(|| rabbit.runtime.block_on(push_until(&rabbit.channel, &is_over, 200)));
        // A petabyte, more than any disk has free.
        rabbit.server.control(&["set_disk_free_limit", "1000000000000000"]);
        sampler.0.wait_for_line(LONG, "memory or disk is full");
        rabbit.server.control(&["set_disk_free_limit", "1000000"]);
        sampler.0.wait_for_line(LONG, "the broker answers again");
        is_over.store(true, Ordering::Relaxed);
        pushing.join().unwrap()
    });
    house.wait_seen(pushed);
    let (code, said) = sampler.end();
    assert_eq!(code, Some(0), "{said}");
    let (race, main) = shares(pushed, 10);
    let is = |queue| rabbit.take(queue).iter().map(|job| job.number).collect::<Vec<u64>>();
    // Nobody crashed: each once, in order.
    assert_same(&is("mail_race"), &race, "one of each ten");
    assert_same(&is("mail_main"), &main, "all others");
}

#[test]
fn jobs_of_amqp091_go_run_with_all_their_properties_and_what_the_race_build_rejects_runs_too() {
    let Some(server) = RabbitServer::start() else { return };
    let (url, lines) = (server.url(), "max_age = \"1h\"\nstalled = \"1h\"\nmax_lag = 100000\n");
    let Some(farm) = Farm::new("rabbitmq", url.clone(), house(&url, lines)) else { return };
    let rabbit = Rabbit::new(server);
    farm.run_all(1, false);
    wait_until(LONG, "all to be acknowledged", || rabbit.ready("mail_race") == 0);
    let (code, said) = farm.house.jobs(&["undo"]);
    assert_eq!(code, Some(0), "{said}");
    farm.run_failing();
}

#[test]
fn what_dead_race_workers_leave_goes_back_and_undo_brings_all_to_the_source() {
    let Some(server) = RabbitServer::start() else { return };
    let url = server.url();
    let lines = "max_lag = 5\nmax_age = \"1h\"\nstalled = \"1s\"\nretry = \"1h\"\n";
    let house = house(&url, lines);
    let other = |url: &str, source: &str| {
        House::new(&format!("broker = \"rabbitmq\"\nurl = \"{url}\"\nsource = \"{source}\"\n"))
    };
    for (url, words) in [
        ("amqp://guest:s3cret@127.0.0.1:1/%2f", "cannot connect to RabbitMQ at 127.0.0.1:1"),
        (&url.replace(":guest@", ":s3cret@"), "cannot connect to RabbitMQ"),
        (&url, "has no queue of the name of the source"),
    ] {
        let (code, said) = other(url, "none").jobs(&[]);
        assert!(code == Some(2) && said.contains(words) && said.contains("try: "), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
    let mut rabbit = Rabbit::new(server);
    let sampler = house.sampler(&[]);
    // A queue that somebody removes is made again.
    let gone = rabbit.channel.queue_delete("mail_race".into(), QueueDeleteOptions::default());
    rabbit.runtime.block_on(gone).unwrap();
    rabbit.push(0..200);
    sampler.0.wait_for_line(LONG, "the race workers take nothing");
    wait_until(LONG, "what waits to go back", || rabbit.ready("mail_main") == 200);
    let (_, said) = house.jobs(&["status"]);
    assert!(said.contains("that waited too long") && said.contains("rabbitmq"), "{said}");
    sampler.end();
    let (code, said) = house.jobs(&["undo"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("200 jobs went back to mail"), "{said}");
    let mut jobs: Vec<u64> = rabbit.take("mail").iter().map(|job| job.number).collect();
    jobs.sort_unstable();
    assert_eq!(jobs, (0..200).collect::<Vec<u64>>());
    // Jobs wait no longer than they may.
    let house = House::new(&format!(
        "broker = \"rabbitmq\"\nurl = \"{url}\"\nsource = \"mail\"\nevery = 2\nmax_age = \"1s\"\n"
    ));
    let sampler = house.sampler(&[]);
    rabbit.push(0..20);
    wait_until(LONG, "what is old to go back", || rabbit.ready("mail_main") == 20);
    let (code, said) = sampler.end();
    assert!(code == Some(0) && said.contains("that waited too long"), "{said}");
}
