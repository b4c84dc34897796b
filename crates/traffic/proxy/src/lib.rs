//! A reverse proxy that gives a race build a share of live traffic (canary) or a copy of it
//! (mirror), and never lets the caller pay for either.
//!
//! A [`plan::Plan`] goes in, a running [`Proxy`] comes out, with threads of its own. The rule behind
//! everything here: whatever a canary or a mirror does, the caller gets the stable build's answer, as soon as
//! without them.
//!
//! Not here: supervising the race build (`supervise`), what a race is (`model`), where differing
//! answers are kept (the binary). Knows nothing of races: it moves requests.
//!
//! Start at [`Proxy::start`] (`serve`), then `forward` (the life of a request), `canary`, `mirror`,
//! `upstream` (whom we call), `figures` (what is counted).

#![forbid(unsafe_code)]

mod canary;
pub mod compare;
mod comparing;
mod event;
mod figures;
mod forward;
mod keeping;
mod mirror;
pub mod plan;
mod rt;
pub mod screen;
mod serve;
mod stream;
mod upstream;

pub use comparing::TellDifference;
pub use event::Event;
pub use figures::{
    CallerFigures, CanaryFigures, ComparedFigures, Failure, MirrorFigures, Status, Times,
    VariantFigures,
};
pub use mirror::Cause;
pub use serve::{Hooks, ListenError, Proxy, ReloadError, StartError};
