//! A copy of the orders service, hunts of it, and what its processes are doing meanwhile.

use photofinish_testkit::{wait_for, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

/// A copy of the orders service, a store and a spool of the test's own.
pub(crate) struct Place {
    _root: tempfile::TempDir,
    pub(crate) module: PathBuf,
    state: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Place {
        let root = photofinish_testkit::temp_dir();
        let module = root.path().join("orders");
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services/orders"), &module);
        let state = root.path().join("state");
        Place { module, state, _root: root }
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_photofinish"));
        command.current_dir(&self.module).env("XDG_STATE_HOME", &self.state);
        command.env("PHOTOFINISH_GO", &photofinish_testkit::go_toolchain().go);
        command
    }

    pub(crate) fn hunt(&self, more: &[&str]) -> Output {
        self.hunting(more).output().unwrap()
    }

    /// Starts a hunt as `photofinish.toml` has it, whose talk is read while it goes on.
    pub(crate) fn start_as_written(&self, more: &[&str]) -> Hunt {
        let mut command = self.command();
        command.args(["hunt", "--package", "./cmd/orders"]).args(more);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let talk = Arc::new(Mutex::new(String::new()));
        let (lines, told) = (BufReader::new(child.stderr.take().unwrap()).lines(), talk.clone());
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                *told.lock().unwrap() += &(line + "\n");
            }
        });
        Hunt { child: Some(child), talk }
    }

    fn hunting(&self, more: &[&str]) -> Command {
        let mut command = self.command();
        command.args(["hunt", "--package", "./cmd/orders"]);
        if !more.contains(&"--url") {
            command.args(["--url", "http://127.0.0.1:0/order?item=tea"]);
            command.arg("--arg=-addr=127.0.0.1:{port}");
        }
        command.args(more);
        command
    }
}

/// A hunt that goes on.
pub(crate) struct Hunt {
    child: Option<Child>,
    talk: Arc<Mutex<String>>,
}

impl Hunt {
    pub(crate) fn talk(&self) -> String {
        self.talk.lock().unwrap().clone()
    }

    /// Waits until it has said `words` so often.
    pub(crate) fn said(&self, words: &str, times: usize) {
        let what = format!("{times} x {words}");
        let is_said = || (self.talk().matches(words).count() >= times).then_some(());
        wait_for(LONG, &what, is_said);
    }

    /// The process of a build that listens where `name` was said to, and that is none of `before`.
    pub(crate) fn process(&self, name: &str, before: &[i32]) -> i32 {
        let says = format!("the {name} answers at http://");
        self.said(&says, 1);
        let talk = self.talk();
        let place = talk.split(&says).nth(1).unwrap().split_whitespace().next().unwrap();
        let argument = format!("-addr={place}");
        let pid = wait_for(LONG, "a process of that build", || {
            processes_with(&argument).into_iter().find(|pid| !before.contains(pid))
        });
        wait_for(LONG, "a connection to it", || std::net::TcpStream::connect(place).ok());
        pid
    }

    /// Waits until the canary has all of its requests.
    pub(crate) fn canary_is_not_left_alone(&self) {
        let count = |words: &str| self.talk().matches(words).count();
        let is_back = || count("canary left alone") == count("canary has its whole share again");
        wait_until(LONG, "the canary's share", is_back);
    }

    /// Ends it in good order; what it printed.
    pub(crate) fn finish(mut self) -> Value {
        let child = self.child.take().unwrap();
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.code().is_some_and(|code| code < 2), "{}", self.talk());
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Hunt {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Its builds end with it.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// As `kill -9` does.
pub(crate) fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

/// Race builds that were started with `argument`.
fn processes_with(argument: &str) -> Vec<i32> {
    let folders = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = folders.filter_map(|folder| folder.file_name().to_str()?.parse::<i32>().ok());
    let has = |pid: &i32| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = words.split(|byte| *byte == 0);
        words.next().is_some_and(|program| program.ends_with(b"orders-race"))
            && words.any(|word| word == argument.as_bytes())
    };
    pids.filter(has).collect()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub(crate) fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
