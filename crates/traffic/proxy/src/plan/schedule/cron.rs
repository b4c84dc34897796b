//! The five fields of cron, as sets of bits: which minutes of local time fit.
//!
//! As in crontab(5): when neither of the two day fields begins with `*`, a day that fits one of them fits.

use jiff::civil::{Date, DateTime};

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/// Days of the month when it is longest.
const LENGTHS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Which minutes fit. Bit `n` of a field is the value `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// One of the two day fields is enough.
    either_day: bool,
}

/// What a field is called, the values it takes, and their names, the first of which is `low`.
struct Field {
    name: &'static str,
    low: u32,
    high: u32,
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { name: "minute", low: 0, high: 59, names: &[] },
    Field { name: "hour", low: 0, high: 23, names: &[] },
    Field { name: "day of month", low: 1, high: 31, names: &[] },
    Field { name: "month", low: 1, high: 12, names: &MONTHS },
    Field { name: "day of week", low: 0, high: 7, names: &WEEKDAYS },
];

impl Cron {
    /// Reads `0 22 * * 1-5`.
    pub(super) fn parse(text: &str) -> Result<Cron, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let Ok([minute, hour, day, month, weekday]) = <[&str; 5]>::try_from(words.as_slice())
        else {
            return Err(format!("cron has five fields, `{}` has {}", text.trim(), words.len()));
        };
        let [minutes, hours, days, months, weekdays] = FIELDS;
        let weekdays = weekdays.parse(weekday)?;
        let cron = Cron {
            minutes: minutes.parse(minute)?,
            hours: hours.parse(hour)?,
            days: days.parse(day)?,
            months: months.parse(month)?,
            // Sunday is 0 and 7.
            weekdays: (weekdays | weekdays >> 7) & 0x7f,
            either_day: !day.starts_with('*') && !weekday.starts_with('*'),
        };
        let earliest_day = cron.days.trailing_zeros();
        let in_month = |month: u32| cron.months >> month & 1 == 1;
        let has_day =
            (1..=12).zip(LENGTHS).any(|(month, days)| in_month(month) && earliest_day <= days);
        if has_day || cron.either_day {
            Ok(cron)
        } else {
            Err(format!("the day `{day}` of the month `{month}` never comes"))
        }
    }

    /// The last minute that fits from `low` to `high`, both included.
    pub(super) fn last(&self, low: DateTime, high: DateTime) -> Option<DateTime> {
        let mut date = high.date();
        let (mut hour, mut minute) = (high.hour() as u32, high.minute() as u32);
        while date >= low.date() {
            if self.fits_day(date) {
                let found = self.last_in_day(hour, minute);
                if let Some(at) = found.map(|(hour, minute)| date.at(hour, minute, 0, 0)) {
                    return (at >= low).then_some(at);
                }
            }
            (hour, minute) = (23, 59);
            date = date.yesterday().ok()?;
        }
        None
    }

    /// The first minute that fits from `low` to `high`, both included.
    pub(super) fn first(&self, low: DateTime, high: DateTime) -> Option<DateTime> {
        let low = up_to_minute(low)?;
        let mut date = low.date();
        let (mut hour, mut minute) = (low.hour() as u32, low.minute() as u32);
        while date <= high.date() {
            if self.fits_day(date) {
                let found = self.first_in_day(hour, minute);
                if let Some(at) = found.map(|(hour, minute)| date.at(hour, minute, 0, 0)) {
                    return (at <= high).then_some(at);
                }
            }
            (hour, minute) = (0, 0);
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn fits_day(&self, date: Date) -> bool {
        let day = self.days >> date.day() & 1 == 1;
        let weekday = self.weekdays >> date.weekday().to_sunday_zero_offset() & 1 == 1;
        let fits = if self.either_day { day || weekday } else { day && weekday };
        fits && self.months >> date.month() & 1 == 1
    }

    /// The last hour and minute up to these.
    fn last_in_day(&self, hour: u32, minute: u32) -> Option<(i8, i8)> {
        let same_hour = highest(self.minutes & up_to(minute));
        if let Some(minute) = same_hour.filter(|_| self.hours >> hour & 1 == 1) {
            return Some((hour as i8, minute));
        }
        let earlier = self.hours & up_to(hour) & !(1 << hour);
        Some((highest(earlier)?, highest(self.minutes)?))
    }

    /// The first hour and minute from these.
    fn first_in_day(&self, hour: u32, minute: u32) -> Option<(i8, i8)> {
        let same_hour = lowest(self.minutes & !up_to(minute) | self.minutes & 1 << minute);
        if let Some(minute) = same_hour.filter(|_| self.hours >> hour & 1 == 1) {
            return Some((hour as i8, minute));
        }
        Some((lowest(self.hours & !up_to(hour))?, lowest(self.minutes)?))
    }
}

impl Field {
    /// `*`, `5`, `1-5`, `*/15`, `1-31/2`, `mon-fri`, or a list of them.
    fn parse(&self, text: &str) -> Result<u64, String> {
        text.split(',')
            .map(|piece| self.piece(text, piece))
            .try_fold(0, |set, piece| Ok(set | piece?))
    }

    fn piece(&self, text: &str, piece: &str) -> Result<u64, String> {
        let (range, step) = match piece.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (piece, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.low, self.high),
            Some((first, last)) => (self.value(text, first)?, self.last_value(text, last)?),
            None if step.is_some() => {
                return Err(self.refused(text, "a step needs a range, as in */15 or 10-50/5"));
            }
            None => {
                let value = self.value(text, range)?;
                (value, value)
            }
        };
        if first > last {
            return Err(self.refused(text, "a range goes from the smaller to the larger"));
        }
        let step = match step.map(str::parse::<usize>) {
            None => 1,
            Some(Ok(step)) if step > 0 => step,
            Some(_) => return Err(self.refused(text, "a step is a whole number from 1")),
        };
        Ok((first..=last).step_by(step).fold(0, |set, value| set | 1 << value))
    }

    /// The end of a range: Sunday ends a week as 7.
    fn last_value(&self, text: &str, word: &str) -> Result<u32, String> {
        let value = self.value(text, word)?;
        Ok(if self.high == 7 && value == 0 && word != "0" { 7 } else { value })
    }

    fn value(&self, text: &str, word: &str) -> Result<u32, String> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(word));
        let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        let value = match named {
            Some(place) => Some(self.low + place as u32),
            None => word.parse().ok().filter(|_| digits),
        };
        let Some(value) = value.filter(|value| (self.low..=self.high).contains(value)) else {
            let mut takes = format!("it takes {} to {}", self.low, self.high);
            if let (Some(first), Some(last)) = (self.names.first(), self.names.last()) {
                takes += &format!(" or {first} to {last}");
            }
            return Err(self.refused(text, &takes));
        };
        Ok(value)
    }

    fn refused(&self, text: &str, why: &str) -> String {
        format!("the {} `{text}` is not understood, {why}", self.name)
    }
}

/// The bits up to `bit`, itself included.
fn up_to(bit: u32) -> u64 {
    u64::MAX >> (63 - bit)
}

fn highest(set: u64) -> Option<i8> {
    (set != 0).then(|| 63 - set.leading_zeros() as i8)
}

fn lowest(set: u64) -> Option<i8> {
    (set != 0).then(|| set.trailing_zeros() as i8)
}

/// The first whole minute not before `at`.
fn up_to_minute(at: DateTime) -> Option<DateTime> {
    let down = at.date().at(at.hour(), at.minute(), 0, 0);
    if down == at { Some(at) } else { down.checked_add(jiff::SignedDuration::from_mins(1)).ok() }
}
