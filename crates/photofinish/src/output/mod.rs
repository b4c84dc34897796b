//! What a person reads: errors, logs, races, findings; and what other tools read: SARIF, Markdown.
//!
//! The functions named here return text with its colours in it, to be written to
//! `anstream::stdout()`, which takes the colours out where nobody sees them.

mod annotations;
mod answer_diff;
pub(crate) mod catch;
mod causes;
pub(crate) mod error;
mod finding;
pub(crate) mod hunt;
mod hunt_found;
pub(crate) mod hunt_json;
pub(crate) mod hunt_live;
mod hunt_ways;
pub(crate) mod inspect;
pub(crate) mod inspect_goroutine;
pub(crate) mod inspect_goroutine_json;
pub(crate) mod inspect_json;
pub(crate) mod inspect_maps;
pub(crate) mod inspect_views;
mod inspect_waits;
pub(crate) mod inspect_watch;
pub(crate) mod jobs;
pub(crate) mod jobs_metrics;
pub(crate) mod jobs_pool;
pub(crate) mod load;
pub(crate) mod load_json;
pub(crate) mod load_live;
pub(crate) mod log;
mod markdown;
pub(crate) mod matrix;
pub(crate) mod matrix_json;
pub(crate) mod matrix_live;
pub(crate) mod proxy;
mod race;
mod sarif;
mod sheet;
pub(crate) mod source_files;
mod stack;
pub(crate) mod style;
mod table;

pub(crate) use annotations::{github, junit};
pub(crate) use finding::{finding_text, next_step};
pub(crate) use markdown::markdown;
pub(crate) use race::{race_text, race_text_in};
pub(crate) use sarif::{sarif_of_findings, sarif_of_races};
pub(crate) use stack::View;
pub(crate) use table::{findings_table, short_id};
