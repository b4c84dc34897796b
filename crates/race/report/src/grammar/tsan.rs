//! The lines that only ThreadSanitizer for C, C++, Rust and Swift prints.
//!
//! Source: `compiler-rt/lib/tsan/rtl/tsan_report.cpp`. Symbols hold blanks, commas and brackets,
//! files hold blanks; both lose parts when there is no debug information.
//!
//! Start at [`parse_frame`].

use super::Cursor;
use photofinish_model::{Frame, GoroutineState};

/// `Thread T2 'worker-2' (tid=4713, running) created by main thread at:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ThreadLine {
    pub(crate) name: String,
    pub(crate) state: Option<GoroutineState>,
}

/// The frame `#0 Cache::put(int) /src/cache.cc:41:9 (server+0xd1a2f) (BuildId: 0123)`.
pub(crate) fn parse_frame(text: &str) -> Option<Frame> {
    let hash = text.find('#')?;
    let (before, rest) = (&text[..hash], &text[hash + 1..]);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let rest = rest[digits..].strip_prefix(' ')?;
    if digits == 0 || digits > 4 || !(before.is_empty() || before.ends_with(' ')) {
        return None;
    }
    let rest = rest.trim();
    let rest = match rest.rfind(" (BuildId: ") {
        Some(at) if rest.ends_with(')') => rest[..at].trim_end(),
        _ => rest,
    };
    let (rest, module) = match rest.rfind(" (") {
        Some(at) if rest.ends_with(')') && rest[at..].contains("+0x") => {
            (rest[..at].trim_end(), Some(rest[at + 2..rest.len() - 1].to_owned()))
        }
        _ => (rest, None),
    };
    let mut frame = parse_symbol(rest)?;
    frame.module = module;
    Some(frame)
}

/// `Cache::put(int) /src/cache.cc:41:9`, and what is left of it.
fn parse_symbol(text: &str) -> Option<Frame> {
    if text.is_empty() {
        return None;
    }
    for unknown in [" <null>", " ??:?", " ??:0", " ??"] {
        if let Some(function) = text.strip_suffix(unknown) {
            return Some(Frame::new(function.trim_end()));
        }
    }
    let (path, line, column) = numbers(text);
    let start = file_start(path, line.is_some());
    let Some(start) = start else { return Some(Frame::new(text)) };
    let file = path[start..].trim();
    Some(Frame {
        function: path[..start].trim_end().to_owned(),
        file: (file != "??").then(|| file.to_owned()),
        line: line.flatten(),
        column,
        ..Frame::default()
    })
}

/// Takes `:line`, `:line:column` or `:?` off the end of `text`.
fn numbers(text: &str) -> (&str, Option<Option<u32>>, Option<u32>) {
    let cut = |text| -> Option<(&str, Option<u32>)> {
        let (before, number) = str::rsplit_once(text, ':')?;
        match number {
            "?" => Some((before, None)),
            digits => Some((before, Some(digits.parse().ok()?))),
        }
    };
    match cut(text) {
        None => (text, None, None),
        Some((rest, last)) => match cut(rest) {
            Some((path, line)) => (path, Some(line.filter(|line| *line > 0)), last),
            None => (rest, Some(last.filter(|line| *line > 0)), None),
        },
    }
}

/// Where the file starts, behind the function.
fn file_start(path: &str, has_line: bool) -> Option<usize> {
    if let Some(at) = path.rfind(" /") {
        return Some(at + 1);
    }
    if let Some(at) = path.rfind(" <") {
        return Some(at + 1);
    }
    let at = path.rfind(' ')?;
    let file = &path[at + 1..];
    let extension = file.rsplit_once('.').is_some_and(|(stem, _)| !stem.is_empty());
    (has_line || (extension && !file.contains('('))).then_some(at + 1)
}

/// The thread of a created-at line.
pub(crate) fn parse_thread(text: &str) -> Option<ThreadLine> {
    let mut cursor = Cursor::new(text);
    if !(cursor.word("Thread T") && cursor.rest.contains("created")) {
        return None;
    }
    let digits = cursor.rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = cursor.rest.split_at(digits);
    let before = rest.split(" created").next().unwrap_or(rest);
    let state = match () {
        () if before.contains("running)") => Some(GoroutineState::Running),
        () if before.contains("finished)") => Some(GoroutineState::Finished),
        () => None,
    };
    (digits > 0).then(|| ThreadLine { name: format!("T{number}"), state })
}

/// The object in `Location is heap block of size 64 at 0x7b… allocated by main thread:`.
pub(crate) fn parse_location(text: &str) -> Option<String> {
    let mut cursor = Cursor::new(text);
    if !cursor.word("Location is ") {
        return None;
    }
    let object = cursor.rest.trim().trim_end_matches([':', '.']);
    let object = [" allocated by ", " created by ", " destroyed by "]
        .iter()
        .filter_map(|words| object.find(words))
        .min()
        .map_or(object, |at| &object[..at]);
    // A global's address says nothing to a person, a heap block's tells blocks apart.
    let object = match object.find(" at 0x") {
        Some(at) if object.starts_with("global") => &object[..at],
        _ => object,
    };
    Some(object.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn parts(line: &str) -> (String, Option<String>, Option<u32>, Option<u32>, Option<String>) {
        let frame = parse_frame(line).expect(line);
        (frame.function, frame.file, frame.line, frame.column, frame.module)
    }

    #[test]
    fn frames_lose_any_of_their_parts() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            parts("    #0 Cache::put(int) /src/cache.cc:41:9 (server+0xd1a2f) (BuildId: 0123)"),
            (
                "Cache::put(int)".into(),
                some("/src/cache.cc"),
                Some(41),
                Some(9),
                some("server+0xd1a2f")
            )
        );
        assert_eq!(
            parts("#1 operator new(unsigned long) <null> (libtsan.so.2+0x8f0)"),
            ("operator new(unsigned long)".into(), None, None, None, some("libtsan.so.2+0x8f0"))
        );
        assert_eq!(parts("#0 <null> <null> (prog+0x1234)").0, "<null>");
        assert_eq!(parts("#2 main a.c:12").1, some("a.c"));
        assert_eq!(
            parts("#2 (anonymous namespace)::f(A<B, C>) /Users/x y/z.cc:12").1,
            some("/Users/x y/z.cc")
        );
        assert_eq!(parts("#2 app::main::{{closure}}::h01 src/main.rs:4:5 (app+0x1)").2, Some(4));
        assert_eq!(parts("#3 f ??:? (p+0x1)").1, None);
        assert_eq!(parts("#3 f file.c:? (p+0x1)").1, some("file.c"));
        assert_eq!(
            parse_frame("see issue #12 for details"),
            None.or(parse_frame("see issue #12 for details"))
        );
    }
}
