//! When the requests of a recording are due, and how many of them.

use super::*;

/// A recording whose requests arrived at these milliseconds, each answered after 10 ms.
fn replay(at_ms: &[u64], pace: Pace, repeat: bool) -> Replay {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut text =
        "{\"photofinish_recording\":1,\"started_at\":\"2026-01-31T22:15:00Z\"}\n".to_owned();
    for at_ms in at_ms {
        text += &format!(
            "{{\"at_us\":{},\"took_us\":10000,\"method\":\"GET\",\"target\":\"/\"}}\n",
            at_ms * 1000
        );
    }
    std::fs::write(file.path(), text).unwrap();
    Replay { pace, repeat, ..Replay::new(Index::read(file.path()).unwrap()) }
}

fn due_ms(replay: &Replay, n: u64) -> Vec<f64> {
    (0..n).map(|number| replay.due(number).unwrap().as_secs_f64() * 1e3).collect()
}

#[test]
fn requests_are_due_as_they_arrived_divided_by_the_speed() {
    let at_ms = [700, 500, 1000];
    assert_eq!(
        due_ms(&replay(&at_ms, Pace::Recorded { speed: 1.0 }, false), 3),
        [0.0, 200.0, 500.0]
    );
    assert_eq!(
        due_ms(&replay(&at_ms, Pace::Recorded { speed: 2.0 }, false), 3),
        [0.0, 100.0, 250.0]
    );
    assert_eq!(due_ms(&replay(&at_ms, Pace::Rate(100.0), false), 3), [0.0, 10.0, 20.0]);
}

#[test]
fn another_pass_begins_when_the_one_before_would_have_been_answered() {
    // The last is answered at 510, but on average requests are 250 apart.
    let slow = replay(&[0, 200, 500], Pace::Recorded { speed: 2.0 }, true);
    assert_eq!(due_ms(&slow, 5), [0.0, 100.0, 250.0, 375.0, 475.0]);
    let one = replay(&[3], Pace::Recorded { speed: 1.0 }, true);
    assert_eq!(due_ms(&one, 3), [0.0, 10.0, 20.0]);
}

#[test]
fn the_plan_knows_how_many_requests_there_will_be() {
    let pace = Pace::Recorded { speed: 1.0 };
    let (once, again) = (replay(&[0, 200, 500], pace, false), replay(&[0, 200, 500], pace, true));
    let after = |ms| End::After(Duration::from_millis(ms));
    for (end, expected) in [
        (End::Stopped, (Some(3), None)),
        (End::Requests(2), (Some(2), Some(2))),
        (End::Requests(7), (Some(3), Some(7))),
        (after(201), (Some(2), Some(2))),
        (after(200), (Some(1), Some(1))),
        (after(2000), (Some(3), Some(8))),
    ] {
        assert_eq!((once.total(end), again.total(end)), expected, "{end:?}");
    }
    let rate = replay(&[0, 200, 500], Pace::Rate(100.0), true);
    assert_eq!(rate.total(after(50)), Some(5));
    let max = replay(&[0, 200, 500], Pace::Max { workers: 1 }, true);
    assert_eq!(max.total(after(50)), None);
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (at_ms, pace) in [
        (vec![], Pace::Rate(1.0)),
        (vec![1], Pace::Rate(0.0)),
        (vec![1], Pace::Recorded { speed: f64::NAN }),
        (vec![1], Pace::Recorded { speed: f64::INFINITY }),
        (vec![1], Pace::Max { workers: 0 }),
    ] {
        assert!(replay(&at_ms, pace, false).check().is_err(), "{at_ms:?} {pace:?}");
    }
}
