//! The user's own check: a command that runs beside the load, and ends with a status other than 0 when it was given a wrong answer.

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long it may take to end when the load is over.
const PATIENCE: Duration = Duration::from_secs(5);

/// A check that goes on.
pub(super) struct Check {
    child: Child,
    said: Option<JoinHandle<String>>,
    is_over: bool,
}

impl Check {
    /// Starts `command` in `folder`; `{url}` stands for `url`. `None` where there is no check.
    pub(super) fn start(
        command: &[String],
        folder: &Path,
        url: &str,
    ) -> Result<Option<Check>, String> {
        let Some((program, args)) = command.split_first() else { return Ok(None) };
        let fill = |text: &String| text.replace("{url}", url);
        let mut child = Command::new(fill(program))
            .args(args.iter().map(fill))
            .current_dir(folder)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("the check {program}: {error}"))?;
        let said = child.stdout.take().map(|mut out| {
            std::thread::spawn(move || {
                let mut said = Vec::new();
                let _ = out.read_to_end(&mut said);
                String::from_utf8_lossy(&said).into_owned()
            })
        });
        Ok(Some(Check { child, said, is_over: false }))
    }

    /// Ends it with SIGTERM; what it said, if it was given a wrong answer.
    pub(super) fn finish(mut self) -> Option<String> {
        // It may have ended by itself.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let asked = Instant::now();
        while self.is_running() && asked.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.end();
        let status = self.child.wait().ok();
        self.is_over = true;
        let said = self.said.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        // By our signal it has no status.
        let code = status?.code().filter(|code| *code != 0)?;
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        Some(last.map_or_else(|| format!("the check ended with status {code}"), str::to_owned))
    }

    /// Looking without reaping keeps the number of its group taken until the last signal is sent.
    fn is_running(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(waitid(WaitId::Pid(Pid::from_child(&self.child)), look), Ok(None))
    }

    /// Whatever it started holds its stdout open, too.
    fn end(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
    }
}

impl Drop for Check {
    fn drop(&mut self) {
        if !self.is_over {
            self.end();
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(script: &str) -> Option<String> {
        let command = ["sh", "-c", script].map(str::to_owned);
        let check = Check::start(&command, Path::new("/"), "http://127.0.0.1:1").unwrap().unwrap();
        if !script.contains("sleep") {
            while !check.said.as_ref().unwrap().is_finished() {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        check.finish()
    }

    #[test]
    fn a_check_that_ends_badly_was_given_a_wrong_answer_and_its_last_line_says_which() {
        let said = check("echo looking; echo 'a receipt of {url} is of another customer'; exit 1");
        assert_eq!(said.unwrap(), "a receipt of http://127.0.0.1:1 is of another customer");
        assert_eq!(check("exit 3").unwrap(), "the check ended with status 3");
    }

    #[test]
    fn a_check_that_goes_on_or_ends_well_saw_nothing_wrong() {
        assert_eq!(check("exec sleep 60"), None);
        assert_eq!(check("exit 0"), None);
    }
}
