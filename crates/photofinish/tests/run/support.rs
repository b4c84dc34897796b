//! Starting `photofinish run`, waiting for conditions, and two independent ways of counting.

use photofinish_model::Kind;
use photofinish_store::{Filter, Store};
use photofinish_testkit::{BuildOptions, build_go};
use std::hash::{BuildHasher, Hasher};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

pub(crate) const PHOTOFINISH: &str = env!("CARGO_BIN_EXE_photofinish");

/// The racy program, built with -race.
pub(crate) fn racer() -> &'static Path {
    static RACER: OnceLock<PathBuf> = OnceLock::new();
    RACER.get_or_init(|| build_go(source(), &BuildOptions::race()))
}

/// The racy program, built without.
pub(crate) fn plain() -> &'static Path {
    static PLAIN: OnceLock<PathBuf> = OnceLock::new();
    PLAIN.get_or_init(|| build_go(source(), &BuildOptions::normal()))
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run/racer")
}

/// A store and a spool of their own.
pub(crate) struct House {
    pub(crate) folder: tempfile::TempDir,
}

impl House {
    pub(crate) fn new() -> House {
        racer();
        House { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.path("spool")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path("findings.db")
    }

    /// `photofinish run FLAGS -- racer WORDS`.
    pub(crate) fn run(&self, flags: &[&str], words: &[&str]) -> Command {
        let mut command = self.command(flags);
        command.arg("--").arg(racer()).args(words);
        command
    }

    /// `photofinish run FLAGS`, the rest to be added.
    pub(crate) fn command(&self, flags: &[&str]) -> Command {
        let mut command = Command::new(PHOTOFINISH);
        command.arg("run").args(flags).current_dir(self.folder.path());
        command.env("PHOTOFINISH_STORE", self.store()).env("PHOTOFINISH_SPOOL", self.spool());
        command.env_remove("GORACE").env_remove("GOTRACEBACK").env("NO_COLOR", "1");
        command.stdin(Stdio::null());
        command
    }

    /// How often the store has counted anything.
    pub(crate) fn counted(&self) -> u64 {
        if !self.store().exists() {
            return 0;
        }
        let store = Store::open(self.store()).unwrap();
        let findings = store.findings(&Filter::default()).unwrap();
        findings.iter().map(|finding| finding.count).sum()
    }

    /// The kinds of the findings.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        if !self.store().exists() {
            return Vec::new();
        }
        let store = Store::open(self.store()).unwrap();
        let findings = store.findings(&Filter::default()).unwrap();
        findings.into_iter().map(|finding| finding.kind()).collect()
    }

    /// The ids of the findings.
    pub(crate) fn ids(&self) -> Vec<String> {
        let store = Store::open(self.store()).unwrap();
        let findings = store.findings(&Filter::default()).unwrap();
        findings.into_iter().map(|finding| finding.fingerprint.to_string()).collect()
    }

    /// The folders of runs in the spool.
    pub(crate) fn runs(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.spool()) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
    }

    /// Delivers what dead runs left, by way of the next run.
    pub(crate) fn next_run(&self) {
        let output = finish(self.command(&[]).args(["--", "true"]));
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
}

/// Reports in the race files of the spool, counted without any of our code's help: heads that an
/// access line follows, as a reader of the file would see it.
pub(crate) fn printed(folder: &Path) -> u64 {
    let mut printed = 0;
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            printed += self::printed(&path);
        } else if path.file_name().unwrap().to_string_lossy().starts_with("race.") {
            let bytes = std::fs::read(&path).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            let mut blocks = text.split("WARNING: DATA RACE\n");
            blocks.next();
            printed += blocks.filter(|block| whole_access(block)).count() as u64;
        }
    }
    printed
}

/// `Read at 0x… by goroutine 7:`, up to its colon.
fn whole_access(block: &str) -> bool {
    let line = block.lines().next().unwrap_or_default();
    (line.starts_with("Read at 0x") || line.starts_with("Write at 0x")) && line.ends_with(':')
}

/// Runs to the end, which must come.
pub(crate) fn finish(command: &mut Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    finish_child(child)
}

pub(crate) fn finish_child(mut child: Child) -> Output {
    let read = |stream: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut stream) = stream {
                let _ = stream.read_to_end(&mut bytes);
            }
            bytes
        })
    };
    let stdout = read(child.stdout.take().map(|stream| Box::new(stream) as _));
    let stderr = read(child.stderr.take().map(|stream| Box::new(stream) as _));
    let status = wait_for("the end of run", || child.try_wait().unwrap());
    Output { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
}

/// Waits until `look` finds something.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "waited for {what} in vain");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, || condition().then_some(()));
}

/// The first child of a process, its program started.
pub(crate) fn child_of(parent: u32) -> Option<u32> {
    let children = format!("/proc/{parent}/task/{parent}/children");
    let children = std::fs::read_to_string(children).unwrap_or_default();
    children.split_whitespace().next()?.parse().ok()
}

pub(crate) fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    let _ = rustix::process::kill_process(pid, signal);
}

/// A number below `bound`.
pub(crate) fn random(bound: u64) -> u64 {
    std::collections::hash_map::RandomState::new().build_hasher().finish() % bound
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
