//! Findings as Markdown, to be pasted into a ticket or a merge request.

use super::stack::is_about_memory;
use super::style::{minute, times};
use photofinish_model::{Access, Kind, Stack, user_frame};
use photofinish_store::Finding;

/// `findings` as Markdown, a section each.
pub(crate) fn markdown(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "No findings.\n".to_owned();
    }
    findings.iter().map(section).collect::<Vec<_>>().join("\n")
}

fn section(finding: &Finding) -> String {
    let race = &finding.race;
    let heading_text = match race.headline == finding.title {
        true => escape(&finding.title),
        false => format!("{}: {}", escape(&race.headline), escape(&finding.title)),
    };
    let mut text = format!(
        "## {heading_text}\n\n`{}`, {}, {}, seen {} from {} to {}",
        finding.fingerprint,
        finding.state,
        finding.pattern,
        times(finding.count),
        minute(finding.first_seen),
        minute(finding.last_seen)
    );
    for (label, seen) in [("builds", &finding.builds), ("hosts", &finding.hosts)] {
        if !seen.is_empty() {
            let names: Vec<String> =
                seen.iter().rev().take(8).map(|seen| code(&seen.name)).collect();
            text.push_str(&format!(", {label} {}", names.join(", ")));
        }
    }
    if !finding.owners.is_empty() {
        text.push_str(&format!(", owned by {}", escape(&finding.owners.join(" "))));
    }
    text.push_str(&format!(
        "\n\n{}\n\n**Repair.** {}\n",
        finding.pattern.explanation(),
        finding.pattern.hint()
    ));
    if finding.light_only {
        text.push_str("\nSeen only by a `--light` build: confirm in a full build.\n");
    }
    for (index, access) in race.accesses.iter().enumerate() {
        text.push_str(&format!("\n{}\n\n", heading(race.kind, access, index > 0)));
        text.push_str(&fenced(&stacks(access)));
    }
    if race.kind == Kind::AnswerDiff {
        text.push_str(&format!("\n{}", fenced(&race.raw)));
    } else if !race.raw.is_empty() {
        text.push_str("\n<details><summary>The report as printed</summary>\n\n");
        text.push_str(&fenced(race.raw.trim_end()));
        text.push_str("\n</details>\n");
    }
    text
}

fn heading(kind: Kind, access: &Access, previous: bool) -> String {
    let mut words = match is_about_memory(kind) {
        true => access.op.word().replace('-', " "),
        false => "happened".to_owned(),
    };
    if previous {
        words.insert_str(0, "previous ");
    }
    if let Some(id) = access.goroutine {
        words.push_str(&format!(
            " {} goroutine {id}",
            if is_about_memory(kind) { "by" } else { "in" }
        ));
    }
    format!("**{words}**")
}

fn stacks(access: &Access) -> String {
    let mut text = stack(&access.stack);
    if !access.created_at.frames.is_empty() {
        text.push_str("created at\n");
        text.push_str(&stack(&access.created_at));
    }
    text.trim_end().to_owned()
}

fn stack(stack: &Stack) -> String {
    let marked = user_frame(stack);
    let mut text = String::new();
    for (index, frame) in stack.frames.iter().enumerate() {
        let mark = if marked == Some(index) { ">" } else { " " };
        text.push_str(&format!("{mark} {}", frame.function));
        if let Some(file) = &frame.file {
            let line = frame.line.map(|line| format!(":{line}")).unwrap_or_default();
            text.push_str(&format!("  {file}{line}"));
        }
        text.push('\n');
    }
    text
}

/// A code block whose fence is longer than any in `text`.
fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{text}\n{fence}\n")
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace(['`', '\n'], " "))
}

/// `text` without what Markdown or HTML would obey.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_cannot_break_out_of_its_block() {
        assert_eq!(fenced("a\n````\nb"), "`````text\na\n````\nb\n`````\n");
        assert_eq!(escape("main.(*T).f_[x] <b>"), "main.(\\*T).f\\_\\[x\\] &lt;b>");
    }
}
