//! A Redis, or a Valkey, that loses nothing it has acknowledged.

use super::{LONG, find, skipped};
use crate::{Running, free_port, temp_dir};
use std::path::PathBuf;
use std::process::Command;

/// A running server; killed and its folder removed when dropped.
#[derive(Debug)]
pub struct RedisServer {
    running: Running,
    program: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    options: Vec<String>,
}

impl RedisServer {
    /// Starts one on a free port, if this machine has it; else says so on stderr.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn start() -> Option<RedisServer> {
        RedisServer::start_with(&[])
    }

    /// One with more options.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn start_with(options: &[&str]) -> Option<RedisServer> {
        let program = find("redis-server", &[]).or_else(|| find("valkey-server", &[]));
        let Some(program) = program else {
            skipped("redis-server", "redis-server");
            return None;
        };
        let (folder, port) = (temp_dir(), free_port());
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let running = run(&program, &folder, port, &options);
        Some(RedisServer { running, program, folder, port, options })
    }

    /// `redis://127.0.0.1:PORT/0`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// Kills it (SIGKILL) and starts it again, with what it had written down.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn crash_and_restart(&mut self) {
        self.running.kill();
        self.running = run(&self.program, &self.folder, self.port, &self.options);
    }
}

#[track_caller]
fn run(program: &PathBuf, folder: &tempfile::TempDir, port: u16, options: &[String]) -> Running {
    let port = port.to_string();
    let mut command = Command::new(program);
    command.current_dir(folder.path()).args([
        "--port",
        &port,
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
    ]);
    let running = Running::start(command.args(options));
    running.wait_for_line(LONG, "Ready to accept connections");
    running
}
