//! NATS JetStream: the crash matrix, workers of nats.go, a full disk, headers, dead workers.

use crate::matrix::{CALM, Queues, assert_same, by_tenant, ill_treat, kills};
use crate::support::{House, LONG, random, shares};
use crate::workers::Farm;
use async_nats::jetstream::{self, Context, stream};
use futures_util::StreamExt;
use photofinish_testkit::servers::NatsServer;
use photofinish_testkit::{temp_dir, wait_until};
use rustix::process::Signal;
use std::ops::Range;
use std::time::{Duration, SystemTime};
use tokio::runtime::Runtime;

fn house(server: &NatsServer, lines: &str) -> House {
    let url = server.url();
    House::new(&format!("broker = \"nats\"\nurl = \"{url}\"\nsource = \"mail\"\n{lines}"))
}

fn connect(runtime: &Runtime, server: &NatsServer) -> Context {
    runtime.block_on(async { jetstream::new(async_nats::connect(server.url()).await.unwrap()) })
}

/// A server with the stream `mail`, for producers and onlookers.
struct Streams {
    server: NatsServer,
    runtime: Runtime,
    context: Context,
}

impl Streams {
    fn new(server: NatsServer) -> Streams {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
        let context = connect(&runtime, &server);
        let streams = Streams { server, runtime, context };
        streams.make(|_| {});
        streams
    }

    /// Makes the stream `mail`, a queue but for what is changed.
    fn make(&self, change: impl FnOnce(&mut stream::Config)) {
        let mut config = stream::Config {
            name: "mail".to_owned(),
            subjects: vec!["mail.>".to_owned()],
            retention: stream::RetentionPolicy::WorkQueue,
            ..stream::Config::default()
        };
        change(&mut config);
        let made = async {
            let _ = self.context.delete_stream("mail").await;
            self.context.create_stream(config).await
        };
        self.runtime.block_on(made).unwrap();
    }

    fn publish(&self, number: u64, headers: &[(&str, &str)]) {
        let mut map = async_nats::HeaderMap::new();
        headers.iter().for_each(|(name, value)| map.append(*name, *value));
        let sent = async {
            let body = number.to_string().into();
            self.context.publish_with_headers("mail.count", map, body).await?.await
        };
        self.runtime.block_on(sent).unwrap();
    }

    /// The headers of a job, in the order of their names.
    fn headers(&self, name: &str, seq: u64) -> Vec<(String, String)> {
        let read = async {
            let stream = self.context.get_stream(name).await.unwrap();
            stream.get_raw_message(seq).await.unwrap().headers
        };
        let headers = self.runtime.block_on(read);
        let mut pairs: Vec<(String, String)> = headers
            .iter()
            .flat_map(|(name, values)| {
                values.iter().map(move |value| (name.to_string(), value.to_string()))
            })
            .collect();
        pairs.sort();
        pairs
    }

    /// Gives a worker of a stream a job, which it does not acknowledge.
    fn take(&self, name: &str) -> jetstream::Message {
        let taken = async {
            let stream = self.context.get_stream(name).await.unwrap();
            let config = jetstream::consumer::pull::Config {
                durable_name: Some("workers".to_owned()),
                ..Default::default()
            };
            let consumer = stream.get_or_create_consumer("workers", config).await.unwrap();
            let mut batch = consumer.fetch().max_messages(1).messages().await.unwrap();
            batch.next().await.unwrap().unwrap()
        };
        self.runtime.block_on(taken)
    }

    fn state(&self, name: &str) -> stream::State {
        let info =
            async { self.context.get_stream(name).await.unwrap().cached_info().state.clone() };
        self.runtime.block_on(info)
    }

    /// The numbers in a stream, the oldest first.
    fn numbers(&self, name: &str) -> Vec<u64> {
        let state = self.state(name);
        let read = async {
            let stream = self.context.get_stream(name).await.unwrap();
            let mut numbers = Vec::new();
            for seq in state.first_sequence..=state.last_sequence {
                if let Ok(message) = stream.get_raw_message(seq).await {
                    let text = std::str::from_utf8(&message.payload).unwrap();
                    numbers.push(text.split('|').next().unwrap().parse().unwrap());
                }
            }
            numbers
        };
        self.runtime.block_on(read)
    }

    fn names(&self) -> Vec<String> {
        let names = async {
            let names = self.context.stream_names();
            names.map(Result::unwrap).collect().await
        };
        self.runtime.block_on(names)
    }

    fn wait_empty(&self) {
        wait_until(LONG, "the source to be empty", || self.state("mail").messages == 0);
    }
}

impl Queues for Streams {
    fn push(&mut self, numbers: Range<u64>) {
        let pushed = async {
            let mut sent = Vec::new();
            for number in numbers {
                let subject = format!("mail.count.{}", number % 3);
                sent.push(self.context.publish(subject, number.to_string().into()).await.unwrap());
            }
            for sent in sent {
                sent.await.unwrap();
            }
        };
        self.runtime.block_on(pushed);
    }

    fn restart(&mut self) {
        self.server.crash_and_restart();
        self.context = connect(&self.runtime, &self.server);
    }

    fn waits(&mut self) -> u64 {
        self.state("mail").messages
    }

    fn sides(&mut self) -> [Vec<u64>; 2] {
        [self.numbers("mail_race"), self.numbers("mail_main")]
    }
}

#[test]
fn whoever_is_killed_stopped_or_doubled_every_job_is_in_one_queue_at_its_place() {
    let Some(server) = NatsServer::start() else { return };
    let house = house(&server, CALM);
    ill_treat(&house, &mut Streams::new(server));
}

#[test]
fn jobs_of_nats_go_run_once_each_in_order_with_subject_headers_and_bytes() {
    let Some(server) = NatsServer::start() else { return };
    let (house, url) = (house(&server, CALM), server.url());
    let Some(farm) = Farm::new("nats", url, house) else { return };
    let _streams = Streams::new(server);
    farm.run_all(5, true);
}

#[test]
fn jobs_that_the_race_build_gives_up_are_run_by_the_normal_workers() {
    let Some(server) = NatsServer::start() else { return };
    let (house, url) = (house(&server, "stalled = \"1h\"\nmax_age = \"1h\"\n"), server.url());
    let Some(farm) = Farm::new("nats", url, house) else { return };
    let _streams = Streams::new(server);
    farm.run_failing();
}

#[test]
fn messages_of_one_tenant_go_to_the_same_side() {
    let Some(server) = NatsServer::start() else { return };
    let house = house(&server, &format!("every = 4\nkey = \"header:tenant\"\n{CALM}"));
    by_tenant(&house, &mut Streams::new(server), |streams, number, tenant| {
        let headers: Vec<_> = tenant.into_iter().map(|tenant| ("tenant", tenant)).collect();
        streams.publish(number, &headers);
    });
}

#[test]
fn what_a_race_worker_has_is_told_as_long_as_it_has_it() {
    let Some(server) = NatsServer::start() else { return };
    let url = server.url();
    let house = house(&server, &format!("every = 1\n{CALM}"));
    let mut streams = Streams::new(server);
    let sampler = house.sampler(&[]);
    streams.push(0..3);
    house.wait_seen(3);
    sampler.end();
    let plan = photofinish_jobs::Plan {
        kind: photofinish_jobs::Kind::Nats,
        url,
        source: "mail".to_owned(),
        main: "mail_main".to_owned(),
        race: "mail_race".to_owned(),
        every: 1,
        key: None,
        limits: photofinish_jobs::Limits::default(),
    };
    let told = || -> Vec<(String, Option<String>)> {
        let asked = photofinish_jobs::in_flight(&plan, 1, SystemTime::now(), Duration::ZERO);
        let jobs = streams.runtime.block_on(asked).unwrap();
        jobs.into_iter().map(|job| (job.id, job.kind)).collect()
    };
    assert_eq!(told(), []);
    let job = |seq: u64| (format!("mail:{seq}"), Some(format!("mail.count.{}", seq - 1)));
    let first = streams.take("mail_race");
    let second = streams.take("mail_race");
    assert_eq!(told(), [job(1), job(2)]);
    streams.runtime.block_on(first.double_ack()).unwrap();
    assert_eq!(told(), [job(2)]);
    streams.runtime.block_on(second.double_ack()).unwrap();
    assert_eq!(told(), []);
}

#[test]
fn headers_travel_and_those_that_are_orders_to_the_server_keep_no_job_from_its_queue() {
    let Some(server) = NatsServer::start() else { return };
    let house = house(&server, CALM);
    let streams = Streams::new(server);
    streams.make(|config| {
        config.duplicate_window = Duration::from_millis(100);
        config.allow_rollup = true;
        // Older ones know no time to live of a message.
        config.allow_message_ttl = true;
    });
    // One that goes to the race queue.
    streams.publish(9, &[]);
    let id = ("Nats-Msg-Id", "same");
    streams.publish(0, &[id, ("Nats-Expected-Stream", "mail")]);
    std::thread::sleep(Duration::from_millis(300));
    // The source has forgotten the id; the queue gets both at once.
    let pairs = [
        id,
        ("Trace", "a"),
        ("two", "one"),
        ("two", "other"),
        ("Nats-Expected-Last-Sequence", "2"),
    ];
    streams.publish(1, &pairs);
    let has_ttl = streams.server.is_at_least(2, 11);
    if has_ttl {
        streams.publish(2, &[("Nats-TTL", "1h")]);
    }
    let sampler = house.sampler(&["--every", "1000"]);
    streams.wait_empty();
    if has_ttl {
        let headers = streams.headers("mail_main", 3);
        let left = headers.iter().find(|(name, _)| name == "Nats-TTL").unwrap();
        let left: u64 = left.1.parse().unwrap();
        assert!((3500..=3600).contains(&left), "{left}");
    }
    assert_eq!(streams.numbers("mail_main")[..2], [0, 1]);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let wanted = [
        pair("Trace", "a"),
        pair("x-photofinish-id", "mail:3"),
        pair("x-photofinish-msg-id", "same"),
    ];
    let headers = streams.headers("mail_main", 2);
    for wanted in wanted {
        assert!(headers.contains(&wanted), "{wanted:?} of {headers:?}");
    }
    assert!(streams.headers("mail_main", 1).contains(&pair("Nats-Msg-Id", "same")));
    sampler.end();
}

#[test]
fn what_dead_race_workers_leave_goes_back_what_they_have_stays_and_undo_leaves_nothing() {
    let Some(server) = NatsServer::start() else { return };
    let lines =
        |stalled| format!("max_lag = 5\nmax_age = \"1h\"\nstalled = {stalled:?}\nretry = \"1h\"\n");
    let patient = house(&server, &lines("1h"));
    let house = house(&server, &lines("1s"));
    let mut streams = Streams::new(server);
    let sampler = patient.sampler(&[]);
    streams.push(0..200);
    streams.wait_empty();
    assert_eq!(streams.state("mail_race").messages, 5, "never more than may wait");
    let taken = streams.take("mail_race");
    sampler.end();
    let sampler = house.sampler(&[]);
    sampler.0.wait_for_line(LONG, "the race workers take nothing");
    wait_until(LONG, "what waits to go back", || streams.state("mail_race").messages == 1);
    let first: u64 = std::str::from_utf8(&taken.payload).unwrap().parse().unwrap();
    let mut main = streams.numbers("mail_main");
    main.sort_unstable();
    assert_eq!(main, (0..200).filter(|number| *number != first).collect::<Vec<u64>>());
    let (_, said) = house.jobs(&["status"]);
    assert!(said.contains("4 that waited too long"), "{said}");
    streams.runtime.block_on(async { taken.double_ack().await.unwrap() });
    sampler.end();
    let (code, said) = house.jobs(&["undo"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("199 jobs went back to mail"), "{said}");
    assert_eq!(streams.names(), ["mail"]);
    // And all over again, with what was undone.
    let sampler = house.sampler(&[]);
    streams.wait_empty();
    assert_eq!(streams.state("mail_race").messages + streams.state("mail_main").messages, 199);
    sampler.end();
}

#[test]
fn a_sampler_that_ends_hands_back_when_told_to() {
    let Some(server) = NatsServer::start() else { return };
    let house = house(&server, "");
    let mut streams = Streams::new(server);
    let sampler = house.sampler(&["--every", "4", "--hand-back"]);
    streams.push(0..400);
    streams.wait_empty();
    assert_eq!(streams.state("mail_race").messages, 100);
    let (code, said) = sampler.end();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(streams.state("mail_race").messages, 0);
    assert_eq!(streams.state("mail_main").messages, 400);
}

#[test]
fn a_sampler_that_slept_while_another_worked_changes_nothing() {
    let Some(server) = NatsServer::start() else { return };
    let house = house(&server, CALM);
    let mut streams = Streams::new(server);
    streams.make(|config| config.duplicate_window = Duration::from_millis(100));
    for round in 0..kills(4) {
        let sleeper = house.sampler(&[]);
        streams.push(round * 1000..round * 1000 + 500);
        std::thread::sleep(Duration::from_micros(random(30_000)));
        sleeper.signal(Signal::STOP);
        let other = house.sampler(&[]);
        streams.push(round * 1000 + 500..round * 1000 + 1000);
        streams.wait_empty();
        // Past the window in which an id would be known.
        std::thread::sleep(Duration::from_millis(300));
        sleeper.signal(Signal::CONT);
        let (code, said) = sleeper.end();
        assert_eq!(code, Some(0), "{said}");
        other.end();
    }
    let (race, main) = shares(kills(4) * 1000, 10);
    assert_same(&streams.numbers("mail_race"), &race, "one of each ten");
    assert_same(&streams.numbers("mail_main"), &main, "all others");
}

#[test]
fn on_a_full_disk_jobs_wait_in_the_source_and_none_is_lost() {
    let Some(server) = NatsServer::start_with("", "max_file_store: 300KB") else { return };
    let house = house(&server, CALM);
    let mut streams = Streams::new(server);
    house.sampler(&[]).end();
    // As much as the source may hold and the queues cannot take over at once.
    let body = bytes::Bytes::from(vec![b'0'; 1000]);
    let fill = async {
        let mut many = 0;
        loop {
            let text = [many.to_string().as_bytes(), b"|", &body].concat();
            let sent = streams.context.publish("mail.count", text.into()).await.unwrap();
            if sent.await.is_err() {
                return many;
            }
            many += 1;
        }
    };
    let many: u64 = streams.runtime.block_on(fill);
    let sampler = house.start(&[]);
    sampler.0.wait_for_line(LONG, "waiting: NATS");
    drop(sampler);
    streams.server.restart_with("", "max_file_store: 10MB");
    streams.context = connect(&streams.runtime, &streams.server);
    let sampler = house.sampler(&[]);
    streams.wait_empty();
    let (race, main) = shares(many, 10);
    assert_same(&streams.numbers("mail_race"), &race, "one of each ten");
    assert_same(&streams.numbers("mail_main"), &main, "all others");
    sampler.end();
}

#[test]
fn what_keeps_a_stream_from_being_sampled_is_said_with_a_hint() {
    let accounts = "accounts { APP { jetstream: enabled, users: [{user: app, password: s3cret},
        {user: poor, password: s3cret, permissions: {publish: [\"mail.>\"]}}] },
        BARE { users: [{user: bare, password: s3cret}] } }\nno_auth_user: app";
    let Some(server) = NatsServer::start_with(accounts, "") else { return };
    let with = |user: &str| server.url().replace("//", &format!("//{user}:s3cret@"));
    let told = |url: &str, source: &str| {
        let house =
            House::new(&format!("broker = \"nats\"\nurl = \"{url}\"\nsource = \"{source}\"\n"));
        let (code, said) = house.jobs(&[]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("try: ") && !said.contains("s3cret"), "{said}");
        said
    };
    assert!(told("nats://127.0.0.1:1", "mail").contains("cannot connect to NATS at 127.0.0.1:1"));
    assert!(told(&with("app"), "mail").contains("has no stream of the name of the source"));
    let said = told(&with("bare"), "mail");
    assert!(said.contains("has no JetStream"), "{said}");
    let said = told(&with("poor"), "mail");
    assert!(said.to_lowercase().contains("permissions violation"), "{said}");
    assert!(
        told(&server.url().replace("//", "//app:wrong@"), "mail")
            .contains("cannot connect to NATS")
    );
    let streams = Streams::new(server);
    let url = streams.server.url();
    streams.publish(0, &[]);
    let _taken = streams.take("mail");
    assert!(told(&url, "mail").contains("have not acknowledged"));
    streams.make(|config| config.retention = stream::RetentionPolicy::Interest);
    assert!(told(&url, "mail").contains("is no queue"));
}

#[test]
fn a_server_that_wants_tls_is_spoken_to_with_the_certificates_that_are_trusted() {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let folder = temp_dir();
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let lines = format!("tls {{ cert_file: {certificate:?}, key_file: {key:?} }}");
    let Some(server) = NatsServer::start_with(&lines, "") else { return };
    let url = server.url().replace("nats://", "tls://");
    let house = House::new(&format!("broker = \"nats\"\nurl = \"{url}\"\nsource = \"mail\"\n"));
    let (code, said) = house.jobs(&[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("cannot connect to NATS"), "a stranger's certificate: {said}");
    let house = house.with("SSL_CERT_FILE", &certificate);
    let (code, said) = house.jobs(&[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("has no stream of the name"), "{said}");
}
