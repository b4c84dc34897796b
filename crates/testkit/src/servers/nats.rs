//! A NATS server with JetStream, in a folder of its own.

use super::{LONG, find, skipped};
use crate::{Running, free_port, target_dir, temp_dir};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A running server; killed and its folder removed when dropped.
#[derive(Debug)]
pub struct NatsServer {
    running: Running,
    program: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
}

impl NatsServer {
    /// Starts one on a free port, if this machine has it; else says so on stderr.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn start() -> Option<NatsServer> {
        NatsServer::start_with("", "")
    }

    /// One with `lines` more in its configuration, and `limits` in its block `jetstream`.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn start_with(lines: &str, limits: &str) -> Option<NatsServer> {
        let Some(program) = find("nats-server", &[target_dir().join("servers/bin")]) else {
            skipped("nats-server", "nats-server");
            return None;
        };
        let (folder, port) = (temp_dir(), free_port());
        configure(folder.path(), port, lines, limits);
        let running = run(&program, folder.path());
        Some(NatsServer { running, program, folder, port })
    }

    /// `nats://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Whether it is at least of this version.
    pub fn is_at_least(&self, major: u32, minor: u32) -> bool {
        let output = self.running.output();
        let version =
            output.lines().find_map(|line| line.split_once("Version:")).unwrap_or_default();
        let mut parts = version.1.trim().split('.').map_while(|part| part.parse().ok());
        (parts.next(), parts.next()) >= (Some(major), Some(minor))
    }

    /// Kills it (SIGKILL) and starts it again, with what it had written down.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn crash_and_restart(&mut self) {
        self.running.kill();
        self.running = run(&self.program, self.folder.path());
    }

    /// As [`NatsServer::crash_and_restart`], with another configuration.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn restart_with(&mut self, lines: &str, limits: &str) {
        configure(self.folder.path(), self.port, lines, limits);
        self.crash_and_restart();
    }
}

#[track_caller]
fn configure(folder: &Path, port: u16, lines: &str, limits: &str) {
    let text = format!(
        "listen: 127.0.0.1:{port}\njetstream {{ store_dir: \"{}\"\n{limits}\n}}\n{lines}\n",
        folder.join("data").display()
    );
    let written = std::fs::write(folder.join("nats.conf"), text);
    written.unwrap_or_else(|cause| panic!("cannot write the configuration: {cause}"));
}

#[track_caller]
fn run(program: &Path, folder: &Path) -> Running {
    let running =
        Running::start(Command::new(program).current_dir(folder).args(["-c", "nats.conf"]));
    running.wait_for_line(LONG, "Server is ready");
    running
}
