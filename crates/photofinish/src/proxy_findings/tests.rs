use super::*;
use crate::sink::StoreSink;
use bytes::Bytes;
use photofinish_proxy::compare::{Answer, Learner, Route, RuleTexts, Rules, compare};
use photofinish_store::{Filter, Finding, Source, Store};
use photofinish_supervise::{Delivered, SinkError};
use std::path::Path;
use std::sync::mpsc;

const FAST: Pace = Pace {
    every: Duration::from_millis(300),
    retry: Duration::from_millis(20),
    at_the_end: Duration::from_secs(5),
};

fn named() -> Named {
    Named { service: "orders".into(), build: "v7".into(), host: "pod-1".into() }
}

/// What comparing `n` answers of a route tells, of which each 50th has another request's total.
fn differing(n: u32, values: Values) -> Vec<Differing> {
    let rules = Rules::new(&RuleTexts { values, ..RuleTexts::default() }).unwrap();
    let answer = |total: u32| Answer {
        body: Bytes::from(format!("{{\"total\":{total}}}")),
        ..Answer::default()
    };
    let mut learner = Learner::default();
    let mut told = Vec::new();
    for request in 0..n {
        let pair = (answer(1999), answer(if request % 50 == 10 { 2998 } else { 1999 }));
        let comparison = compare(&rules, &pair.0, &pair.1);
        let line = format!("GET /orders/{request}?token=secret");
        let route = Route::of("GET", &format!("/orders/{request}"));
        told.extend(learner.note(&rules, &route, &line, (&pair.0, &pair.1), &comparison));
    }
    told
}

fn findings(store: &Path) -> Vec<Finding> {
    Store::open_existing(store).unwrap().findings(&Filter::default()).unwrap()
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_corrupted_answer_is_a_finding_with_its_values_request_and_counts() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("findings.db");
    let all = differing(300, Values::Shown);
    assert_eq!(all.len(), 6);
    let diffs = DiffFindings::start(StoreSink::new(store.clone()), named(), FAST).unwrap();
    all.iter().for_each(|differing| diffs.tell(differing, Values::Shown));
    let counts = diffs.finish();
    assert_eq!((counts.told, counts.dropped, counts.refused), (6, 0, 0));
    assert_eq!(counts.recorded + counts.merged, 6);
    let found = findings(&store);
    assert_eq!(found.len(), 1);
    let finding = &found[0];
    assert_eq!(finding.title, "GET /orders/{} answers differently at $.total");
    assert_eq!(finding.sources.keys().collect::<Vec<_>>(), [&Source::Mirror]);
    assert_eq!((&*finding.services[0].name, &*finding.builds[0].name), ("orders", "v7"));
    let latest = AnswerDiff::read(&finding.latest_raw).unwrap();
    assert_eq!((&*latest.primary.value, &*latest.mirror.value), ("1999", "2998"));
    assert_eq!(latest.request.as_deref(), Some("GET /orders/260?token=secret"));
    assert_eq!((latest.compared, latest.differed), (261, 6));
}

#[test]
fn a_storm_of_one_difference_is_recorded_once_in_a_while() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("findings.db");
    let diffs = DiffFindings::start(StoreSink::new(store.clone()), named(), FAST).unwrap();
    let one = differing(100, Values::Shown).swap_remove(0);
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(1000) {
        diffs.tell(&one, Values::Shown);
        std::thread::sleep(Duration::from_micros(200));
    }
    let most = 2 + started.elapsed().as_millis() as u64 / 300;
    let counts = diffs.finish();
    assert!(counts.recorded >= 2 && counts.recorded <= most, "{counts:?}");
    assert_eq!(counts.recorded + counts.merged + counts.dropped, counts.told);
    assert_eq!(findings(&store)[0].count, counts.recorded);
}

#[test]
fn a_store_that_is_away_is_tried_again_and_nothing_is_counted_twice() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("state");
    std::fs::write(&folder, "a file where the folder should be").unwrap();
    let store = folder.join("findings.db");
    let diffs = DiffFindings::start(StoreSink::new(store.clone()), named(), FAST).unwrap();
    let one = differing(100, Values::Shown).swap_remove(0);
    diffs.tell(&one, Values::Shown);
    until("the store refuses", || diffs.counts().refused >= 2);
    assert_eq!(diffs.counts().recorded, 0);
    std::fs::remove_file(&folder).unwrap();
    until("the store takes it", || diffs.counts().recorded == 1);
    assert_eq!(findings(&store)[0].count, 1);
    diffs.finish();
}

#[test]
fn what_a_store_never_takes_is_counted_as_lost() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("state"), "").unwrap();
    let sink = StoreSink::new(dir.path().join("state/findings.db"));
    let pace = Pace { at_the_end: Duration::from_millis(50), ..FAST };
    let diffs = DiffFindings::start(sink, named(), pace).unwrap();
    diffs.tell(&differing(100, Values::Shown)[0], Values::Shown);
    let counts = diffs.finish();
    assert_eq!((counts.told, counts.recorded, counts.dropped), (1, 0, 1));
}

/// A store behind a lock that somebody holds for long.
struct Slow {
    gate: mpsc::Receiver<()>,
    store: StoreSink,
}

impl Sink for Slow {
    fn deliver(&mut self, sighted: &[Sighted]) -> Result<Vec<Delivered>, SinkError> {
        // Ends at once, and for good, when the test lets go of the other end.
        let _ = self.gate.recv();
        self.store.deliver(sighted)
    }

    fn acknowledged(&mut self, fingerprint: &Fingerprint) -> Result<bool, SinkError> {
        self.store.acknowledged(fingerprint)
    }
}

#[test]
fn telling_never_waits_for_a_store_that_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("findings.db");
    let (hold, gate) = mpsc::channel();
    let slow = Slow { gate, store: StoreSink::new(store.clone()) };
    let diffs = DiffFindings::start(slow, named(), FAST).unwrap();
    let one = differing(100, Values::Shown).swap_remove(0);
    let started = Instant::now();
    (0..5_000).for_each(|_| diffs.tell(&one, Values::Shown));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    until("the queue is full", || diffs.counts().dropped > 4_000);
    drop(hold);
    let counts = diffs.finish();
    assert_eq!(counts.recorded + counts.merged + counts.dropped, 5_000);
    assert_eq!(findings(&store)[0].count, counts.recorded);
}

#[test]
fn hidden_values_keep_the_request_out_of_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("findings.db");
    let diffs = DiffFindings::start(StoreSink::new(store.clone()), named(), FAST).unwrap();
    for differing in differing(100, Values::Hidden) {
        diffs.tell(&differing, Values::Hidden);
    }
    diffs.finish();
    let raw = &findings(&store)[0].latest_raw;
    assert!(!raw.contains("secret") && !raw.contains("1999") && !raw.contains("Request:"), "{raw}");
}
