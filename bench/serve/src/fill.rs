//! Findings by the thousand, as a fleet would have them.

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use photofinish_model::{Access, Detector, Frame, GoroutineId, Kind, Op, Race, Stack};
use photofinish_store::{
    Action, CodeOwners, Decision, Filter, NewSighting, OwnerRules, Repository, Source, Store,
    StorePlace,
};
use std::time::Instant;

/// Sightings in one transaction.
const BATCH: usize = 5_000;
const SERVICES: [&str; 6] = ["cart", "payments", "search", "mail", "accounts", "stock"];
const SOURCES: [Source; 4] = [Source::Canary, Source::Mirror, Source::Jobs, Source::Catch];

/// Makes the findings at `place`.
pub(crate) fn fill(place: &StorePlace, findings: usize, sightings: usize) -> Result<()> {
    eprintln!("making {findings} findings with {sightings} sightings");
    let start = Instant::now();
    let mut store = Store::open(place)?;
    let owners = SERVICES.map(|service| format!("/{service}/ @team-{service}\n")).concat();
    let repository =
        Repository { module: Some("example.com/shop".to_owned()), ..Repository::default() };
    store.set_owner_rules(Some(OwnerRules::new(CodeOwners::parse(&owners), repository)));
    let races: Vec<Race> = (0..findings).map(race).collect();
    let now = Timestamp::now();
    let mut number = 0;
    while number < sightings {
        let end = (number + BATCH).min(sightings);
        let keys: Vec<String> = (number..end).map(|number| format!("bench/{number}")).collect();
        let batch: Vec<NewSighting<'_>> = keys
            .iter()
            .zip(number..end)
            .map(|(key, number)| {
                // Some are seen much more often than others; each once at least.
                let index = if number < findings {
                    number
                } else {
                    let random = scattered(number) as f64 / u64::MAX as f64;
                    ((random * random * random * findings as f64) as usize).min(findings - 1)
                };
                let minutes = i64::try_from(scattered(number ^ 0x55) % (60 * 24 * 60));
                NewSighting {
                    key,
                    race: &races[index],
                    source: SOURCES[(number / 7) % SOURCES.len()],
                    service: Some(SERVICES[index % SERVICES.len()]),
                    build: Some(["v1.4.0", "v1.4.1", "v1.5.0", "v1.5.1"][(number / 11) % 4]),
                    host: Some(["pod-1", "pod-2", "pod-3"][(number / 13) % 3]),
                    pid: Some(1),
                    at: now - SignedDuration::from_mins(minutes.unwrap_or(0)),
                }
            })
            .collect();
        store.record_all(&batch)?;
        number = end;
    }
    eprintln!("made in {:.0} s", start.elapsed().as_secs_f64());
    decide(&mut store, now)
}

/// Two of three are decided, one way or another.
fn decide(store: &mut Store, now: Timestamp) -> Result<()> {
    let ids = store.findings(&Filter::default())?.into_iter().map(|finding| finding.fingerprint);
    let ids: Vec<_> = ids.collect();
    let decision = Decision { by: "mia".into(), why: "known".into(), at: now };
    let third = ids.len() / 3;
    store.change(&ids[..third], &Action::Acknowledge, &decision)?;
    store.change(&ids[third..2 * third], &Action::Fix { fixed_in: None }, &decision)?;
    Ok(())
}

/// A race of its own for each number, with stacks as deep as a web service's.
fn race(number: usize) -> Race {
    let service = SERVICES[number % SERVICES.len()];
    let mut race = Race::new(Kind::DataRace, Detector::GoRace, "DATA RACE");
    for (index, op) in [Op::Read, Op::Write].into_iter().enumerate() {
        let frame = |function: String, file: String, line| Frame {
            file: Some(file),
            line: Some(line),
            ..Frame::new(function)
        };
        let mut access = Access::new(op);
        access.address = Some(0x00c0_0000_0000 + number as u64 * 64);
        access.goroutine = Some(GoroutineId::Number(20 + index as u64));
        let verb = ["read", "update"][index];
        let file = format!("/src/shop/{service}/store{}.go", number % 40);
        let mut frames = vec![
            frame(format!("example.com/shop/{service}.(*Store{number}).{verb}"), file.clone(), 42),
            frame(format!("example.com/shop/{service}.(*Server).handle{number}"), file, 112),
        ];
        frames.extend((0..12).map(|depth| {
            let file = "/usr/local/go/src/net/http/server.go".to_owned();
            frame(format!("net/http.(*Layer{depth}).ServeHTTP"), file, 2000 + depth)
        }));
        access.stack = Stack::from(frames);
        let file = format!("/src/shop/{service}/main.go");
        access.created_at =
            Stack::from(vec![frame(format!("example.com/shop/{service}.Start"), file, 20)]);
        race.accesses.push(access);
    }
    let lines = race.accesses.iter().flat_map(|access| &access.stack.frames);
    let lines: Vec<String> = lines
        .map(|frame| format!("  {}()\n      {:?}:{:?}", frame.function, frame.file, frame.line))
        .collect();
    race.raw = format!("WARNING: DATA RACE\n{}", lines.join("\n"));
    race
}

/// The same number for the same number, and nothing else to be seen in it (splitmix64).
fn scattered(number: usize) -> u64 {
    let mut x = (number as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
