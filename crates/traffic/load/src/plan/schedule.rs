//! Load over time: stages, and from an arrival rate the time at which each request is due.
//!
//! The due time of request number n is computed from n, not from the request before it, so
//! lateness never adds up and any thread can work out its own share. Within a stage the rate
//! changes linearly, so the count is a parabola of the time, and the time its inverse.

use std::time::Duration;

/// A number (workers, requests a second) over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Ramp {
    /// The value at the beginning, and all along if there are no stages.
    pub start: f64,
    /// One after another; each changes the value linearly.
    pub stages: Vec<Stage>,
}

/// One part of a [`Ramp`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// How long it lasts.
    pub over: Duration,
    /// The value at its end.
    pub to: f64,
}

impl Ramp {
    /// The same value for ever.
    pub fn constant(value: f64) -> Self {
        Self { start: value, stages: Vec::new() }
    }

    /// How long the stages last; `None` for a constant.
    pub fn length(&self) -> Option<Duration> {
        if self.stages.is_empty() {
            return None;
        }
        Some(self.stages.iter().fold(Duration::ZERO, |sum, stage| sum.saturating_add(stage.over)))
    }

    /// The largest value that is reached.
    pub fn peak(&self) -> f64 {
        self.stages.iter().fold(self.start, |peak, stage| peak.max(stage.to))
    }

    /// The value at `after` the beginning.
    pub fn at(&self, after: Duration) -> f64 {
        let (mut from, mut left) = (self.start, after);
        for stage in &self.stages {
            if left < stage.over {
                let share = left.as_secs_f64() / stage.over.as_secs_f64();
                return from + (stage.to - from) * share;
            }
            left -= stage.over;
            from = stage.to;
        }
        from
    }

    /// The value that a warm-up holds: the first that is not nothing.
    pub(crate) fn first(&self) -> f64 {
        if self.start > 0.0 {
            return self.start;
        }
        self.stages.iter().map(|stage| stage.to).find(|to| *to > 0.0).unwrap_or(0.0)
    }
}

/// When each request of an open loop is due.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pieces: Vec<Piece>,
    /// Requests before this number belong to the warm-up.
    pub(crate) warm: u64,
    /// How many requests there are, the warm-up's included; `None`: no end.
    pub(crate) total: Option<u64>,
}

/// A stretch of time in which the rate changes linearly.
#[derive(Clone, Copy, Debug)]
struct Piece {
    begins_s: f64,
    /// Requests due before it begins.
    before: f64,
    rate: f64,
    /// Half of the change of the rate a second.
    bend: f64,
    lasts_s: f64,
}

impl Piece {
    fn count(&self, after_s: f64) -> f64 {
        after_s * (self.rate + self.bend * after_s)
    }
}

impl Schedule {
    /// `length`: where to cut the measured part. `requests`: how many measured ones at most.
    pub(crate) fn new(
        ramp: &Ramp,
        warm_up: Duration,
        length: Option<Duration>,
        requests: Option<u64>,
    ) -> Self {
        let mut pieces = Vec::new();
        let (mut begins_s, mut before) = (0.0, 0.0);
        let mut push = |rate: f64, to: f64, lasts_s: f64| {
            let bend = if lasts_s.is_finite() && lasts_s > 0.0 {
                (to - rate) / (2.0 * lasts_s)
            } else {
                0.0
            };
            let piece = Piece { begins_s, before, rate, bend, lasts_s };
            begins_s += lasts_s;
            before += piece.count(lasts_s);
            pieces.push(piece);
            before
        };
        let mut warm = 0.0;
        if !warm_up.is_zero() {
            warm = whole(push(ramp.first(), ramp.first(), warm_up.as_secs_f64()));
        }
        let mut from = ramp.start;
        for stage in &ramp.stages {
            push(from, stage.to, stage.over.as_secs_f64());
            from = stage.to;
        }
        if ramp.stages.is_empty() {
            push(from, from, f64::INFINITY);
        }
        let mut schedule = Self { pieces, warm: warm as u64, total: None };
        let by_time =
            length.map(|length| schedule.due_before(warm_up.as_secs_f64() + length.as_secs_f64()));
        let by_count = requests.map(|requests| schedule.warm.saturating_add(requests));
        schedule.total = match (by_time, by_count) {
            (Some(time), Some(count)) => Some(time.min(count)),
            (time, count) => time.or(count),
        };
        schedule
    }

    /// When request `number` (from 0) is due, counted from the beginning.
    pub(crate) fn due(&self, number: u64) -> Duration {
        let number = number as f64;
        let at = self.pieces.partition_point(|piece| piece.before <= number).saturating_sub(1);
        let Some(piece) = self.pieces.get(at) else { return Duration::MAX };
        let into = number - piece.before;
        // The root that is stable when the bend is nearly or exactly nothing.
        let root = (piece.rate * piece.rate + 4.0 * piece.bend * into).max(0.0).sqrt();
        let after_s = if into <= 0.0 { 0.0 } else { 2.0 * into / (piece.rate + root) };
        let due_s = piece.begins_s + after_s.min(piece.lasts_s);
        Duration::try_from_secs_f64(due_s).unwrap_or(Duration::MAX)
    }

    /// How many requests are due before `at_s`.
    fn due_before(&self, at_s: f64) -> u64 {
        let at = self.pieces.partition_point(|piece| piece.begins_s <= at_s).saturating_sub(1);
        let count = self.pieces.get(at).map_or(0.0, |piece| {
            piece.before + piece.count((at_s - piece.begins_s).min(piece.lasts_s))
        });
        whole(count) as u64
    }
}

/// Requests 0, 1, … below `count`; rounding errors make no request of their own.
fn whole(count: f64) -> f64 {
    (count - 1e-6).ceil().max(0.0)
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
