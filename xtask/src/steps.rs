//! Runs commands as steps: what they print passes through as it comes, and their closing lines are
//! counted, so that the whole can end in one line.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a step came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Tally {
    pub(crate) const PASSED: Tally = Tally { passed: 1, failed: 0, skipped: 0 };
    pub(crate) const FAILED: Tally = Tally { passed: 0, failed: 1, skipped: 0 };

    /// One check that went well or did not.
    pub(crate) fn of(ok: bool) -> Tally {
        if ok { Tally::PASSED } else { Tally::FAILED }
    }

    pub(crate) fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// `5 passed, 0 failed`.
    pub(crate) fn line(self) -> String {
        let skipped =
            if self.skipped > 0 { format!(", {} skipped", self.skipped) } else { String::new() };
        format!("{} passed, {} failed{skipped}", self.passed, self.failed)
    }
}

/// Runs a command that is one check.
pub(crate) fn check(command: &mut Command) -> Result<Tally, String> {
    Ok(Tally::of(run(command)?))
}

/// Runs a command and says whether it went well.
pub(crate) fn run(command: &mut Command) -> Result<bool, String> {
    println!("$ {}", typed(command));
    let status = command.status().map_err(|cause| cannot_start(command, &cause))?;
    Ok(status.success())
}

/// Runs a command whose stdout has tests in it. `read` sees each line, counts what it tells, and
/// says whether a person should see it too.
pub(crate) fn count(
    command: &mut Command,
    mut read: impl FnMut(&str, &mut Tally) -> bool,
) -> Result<Tally, String> {
    println!("$ {}", typed(command));
    let mut child =
        command.stdout(Stdio::piped()).spawn().map_err(|cause| cannot_start(command, &cause))?;
    let mut tally = Tally::default();
    if let Some(stdout) = child.stdout.take() {
        let mut stdout = BufReader::new(stdout);
        let mut line = Vec::new();
        while stdout.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let text = String::from_utf8_lossy(&line);
            if read(text.trim_end(), &mut tally) {
                print!("{text}");
            }
            line.clear();
        }
    }
    let status =
        child.wait().map_err(|cause| format!("cannot wait for {}: {cause}", typed(command)))?;
    if !status.success() && tally.failed == 0 {
        tally.failed = 1; // it did not even compile, or died
    }
    Ok(tally)
}

/// `test result: ok. 5 passed; 1 failed; 2 ignored; …` of cargo test.
pub(crate) fn read_cargo(line: &str, tally: &mut Tally) -> bool {
    if let Some(result) = line.strip_prefix("test result: ") {
        let number = |what: &str| -> u64 {
            let words: Vec<&str> =
                result.split([' ', ';', '.']).filter(|word| !word.is_empty()).collect();
            words
                .windows(2)
                .find(|pair| pair[1] == what)
                .and_then(|pair| pair[0].parse().ok())
                .unwrap_or(0)
        };
        tally.add(Tally {
            passed: number("passed"),
            failed: number("failed"),
            skipped: number("ignored"),
        });
    }
    true
}

/// The lines of `go test -v`; only those about packages and failures are for a person.
pub(crate) fn read_go(line: &str, tally: &mut Tally) -> bool {
    let trimmed = line.trim_start();
    match trimmed {
        _ if trimmed.starts_with("--- PASS") => tally.passed += 1,
        _ if trimmed.starts_with("--- SKIP") => tally.skipped += 1,
        _ if trimmed.starts_with("--- FAIL") => {
            tally.failed += 1;
            return true;
        }
        _ => {}
    }
    let quiet = ["=== ", "--- ", "PASS", "?"];
    !quiet.iter().any(|prefix| trimmed.starts_with(prefix))
}

/// How long something took, in words.
pub(crate) fn seconds(since: Instant) -> String {
    rounded(since.elapsed())
}

fn rounded(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

fn cannot_start(command: &Command, cause: &std::io::Error) -> String {
    format!("cannot start `{}`: {cause}", typed(command))
}

/// The command as one would type it.
fn typed(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut typed =
        program.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned();
    for argument in command.get_args() {
        typed.push(' ');
        typed.push_str(&argument.to_string_lossy());
    }
    typed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_lines_of_cargo_and_go_are_counted() {
        let mut tally = Tally::default();
        read_cargo(
            "test result: ok. 5 passed; 1 failed; 2 ignored; 0 measured; 7 filtered out; finished in 0.13s",
            &mut tally,
        );
        read_cargo("test redact::tests::names_are_replaced_first ... ok", &mut tally);
        assert_eq!(tally, Tally { passed: 5, failed: 1, skipped: 2 });
        assert!(!read_go("--- PASS: TestHealthz (0.00s)", &mut tally));
        assert!(!read_go("    --- PASS: TestHealthz/sub (0.00s)", &mut tally));
        assert!(read_go("--- FAIL: TestOther (0.00s)", &mut tally));
        assert!(read_go("ok  \texample.com/payments/internal/cache\t1.0s", &mut tally));
        assert_eq!(tally.line(), "7 passed, 2 failed, 2 skipped");
    }
}
