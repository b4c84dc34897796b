//! What every broker is put through: samplers killed, stopped and doubled, the broker crashed, and in the
//! end each job is in one queue, at its place.

use crate::support::{House, LONG, Redis, random, shares};
use photofinish_testkit::wait_until;
use rustix::process::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

/// Race workers that are left alone whatever they do.
pub(crate) const CALM: &str = "max_lag = 1000000\nmax_age = \"1h\"\nstalled = \"1h\"\n";

/// Queues of some broker: `mail`, `mail_race` and `mail_main`.
pub(crate) trait Queues {
    /// Adds jobs to the source.
    fn push(&mut self, numbers: Range<u64>);
    /// Kills the broker and starts it again.
    fn restart(&mut self);
    /// How many jobs wait in the source.
    fn waits(&mut self) -> u64;
    /// The jobs for the race workers and for the normal ones, in the order in which they are taken.
    fn sides(&mut self) -> [Vec<u64>; 2];
}

/// `usual` here; in the long run as many as asked for.
pub(crate) fn kills(usual: u64) -> u64 {
    let wanted = std::env::var("PHOTOFINISH_KILLS");
    wanted.map_or(usual, |wanted| wanted.parse().expect("a number in PHOTOFINISH_KILLS"))
}

/// Two samplers of which one is killed again and again, some stopped before, the broker killed now and then;
/// returns how many jobs there were.
pub(crate) fn abuse(house: &House, queues: &mut impl Queues, times: u64) -> u64 {
    let mut pushed = 0;
    let mut push = |queues: &mut dyn FnMut(Range<u64>), many: u64| {
        queues(pushed..pushed + many);
        pushed += many;
        pushed
    };
    let mut samplers = [house.sampler(&[]), house.sampler(&[])];
    for round in 0..times {
        push(&mut |jobs| queues.push(jobs), 400);
        if round % 2 == 1 {
            // Who only stands by has nothing in hand.
            let waiting = queues.waits();
            wait_until(LONG, "a sampler at work", || queues.waits() < waiting.max(1));
        }
        // In the middle of it, as well as a debug build's steps let one choose.
        std::thread::sleep(Duration::from_micros(random(20_000)));
        let victim = usize::try_from(round % 2).unwrap();
        if round % 5 == 3 {
            samplers[victim].signal(Signal::STOP);
            push(&mut |jobs| queues.push(jobs), 400);
            std::thread::sleep(Duration::from_millis(50));
            samplers[victim].signal(Signal::CONT);
        }
        if round % 10 == 7 {
            queues.restart();
        }
        samplers[victim].signal(Signal::KILL);
        samplers[victim] = house.start(&[]);
    }
    let all = push(&mut |jobs| queues.push(jobs), 100);
    // A hundred kills leave much to be done, and a debug build on a busy machine does it slowly.
    wait_until(LONG * 10, "the source to be empty", || {
        // A quorum queue whose leader is busy is said to be empty, so its word alone is not enough.
        queues.waits() == 0 && house.seen() == Some(all)
    });
    for sampler in samplers {
        let (code, said) = sampler.end();
        assert_eq!(code, Some(0), "{said}");
    }
    all
}

/// [`abuse`], after which each job is in exactly one queue, the one of its number, in order.
pub(crate) fn ill_treat(house: &House, queues: &mut impl Queues) {
    let all = abuse(house, queues, kills(20));
    assert_shared(queues, all);
}

/// Two samplers of which one is stopped while it works, past all that is leased or remembered, and goes on
/// once the other has done everything; after which each job is in exactly one queue, in order.
pub(crate) fn oversleep(house: &House, queues: &mut impl Queues) {
    let rounds = kills(3);
    for round in 0..rounds {
        let sleeper = house.sampler(&[]);
        queues.push(round * 1000..round * 1000 + 500);
        std::thread::sleep(Duration::from_micros(random(30_000)));
        sleeper.signal(Signal::STOP);
        let other = house.sampler(&[]);
        queues.push(round * 1000 + 500..round * 1000 + 1000);
        wait_until(LONG, "the source to be empty", || queues.waits() == 0);
        std::thread::sleep(Duration::from_millis(300));
        sleeper.signal(Signal::CONT);
        for sampler in [sleeper, other] {
            let (code, said) = sampler.end();
            assert_eq!(code, Some(0), "{said}");
        }
    }
    assert_shared(queues, rounds * 1000);
}

/// Jobs of twenty tenants, of which the last tells nobody its name, through two samplers one after the other whose
/// `every` is 4 and whose `key` is the tenant: the jobs of each are on one side, in order, the nameless are counted.
pub(crate) fn by_tenant<Q: Queues>(
    house: &House,
    queues: &mut Q,
    push: impl Fn(&mut Q, u64, Option<&str>),
) {
    for end in [100, 200] {
        let sampler = house.sampler(&[]);
        for number in end - 100..end {
            let tenant = number % 20;
            push(queues, number, (tenant != 19).then(|| tenant.to_string()).as_deref());
        }
        house.wait_seen(end);
        sampler.end();
    }
    let sides = queues.sides();
    for side in &sides {
        assert!(side.is_sorted(), "{side:?}");
    }
    let [race, main] = &sides;
    assert_eq!(race.iter().chain(main).collect::<BTreeSet<_>>().len(), 200);
    let tenants = |side: &[u64]| -> BTreeSet<u64> {
        side.iter().map(|number| number % 20).filter(|tenant| *tenant != 19).collect()
    };
    // Those whose SHA-1 begins with a number that 4 divides.
    assert_eq!(tenants(race), BTreeSet::from([9, 15, 17]));
    assert!(tenants(main).is_disjoint(&tenants(race)));
    let nameless: Vec<u64> = race.iter().copied().filter(|number| number % 20 == 19).collect();
    let (chosen, _) = shares(200, 4);
    assert_eq!(nameless, chosen.into_iter().filter(|number| number % 20 == 19).collect::<Vec<_>>());
}

/// A queue that a Redis keeps.
pub(crate) trait InRedis: Queues {
    fn redis(&mut self) -> &mut Redis;
}

/// A Redis that refuses what needs memory, again and again, while jobs wait.
pub(crate) fn full(house: &House, queues: &mut impl InRedis) {
    let sampler = house.sampler(&[]);
    let rounds = kills(5);
    for round in 0..rounds {
        queues.push(round * 500..round * 500 + 500);
        std::thread::sleep(Duration::from_micros(random(20_000)));
        queues.redis().fill_up(true);
        sampler.0.wait_for_lines(LONG, "jobs: waiting: Redis", round + 1);
        queues.redis().fill_up(false);
        sampler.0.wait_for_lines(LONG, "the broker answers again", round + 1);
        wait_until(LONG, "the source to be empty", || queues.waits() == 0);
    }
    let (code, said) = sampler.end();
    assert!(code == Some(0) && said.contains("OOM"), "{said}");
    assert_shared(queues, rounds * 500);
}

/// That each of so many jobs is in exactly one queue, the one of its number, in order.
#[track_caller]
pub(crate) fn assert_shared(queues: &mut impl Queues, all: u64) {
    let (race, main) = shares(all, 10);
    let [is_race, is_main] = queues.sides();
    assert_same(&is_race, &race, "one of each ten, each once, in order");
    assert_same(&is_main, &main, "all others, each once, in order");
}

/// That two long lists are equal; says where they are not.
#[track_caller]
pub(crate) fn assert_same(is: &[u64], wanted: &[u64], what: &str) {
    let counted = |numbers: &[u64]| {
        let mut counts = BTreeMap::new();
        numbers.iter().for_each(|number| *counts.entry(*number).or_insert(0) += 1);
        counts
    };
    let (is_counted, wanted_counted) = (counted(is), counted(wanted));
    let lost: Vec<_> = wanted.iter().filter(|number| !is_counted.contains_key(number)).collect();
    let more: Vec<_> =
        is_counted.iter().filter(|(number, n)| wanted_counted.get(number) != Some(n)).collect();
    let turned: Vec<_> = is.windows(2).filter(|pair| pair[0] >= pair[1]).collect();
    assert!(is == wanted, "{what}: lost {lost:?}, too many {more:?}, out of order {turned:?}");
}
