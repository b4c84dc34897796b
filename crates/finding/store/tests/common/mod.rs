//! What the tests of the store share: races to record and a folder to keep them in.

#![allow(dead_code, missing_docs, unreachable_pub, clippy::print_stdout)]

use jiff::Timestamp;
use photofinish_model::{Access, Detector, Frame, Kind, Op, Race, Stack};
use photofinish_store::{Decision, NewSighting, Source, Store};

/// A race between `main.get{name}` and `main.set{name}`: a different one for each name.
pub fn race(name: &str) -> Race {
    let mut race = Race::new(Kind::DataRace, Detector::GoRace, format!("DATA RACE {name}"));
    for (op, function, line) in [(Op::Read, "get", 10), (Op::Write, "set", 20)] {
        let mut access = Access::new(op);
        access.stack = Stack::from(vec![Frame {
            file: Some("/src/main.go".into()),
            line: Some(line),
            ..Frame::new(format!("main.{function}{name}"))
        }]);
        race.accesses.push(access);
    }
    race.raw = format!("WARNING: DATA RACE\n{name}");
    race
}

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub fn sighting<'a>(key: &'a str, race: &'a Race) -> NewSighting<'a> {
    NewSighting {
        key,
        race,
        source: Source::Canary,
        service: Some("api"),
        build: Some("v1"),
        host: Some("pod-1"),
        pid: Some(7),
        at: at(1_000),
    }
}

pub fn by_mia(second: i64) -> Decision {
    Decision { by: "mia".into(), why: "known".into(), at: at(second) }
}

pub struct Kept {
    pub dir: tempfile::TempDir,
    pub store: Store,
}

pub fn empty_store() -> Kept {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("deep/er/findings.db")).unwrap();
    Kept { dir, store }
}

/// Records what a `task` says, `place|name|count|batch`, and prints what is recorded.
pub fn record(task: &str, mut record: impl FnMut(&mut Store, &[NewSighting<'_>])) {
    let mut task = task.split('|');
    let mut next = || task.next().unwrap();
    let mut store = Store::open(next()).unwrap();
    let name = next();
    let (count, batch): (usize, usize) = (next().parse().unwrap(), next().parse().unwrap());
    let races = [race("One"), race("Two"), race("Three")];
    let keys: Vec<String> = (0..count).map(|i| format!("{name}-{i}")).collect();
    for (i, keys) in keys.chunks(batch).enumerate() {
        let sightings: Vec<_> = keys
            .iter()
            .enumerate()
            .map(|(j, key)| sighting(key, &races[(i * batch + j) % races.len()]))
            .collect();
        record(&mut store, &sightings);
        println!("recorded {}", keys.len());
    }
}
