//! Thresholds as written, and against summaries.

use super::*;
use crate::measure::record::Recorder;
use crate::plan::{Load, Plan};
use std::time::Duration;

fn summary(latencies_ms: &[u64], failed: u64) -> Summary {
    let mut seen =
        Recorder { sent: latencies_ms.len() as u64 + failed, failed, ..Recorder::default() };
    for ms in latencies_ms {
        seen.answered(200, true, Some(Duration::from_millis(*ms)), Duration::from_millis(1));
    }
    let mut summary = Summary::new(&Plan::new(Vec::new(), Load::open(1.0)), seen, None);
    summary.duration = Duration::from_secs(1);
    summary
}

fn crosses(condition: &str, summary: &Summary) -> bool {
    condition.parse::<Threshold>().unwrap().check(summary).is_some()
}

#[test]
fn a_condition_is_read_and_written_the_same() {
    for text in [
        "p99>250ms",
        "p99.99>=1.500s",
        "own_lag_p99>1ms",
        "service_max<=20ms",
        "error_rate>5%",
        "rps<1000.0",
        "shed>0",
        "mean<0.5ms",
    ] {
        assert_eq!(text.parse::<Threshold>().unwrap().to_string(), text);
    }
    assert_eq!(" p50 > 1s ".parse::<Threshold>().unwrap().to_string(), "p50>1.000s");
}

#[test]
fn a_condition_that_makes_no_sense_says_how_to_write_one() {
    for bad in [
        "",
        "p99",
        "p99=3ms",
        "p101>1ms",
        "pp>1ms",
        "p99>5",
        "error_rate>5ms",
        "rps<fast",
        "service_rps>1",
    ] {
        let problem = bad.parse::<Threshold>().unwrap_err();
        assert!(problem.contains("p99>250ms"), "{problem}");
    }
}

#[test]
fn a_limit_that_is_reached_exactly_is_not_exceeded() {
    let run = summary(&[10, 20, 30, 40], 1);
    assert!(!crosses("error_rate>20%", &run) && crosses("error_rate>=20%", &run));
    assert!(crosses("max>39ms", &run) && !crosses("max>41ms", &run));
    assert!(crosses("rps<5", &run) && !crosses("rps<4", &run));
    assert!(crosses("p50<=20.1ms", &run) && !crosses("service_p99>2ms", &run));
}

#[test]
fn a_percentile_of_no_answers_is_crossed_whatever_its_limit() {
    let run = summary(&[], 3);
    let crossed = Threshold::max_p99(Duration::from_secs(3600)).check(&run).unwrap();
    assert_eq!(crossed.measured, "nothing was answered");
    assert!(Threshold::max_error_rate(0.5).check(&run).is_some());
}
