//! Tells others of new and regressed findings: a signed webhook, Slack, Alertmanager, OpenTelemetry, which is told figures, too.
//!
//! In: the history of findings, whoever wrote it. Out: HTTP requests. Each receiver has a thread and a
//! cursor in the history that moves once the receiver has taken what it was sent; so one that is away
//! for hours, or a photofinish that is killed, misses nothing and is told again rather than never. What
//! happens within a moment is told together, and not more often than was asked for.
//!
//! Not here: what a finding is (`store`), exports to files (the binary). Start at [`Notifier::start`].

#![forbid(unsafe_code)]

mod agent;
mod courier;
mod figures;
mod message;
mod notifier;
mod otlp;
mod settings;

pub use figures::{Figures, Instance, Read};
pub use notifier::{Notifier, NotifyError};
pub use settings::{Kind, Pace, Receiver, Secret, Settings};
