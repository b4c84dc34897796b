//! Real brokers for tests, each on a free port of the loopback, gone with the value.
//!
//! A machine that has not got one says so, and the test passes: `cargo xtask test` installs them where
//! it may. Nothing a machine runs already is touched.

mod nats;
mod otel;
mod postgres;
mod rabbitmq;
mod redis;

pub use nats::NatsServer;
pub use otel::OtelCollector;
pub use postgres::PostgresServer;
pub use rabbitmq::RabbitServer;
pub use redis::RedisServer;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longer than any of them takes to start.
const LONG: Duration = Duration::from_secs(60);

/// A program on PATH, or in one of `folders`.
fn find(program: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut places = on_path.iter().chain(folders).map(|folder| folder.join(program));
    places.find(|place| place.is_file())
}

/// Says why a test does nothing.
fn skipped(what: &str, package: &str) {
    let _ = writeln!(
        std::io::stderr(),
        "skipped: this machine has no {what} (on Debian: apt-get install {package})"
    );
}

/// Whether we are root, as which some servers refuse to run.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// The user number of a name, as `/etc/passwd` has it.
fn user(name: &str) -> Option<u32> {
    let passwd = std::fs::read_to_string(Path::new("/etc/passwd")).ok()?;
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split(':').nth(2)?.parse().ok()
}
