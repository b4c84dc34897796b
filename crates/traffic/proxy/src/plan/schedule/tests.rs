//! Windows against a walk over every minute, in zones whose clocks change in different ways.

use super::*;
use jiff::civil::DateTime;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn schedule(windows: &[&str], zone: &str) -> Schedule {
    Schedule::parse(windows, Some(zone)).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn refusal(window: &str) -> String {
    Schedule::parse(&[window], Some("UTC")).unwrap_err().to_string()
}

#[test]
fn without_windows_it_is_always() {
    let always = Schedule::default();
    assert!(always.holds(Timestamp::now()));
    assert_eq!(always.next_change(Timestamp::now()), None);
}

#[test]
fn weeknights_begin_on_weekdays_and_last_into_the_morning() {
    let nights = schedule(&["0 22 * * 1-5 for 8h", "0 0 * * sat,sun for 24h"], "Europe/Paris");
    // The 16th of November 2026 is a Monday; Paris is an hour ahead of UTC.
    for (time, holds) in [
        ("2026-11-16T20:59:59Z", false),
        ("2026-11-16T21:00:00Z", true),
        ("2026-11-17T04:59:59Z", true),
        ("2026-11-17T05:00:00Z", false),
        ("2026-11-20T21:00:00Z", true),
        ("2026-11-22T22:59:59Z", true),
        ("2026-11-22T23:00:00Z", false),
    ] {
        assert_eq!(nights.holds(at(time)), holds, "{time}");
    }
    assert_eq!(nights.next_change(at("2026-11-16T12:00:00Z")), Some(at("2026-11-16T21:00:00Z")));
    // Friday's night runs into the weekend, which ends as Monday begins.
    assert_eq!(nights.next_change(at("2026-11-20T22:00:00Z")), Some(at("2026-11-22T23:00:00Z")));
}

#[test]
fn a_beginning_in_the_lost_hour_happens_when_the_clocks_are_put_forward() {
    let night = schedule(&["30 2 * * * for 1h"], "Europe/Paris");
    let change = at("2027-03-28T01:00:00Z");
    assert_eq!(night.next_change(at("2027-03-27T12:00:00Z")), Some(change));
    assert!(night.holds(change) && !night.holds(at("2027-03-28T02:00:00Z")));
}

#[test]
fn a_local_time_that_comes_twice_makes_one_long_window() {
    let night = schedule(&["30 2 * * * for 1h"], "Europe/Paris");
    assert_eq!(night.next_change(at("2026-10-24T12:00:00Z")), Some(at("2026-10-25T00:30:00Z")));
    assert_eq!(night.next_change(at("2026-10-25T00:30:00Z")), Some(at("2026-10-25T02:30:00Z")));
}

#[test]
fn one_of_two_restricted_day_fields_is_enough() {
    let days = schedule(&["0 12 13 * fri for 1h"], "UTC");
    assert!(days.holds(at("2026-11-20T12:00:00Z")), "a Friday");
    assert!(days.holds(at("2026-10-13T12:00:00Z")), "the 13th, a Tuesday");
    let both = schedule(&["0 12 */2 * fri for 1h"], "UTC");
    assert!(!both.holds(at("2026-11-20T12:00:00Z")), "a Friday, but an even day");
}

#[test]
fn the_29th_of_february_is_found_across_a_century() {
    let leap = schedule(&["0 0 29 2 * for 1h"], "UTC");
    assert_eq!(leap.next_change(at("2096-03-01T00:00:00Z")), Some(at("2104-02-29T00:00:00Z")));
}

#[test]
fn windows_that_never_end_have_no_next_change() {
    let always = schedule(&["* * * * * for 1m"], "UTC");
    assert!(always.holds(Timestamp::now()));
    assert_eq!(always.next_change(Timestamp::now()), None);
}

#[test]
fn the_ends_of_time_are_no_reason_to_panic() {
    let nights = schedule(&["0 22 * * 1-5 for 8h"], "America/New_York");
    for now in [Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH - SECOND / 2] {
        nights.holds(now);
        nights.next_change(now);
    }
}

#[test]
fn what_is_not_understood_is_refused_with_the_field_and_what_it_takes() {
    for (window, why) in [
        ("0 22 * * 1-5", "for how long"),
        ("0 22 * * 1-5 for ever", "`ever` is no length of time"),
        ("0 22 * * 1-5 for 0s", "from a second"),
        ("0 22 * * for 8h", "cron has five fields, `0 22 * *` has 4"),
        ("60 22 * * * for 8h", "the minute `60` is not understood, it takes 0 to 59"),
        (
            "0 22 * * mun for 8h",
            "the day of week `mun` is not understood, it takes 0 to 7 or sun to sat",
        ),
        ("0 22-6 * * * for 1h", "the hour `22-6` is not understood, a range goes from the smaller"),
        ("*/0 * * * * for 1m", "a step is a whole number from 1"),
        ("5/10 * * * * for 1m", "a step needs a range"),
        ("0 0 L * * for 1m", "the day of month `L`"),
        ("0 0 30 2 * for 1m", "the day `30` of the month `2` never comes"),
        ("0 0 1, * * for 1m", "the day of month `1,`"),
    ] {
        assert!(refusal(window).contains(why), "{window}: {}", refusal(window));
    }
    let error = Schedule::parse::<&str>(&[], Some("Europe/Pariss")).unwrap_err();
    assert!(error.to_string().contains("Europe/Pariss") && error.hint().unwrap().contains("UTC"));
}

/// A field's text and the values it stands for, worked out from the generator rather than from the text.
fn field(low: u32, high: u32) -> impl Strategy<Value = (String, BTreeSet<u32>)> {
    let range = (low..=high, low..=high, 1..6_u32).prop_map(|(a, b, step)| {
        let (a, b) = (a.min(b), a.max(b));
        let values = (a..=b).filter(|value| (value - a) % step == 0).collect::<BTreeSet<u32>>();
        let text = if step == 1 { format!("{a}-{b}") } else { format!("{a}-{b}/{step}") };
        (text, values)
    });
    let one = (low..=high).prop_map(|value| (value.to_string(), BTreeSet::from([value])));
    let list = prop::collection::vec(prop_oneof![one, range], 1..3).prop_map(|pieces| {
        let text: Vec<String> = pieces.iter().map(|(text, _)| text.clone()).collect();
        (text.join(","), pieces.into_iter().flat_map(|(_, values)| values).collect())
    });
    let highest = if high == 28 { 31 } else { high };
    let all = Just(("*".to_owned(), (low..=highest).collect::<BTreeSet<u32>>()));
    // The 29th and later only by a star: that day of this month may never come, which is refused.
    prop_oneof![2 => all, 3 => list]
}

/// A cron line, by its values.
#[derive(Clone, Debug)]
struct Naive {
    text: String,
    fields: Vec<(String, BTreeSet<u32>)>,
    minutes: i64,
}

impl Naive {
    fn fits(&self, at: DateTime) -> bool {
        let weekday = at.weekday().to_sunday_zero_offset() as u32;
        let has = |field: usize, value: u32| self.fields[field].1.contains(&value);
        let stars = self.fields[2].0.starts_with('*') || self.fields[4].0.starts_with('*');
        let (day, weekday) = (has(2, at.day() as u32), has(4, weekday));
        has(0, at.minute() as u32)
            && has(1, at.hour() as u32)
            && has(3, at.month() as u32)
            && if stars { day && weekday } else { day || weekday }
    }

    /// Whether a window begins at this minute, or in the local time skipped just before it.
    fn begins(&self, zone: &TimeZone, at: Timestamp) -> bool {
        let minute = SignedDuration::from_mins(1);
        let here = zone.to_datetime(at);
        let mut skipped = zone.to_datetime(at - minute) + minute;
        let mut begins = self.fits(here);
        while skipped < here {
            begins |= self.fits(skipped);
            skipped += minute;
        }
        begins
    }

    fn holds(&self, zone: &TimeZone, now: Timestamp) -> bool {
        let minute = SignedDuration::from_mins(1);
        let mut at = Timestamp::from_second(now.as_second() / 60 * 60).unwrap();
        while at > now - SignedDuration::from_mins(self.minutes) {
            if self.begins(zone, at) {
                return true;
            }
            at -= minute;
        }
        false
    }
}

fn naive() -> impl Strategy<Value = Naive> {
    let fields = (field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6));
    (fields, 1..2000_i64).prop_map(|((minute, hour, day, month, weekday), minutes)| {
        let fields = vec![minute, hour, day, month, weekday];
        let texts: Vec<&str> = fields.iter().map(|(text, _)| text.as_str()).collect();
        Naive { text: format!("{} for {minutes}m", texts.join(" ")), fields, minutes }
    })
}

/// Seconds around changes of clocks: by an hour, by half of one, at midnight, and by a whole day.
fn moment() -> impl Strategy<Value = (&'static str, i64)> {
    let places = prop::sample::select(vec![
        ("Europe/Paris", "2027-03-28T01:00:00Z"),
        ("Europe/Paris", "2026-10-25T01:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
        ("Australia/Lord_Howe", "2027-04-03T15:00:00Z"),
        ("America/Havana", "2026-03-08T05:00:00Z"),
        ("America/St_Johns", "2010-11-07T02:31:00Z"),
        ("Pacific/Apia", "2011-12-30T10:00:00Z"),
        ("UTC", "2028-02-29T12:00:00Z"),
    ]);
    (places, -200_000..200_000_i64)
        .prop_map(|((zone, change), by)| (zone, at(change).as_second() + by))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn it_holds_when_a_walk_over_every_minute_says_so(
        windows in prop::collection::vec(naive(), 1..3),
        (zone, second) in moment(),
    ) {
        let texts: Vec<&str> = windows.iter().map(|naive| naive.text.as_str()).collect();
        let schedule = schedule(&texts, zone);
        let zone = TimeZone::get(zone).unwrap();
        let now = Timestamp::from_second(second).unwrap();
        let expected = windows.iter().any(|naive| naive.holds(&zone, now));
        prop_assert_eq!(schedule.holds(now), expected, "{:?}", texts);
    }

    #[test]
    fn until_the_next_change_nothing_changes(window in naive(), (zone, second) in moment()) {
        let schedule = schedule(&[&window.text], zone);
        let now = Timestamp::from_second(second).unwrap();
        let Some(change) = schedule.next_change(now) else { return Ok(()) };
        prop_assert!(change > now);
        let state = schedule.holds(now);
        prop_assert_eq!(schedule.holds(change), !state, "{}", window.text);
        let last = before(change).unwrap();
        prop_assert_eq!(schedule.holds(last), state);
        // Every minute between, of the first days.
        let mut minute = Timestamp::from_second(second.div_euclid(60) * 60 + 60).unwrap();
        for _ in 0..3000 {
            if minute >= change {
                break;
            }
            prop_assert_eq!(schedule.holds(minute), state, "{} at {}", window.text, minute);
            minute += SignedDuration::from_mins(1);
        }
    }
}
