//! The stable JSON of races and findings: what commands print and what the database keeps.
//!
//! A [`Race`](photofinish_model::Race) becomes a [`RaceJson`] and back without loss. What can be
//! told from the race alone (`fingerprint`, `pattern`, `explanation`, `hint`) is written for the
//! reader's comfort and ignored on the way in, where it may be missing: a later program may
//! classify better. Fields may be added; those that are here stay.
//!
//! Not here: SARIF and Markdown (the binary's `findings export`).
//! Start at [`RaceJson`] and [`FindingJson`].

mod convert;
mod finding;
mod race;
mod scalar;

pub use finding::{ChangeJson, FindingJson};
pub use race::{
    AccessJson, AnswerDiffJson, AnsweredJson, FrameJson, GoroutineJson, LocationJson, RaceJson,
};
pub use scalar::{GoroutineName, Hex};
