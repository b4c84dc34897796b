//! When a mirror gets copies: on weeknights, say.
//!
//! A schedule is a list of windows, each a cron line and a length: `0 22 * * 1-5 for 8h`. A window
//! begins at each minute whose local time fits the line, and lasts for so much elapsed time. When clocks
//! are put back, a local time that comes twice begins a window twice (one long window, unless it is
//! shorter than the hour); when they are put forward, what would have begun in the lost hour begins at once.
//!
//! Not here: the five fields of cron (`cron`). Start at [`Schedule::parse`].

mod cron;

use cron::Cron;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// How far ahead a beginning is looked for: the 29th of February can be eight years away.
const HORIZON: SignedDuration = SignedDuration::from_hours(24 * 366 * 9);

/// Windows that follow each other without a gap that [`Schedule::next_change`] looks through.
const CHAIN: usize = 10_000;

/// The longest window, in seconds: a year.
const LONGEST: i64 = 366 * 24 * 3600;

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// When something happens. The default is always.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    windows: Vec<Window>,
    zone: TimeZone,
}

/// One line: when it begins, and how long it lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Window {
    cron: Cron,
    length: SignedDuration,
    text: String,
}

/// A line of a schedule, or its time zone, that is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ScheduleError {
    problem: String,
    hint: &'static str,
}

impl ScheduleError {
    /// What is understood instead.
    pub fn hint(&self) -> Option<String> {
        Some(self.hint.to_owned())
    }
}

impl Schedule {
    /// Reads windows like `0 22 * * 1-5 for 8h`, in a time zone of the IANA database (`Europe/Paris`),
    /// or the machine's. Without windows: always.
    ///
    /// # Errors
    /// The first line that is not understood, with the field that is not, or a zone that is not known here.
    pub fn parse<S: AsRef<str>>(
        windows: &[S],
        zone: Option<&str>,
    ) -> Result<Schedule, ScheduleError> {
        let zone = match zone {
            None => TimeZone::system(),
            Some(name) => TimeZone::get(name).map_err(|_| ScheduleError {
                problem: format!("`{name}` is no time zone that this machine knows"),
                hint: "write UTC or a name like Europe/Paris; the names come with the package tzdata",
            })?,
        };
        let windows = windows.iter().map(|text| Window::parse(text.as_ref()));
        Ok(Schedule { windows: windows.collect::<Result<_, _>>()?, zone })
    }

    /// Whether it happens always, having no windows.
    pub fn is_always(&self) -> bool {
        self.windows.is_empty()
    }

    /// The windows, as they were written.
    pub fn windows(&self) -> impl Iterator<Item = &str> {
        self.windows.iter().map(|window| window.text.as_str())
    }

    /// The time zone that the windows are in.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Whether it happens at `now`. Takes microseconds at most, for windows of hours far less.
    pub fn holds(&self, now: Timestamp) -> bool {
        let now = whole(now);
        self.is_always() || self.windows.iter().any(|window| window.end(&self.zone, now).is_some())
    }

    /// When it begins or ends next after `now`. `None` when it never does, or not for years.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let mut at = whole(now);
        if !self.holds(at) {
            return self.windows.iter().filter_map(|window| window.next(&self.zone, at)).min();
        }
        for _ in 0..CHAIN {
            let ends = self.windows.iter().filter_map(|window| window.end(&self.zone, at));
            match ends.max() {
                Some(end) if end < Timestamp::MAX => at = end,
                Some(_) => return None,
                None => return (!self.is_always()).then_some(at),
            }
        }
        None
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Schedule { windows: Vec::new(), zone: TimeZone::UTC }
    }
}

impl Window {
    fn parse(text: &str) -> Result<Window, ScheduleError> {
        let refused = |problem: String| ScheduleError {
            problem: format!("`{text}` is no window: {problem}"),
            hint: "write minute, hour, day of month, month, day of week and a length, like 0 22 * * 1-5 for \
                   8h; a field is *, a value, a range, a step like */15, or a list of them with commas",
        };
        let (cron, length) = text
            .split_once(" for ")
            .ok_or_else(|| refused("it does not say for how long".to_owned()))?;
        let length = length.trim();
        let length: SignedDuration = length.parse().map_err(|_| {
            refused(format!("`{length}` is no length of time; write it like 8h or 90m"))
        })?;
        if !(1..=LONGEST).contains(&length.as_secs()) || length.subsec_nanos() != 0 {
            return Err(refused(
                "it lasts from a second to 8784h (366 days), in whole seconds".to_owned(),
            ));
        }
        let cron = Cron::parse(cron).map_err(refused)?;
        Ok(Window { cron, length, text: text.trim().to_owned() })
    }

    /// When the window that is open at `now` ends, if one is.
    fn end(&self, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
        let oldest = now.saturating_sub(self.length - SECOND).ok()?;
        let start = self.last(zone, oldest, now)?;
        start.saturating_add(self.length).ok()
    }

    /// The last beginning from `oldest` to `now`, both included. Goes back from one change of the clocks to
    /// the one before: between them, local time is the instant and a fixed offset.
    fn last(&self, zone: &TimeZone, oldest: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let mut top = now;
        let mut changes = zone.preceding(now.saturating_add(SECOND).ok()?);
        loop {
            let change = changes.next().map(|change| change.timestamp());
            let offset = zone.to_offset(top);
            let bottom = change.map_or(oldest, |at| at.max(oldest));
            let found = self.cron.last(offset.to_datetime(bottom), offset.to_datetime(top));
            if let Some(start) = found {
                return offset.to_timestamp(start).ok();
            }
            let change = change.filter(|at| *at >= oldest)?;
            if self.begins_in_gap(zone, change, offset) {
                return Some(change);
            }
            top = before(change)?;
        }
    }

    /// The first beginning after `now`.
    fn next(&self, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
        let horizon = now.saturating_add(HORIZON).ok()?;
        let mut bottom = now.saturating_add(SECOND).ok()?;
        let mut changes = zone.following(now);
        loop {
            let change = changes.next().map(|change| change.timestamp());
            let offset = zone.to_offset(bottom);
            let top = change.and_then(before).map_or(horizon, |at| at.min(horizon));
            let found = self.cron.first(offset.to_datetime(bottom), offset.to_datetime(top));
            if let Some(start) = found {
                return offset.to_timestamp(start).ok();
            }
            let change = change.filter(|at| *at <= horizon)?;
            if self.begins_in_gap(zone, change, zone.to_offset(change)) {
                return Some(change);
            }
            bottom = change;
        }
    }

    /// Whether a beginning lies in the local time that is skipped when clocks are put forward to `offset` at `change`.
    fn begins_in_gap(&self, zone: &TimeZone, change: Timestamp, offset: Offset) -> bool {
        let Some(old) = before(change).map(|at| zone.to_offset(at)) else { return false };
        // Half open: what begins at the first local time after the gap begins there anyway.
        let Ok(last) = offset.to_datetime(change).checked_sub(SECOND) else { return false };
        self.cron.first(old.to_datetime(change), last).is_some()
    }
}

/// The second before.
fn before(at: Timestamp) -> Option<Timestamp> {
    at.checked_sub(SECOND).ok()
}

/// Nothing begins or ends within a second.
fn whole(at: Timestamp) -> Timestamp {
    let back = i64::from(at.subsec_nanosecond() < 0);
    Timestamp::from_second(at.as_second() - back).unwrap_or(at)
}

#[cfg(test)]
mod tests;
