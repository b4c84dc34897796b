//! Keeps what repeats from filling the log: a scanner of ports, or a night without an upstream, is worth a few
//! lines and a count. What the canary's breaker does always passes.

use photofinish_proxy::Event;
use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::time::{Duration, Instant};

/// Lines of one kind in a [`WINDOW`].
const MOST: u32 = 5;
const WINDOW: Duration = Duration::from_secs(60);

/// Decides which events become lines.
#[derive(Default)]
pub(super) struct Damper(HashMap<Discriminant<Event>, Kind>);

#[derive(Default)]
struct Kind {
    window: Option<Instant>,
    said: u32,
    held: u64,
}

impl Damper {
    /// The line for `event`, unless there were too many like it.
    pub(super) fn line(&mut self, event: &Event, now: Instant) -> Option<String> {
        if matches!(
            event,
            Event::CanaryLeftAlone { .. } | Event::CanaryComesBack | Event::CanaryIsBack
        ) {
            return Some(event.to_string());
        }
        let kind = self.0.entry(discriminant(event)).or_default();
        if kind.window.is_none_or(|since| now.saturating_duration_since(since) >= WINDOW) {
            kind.window = Some(now);
            kind.said = 0;
        }
        if kind.said >= MOST {
            kind.held += 1;
            return None;
        }
        kind.said += 1;
        Some(match std::mem::take(&mut kind.held) {
            0 => event.to_string(),
            held => format!("{event} (and {held} more like it were not said)"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_by_callers_is_a_few_lines_and_a_count() {
        let refused = Event::CallerRefused {
            caller: "192.0.2.1:1000".parse().unwrap(),
            why: "no HTTP".to_owned(),
        };
        let (mut damper, start) = (Damper::default(), Instant::now());
        let lines = (0..1000).filter_map(|_| damper.line(&refused, start)).count();
        assert_eq!(lines, 5);
        assert!(
            damper.line(&Event::CanaryIsBack, start).is_some(),
            "news of the canary always pass"
        );
        let late = Event::CannotAccept { why: "too many open files".to_owned() };
        assert!(damper.line(&late, start).is_some(), "another kind has lines of its own");
        let later = damper.line(&refused, start + WINDOW).unwrap();
        assert!(later.ends_with("(and 995 more like it were not said)"), "{later}");
    }
}
