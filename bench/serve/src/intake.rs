//! Sightings that many send at once, each on its own, until they are on the disk.

use crate::pages::millis;
use anyhow::{Result, ensure};
use jiff::Timestamp;
use photofinish_dashboard::client::Client;
use photofinish_dashboard::wire::SightingJson;
use photofinish_model::{Access, Detector, Frame, Kind, Op, Race, Stack};
use photofinish_store::json::RaceJson;
use std::time::{Duration, Instant};

/// Prints a row for each number of senders, who send so many each.
pub(crate) fn measure(url: &str, crowds: &[(usize, usize)]) -> Result<()> {
    println!("| senders | sightings of each | a second | median | 99 of 100 within |");
    println!("|---:|---:|---:|---:|---:|");
    for (crowd, (senders, each)) in crowds.iter().copied().enumerate() {
        let start = Instant::now();
        let mut times: Vec<Duration> = std::thread::scope(|scope| {
            let sending = |sender| scope.spawn(move || send(url, crowd * 100_000 + sender, each));
            let sending: Vec<_> = (0..senders).map(sending).collect();
            let joined = sending.into_iter().map(|thread| thread.join().unwrap_or_default());
            joined.flatten().collect()
        });
        let took = start.elapsed();
        let sent = senders * each;
        ensure!(times.len() == sent, "{} of {sent} sightings were taken", times.len());
        times.sort();
        println!(
            "| {senders} | {each} | {:.0} | {} | {} |",
            sent as f64 / took.as_secs_f64(),
            millis(times[sent / 2]),
            millis(times[sent * 99 / 100]),
        );
    }
    Ok(())
}

fn send(url: &str, sender: usize, each: usize) -> Vec<Duration> {
    let Ok(client) = Client::new(url, None, None) else { return Vec::new() };
    let mut times = Vec::new();
    for number in 0..each {
        let sighting = sighting(sender, number);
        let start = Instant::now();
        while client.send(std::slice::from_ref(&sighting)).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
        times.push(start.elapsed());
    }
    times
}

/// The `number`th of a sender.
pub(crate) fn sighting(sender: usize, number: usize) -> SightingJson {
    let key = format!("intake/{sender}/{number}");
    sighting_of(&(number % 50).to_string(), key, "v1", &format!("pod-{sender}"))
}

/// One of the race of this name.
pub(crate) fn sighting_of(name: &str, key: String, build: &str, host: &str) -> SightingJson {
    let mut race = Race::new(Kind::DataRace, Detector::GoRace, "DATA RACE");
    for (op, verb) in [(Op::Read, "get"), (Op::Write, "set")] {
        let mut access = Access::new(op);
        access.stack = Stack::from(vec![Frame {
            file: Some("/src/cart/cart.go".to_owned()),
            line: Some(12),
            ..Frame::new(format!("main.{verb}{name}"))
        }]);
        race.accesses.push(access);
    }
    race.raw = "WARNING: DATA RACE\n".repeat(40);
    SightingJson {
        key,
        race: RaceJson::from(&race),
        source: "canary".to_owned(),
        service: Some("cart".to_owned()),
        build: Some(build.to_owned()),
        host: Some(host.to_owned()),
        pid: Some(1),
        at: Timestamp::now(),
    }
}
