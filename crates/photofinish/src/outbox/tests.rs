#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use super::*;
use crate::sink::{Remote, StoreSink};
use photofinish_dashboard::{Server, Settings};
use photofinish_model::{Access, Detector, Frame, Kind, Op, Race, Stack};
use photofinish_store::{Filter, Store};
use photofinish_supervise::{Sighted, Sink};
use photofinish_testkit::{fill_disk, free_port, on_small_disk, temp_dir, wait_until};
use std::net::SocketAddr;
use std::time::SystemTime;

const LONG: Duration = Duration::from_secs(60);

/// A race between `main.get` and `main.set`, caught just now.
fn sighted(key: &str) -> Sighted {
    let mut race = Race::new(Kind::DataRace, Detector::Photofinish, "DATA RACE".to_owned());
    for (op, function) in [(Op::Read, "main.get"), (Op::Write, "main.set")] {
        let mut access = Access::new(op);
        access.stack = Stack::from(vec![Frame::new(function)]);
        race.accesses.push(access);
    }
    Sighted {
        key: key.to_owned(),
        race,
        source: "catch".to_owned(),
        service: "api".to_owned(),
        build: "v1".to_owned(),
        host: "pod-1".to_owned(),
        pid: 7,
        at: SystemTime::now(),
    }
}

fn sink(folder: &Path, listen: SocketAddr) -> StoreSink {
    let client = Client::new(&format!("http://{listen}"), None, None).unwrap();
    let outbox = Outbox::open(folder.join("outbox"), client.clone()).unwrap();
    StoreSink::to(None, Some(Remote { client, outbox: Some(Arc::new(outbox)) }))
}

/// Serves the findings in `folder` as long as the value lives.
struct Serving {
    runtime: Option<tokio::runtime::Runtime>,
}

impl Serving {
    fn start(folder: &Path, listen: SocketAddr) -> Serving {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let settings = Settings::new(listen, folder.join("findings.db"));
        let server = runtime.block_on(Server::bind(&settings)).unwrap();
        let (stopper, stop) = tokio::sync::watch::channel(false);
        runtime.spawn(async move {
            let _stopper = stopper;
            server.run(stop).await;
        });
        Serving { runtime: Some(runtime) }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

fn counted(folder: &Path) -> u64 {
    let store = Store::open(folder.join("findings.db")).unwrap();
    store.findings(&Filter::default()).unwrap().iter().map(|finding| finding.count).sum()
}

#[test]
fn what_is_seen_while_serve_is_away_arrives_once_it_is_back() {
    let folder = temp_dir();
    let listen = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut sink = sink(folder.path(), listen);
    for key in ["a", "b", "c"] {
        sink.deliver(&[sighted(key)]).unwrap();
    }
    assert_eq!(waiting(&folder.path().join("outbox")).unwrap().len(), 3);
    let _serving = Serving::start(folder.path(), listen);
    wait_until(LONG, "all to arrive", || counted(folder.path()) == 3);
    let delivered = sink.deliver(&[sighted("c")]);
    wait_until(LONG, "the outbox to be empty", || {
        waiting(&folder.path().join("outbox")).unwrap().is_empty()
    });
    drop(delivered);
    assert_eq!(counted(folder.path()), 3, "what is sent again counts once");
}

#[test]
fn what_a_process_left_is_sent_by_the_next_one() {
    let folder = temp_dir();
    let listen = SocketAddr::from(([127, 0, 0, 1], free_port()));
    sink(folder.path(), listen).deliver(&[sighted("left")]).unwrap();
    let outbox = folder.path().join("outbox");
    assert_eq!(waiting(&outbox).unwrap().len(), 1);
    // Torn by hand: nothing of ours leaves such a file.
    std::fs::write(outbox.join("0-torn.json"), "[{").unwrap();
    let _serving = Serving::start(folder.path(), listen);
    let _next = sink(folder.path(), listen);
    wait_until(LONG, "it to arrive", || counted(folder.path()) == 1);
    assert!(outbox.join("0-torn.unreadable").exists());
}

#[test]
fn a_full_disk_refuses_says_so_and_loses_nothing_that_it_took() {
    let me = "outbox::tests::a_full_disk_refuses_says_so_and_loses_nothing_that_it_took";
    on_small_disk(me, "1m", |disk| {
        let listen = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut sink = sink(disk, listen);
        sink.deliver(&[sighted("before")]).unwrap();
        let ballast = fill_disk(disk);
        for _ in 0..20 {
            let error = sink.deliver(&[sighted("full")]).unwrap_err();
            let said = format!("{:#}", anyhow::Error::from(error));
            assert!(said.contains("No space left on device") && said.contains("outbox"), "{said}");
        }
        let names = fs::read_dir(disk.join("outbox")).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "the lock and what it took: {names:?}");
        // Sent from the full disk, what it took makes room for what it refused.
        let elsewhere = temp_dir();
        let _serving = Serving::start(elsewhere.path(), listen);
        wait_until(LONG, "it to arrive", || counted(elsewhere.path()) == 1);
        wait_until(LONG, "the rest to be taken", || sink.deliver(&[sighted("full")]).is_ok());
        drop(ballast);
        wait_until(LONG, "all to arrive", || counted(elsewhere.path()) == 2);
    });
}

#[test]
fn what_a_campaign_came_to_waits_behind_its_sightings() {
    let folder = temp_dir();
    let listen = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut sink = sink(folder.path(), listen);
    sink.deliver(&[sighted("a")]).unwrap();
    let now = jiff::Timestamp::now();
    let campaign = photofinish_store::Campaign {
        id: "hunt/here/7".to_owned(),
        kind: "hunt".to_owned(),
        service: "api".to_owned(),
        host: "pod-1".to_owned(),
        started: now,
        ended: now,
        found: Vec::new(),
        figures: vec![("requests".to_owned(), "12".to_owned())],
    };
    sink.campaign(&campaign).unwrap();
    assert_eq!(waiting(&folder.path().join("outbox")).unwrap().len(), 2);
    let _serving = Serving::start(folder.path(), listen);
    let store = || Store::open(folder.path().join("findings.db")).unwrap();
    wait_until(LONG, "it to arrive", || store().campaigns(0, 9).unwrap().0 == 1);
    assert_eq!(counted(folder.path()), 1);
    assert_eq!(store().campaigns(0, 9).unwrap().1[0].figures, campaign.figures);
}
