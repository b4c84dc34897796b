//! The words of photofinish: [`Race`], [`Access`], [`Stack`], [`Frame`], [`Fingerprint`], [`Pattern`].
//!
//! Every source of races ends in the same [`Race`]: `report` reads it from the text a `-race`
//! build prints, `catch` builds it from registers and stacks. What makes two races one is
//! [`Fingerprint::of`]; what sort of mistake a race is, and how it is usually repaired, is
//! [`Pattern::of`].
//!
//! Not here: I/O of any kind, serde (`store` owns what it writes), time.
//! Start at [`Race`].

#![forbid(unsafe_code)]

mod answer_diff;
mod code;
mod fingerprint;
mod function;
mod pattern;
mod race;

pub use answer_diff::{AnswerDiff, Answered};
pub use code::{CodeOrigin, user_frame};
pub use fingerprint::Fingerprint;
pub use function::{canonical_function, is_wrapper, package_of, package_prefix, short_function};
pub use pattern::Pattern;
pub use race::{
    Access, Detector, Frame, Goroutine, GoroutineId, GoroutineState, Kind, Location, Op, Race,
    Stack, UnknownWord,
};
