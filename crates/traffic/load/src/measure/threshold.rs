//! Conditions on a summary that make a run fail: `p99>250ms`, `error_rate>5%`, `rps<1000`.

use super::{Latencies, Summary};
use crate::plan::units;
use std::fmt;
use std::str::FromStr;

/// A condition that makes a run fail.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    metric: Metric,
    op: Op,
    /// Milliseconds, a share, or requests (a second).
    limit: f64,
}

/// A threshold that was crossed.
#[derive(Clone, Debug, PartialEq)]
pub struct Crossed {
    /// The condition as one writes it.
    pub condition: String,
    /// What was measured, with its unit.
    pub measured: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Metric {
    Time(Clock, Statistic),
    ErrorRate,
    Rps,
    Count(Count),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Clock {
    Latency,
    Service,
    OwnLag,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Statistic {
    Quantile(f64),
    Mean,
    Max,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Count {
    Errors,
    Completed,
    Shed,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Threshold {
    /// Fails when more than `share` of the requests are errors.
    pub fn max_error_rate(share: f64) -> Self {
        Self { metric: Metric::ErrorRate, op: Op::Greater, limit: share }
    }

    /// Fails when the 99th percentile of the latency is longer.
    pub fn max_p99(limit: std::time::Duration) -> Self {
        let metric = Metric::Time(Clock::Latency, Statistic::Quantile(0.99));
        Self { metric, op: Op::Greater, limit: limit.as_secs_f64() * 1e3 }
    }

    /// Whether `summary` crosses it. A time of no answers at all is not good but unknown, and
    /// unknown crosses.
    pub fn check(&self, summary: &Summary) -> Option<Crossed> {
        let measured = self.metric.of(summary);
        let crossed = measured.is_none_or(|measured| match self.op {
            Op::Greater => measured > self.limit,
            Op::GreaterOrEqual => measured >= self.limit,
            Op::Less => measured < self.limit,
            Op::LessOrEqual => measured <= self.limit,
        });
        crossed.then(|| Crossed {
            condition: self.to_string(),
            measured: measured
                .map_or("nothing was answered".to_owned(), |value| self.metric.written(value)),
        })
    }
}

impl Metric {
    fn of(self, summary: &Summary) -> Option<f64> {
        Some(match self {
            Self::Time(clock, statistic) => {
                let times = match clock {
                    Clock::Latency => &summary.latency,
                    Clock::Service => &summary.service_time,
                    Clock::OwnLag => &summary.own_lag,
                };
                statistic.of(times)?
            }
            Self::ErrorRate => summary.error_rate(),
            Self::Rps => summary.rps(),
            Self::Count(Count::Errors) => summary.errors as f64,
            Self::Count(Count::Completed) => summary.completed as f64,
            Self::Count(Count::Shed) => summary.shed as f64,
        })
    }

    fn written(self, value: f64) -> String {
        match self {
            Self::Time(..) if value >= 1000.0 => format!("{:.3}s", value / 1e3),
            Self::Time(..) => format!("{}ms", (value * 1e3).round() / 1e3),
            Self::ErrorRate => format!("{}%", (value * 1e6).round() / 1e4),
            Self::Rps => format!("{:.1}", value),
            Self::Count(_) => format!("{value}"),
        }
    }
}

impl Statistic {
    fn of(self, times: &Latencies) -> Option<f64> {
        let time = match self {
            Self::Quantile(quantile) => times.quantile(quantile),
            Self::Mean => times.mean(),
            Self::Max => times.max(),
        };
        (times.count() > 0).then_some(time.as_secs_f64() * 1e3)
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let problem = |what: &str| {
            format!(
                "{text:?}: {what} (write METRIC OP VALUE, as in p99>250ms, error_rate>=5% or \
                 rps<1000; metrics: p50 … p99.99, mean, max, each also with service_ or own_lag_ \
                 before it, error_rate, rps, errors, completed, shed)"
            )
        };
        let at = text.find(['<', '>']).ok_or_else(|| problem("there is no < or >"))?;
        let (name, rest) = text.split_at(at);
        let (op, value) = [
            (">=", Op::GreaterOrEqual),
            ("<=", Op::LessOrEqual),
            (">", Op::Greater),
            ("<", Op::Less),
        ]
        .iter()
        .find_map(|(sign, op)| rest.strip_prefix(sign).map(|value| (*op, value.trim())))
        .ok_or_else(|| problem("there is no < or >"))?;
        let metric: Metric = name.trim().parse().map_err(|()| problem("unknown metric"))?;
        let limit = match metric {
            Metric::Time(..) => units::duration(value).map(|limit| limit.as_secs_f64() * 1e3),
            Metric::ErrorRate => units::share(value),
            Metric::Rps | Metric::Count(_) => units::rate(value),
        };
        Ok(Self { metric, op, limit: limit.map_err(|what| problem(&what))? })
    }
}

impl FromStr for Metric {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        let (clock, name) = [("own_lag_", Clock::OwnLag), ("service_", Clock::Service)]
            .iter()
            .find_map(|(prefix, clock)| name.strip_prefix(prefix).map(|name| (*clock, name)))
            .unwrap_or((Clock::Latency, name));
        let statistic = match (clock, name) {
            (_, "mean") => Statistic::Mean,
            (_, "max") => Statistic::Max,
            (Clock::Latency, "error_rate") => return Ok(Self::ErrorRate),
            (Clock::Latency, "rps") => return Ok(Self::Rps),
            (Clock::Latency, "errors") => return Ok(Self::Count(Count::Errors)),
            (Clock::Latency, "completed") => return Ok(Self::Count(Count::Completed)),
            (Clock::Latency, "shed") => return Ok(Self::Count(Count::Shed)),
            (_, name) => {
                let percent: f64 = name.strip_prefix('p').ok_or(())?.parse().map_err(|_| ())?;
                if !(0.0..=100.0).contains(&percent) {
                    return Err(());
                }
                Statistic::Quantile(percent / 100.0)
            }
        };
        Ok(Self::Time(clock, statistic))
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = match self.op {
            Op::Greater => '>'.to_string(),
            Op::GreaterOrEqual => ">=".to_owned(),
            Op::Less => '<'.to_string(),
            Op::LessOrEqual => "<=".to_owned(),
        };
        write!(f, "{}{op}{}", self.metric, self.metric.written(self.limit))
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (clock, statistic) = match self {
            Self::ErrorRate => return f.write_str("error_rate"),
            Self::Rps => return f.write_str("rps"),
            Self::Count(Count::Errors) => return f.write_str("errors"),
            Self::Count(Count::Completed) => return f.write_str("completed"),
            Self::Count(Count::Shed) => return f.write_str("shed"),
            Self::Time(clock, statistic) => (clock, statistic),
        };
        f.write_str(match clock {
            Clock::Latency => "",
            Clock::Service => "service_",
            Clock::OwnLag => "own_lag_",
        })?;
        match statistic {
            Statistic::Mean => f.write_str("mean"),
            Statistic::Max => f.write_str("max"),
            // 99.99 / 100 * 100 is not 99.99.
            Statistic::Quantile(q) => write!(f, "p{}", (q * 1e8).round() / 1e6),
        }
    }
}

#[cfg(test)]
#[path = "threshold_tests.rs"]
mod tests;
