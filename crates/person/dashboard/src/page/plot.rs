//! Sightings over time, as bars drawn in the page itself.

use super::words::{counted, day, number};
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

/// How often by equal lengths of time, the last one ending now.
struct Bars {
    counts: Vec<u64>,
    starts: Vec<Timestamp>,
}

/// A plot as small as a word: `days` in so many bars.
pub(super) fn spark(activity: &[(Timestamp, u64)], days: i64, now: Timestamp) -> Markup {
    const WIDTH: usize = 112;
    const HEIGHT: u64 = 24;
    let bars = Bars::of(activity, days, 28, now);
    let total: u64 = bars.counts.iter().sum();
    let most = bars.most();
    let step = WIDTH / bars.counts.len().max(1);
    let label = format!("{} in {days} days", counted(total, "sighting"));
    html! {
        svg.spark role="img" aria-label=(label) viewBox=(format!("0 0 {WIDTH} {HEIGHT}"))
            width=(WIDTH) height=(HEIGHT) preserveAspectRatio="none" {
            @for (index, count) in bars.counts.iter().enumerate() {
                @let height = height_of(*count, most, HEIGHT);
                rect class=(if *count == 0 { "none" } else { "some" })
                    x=(index * step) y=(HEIGHT - height) width=(step - 1) height=(height) {}
            }
        }
    }
}

/// What changed over the last minutes, as a line from nothing up to the most there was.
pub(super) fn line(values: &[f64], unit: &str) -> Markup {
    const WIDTH: f64 = 160.0;
    const HEIGHT: f64 = 28.0;
    let most = values.iter().copied().fold(0.0, f64::max);
    let step = WIDTH / (values.len().saturating_sub(1).max(1) as f64);
    let points: Vec<String> = values
        .iter()
        .enumerate()
        .map(|(index, value)| {
            let height = if most > 0.0 { value / most * (HEIGHT - 4.0) } else { 0.0 };
            format!("{:.1},{:.1}", index as f64 * step, HEIGHT - 2.0 - height)
        })
        .collect();
    let label = format!("{most:.1} {unit} at most in 5 minutes");
    html! {
        svg.line role="img" aria-label=(label) viewBox=(format!("0 0 {WIDTH} {HEIGHT}"))
            width=(WIDTH) height=(HEIGHT) preserveAspectRatio="none" {
            polyline points=(points.join(" ")) {}
        }
    }
}

/// A bar for each count, the part of it that is new set off.
pub(super) fn pairs(counts: &[u64], new: &[u64]) -> Markup {
    const STEP: usize = 20;
    const HEIGHT: u64 = 96;
    let most = counts.iter().copied().max().unwrap_or(0);
    // Few are not stretched over the whole width.
    let width = STEP * counts.len().max(30);
    let label = format!("{} campaigns, {} findings at most in one", counts.len(), number(most));
    html! {
        svg.days role="img" aria-label=(label) preserveAspectRatio="none"
            viewBox=(format!("0 0 {width} {HEIGHT}")) {
            @for (index, (count, new)) in counts.iter().zip(new).enumerate() {
                @let height = height_of(*count, most, HEIGHT - 2);
                @let part = height_of(*new, most, HEIGHT - 2);
                g {
                    title { (counted(*count, "finding")) ", " (number(*new)) " new" }
                    rect class=(if *count == 0 { "none" } else { "rest" })
                        x=(index * STEP + 1) y=(HEIGHT - height) width=(STEP - 2) height=(height) {}
                    @if *new > 0 {
                        rect.some x=(index * STEP + 1) y=(HEIGHT - part) width=(STEP - 2) height=(part) {}
                    }
                }
            }
        }
    }
}

/// A plot to be read: a bar a day.
pub(super) fn days(activity: &[(Timestamp, u64)], days: i64, now: Timestamp) -> Markup {
    const STEP: usize = 20;
    const HEIGHT: u64 = 96;
    let n_bars = usize::try_from(days).unwrap_or(1);
    let bars = Bars::of(activity, days, n_bars, now);
    let most = bars.most();
    let width = STEP * n_bars;
    let total: u64 = bars.counts.iter().sum();
    let label =
        format!("{} in {days} days, {} at most in a day", counted(total, "sighting"), number(most));
    let first = bars.starts.first().map(|at| day(*at)).unwrap_or_default();
    html! {
        figure.plot {
            p.scale { (number(most)) " a day" }
            svg.days role="img" aria-label=(label) preserveAspectRatio="none"
                viewBox=(format!("0 0 {width} {HEIGHT}")) {
                @for (index, count) in bars.counts.iter().enumerate() {
                    @let height = height_of(*count, most, HEIGHT - 2);
                    g {
                        title { (day(bars.starts[index])) ": " (counted(*count, "sighting")) }
                        rect class=(if *count == 0 { "none" } else { "some" })
                            x=(index * STEP + 1) y=(HEIGHT - height) width=(STEP - 2) height=(height) {}
                    }
                }
            }
            p.scale { span { (first) } span { "now" } }
        }
    }
}

impl Bars {
    fn of(activity: &[(Timestamp, u64)], days: i64, n_bars: usize, now: Timestamp) -> Bars {
        let whole = days * 86_400;
        // Hours are what is known; the one under way belongs to the last bar.
        let end = (now.as_second() / 3_600 + 1) * 3_600;
        let n = i64::try_from(n_bars.max(1)).unwrap_or(1);
        let length = (whole / n).max(1);
        let start = end - length * n;
        let mut counts = vec![0; n_bars.max(1)];
        for (at, count) in activity {
            let index = (at.as_second() - start).div_euclid(length);
            if let Ok(index) = usize::try_from(index)
                && let Some(sum) = counts.get_mut(index)
            {
                *sum += count;
            }
        }
        let origin = Timestamp::from_second(start).unwrap_or(Timestamp::UNIX_EPOCH);
        let starts = (0..n)
            .map(|index| {
                origin.checked_add(SignedDuration::from_secs(length * index)).unwrap_or(origin)
            })
            .collect();
        Bars { counts, starts }
    }

    fn most(&self) -> u64 {
        self.counts.iter().copied().max().unwrap_or(0)
    }
}

/// Something is always seen where something was; nothing is a line.
fn height_of(count: u64, most: u64, height: u64) -> u64 {
    match count {
        0 => 1,
        _ => (count * height / most.max(1)).max(3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sighting_stands_in_the_bar_of_its_time() {
        let at = |hours: i64| Timestamp::from_second(hours * 3_600).unwrap_or_default();
        let now = at(1_000);
        let activity = [(at(1_000), 5), (at(999), 2), (at(1_000 - 47), 1), (at(1), 9)];
        let bars = Bars::of(&activity, 2, 2, now);
        assert_eq!(bars.counts, [1, 7]);
        assert_eq!(bars.most(), 7);
        assert_eq!(height_of(1, 1_000_000, 24), 3);
    }
}
