//! What we count of ourselves: for `/metrics` in the text format of Prometheus, and for whoever passes it on.
//!
//! Labels are bounded: source, state, outcome, never a finding or a host.

use crate::intake::Intake;
use jiff::Timestamp;
use photofinish_store::{Figure, FigureKind, Source, State, Totals};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the start.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// Sightings that were sent to us and recorded.
    pub(crate) recorded: AtomicU64,
    /// Sightings that had been recorded before.
    pub(crate) duplicates: AtomicU64,
    /// Sightings that could not be written.
    pub(crate) failed: AtomicU64,
    /// Requests told to come back later.
    pub(crate) pushed_back: AtomicU64,
    /// Requests without the token, or from another site.
    pub(crate) refused: AtomicU64,
    /// Requests.
    pub(crate) requests: AtomicU64,
    /// Connections there are.
    pub(crate) connections: AtomicU64,
}

impl Metrics {
    /// All of it, counted since `start`, with what the store holds.
    pub(crate) fn figures(
        &self,
        start: Timestamp,
        totals: &Totals,
        intake: &Intake,
    ) -> Vec<Figure> {
        let counted = FigureKind::CountedSince(start);
        let of = |word, count: Option<&u64>| (word, count.copied().unwrap_or(0));
        let figure = |name, kind, unit, help, points| Figure { name, help, unit, kind, points };
        let single = |value: u64| vec![("", "", value)];
        let labelled = |label, points: Vec<(&'static str, u64)>| {
            points.into_iter().map(|(word, count)| (label, word, count)).collect()
        };
        let states = State::ALL.iter().map(|state| of(state.word(), totals.findings.get(state)));
        let sources =
            Source::ALL.iter().map(|source| of(source.word(), totals.sightings.get(source)));
        let outcomes = vec![
            ("recorded", read(&self.recorded)),
            ("duplicate", read(&self.duplicates)),
            ("failed", read(&self.failed)),
        ];
        vec![
            figure(
                "findings",
                FigureKind::Gauge,
                "{finding}",
                "Findings by state.",
                labelled("state", states.collect()),
            ),
            figure(
                "sightings",
                FigureKind::CountedAlways,
                "{sighting}",
                "Sightings by who saw them.",
                labelled("source", sources.collect()),
            ),
            figure(
                "collector.sightings",
                counted,
                "{sighting}",
                "Sightings sent to this process, by what became of them.",
                labelled("outcome", outcomes),
            ),
            figure(
                "collector.pushed_back",
                counted,
                "{request}",
                "Requests with sightings that were told to come back later.",
                single(read(&self.pushed_back)),
            ),
            figure(
                "collector.pending",
                FigureKind::Gauge,
                "By",
                "Bytes of sightings that are being received or written.",
                single(intake.pending() as u64),
            ),
            figure(
                "http.requests",
                counted,
                "{request}",
                "Requests.",
                single(read(&self.requests)),
            ),
            figure(
                "http.refused",
                counted,
                "{request}",
                "Requests without the token, or sent by another site.",
                single(read(&self.refused)),
            ),
            figure(
                "http.connections",
                FigureKind::Gauge,
                "{connection}",
                "Open connections.",
                single(read(&self.connections)),
            ),
        ]
    }
}

/// `figures` and our version as Prometheus reads them.
pub(crate) fn text(figures: &[Figure]) -> String {
    let mut text = String::new();
    for figure in figures {
        let (kind, end) = match figure.kind {
            FigureKind::Gauge => ("gauge", ""),
            FigureKind::CountedSince(_) | FigureKind::CountedAlways => ("counter", "_total"),
        };
        let unit = if figure.unit == "By" { "_bytes" } else { "" };
        let name = format!("photofinish_{}{unit}{end}", figure.name.replace('.', "_"));
        let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {kind}", figure.help);
        for (label, word, value) in &figure.points {
            let _ = match *label {
                "" => writeln!(text, "{name} {value}"),
                label => writeln!(text, "{name}{{{label}=\"{word}\"}} {value}"),
            };
        }
    }
    let name = "photofinish_build_info";
    let _ = writeln!(text, "# HELP {name} The version of photofinish.\n# TYPE {name} gauge");
    let _ = writeln!(text, "{name}{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
    text
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
