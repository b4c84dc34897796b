//! Deadlocks and leaks in the words that findings are kept in.
//!
//! A ring is a [`Race`] of [`Kind::Deadlock`] with its goroutines beside it, a leak one of [`Kind::GoroutineLeak`] with
//! one of its goroutines: what they are recognised by are the functions where they wait, not how many they are.

use photofinish_model::{Detector, Goroutine, GoroutineId, Kind, Race, Stack};

use crate::{Deadlocks, Leak, Link, Look};

impl Deadlocks {
    /// Each ring and each leak, as `look` (the one they were found in) has their stacks; without the text of a report.
    pub fn races(&self, look: &Look) -> Vec<Race> {
        let rings = self.cycles.iter().map(|ring| ring_race(look, ring));
        rings.chain(self.leaks.iter().map(|leak| leak_race(look, leak))).collect()
    }
}

fn ring_race(look: &Look, ring: &[Link]) -> Race {
    let headline = format!("{} goroutines wait for each other's locks", ring.len());
    let mut race = Race::new(Kind::Deadlock, Detector::Photofinish, headline);
    race.others = ring
        .iter()
        .filter_map(|link| {
            let (lock, evidence) = (link.waits_for, link.evidence.word());
            let held = format!("{lock} held by goroutine {} ({evidence})", link.held_by);
            told(look, link.goroutine, &held)
        })
        .collect();
    race
}

fn leak_race(look: &Look, leak: &Leak) -> Race {
    let plural = if leak.count == 1 { " waits" } else { "s wait" };
    let headline = format!("{} goroutine{plural} for ever: {}", leak.count, leak.wait_reason);
    let mut race = Race::new(Kind::GoroutineLeak, Detector::Photofinish, headline);
    let alike = format!("{} alike ({})", leak.count, leak.evidence.word());
    race.others =
        leak.goroutines.first().and_then(|id| told(look, *id, &alike)).into_iter().collect();
    race
}

fn told(look: &Look, id: u64, aside: &str) -> Option<Goroutine> {
    let goroutine = look.goroutine(id)?;
    let frames: Vec<_> = look.stack(goroutine).map(|line| line.frame.clone()).collect();
    let created_at: Vec<_> =
        look.creator(goroutine).map(|it| it.frame.clone()).into_iter().collect();
    Some(Goroutine {
        id: GoroutineId::Number(id),
        status: format!("{}, {aside}", look.state(goroutine)),
        stack: Stack::from(frames),
        created_at: Stack::from(created_at),
    })
}
