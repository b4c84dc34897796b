//! What soaks share: the release build, a Go service, the proxy in front of it, load, figures.
//!
//! `$PHOTOFINISH` may name another build of photofinish than a release build of now.
//! Every program writes into a log file of its own in a folder that is removed at the end, and dies with its value.
//! Start at [`Stage`].

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use photofinish_testkit::{BuildOptions, free_port, target_dir, try_build_go, workspace_root};
use serde_json::Value;

use crate::steps::run;
use crate::tools::{self, story};

/// Longer than anything takes to start that works.
const LONG: Duration = Duration::from_secs(60);
/// So many lines of its log tell what a program died of, and what each of its goroutines did then.
const LAST_LINES: usize = 400;

/// The folder and the build of one soak.
pub(super) struct Stage {
    folder: PathBuf,
    photofinish: PathBuf,
}

/// A program that was started; killed and reaped when dropped.
pub(super) struct Program {
    child: Child,
    log: PathBuf,
}

/// A running `photofinish proxy`.
pub(super) struct Proxy {
    pub(super) program: Program,
    /// Where callers connect to, `127.0.0.1:PORT`.
    pub(super) address: String,
    admin: String,
}

/// Which service to start: its name, where it listens, how long it takes to answer (as Go writes times), its build.
pub(super) struct Service {
    pub(super) name: &'static str,
    pub(super) address: String,
    pub(super) pause: &'static str,
    pub(super) race: bool,
}

impl Service {
    /// A service at a free address.
    pub(super) fn new(name: &'static str, pause: &'static str) -> Service {
        Service { name, address: format!("127.0.0.1:{}", free_port()), pause, race: false }
    }

    /// Its race build.
    pub(super) fn race(self) -> Service {
        Service { race: true, ..self }
    }
}

impl Stage {
    /// Builds photofinish for release, unless `$PHOTOFINISH` names a build.
    pub(super) fn new() -> Result<Stage, String> {
        let given = std::env::var_os("PHOTOFINISH").map(PathBuf::from);
        if given.is_none()
            && !run(tools::cargo()?.args(["build", "--release", "--package", "photofinish"]))?
        {
            return Err("photofinish does not build".to_owned());
        }
        let folder = std::env::temp_dir().join(format!("photofinish-soak-{}", std::process::id()));
        fs::create_dir_all(&folder)
            .map_err(|cause| format!("cannot create {}: {cause}", folder.display()))?;
        let photofinish = given.unwrap_or_else(|| target_dir().join("release/photofinish"));
        Ok(Stage { folder, photofinish })
    }

    /// A command of photofinish, which keeps its findings in the folder.
    pub(super) fn photofinish(&self) -> Command {
        let mut command = Command::new(&self.photofinish);
        command.env("PHOTOFINISH_STORE", self.folder.join("findings.db"));
        command.env("PHOTOFINISH_SPOOL", self.folder.join("spool")).env("NO_COLOR", "1");
        command
    }

    /// A Go service; it listens once this returns.
    pub(super) fn service(&self, service: &Service) -> Result<Program, String> {
        let options = if service.race { BuildOptions::race() } else { BuildOptions::normal() };
        let binary = try_build_go(&workspace_root().join("xtask/src/soak/service"), &options)
            .map_err(|error| story(&error))?;
        let mut command = Command::new(binary);
        command.args([service.name, &service.address, service.pause]);
        let program = self.start(service.name, &mut command)?;
        program.wait("the service to listen", || {
            std::net::TcpStream::connect(&service.address).is_ok().then_some(())
        })?;
        Ok(program)
    }

    /// A proxy with what stands behind `[proxy]` in its configuration.
    pub(super) fn proxy(&self, configuration: &str) -> Result<Proxy, String> {
        let text = format!(
            "[store]\npath = \"{}\"\n[proxy]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n{configuration}",
            self.folder.join("findings.db").display()
        );
        let file = self.file("photofinish.toml", text.as_bytes())?;
        let mut command = Command::new(&self.photofinish);
        command.arg("proxy").arg("--config").arg(file).env("NO_COLOR", "1");
        let program = self.start("proxy", &mut command)?;
        let address = program.told("listening on http://")?;
        let admin = program.told("figures at http://")?;
        let admin = admin.split('/').next().unwrap_or_default().to_owned();
        Ok(Proxy { program, address, admin })
    }

    /// `photofinish load` with these arguments, while this goes on.
    pub(super) fn load(&self, arguments: &[&str]) -> Result<Child, String> {
        let mut command = Command::new(&self.photofinish);
        command.arg("load").args(arguments).args(["--format", "json"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().map_err(|cause| format!("cannot start photofinish load: {cause}"))
    }

    /// The figures of a proxy, as `photofinish proxy status` prints them.
    pub(super) fn status(&self, proxy: &Proxy) -> Result<Value, String> {
        let mut command = Command::new(&self.photofinish);
        command.args(["proxy", "status", "--admin", &proxy.admin, "--format", "json"]);
        let output = command.output().map_err(|cause| format!("cannot ask the proxy: {cause}"))?;
        json(&output)
    }

    /// Requests of three kinds in turn: to be read, and two to be written, one of them large.
    pub(super) fn targets(&self, address: &str) -> Result<String, String> {
        let mut targets = format!("GET http://{address}/item/1\n");
        for (name, count) in [("small", 10), ("large", 2000)] {
            let body = self.file(name, name.repeat(count).as_bytes())?;
            targets.push_str(&format!(
                "\nPUT http://{address}/item/{name}\nX-Word: {name}\nX-Count: {count}\n@{}\n",
                body.display()
            ));
        }
        Ok(self.file("targets", targets.as_bytes())?.display().to_string())
    }

    fn file(&self, name: &str, content: &[u8]) -> Result<PathBuf, String> {
        let path = self.folder.join(name);
        fs::write(&path, content)
            .map_err(|cause| format!("cannot write {}: {cause}", path.display()))?;
        Ok(path)
    }

    /// Starts `command`, its output in the file `name`.log.
    pub(super) fn start(&self, name: &str, command: &mut Command) -> Result<Program, String> {
        let log = self.folder.join(format!("{name}.log"));
        let (out, errors) = File::create(&log)
            .and_then(|file| Ok((file.try_clone()?, file)))
            .map_err(|cause| format!("cannot write {}: {cause}", log.display()))?;
        let child = command.stdin(Stdio::null()).stdout(out).stderr(errors).spawn();
        let child = child.map_err(|cause| format!("cannot start {name}: {cause}"))?;
        Ok(Program { child, log })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What cannot be removed lies in the system's temporary folder.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Program {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What follows `marker` on a line of its log, once there is one.
    fn told(&self, marker: &str) -> Result<String, String> {
        self.wait(marker, || {
            let log = self.log();
            let line = log.lines().find(|line| line.contains(marker))?;
            line.split_once(marker).map(|(_, rest)| rest.trim().to_owned())
        })
    }

    pub(super) fn wait<T>(
        &self,
        what: &str,
        mut find: impl FnMut() -> Option<T>,
    ) -> Result<T, String> {
        let start = Instant::now();
        while start.elapsed() < LONG {
            if let Some(found) = find() {
                return Ok(found);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(format!("waited {LONG:?} in vain: {what}; what was said:\n{}", self.log()))
    }

    /// Whether it ended by itself.
    pub(super) fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|end| end.is_some())
    }

    /// How it ended, if it did, and what it printed last.
    pub(super) fn last_words(&mut self) -> String {
        let end = match self.child.try_wait() {
            Ok(Some(status)) => format!("it ended: {status}"),
            Ok(None) => "it runs".to_owned(),
            Err(cause) => format!("whether it ended is not known: {cause}"),
        };
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
        format!("{end}; what it said last:\n{}", last.join("\n"))
    }

    /// What it printed so far.
    pub(super) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// A figure of /proc/PID/status in KiB: `VmRSS`, or `VmHWM`, its peak.
    pub(super) fn memory_kib(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Either may fail only because it is over already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a finished program printed, as JSON.
pub(super) fn json(output: &Output) -> Result<Value, String> {
    serde_json::from_slice(&output.stdout).map_err(|cause| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("photofinish did not print JSON ({cause}): {said}")
    })
}

/// What `photofinish load` found, once it has ended.
pub(super) fn loaded(load: Child) -> Result<Value, String> {
    let output = load.wait_with_output();
    json(&output.map_err(|cause| format!("cannot wait for photofinish load: {cause}"))?)
}

/// Requests of a load that got no good answer: failed, never sent, or given up.
pub(super) fn errors(load: &Value) -> u64 {
    let count = |name: &str| load[name].as_u64().unwrap_or(0);
    count("errors") + count("shed") + count("abandoned")
}

/// The value behind a flag.
pub(super) fn option<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1).map(String::as_str)
}

/// A number with a suffix: `90s`, `10m` are seconds, `500k`, `100m` a count, each by its own `suffixes`.
pub(super) fn amount(text: &str, suffixes: &[(char, u64)]) -> Result<u64, String> {
    let factor = suffixes.iter().find(|(suffix, _)| text.ends_with(*suffix));
    let digits = factor.map_or(text, |(suffix, _)| text.trim_end_matches(*suffix));
    let number: u64 = digits.parse().map_err(|_| format!("{text:?} is no amount"))?;
    Ok(number * factor.map_or(1, |(_, factor)| *factor))
}
