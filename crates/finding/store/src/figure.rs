//! Figures: what is counted or measured of findings and of the program that keeps them, for whoever draws it.
//!
//! One is named as OpenTelemetry would, `collector.sightings`; Prometheus's name follows from it as OpenTelemetry's
//! specification of the two says (`photofinish_collector_sightings_total`), so both lead to the same name in the end.
//!
//! Not here: how figures are written (`dashboard`, `notify`).

use jiff::Timestamp;

/// One thing that is counted or measured, and its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// What it is called behind `photofinish.`.
    pub name: &'static str,
    /// What it tells, in a sentence.
    pub help: &'static str,
    /// As UCUM writes it: `By`, or what is counted, in braces.
    pub unit: &'static str,
    /// How it changes.
    pub kind: FigureKind,
    /// Label, its value, how many; a figure without labels has one point, whose label is empty.
    pub points: Vec<(&'static str, &'static str, u64)>,
}

/// How a figure changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FigureKind {
    /// Up and down.
    Gauge,
    /// Up, counted by this process, from zero since then.
    CountedSince(Timestamp),
    /// Up, counted by all who share the findings, over restarts of each.
    CountedAlways,
}
