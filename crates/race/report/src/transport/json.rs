//! Takes the program's text out of a JSON log line, whoever wrapped it.
//!
//! Docker says `log`, `go test -json` says `Output`, loggers say `msg`; what else is in the object
//! tells writers apart. Also `msg="…"` and `"log"=>"…"`, which are JSON at heart.
//!
//! Start at [`unwrap`].

use super::{Unwrapped, escape, may_wrap};
use crate::grammar::head;
use serde_json::Value;

/// Where the text is, the most telling first.
const TEXT: &[&str] = &[
    "Output",
    "log",
    "message",
    "msg",
    "MESSAGE",
    "textPayload",
    "text",
    "line",
    "body",
    "content",
    "@message",
    "_raw",
    "stderr",
    "output",
    "stack",
    "stacktrace",
    "error",
    "err",
    "data",
    "event",
    "short_message",
    "full_message",
    "Message",
    "record",
    "raw",
    "payload",
];
/// What names the writer. A test's name does not: lines of one report are filed under several.
const WRITER: &[&str] = &[
    "Package",
    "stream",
    "container_id",
    "container_name",
    "container",
    "pod",
    "pod_name",
    "_SYSTEMD_UNIT",
    "_PID",
    "pid",
    "host",
    "hostname",
    "service",
    "source",
    "logger",
    "instance",
];
/// `key=` in front of a quoted text.
const QUOTED: &[&str] = &[
    "\"log\"=>\"",
    "\"message\"=>\"",
    "\"msg\"=>\"",
    " msg=\"",
    " message=\"",
    " log=\"",
    " output=\"",
    " stderr=\"",
    " line=\"",
];

/// The text in the JSON object that `line` ends with.
pub(super) fn unwrap(line: &str, docker_split: usize) -> Option<Unwrapped> {
    let line = line.trim_end();
    if !line.ends_with('}') {
        return None;
    }
    let open = line.find('{')?;
    if !may_wrap(&line[..open]) {
        return None;
    }
    let value: Value = serde_json::from_str(&line[open..]).ok()?;
    let mut strings = Vec::new();
    collect(&value, 0, &mut strings);
    let telling = strings.iter().find(|(_, text)| head::find(text).is_some());
    let named = || TEXT.iter().find_map(|name| strings.iter().find(|(key, _)| key == name));
    let (key, text) = telling.or_else(named)?;
    let mut source = line[..open].chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    for (name, text) in strings.iter().filter(|(name, _)| WRITER.contains(name)) {
        source.push_str(name);
        source.push_str(text);
    }
    let event = *key == "Output" && strings.iter().any(|(key, _)| *key == "Action");
    let split = *key == "log" && text.len() >= docker_split;
    let unfinished = (event || split) && !text.ends_with('\n');
    Some(Unwrapped { source, text: (*text).to_owned(), unfinished })
}

/// The text of `… msg="…" …`.
pub(super) fn unwrap_quoted(line: &str) -> Option<Unwrapped> {
    memchr::memchr(b'"', line.as_bytes())?;
    let (open, _) = QUOTED.iter().find_map(|key| line.find(key).map(|at| (at + key.len(), at)))?;
    if !may_wrap(&format!("{} ", &line[..open])) {
        return None;
    }
    let mut escaped = false;
    let close = line[open..].char_indices().find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    let quoted = close.map_or(&line[open..], |(close, _)| &line[open..open + close]);
    Some(Unwrapped { text: escape::unescape(quoted), ..Unwrapped::default() })
}

/// Every string in `value` with the key it stands under.
fn collect<'v>(value: &'v Value, depth: usize, strings: &mut Vec<(&'v str, &'v str)>) {
    if depth > 4 || strings.len() > 256 {
        return;
    }
    let Value::Object(fields) = value else { return };
    for (key, value) in fields {
        match value {
            Value::String(text) => strings.push((key, text)),
            other => collect(other, depth + 1, strings),
        }
    }
}
