//! Logs, on stderr, off unless asked for by `-v` or `PHOTOFINISH_LOG`.

use crate::commands::GlobalArgs;
use tracing_subscriber::EnvFilter;

/// Starts logging for the whole process.
pub(crate) fn start(global: &GlobalArgs) {
    let default = match global.verbose {
        // What lapin calls an error is mostly an answer (there is no such queue), and what is one is told.
        0 => "warn,lapin=off",
        1 => "info",
        _ => "debug",
    };
    let filter =
        EnvFilter::try_from_env("PHOTOFINISH_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
