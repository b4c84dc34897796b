//! A receiver of webhooks that is down for an hour, while findings come in and `serve` is killed: what it hears then.
//!
//! Three webhooks lead to it: a program's (signed), a chat's and an Alertmanager's, all in the usual pace. Before the
//! hour it hears of a few findings. In it some are found, two of those decided about, one of the few repaired and seen again,
//! and sightings of old ones go on. Afterwards each is to be told as `docs/serve.md` promises (`judge`), and
//! the memory of each `serve` to have stayed as it was.

mod judge;
pub(crate) mod receiver;

use crate::Server;
use crate::intake::sighting_of;
use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use judge::Expected;
use photofinish_dashboard::client::Client;
use photofinish_dashboard::wire::{BuildJson, SightingJson};
use photofinish_testkit::free_port;
use receiver::{Message, SECRET, heard};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Known before the receiver goes away; the first is repaired and comes back.
const OLD: usize = 5;
/// Found while it is away.
const FRESH: usize = 60;
/// Of those, decided about before it is back.
const DECIDED: [usize; 2] = [3, 7];
/// Times that `serve` is killed meanwhile.
const KILLS: u64 = 2;
/// For what comes by itself: the longest pause of a retry, then some messages thirty seconds apart.
const PATIENCE: Duration = Duration::from_secs(900);
/// After the last message that was waited for: nothing more is to come.
const SILENCE: Duration = Duration::from_secs(60);

/// Prints what came of it.
pub(crate) fn soak(minutes: u64) -> Result<()> {
    let mut hour = Hour::start()?;
    for number in 0..OLD {
        hour.see(&format!("Old{number}"), "v1", 0)?;
    }
    let before = hour.listen(|messages| {
        judge::PATHS.iter().all(|path| judge::titles(messages, path).len() == OLD)
    })?;
    hour.receiver = None;
    let memory = hour.away(minutes * 60)?;
    let back = Timestamp::now().as_millisecond();
    hour.receiver = Some(Process::receiver(hour.port, &hour.written)?);
    let expected = Expected::new(&names("Fresh", FRESH), &hour.decided, "Old0");
    hour.listen(|messages| expected.is_told(&messages[before..]))?;
    std::thread::sleep(SILENCE);
    let until = heard(&hour.written)?.len();
    hour.see("Last", "v4", 0)?;
    hour.listen(|messages| {
        judge::PATHS.iter().all(|path| judge::titles(&messages[until..], path).len() == 1)
    })?;
    let messages = heard(&hour.written)?;
    println!("| | |\n|---|---:|");
    println!("| minutes that the receiver was away | {minutes} |");
    println!("| findings meanwhile, decided about meanwhile | {FRESH}, {} |", DECIDED.len());
    println!("| SIGKILLs of serve meanwhile | {KILLS} |");
    let mut grown = None;
    for (life, samples) in memory.iter().enumerate() {
        let (early, late) = thirds(samples);
        println!("| MB of serve {}, first third and last | {early:.1}, {late:.1} |", life + 1);
        if late > early * 1.2 + 4.0 {
            grown = Some(life + 1);
        }
    }
    expected.judge(&messages[before..until], back)?;
    ensure!(grown.is_none(), "the memory of serve {} grew", grown.unwrap_or_default());
    Ok(())
}

/// What takes part.
struct Hour {
    folder: tempfile::TempDir,
    port: u16,
    written: PathBuf,
    server: Option<Server>,
    receiver: Option<Process>,
    decided: BTreeSet<String>,
}

impl Hour {
    fn start() -> Result<Hour> {
        let folder = tempfile::tempdir()?;
        let port = free_port();
        let to = format!("http://127.0.0.1:{port}");
        let configuration = format!(
            "[[notify.webhook]]\nurl = \"{to}/program\"\nsecret_file = \"secret\"\n\
             [[notify.webhook]]\nkind = \"slack\"\nurl = \"{to}/chat\"\n\
             [[notify.webhook]]\nkind = \"alertmanager\"\nurl = \"{to}/alerts\"\n"
        );
        std::fs::write(folder.path().join("photofinish.toml"), configuration)?;
        std::fs::write(folder.path().join("secret"), SECRET)?;
        let written = folder.path().join("heard.jsonl");
        let receiver = Some(Process::receiver(port, &written)?);
        let decided = BTreeSet::new();
        let mut hour = Hour { folder, port, written, server: None, receiver, decided };
        hour.serve()?;
        Ok(hour)
    }

    /// Starts `serve`, after killing the one there is.
    fn serve(&mut self) -> Result<()> {
        self.server = None;
        let path = |name: &str| self.folder.path().join(name);
        let more = ["--config".into(), path("photofinish.toml").into_os_string()];
        let store = path("findings.db");
        let server = Server::with(store.as_os_str(), &path("spool"), "127.0.0.1:0", &more)?;
        self.server = Some(server);
        Ok(())
    }

    fn server(&self) -> Result<&Server> {
        self.server.as_ref().context("no serve")
    }

    /// A sighting of the race of that name; the finding's id.
    fn see(&self, name: &str, build: &str, again: u64) -> Result<String> {
        let key = format!("{name}/{build}/{again}");
        let sighting: SightingJson = sighting_of(name, key, build, "pod-1");
        let client = Client::new(&self.server()?.url, None, None)?;
        let recorded = client.send(std::slice::from_ref(&sighting))?;
        Ok(recorded.first().context("no answer")?.fingerprint.clone())
    }

    fn decide(&self, id: &str, what: &Value) -> Result<()> {
        let url = format!("{}/api/v1/findings/{id}/actions", self.server()?.url);
        ureq::post(url).content_type("application/json").send(what.to_string())?;
        Ok(())
    }

    /// Waits until what was heard is as it should be; how many messages that are.
    fn listen(&self, is_good: impl Fn(&[Message]) -> bool) -> Result<usize> {
        let start = Instant::now();
        loop {
            let messages = heard(&self.written)?;
            if is_good(&messages) {
                return Ok(messages.len());
            }
            ensure!(start.elapsed() < PATIENCE, "waited in vain for the receiver to be told");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// What happens in so many seconds; the memory of each `serve` meanwhile, in MB.
    fn away(&mut self, seconds: u64) -> Result<Vec<Vec<f64>>> {
        let start = Instant::now();
        let mut memory = vec![Vec::new()];
        let mut n_fresh = 0;
        let first = self.see("Old0", "v1", 1)?;
        for second in 0..seconds {
            let due = start + Duration::from_secs(second);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            for again in 0..5 {
                self.see("Old1", "v1", 10 + second * 5 + again)?;
            }
            while n_fresh < FRESH && second >= (n_fresh as u64 * seconds) / FRESH as u64 {
                let id = self.see(&format!("Fresh{n_fresh}"), "v1", 0)?;
                if DECIDED.contains(&n_fresh) {
                    let by = json!({"action": "acknowledge", "by": "mia", "why": "known"});
                    self.decide(&id, &by)?;
                    self.decided.insert(format!("Fresh{n_fresh}"));
                }
                n_fresh += 1;
            }
            if second == seconds / 6 {
                let by = json!({"action": "fix", "by": "mia", "why": "", "fixed_in": "v2"});
                self.decide(&first, &by)?;
                self.build("v2")?;
            } else if second == seconds / 2 {
                self.build("v3")?;
                self.see("Old0", "v3", 0)?;
            }
            if (1..=KILLS).any(|kill| second == seconds * kill / (KILLS + 1)) {
                self.serve()?;
                memory.push(Vec::new());
            }
            let samples = memory.last_mut().context("no serve")?;
            samples.push(self.server()?.memory_mb()?);
        }
        Ok(memory)
    }

    fn build(&self, build: &str) -> Result<()> {
        let (service, build) = ("cart".to_owned(), build.to_owned());
        let build = BuildJson { service, build, at: Timestamp::now() };
        Ok(Client::new(&self.server()?.url, None, None)?.build(&build)?)
    }
}

/// Another of our processes, killed with the value.
struct Process(Child);

impl Process {
    fn receiver(port: u16, into: &Path) -> Result<Process> {
        let mut command = Command::new("/proc/self/exe");
        command.args(["--receive", &port.to_string(), "--heard"]).arg(into);
        Ok(Process(command.spawn().context("cannot start the receiver")?))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Either may fail only because it is over already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn names(word: &str, n: usize) -> Vec<String> {
    (0..n).map(|number| format!("{word}{number}")).collect()
}

/// The largest of the first third, without what a start takes, and of the last.
fn thirds(samples: &[f64]) -> (f64, f64) {
    let most = |samples: &[f64]| samples.iter().copied().fold(0.0, f64::max);
    let third = samples.len() / 3;
    (most(&samples[samples.len() / 10..third]), most(&samples[samples.len() - third..]))
}
