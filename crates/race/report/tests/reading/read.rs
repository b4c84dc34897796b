//! The door to the parser, and a rendering that fits a test.

use photofinish_model::{Access, GoroutineId, Kind, Race, Stack};
use photofinish_report::{Reader, read_all};
use std::fmt::Write;

/// Every race in `text`, a few lines each.
pub(crate) fn read(text: impl AsRef<[u8]>) -> String {
    let races = read_all(text.as_ref());
    races.iter().map(render).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

/// The same races, with `text` fed in pieces of at most `size` bytes.
pub(crate) fn cut(text: impl AsRef<[u8]>, size: usize) -> String {
    let mut reports = Vec::new();
    let mut reader = Reader::new();
    for piece in text.as_ref().chunks(size.max(1)) {
        reader.feed(piece, &mut |report| reports.push(report));
    }
    reader.finish(&mut |report| reports.push(report));
    reports.sort_by_key(|report| report.range.start);
    let races = reports.iter().map(|report| render(&report.race));
    races.collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

fn render(race: &Race) -> String {
    let mut text = String::new();
    if race.partial {
        text.push_str("partial: ");
    }
    if race.kind != Kind::DataRace {
        write!(text, "{}: ", race.kind).unwrap();
    }
    if race.headline != "DATA RACE" {
        write!(text, "{}", race.headline).unwrap();
    } else {
        text.push_str("race");
    }
    text.push('\n');
    for access in &race.accesses {
        writeln!(text, "  {}", render_access(access)).unwrap();
    }
    for other in &race.others {
        let created = match other.created_at.frames.is_empty() {
            true => String::new(),
            false => format!(" < {}", render_stack(&other.created_at)),
        };
        let stack = render_stack(&other.stack);
        writeln!(text, "  also {} [{}]: {stack}{created}", other.id, other.status).unwrap();
    }
    if let Some(location) = &race.location {
        writeln!(text, "  on {}: {}", location.description, render_stack(&location.stack)).unwrap();
    }
    text
}

fn render_access(access: &Access) -> String {
    let mut text = access.op.to_string();
    if let Some(size) = access.size {
        write!(text, " {size}").unwrap();
    }
    if let Some(address) = access.address {
        write!(text, " {address:#x}").unwrap();
    }
    match (access.goroutine, &access.thread) {
        (Some(GoroutineId::Main), _) => text.push_str(" main"),
        (Some(GoroutineId::Number(number)), _) => write!(text, " g{number}").unwrap(),
        (None, Some(thread)) => write!(text, " {thread}").unwrap(),
        (None, None) => text.push_str(" nobody"),
    }
    if let Some(state) = access.state {
        write!(text, " {state}").unwrap();
    }
    write!(text, ": {}", render_stack(&access.stack)).unwrap();
    if !access.created_at.frames.is_empty() {
        write!(text, " < {}", render_stack(&access.created_at)).unwrap();
    }
    text
}

/// `main.f main.go:11 | main.main main.go:20`: the file's last element only.
fn render_stack(stack: &Stack) -> String {
    if stack.frames.is_empty() {
        return "no stack".to_owned();
    }
    let frames = stack.frames.iter().map(|frame| {
        let mut text = frame.function.clone();
        if frame.inlined {
            text.push('~');
        }
        if let Some(file) = &frame.file {
            write!(text, " {}", file.rsplit('/').next().unwrap()).unwrap();
        }
        for number in [frame.line, frame.column].into_iter().flatten() {
            write!(text, ":{number}").unwrap();
        }
        text
    });
    frames.collect::<Vec<_>>().join(" | ")
}
