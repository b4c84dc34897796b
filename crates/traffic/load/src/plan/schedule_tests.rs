//! Due times, checked against counting.

use super::*;

fn schedule(ramp: Ramp, length_s: f64) -> Schedule {
    Schedule::new(&ramp, Duration::ZERO, Some(Duration::from_secs_f64(length_s)), None)
}

fn ramp(start: f64, stages: &[(u64, f64)]) -> Ramp {
    let stages =
        stages.iter().map(|(over, to)| Stage { over: Duration::from_secs(*over), to: *to });
    Ramp { start, stages: stages.collect() }
}

#[test]
fn a_constant_rate_is_due_evenly_from_the_first_moment() {
    let even = schedule(Ramp::constant(1000.0), 30.0);
    assert_eq!(even.total, Some(30_000));
    assert_eq!(even.due(0), Duration::ZERO);
    assert_eq!(even.due(1), Duration::from_millis(1));
    assert_eq!(even.due(29_999).as_millis(), 29_999);
}

#[test]
fn a_ramp_from_nothing_sends_half_of_its_last_rate_on_average() {
    let up = schedule(ramp(0.0, &[(10, 100.0)]), 10.0);
    assert_eq!(up.total, Some(500));
    // After half of the time a quarter of the requests were due.
    assert!((up.due(125).as_secs_f64() - 5.0).abs() < 1e-6);
}

#[test]
fn due_times_never_go_back_over_stages_that_rise_hold_and_fall() {
    let shape = ramp(10.0, &[(2, 100.0), (3, 100.0), (1, 0.0), (1, 0.0), (2, 50.0)]);
    let whole = schedule(shape.clone(), 9.0);
    let total = whole.total.unwrap();
    assert_eq!(total, 110 + 300 + 50 + 50);
    let mut last = Duration::ZERO;
    for number in 0..total {
        let due = whole.due(number);
        assert!(due >= last, "request {number} is due before the one in front of it");
        last = due;
    }
    assert!(last < Duration::from_secs(9));
    assert_eq!(shape.at(Duration::from_millis(1000)), 55.0);
    assert_eq!(shape.peak(), 100.0);
}

#[test]
fn nothing_is_due_while_the_rate_is_zero() {
    let gap = schedule(ramp(10.0, &[(1, 10.0), (5, 0.0), (1, 0.0), (1, 10.0)]), 8.0);
    let dues: Vec<f64> = (0..gap.total.unwrap()).map(|n| gap.due(n).as_secs_f64()).collect();
    assert!(!dues.iter().any(|due| (6.001..6.999).contains(due)), "{dues:?}");
}

#[test]
fn a_warm_up_comes_before_and_is_not_counted_among_the_requests_asked_for() {
    let warmed = Schedule::new(&Ramp::constant(100.0), Duration::from_secs(2), None, Some(1000));
    assert_eq!(warmed.warm, 200);
    assert_eq!(warmed.total, Some(1200));
    assert_eq!(warmed.due(200), Duration::from_secs(2));
}
