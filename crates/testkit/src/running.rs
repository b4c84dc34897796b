//! A child process that does not outlive its test, and whose output can be waited for.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::wait_for;

/// How often its output is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// A running program; killed and reaped when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    output: Arc<Mutex<String>>,
}

impl Running {
    /// Starts `command`, whose stdout and stderr are both collected.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    pub fn start(command: &mut Command) -> Running {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(cause) => panic!("cannot start {command:?}: {cause}"),
        };
        let output = Arc::new(Mutex::new(String::new()));
        if let Some(stdout) = child.stdout.take() {
            collect(stdout, &output);
        }
        if let Some(stderr) = child.stderr.take() {
            collect(stderr, &output);
        }
        Running { child, output }
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it printed so far, whole lines of stdout and stderr as they came.
    pub fn output(&self) -> String {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a line with `marker` in it, and returns what follows the marker on that line.
    ///
    /// # Panics
    /// When there is none within `timeout`.
    #[track_caller]
    pub fn wait_for_line(&self, timeout: Duration, marker: &str) -> String {
        self.wait_for_lines(timeout, marker, 1)
    }

    /// Waits for so many lines with `marker` in them, and returns what follows the marker on the last one.
    ///
    /// # Panics
    /// When there are fewer within `timeout`.
    #[track_caller]
    pub fn wait_for_lines(&self, timeout: Duration, marker: &str, many: u64) -> String {
        let start = Instant::now();
        loop {
            let output = self.output();
            let mut found = output.lines().filter_map(|line| line.split_once(marker));
            if let Some((_, rest)) = found.nth(many.saturating_sub(1) as usize) {
                return rest.trim().to_owned();
            }
            assert!(
                start.elapsed() < timeout,
                "waited {timeout:?} in vain: {marker}; all it said:\n{output}"
            );
            sleep(LOOK);
        }
    }

    /// Waits for it to end.
    ///
    /// # Panics
    /// When it does not within `timeout`.
    #[track_caller]
    pub fn wait_for_end(&mut self, timeout: Duration) -> ExitStatus {
        wait_for(timeout, "the program's end", || self.child.try_wait().ok().flatten())
    }

    /// Ends it at once (SIGKILL) and reaps it.
    pub fn kill(&mut self) {
        // Either may fail only because it is over already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Appends the lines of `stream` to `output` in a thread that ends with the stream.
fn collect(stream: impl Read + Send + 'static, output: &Arc<Mutex<String>>) {
    let output = Arc::clone(output);
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stream);
        let mut line = Vec::new();
        while matches!(lines.read_until(b'\n', &mut line), Ok(n) if n > 0) {
            output
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    });
}
