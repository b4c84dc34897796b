//! What a run came to, and how it stands while it runs.

use super::Latencies;
use super::record::Recorder;
use crate::plan::{Load, Pace, Plan, Ramp};
use crate::wire::failure::ErrorKind;
use photofinish_recording::Concurrency;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a run came to. `sent = completed + failed + abandoned`, and in an open loop that was
/// not interrupted `planned = sent + shed`.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Requests that the plan asked for. In a closed loop bounded by time: those sent.
    pub planned: u64,
    /// Requests that were begun.
    pub sent: u64,
    /// Requests that got a whole answer, whatever its status.
    pub completed: u64,
    /// Requests that got none, and answers with a status that is not allowed.
    pub errors: u64,
    /// Requests that were due but not sent, for `max_in_flight` were unanswered.
    pub shed: u64,
    /// Requests sent again on a fresh connection, because the server had closed theirs while it
    /// was idle. Not errors.
    pub retried: u64,
    /// Requests given up unanswered when the run was stopped. Not errors.
    pub abandoned: u64,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Errors by kind, the most frequent first.
    pub error_kinds: Vec<ErrorCount>,
    /// From when requests were due until their answers were complete. In a closed loop a request
    /// is due when it is sent.
    pub latency: Latencies,
    /// From when requests were begun until their answers were complete.
    pub service_time: Latencies,
    /// From when requests were due until they were begun: how late we were ourselves.
    pub own_lag: Latencies,
    /// Over the wire, heads included (but not TLS).
    pub bytes_received: u64,
    /// Over the wire, heads included (but not TLS).
    pub bytes_sent: u64,
    /// From the first request (after the warm-up) until the last answer.
    pub duration: Duration,
    /// Most workers of a closed loop.
    pub concurrency: Option<usize>,
    /// Highest rate of an open loop, requests a second; mean rate of a replay.
    pub rate: Option<f64>,
    /// Most requests that were unanswered at one time. In a closed loop an upper bound.
    pub in_flight_max: usize,
    /// Threads that sent.
    pub threads: usize,
    /// The run was stopped before its plan was done.
    pub interrupted: bool,
    /// Of a replay: beside what was recorded.
    pub replay: Option<Replayed>,
    /// How long requests were unanswered, added up.
    busy: Duration,
}

/// What was recorded, and what became of it in a replay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Replayed {
    /// How fast it was to be.
    pub pace: Pace,
    /// Requests of the recording.
    pub requests: usize,
    /// Connections of the recording.
    pub connections: usize,
    /// From the first arrival to the last answer, in the recording.
    pub span: Duration,
    /// Requests unanswered at one time, in the recording.
    pub recorded: Concurrency,
    /// The same in this run.
    pub achieved: Concurrency,
    /// Requests that were due while one of their connection was unanswered that had not been in
    /// the recording: they were sent later. Of a closed loop: that had to wait for it.
    pub held: u64,
}

/// Errors of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorCount {
    /// Which.
    pub kind: ErrorKind,
    /// How many.
    pub count: u64,
    /// Some of them in words, different ones.
    pub samples: Vec<String>,
}

/// How a run stands.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// Since the first measured request.
    pub elapsed: Duration,
    /// How long it will last, where that is known.
    pub length: Option<Duration>,
    /// How many requests there will be, where that is known.
    pub planned: Option<u64>,
    /// Still warming up.
    pub warming_up: bool,
    /// Begun so far.
    pub sent: u64,
    /// Answered so far.
    pub completed: u64,
    /// Errors so far.
    pub errors: u64,
    /// Shed so far.
    pub shed: u64,
    /// Unanswered now.
    pub in_flight: usize,
    /// Answers a second since the last snapshot.
    pub rps: f64,
    /// All answers so far, from when they were due.
    pub latency: &'a Latencies,
}

impl Summary {
    pub(crate) fn new(plan: &Plan, total: Recorder, planned: Option<u64>) -> Self {
        let mut error_kinds: Vec<ErrorCount> = total
            .errors
            .into_iter()
            .map(|(kind, (count, samples))| ErrorCount { kind, count, samples })
            .collect();
        error_kinds.sort_by_key(|error| std::cmp::Reverse(error.count));
        let peak = plan.ramp().map_or(0.0, Ramp::peak);
        let (concurrency, rate) = match &plan.load {
            Load::Closed { .. } => (Some(peak as usize), None),
            Load::Open { .. } => (None, Some(peak)),
            Load::Replay(replay) => match replay.pace {
                Pace::Max { workers } => (Some(workers), None),
                _ => (None, replay.rate()),
            },
        };
        Self {
            planned: planned.unwrap_or(total.sent),
            sent: total.sent,
            completed: total.completed,
            errors: total.failed + total.bad_status,
            shed: total.shed,
            retried: total.retried,
            abandoned: total.sent.saturating_sub(total.completed + total.failed),
            statuses: total.statuses.into_iter().collect(),
            error_kinds,
            latency: if rate.is_some() { total.latency } else { total.service.clone() },
            service_time: total.service,
            own_lag: total.lag,
            bytes_received: total.bytes_received,
            bytes_sent: total.bytes_sent,
            duration: Duration::ZERO,
            concurrency,
            rate,
            in_flight_max: total.in_flight_max,
            threads: 0,
            interrupted: false,
            replay: replayed(plan, total.held),
            busy: total.busy,
        }
    }

    /// Works out the concurrency that a replay achieved, once duration and peak are known.
    pub(crate) fn measure_replay(&mut self) {
        let (busy_s, duration_s) = (self.busy.as_secs_f64(), self.duration.as_secs_f64());
        if let Some(replay) = self.replay.as_mut().filter(|_| duration_s > 0.0) {
            let (peak, mean) = (self.in_flight_max, busy_s / duration_s);
            replay.achieved = Concurrency { peak, mean };
        }
    }

    /// Errors as a share of the requests sent.
    pub fn error_rate(&self) -> f64 {
        if self.sent == 0 { 0.0 } else { self.errors as f64 / self.sent as f64 }
    }

    /// Whole answers a second.
    pub fn rps(&self) -> f64 {
        let seconds = self.duration.as_secs_f64();
        if seconds > 0.0 { self.completed as f64 / seconds } else { 0.0 }
    }

    /// The share of the plan that was not sent, of a run that was not stopped early: the load
    /// was less than asked for. Above 1 % the measurement is of another load.
    pub fn unsent_share(&self) -> f64 {
        if self.interrupted || self.planned == 0 {
            return 0.0;
        }
        self.planned.saturating_sub(self.sent) as f64 / self.planned as f64
    }
}

fn replayed(plan: &Plan, held: u64) -> Option<Replayed> {
    let Load::Replay(replay) = &plan.load else { return None };
    let index = &replay.index;
    Some(Replayed {
        pace: replay.pace,
        requests: index.entries().len(),
        connections: index.connections(),
        span: index.span(),
        recorded: index.concurrency(),
        achieved: Concurrency::default(),
        held,
    })
}
