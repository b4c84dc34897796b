//! A service, a proxy in front of it, and a caller.

use photofinish_testkit::{BuildOptions, Running, build_go_source};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;

pub(crate) const PHOTOFINISH: &str = env!("CARGO_BIN_EXE_photofinish");

/// Longer than anything takes that works.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A Go service that answers `NAME answers PATH`.
pub(crate) struct Service {
    pub(crate) program: Running,
    pub(crate) address: String,
}

impl Service {
    pub(crate) fn start(name: &str) -> Service {
        Service::run(&[name])
    }

    /// One that now and then answers something else.
    pub(crate) fn lying(name: &str) -> Service {
        Service::run(&[name, "lies"])
    }

    fn run(words: &[&str]) -> Service {
        static BINARY: OnceLock<PathBuf> = OnceLock::new();
        let binary = BINARY.get_or_init(|| {
            build_go_source("service", include_str!("service.go"), &BuildOptions::normal())
        });
        let program = Running::start(Command::new(binary).args(words));
        let address = program.wait_for_line(LONG, "serving ");
        Service { program, address }
    }

    /// Waits until it got a request with `marker` in its line, and returns the rest of it.
    pub(crate) fn got(&self, marker: &str) -> String {
        self.program.wait_for_line(LONG, &format!("got {marker}"))
    }
}

/// A running `photofinish proxy`.
pub(crate) struct Proxy {
    pub(crate) program: Running,
    /// Where callers connect to.
    pub(crate) address: String,
}

impl Proxy {
    /// Starts with `flags`, on a free port unless they name one.
    pub(crate) fn start(flags: &[&str]) -> Proxy {
        let mut command = command(flags);
        if !flags.contains(&"-c") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        let program = Running::start(&mut command);
        let address = program.wait_for_line(LONG, "listening on http://");
        Proxy { program, address }
    }

    /// What the caller is answered: the status and the body.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        get(&self.address, path).unwrap()
    }

    pub(crate) fn admin(&self) -> String {
        let line = self.program.wait_for_line(LONG, "figures at http://");
        line.split('/').next().unwrap().to_owned()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.program.pid().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end, and returns its exit status and all it said.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let status = self.program.wait_for_end(LONG);
        (status.code(), self.program.output())
    }
}

/// `photofinish proxy FLAGS`, in a folder without a configuration.
pub(crate) fn command(flags: &[&str]) -> Command {
    let mut command = Command::new(PHOTOFINISH);
    command.arg("proxy").args(flags).env("NO_COLOR", "1").current_dir(std::env::temp_dir());
    command
}

/// Runs to the end.
pub(crate) fn run(flags: &[&str]) -> Output {
    command(flags).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A file `photofinish.toml` of its own.
pub(crate) struct File {
    folder: tempfile::TempDir,
}

impl File {
    pub(crate) fn new(text: &str) -> File {
        let file = File { folder: tempfile::tempdir().unwrap() };
        file.write(text);
        file
    }

    pub(crate) fn write(&self, text: &str) {
        std::fs::write(self.path(), text).unwrap();
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("photofinish.toml")
    }

    pub(crate) fn name(&self) -> String {
        self.path().display().to_string()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// `GET path` on a connection of its own.
pub(crate) fn get(address: &str, path: &str) -> std::io::Result<(u16, String)> {
    ask(address, &format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"))
}

/// A request as it is on the wire, and the answer to it up to the connection's end.
pub(crate) fn ask(address: &str, request: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LONG))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = text(&answer);
    let status = answer.get(9..12).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| std::io::Error::other(format!("no answer: {answer:?}")))?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    Ok((status, body.unwrap_or_default()))
}
