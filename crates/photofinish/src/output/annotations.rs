//! Findings for CI: annotations of GitHub Actions beside the lines, and a JUnit report.
//!
//! Both say what waits for a decision as an error, what somebody has decided about as known. The
//! text may hold anything a function can be called; both formats have letters of their own to hide.
//!
//! Sources: "Workflow commands for GitHub Actions" of GitHub's documentation, and `escapeData` and
//! `escapeProperty` of its toolkit; the JUnit schema that Jenkins and GitLab read.

use super::style::{clean, times};
use photofinish_model::{Access, Frame, user_frame};
use photofinish_store::{Finding, Repository, State};
use std::fmt::Write;

/// `::error file=…` lines: one beside each access, the finding named in both.
pub(crate) fn github(findings: &[Finding], repository: Option<&Repository>) -> String {
    let mut text = String::new();
    for finding in findings {
        let level = match finding.state {
            State::New | State::Regressed => "error",
            State::Acknowledged => "warning",
            State::Suppressed | State::Fixed => "notice",
        };
        let title = property(&format!("Race {}: {}", finding.fingerprint, finding.title));
        let message = data(&format!(
            "{}\n{}\n{}, seen {}",
            finding.pattern.explanation(),
            finding.pattern.hint(),
            finding.state,
            times(finding.count)
        ));
        let frames: Vec<&Frame> = finding.race.accesses.iter().filter_map(marked).collect();
        let mut places: Vec<String> =
            frames.iter().filter_map(|frame| place(frame, repository)).collect();
        places.dedup();
        if places.is_empty() {
            let _ = writeln!(text, "::{level} title={title}::{message}");
        }
        for place in places {
            let _ = writeln!(text, "::{level} {place},title={title}::{message}");
        }
    }
    text
}

/// One test case a finding: failed while it waits for a decision, skipped once somebody knows of
/// it, passed once it is fixed.
pub(crate) fn junit(findings: &[Finding]) -> String {
    let count = |wanted: &[State]| findings.iter().filter(|f| wanted.contains(&f.state)).count();
    let totals = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\"",
        findings.len(),
        count(&[State::New, State::Regressed]),
        count(&[State::Acknowledged, State::Suppressed])
    );
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"photofinish\" {totals}>\n  \
         <testsuite name=\"races\" {totals} time=\"0\">\n"
    );
    for finding in findings {
        let service = finding.services.first().map_or("races", |seen| seen.name.as_str());
        let _ = write!(
            text,
            "    <testcase classname=\"{}\" name=\"{} [{}]\" time=\"0\"",
            xml(service),
            xml(&finding.title),
            finding.fingerprint
        );
        let why = finding.history.last().map(|change| change.why.as_str()).unwrap_or_default();
        let _ = match finding.state {
            State::New | State::Regressed => writeln!(
                text,
                ">\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n    </testcase>",
                finding.pattern,
                xml(&format!("{}: {}", finding.state, finding.pattern.explanation())),
                xml(&format!("{}\n\n{}", finding.pattern.hint(), finding.race.raw))
            ),
            State::Acknowledged | State::Suppressed => writeln!(
                text,
                ">\n      <skipped message=\"{}\"/>\n    </testcase>",
                xml(&format!("{}: {why}", finding.state))
            ),
            State::Fixed => writeln!(text, "/>"),
        };
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

fn marked(access: &Access) -> Option<&Frame> {
    access.stack.frames.get(user_frame(&access.stack)?)
}

/// `file=cart/cart.go,line=12`, below the root of the repository where it is known.
fn place(frame: &Frame, repository: Option<&Repository>) -> Option<String> {
    let relative = repository.and_then(|repository| repository.relative(frame));
    let file = relative.or_else(|| frame.file.clone())?;
    let line = frame.line.map(|line| format!(",line={line}")).unwrap_or_default();
    Some(format!("file={}{line}", property(&file)))
}

/// The text of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of one of its properties.
fn property(text: &str) -> String {
    data(&clean(text)).replace(':', "%3A").replace(',', "%2C")
}

/// What XML 1.0 may hold: no other control characters, no half of a pair, and its own five escaped.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' | '\n' => out.push(letter),
            '\0'..='\u{1f}' | '\u{7f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_breaks_out_of_a_command_or_a_document() {
        assert_eq!(data("100%\r\n::error::x"), "100%25%0D%0A::error::x");
        assert_eq!(property("a,b:c%"), "a%2Cb%3Ac%25");
        assert_eq!(
            xml("</failure>\u{0}\u{1b}[1m&\"'"),
            "&lt;/failure&gt;\u{fffd}\u{fffd}[1m&amp;&quot;&apos;"
        );
    }
}
