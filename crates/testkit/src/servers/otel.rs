//! An OpenTelemetry Collector, which writes what it is sent into files, a line of JSON for each message.

use super::{LONG, find};
use crate::{Running, free_port, target_dir, temp_dir, wait_until};
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;

/// A running collector; killed and its folder removed when dropped.
#[derive(Debug)]
pub struct OtelCollector {
    running: Running,
    program: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
}

impl OtelCollector {
    /// Starts one, if it was built (`cargo xtask test` does); else says so on stderr.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn start() -> Option<OtelCollector> {
        let Some(program) = find("otel-collector", &[target_dir().join("servers/bin")]) else {
            let _ = writeln!(
                std::io::stderr(),
                "skipped: no otel-collector was built (cargo xtask test builds it)"
            );
            return None;
        };
        let (folder, port) = (temp_dir(), free_port());
        let text = format!(
            "receivers: {{otlp: {{protocols: {{http: {{endpoint: \"127.0.0.1:{port}\"}}}}}}}}\n\
             exporters:\n  file/logs: {{path: logs, flush_interval: 100ms}}\n  \
             file/metrics: {{path: metrics, flush_interval: 100ms}}\n\
             service:\n  telemetry: {{metrics: {{level: none}}}}\n  pipelines:\n    \
             logs: {{receivers: [otlp], exporters: [file/logs]}}\n    \
             metrics: {{receivers: [otlp], exporters: [file/metrics]}}\n"
        );
        let written = std::fs::write(folder.path().join("collector.yaml"), text);
        written.unwrap_or_else(|cause| panic!("cannot write the configuration: {cause}"));
        let running = run(&program, &folder, port);
        Some(OtelCollector { running, program, folder, port })
    }

    /// `http://127.0.0.1:PORT`, where it takes OTLP.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The messages it took so far, as JSON; `signal` is `logs` or `metrics`.
    pub fn took(&self, signal: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join(signal)).unwrap_or_default();
        // The last one may be half written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(str::to_owned).collect()
    }

    /// What it said.
    pub fn said(&self) -> String {
        self.running.output()
    }

    /// Kills it (SIGKILL).
    pub fn stop(&mut self) {
        self.running.kill();
    }

    /// Starts it again after [`OtelCollector::stop`].
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn restart(&mut self) {
        self.running = run(&self.program, &self.folder, self.port);
    }
}

#[track_caller]
fn run(program: &PathBuf, folder: &tempfile::TempDir, port: u16) -> Running {
    let mut command = Command::new(program);
    let running =
        Running::start(command.current_dir(folder.path()).args(["--config", "collector.yaml"]));
    wait_until(LONG, "the collector to listen", || {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
    });
    running
}
