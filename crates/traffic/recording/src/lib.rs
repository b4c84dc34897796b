//! Requests kept in a file, to be sent again later: written by the proxy, read by `load`.
//!
//! A recording is text, one JSON object a line: a person can look into it, `grep` and `jq` can
//! filter it, `cat` joins two, and whatever ends the writer tears the last line only. The first
//! line says what the file is. Lines stand in the order in which requests *ended*, since only
//! then is it known how long they took; [`Index`] puts them in the order of arrival.
//!
//! Nothing secret is written and then cleaned: [`Redaction`] is applied to a request in memory,
//! and a body that it cannot look into is not recorded at all. Nobody waits for the disk: the
//! queue of [`Recorder`] is bounded by bytes, and what does not fit is counted by cause.
//!
//! Not here: which requests to record (the proxy samples), and sending them (`load`). Start at
//! [`Recorder::offer`] for writing, at [`Recording`] for reading; the format is in `line`.

#![forbid(unsafe_code)]

mod error;
mod exchange;
mod line;
mod read;
mod recorder;
mod redact;

pub use error::{ReadError, StartError};
pub use exchange::Exchange;
pub use line::{Head, Recorded};
pub use read::index::{Concurrency, Entry, Index};
pub use read::{Recording, Torn};
pub use recorder::{Counts, Dropped, Hold, Plan, Recorder, WhenFull};
pub use redact::{Redaction, Redactor, Unredactable};
