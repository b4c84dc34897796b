//! JSON values as YAML, the way a person would have written it.
//!
//! Keys in the order in which people write them, short lists on one line, strings bare where every YAML parser
//! reads them as strings and quoted elsewhere, texts of several lines as blocks, and comments above what they are
//! about. A serializer of the shelf has no comments and sorts keys. Whatever comes out is read back by another
//! parser as the same value: the tests hold that.
//!
//! Start at [`document`].

use serde_json::{Map, Value};
use std::fmt::Write;

/// Comments stop here.
const WIDTH: usize = 100;
/// Lists of words up to here stand on one line.
const SHORT: usize = 48;

/// A comment: the place it is about (`spec.ports[0].name`), and its text.
pub(crate) type Note = (String, String);

/// `value` as one YAML document, with `about` at its head and `notes` at their places.
pub(crate) fn document(value: &Value, about: &str, notes: &[Note]) -> String {
    let mut writer = Writer { text: String::new(), notes };
    writer.comment(about, 0);
    match value {
        Value::Object(map) if !map.is_empty() => writer.map(map, 0, "", false),
        Value::Array(list) if !list.is_empty() => writer.list(list, 0, ""),
        other => {
            let _ = writeln!(writer.text, "{}", scalar(other, false));
        }
    }
    writer.text
}

/// Keys that come first, in this order; then all others by the alphabet.
const FIRST: &[&str] = &[
    "apiVersion",
    "kind",
    "op",
    "secretName",
    "key",
    "path",
    "metadata",
    "name",
    "namespace",
    "group",
    "type",
    "labels",
    "annotations",
    "parentRefs",
    "hosts",
    "hostnames",
    "gateways",
    "scaleTargetRef",
    "replicas",
    "minReplicaCount",
    "maxReplicaCount",
    "pollingInterval",
    "podSelector",
    "selector",
    "strategy",
    "apiGroups",
    "serviceAccountName",
    "automountServiceAccountToken",
    "priorityClassName",
    "terminationGracePeriodSeconds",
    "shareProcessNamespace",
    "image",
    "command",
    "args",
    "env",
    "envFrom",
    "ports",
    "startupProbe",
    "readinessProbe",
    "livenessProbe",
    "lifecycle",
    "resources",
    "resourceNames",
    "components",
    "patches",
    "httpGet",
    "tcpSocket",
    "periodSeconds",
    "timeoutSeconds",
    "failureThreshold",
    "requests",
    "limits",
    "matches",
    "match",
];

/// Keys that come last.
const LAST: &[&str] = &["containers", "volumes", "template", "spec", "data", "value"];

fn rank(key: &str) -> usize {
    if let Some(place) = FIRST.iter().position(|first| *first == key) {
        return place;
    }
    let last = LAST.iter().position(|last| *last == key);
    FIRST.len() + last.map_or(0, |place| place + 1)
}

struct Writer<'a> {
    text: String,
    notes: &'a [Note],
}

impl Writer<'_> {
    /// The entries of a map; the first of them goes on a line that is begun if `is_begun`.
    fn map(&mut self, map: &Map<String, Value>, indent: usize, at: &str, is_begun: bool) {
        let mut entries: Vec<(&String, &Value)> = map.iter().collect();
        entries.sort_by_key(|(key, _)| (rank(key), key.as_str()));
        for (place, (key, value)) in entries.into_iter().enumerate() {
            let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            if place > 0 || !is_begun {
                self.note(&at, indent);
                self.indent(indent);
            }
            self.text.push_str(&string(key, false));
            self.text.push(':');
            self.value(value, indent, &at);
        }
    }

    /// What stands behind `key:`.
    fn value(&mut self, value: &Value, indent: usize, at: &str) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                self.text.push('\n');
                self.map(map, indent + 2, at, false);
            }
            Value::Array(list) if !list.is_empty() => match self.on_one_line(list, at) {
                Some(line) => {
                    let _ = writeln!(self.text, " {line}");
                }
                None => {
                    self.text.push('\n');
                    self.list(list, indent, at);
                }
            },
            Value::String(text) if is_block(text) => {
                self.text.push_str(" |\n");
                for line in text.lines() {
                    if !line.is_empty() {
                        self.indent(indent + 2);
                    }
                    self.text.push_str(line);
                    self.text.push('\n');
                }
            }
            other => {
                let _ = writeln!(self.text, " {}", scalar(other, false));
            }
        }
    }

    fn list(&mut self, list: &[Value], indent: usize, at: &str) {
        for (place, item) in list.iter().enumerate() {
            let at = format!("{at}[{place}]");
            self.note(&at, indent);
            self.indent(indent);
            self.text.push('-');
            match item {
                Value::Object(map) if !map.is_empty() => {
                    self.text.push(' ');
                    self.map(map, indent + 2, &at, true);
                }
                Value::Array(inner) if !inner.is_empty() => {
                    self.text.push('\n');
                    self.list(inner, indent + 2, &at);
                }
                other => self.value(other, indent, &at),
            }
        }
    }

    /// A short list of plain words that nothing is said about.
    fn on_one_line(&self, list: &[Value], at: &str) -> Option<String> {
        let is_noted = |(place, _): &Note| place.starts_with(&format!("{at}["));
        if self.notes.iter().any(is_noted) || at.ends_with("args") || at.ends_with("command") {
            return None;
        }
        let mut words = Vec::new();
        for item in list {
            if matches!(item, Value::Object(_) | Value::Array(_)) {
                return None;
            }
            words.push(scalar(item, true));
        }
        let line = format!("[{}]", words.join(", "));
        (line.len() <= SHORT).then_some(line)
    }

    fn note(&mut self, at: &str, indent: usize) {
        for (_, text) in self.notes.iter().filter(|(place, _)| place == at) {
            self.comment(text, indent);
        }
    }

    fn comment(&mut self, text: &str, indent: usize) {
        for paragraph in text.lines() {
            let mut line = String::new();
            // A line that is indented shows a command, which is not broken.
            if paragraph.starts_with(' ') {
                self.indent(indent);
                let _ = writeln!(self.text, "#{paragraph}");
                continue;
            }
            for word in paragraph.split(' ') {
                if !line.is_empty() && indent + 3 + line.len() + word.len() > WIDTH {
                    self.comment_line(&line, indent);
                    line.clear();
                }
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            self.comment_line(&line, indent);
        }
    }

    fn comment_line(&mut self, line: &str, indent: usize) {
        self.indent(indent);
        self.text.push_str(if line.is_empty() { "#" } else { "# " });
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn indent(&mut self, indent: usize) {
        self.text.extend(std::iter::repeat_n(' ', indent));
    }
}

fn scalar(value: &Value, is_in_line: bool) -> String {
    match value {
        Value::String(text) => string(text, is_in_line),
        // Numbers, booleans, null, {} and [] are the same in both languages.
        other => other.to_string(),
    }
}

/// Bare if no parser of YAML 1.1 or 1.2 could read anything but this string.
fn string(text: &str, is_in_line: bool) -> String {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || "_./-".contains(letter);
    let is_inside =
        |letter: char| is_word(letter) || (!is_in_line && "@%+=()$<>;,:' ".contains(letter));
    let begins = |first: char| {
        first.is_ascii_alphabetic() || "/$".contains(first) || first == '-' && text.len() > 2
    };
    if is_amount(text) {
        return text.to_owned();
    }
    let is_plain = text.chars().next().is_some_and(begins)
        && text.chars().all(is_inside)
        && !text.starts_with("- ")
        && !text.starts_with("---")
        && !text.contains(": ")
        && !text.ends_with([':', ' '])
        && (!text.starts_with('-')
            || text.chars().nth(1).is_some_and(|c| c == '-' || c.is_ascii_alphabetic()))
        && !is_other(text);
    if is_plain { text.to_owned() } else { quoted(text) }
}

/// A number with a unit that makes it none: `500m`, `2Gi`, `30s`, `1%`.
fn is_amount(text: &str) -> bool {
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let is_number =
        !digits.is_empty() && digits.len() < 10 && digits.chars().all(|c| c.is_ascii_digit());
    is_number && ["m", "s", "Ki", "Mi", "Gi", "%"].contains(&&text[digits.len()..])
}

/// Words that some parser takes for something else than a string.
fn is_other(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let words = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];
    words.contains(&lower.as_str()) || lower.starts_with("-.inf") || text.parse::<f64>().is_ok()
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            ' '..='~' | '\u{a1}'..='\u{d7ff}' if !matches!(letter, '\u{2028}' | '\u{2029}') => {
                quoted.push(letter);
            }
            other => {
                let code = u32::from(other);
                let _ = if code > 0xffff {
                    write!(quoted, "\\U{code:08x}")
                } else {
                    write!(quoted, "\\u{code:04x}")
                };
            }
        }
    }
    quoted.push('"');
    quoted
}

/// A text that can stand as a block: whole lines of printable letters.
fn is_block(text: &str) -> bool {
    let is_printable = |letter: char| letter == '\n' || (' '..='~').contains(&letter);
    text.matches('\n').count() > 1
        && text.ends_with('\n')
        && !text.ends_with("\n\n")
        && !text.starts_with([' ', '\n'])
        && text.chars().all(is_printable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn it_reads_as_if_somebody_had_written_it() {
        let value = json!({
            "spec": {"replicas": 2, "args": ["run", "--"], "drop": ["ALL"], "on": "yes"},
            "kind": "Deployment", "apiVersion": "apps/v1", "data": {"a.toml": "[jobs]\nevery = 4\n"},
        });
        let notes = [("spec.args[1]".to_owned(), "the race build".to_owned())];
        assert_eq!(
            document(&value, "Why it is there.", &notes),
            "# Why it is there.\napiVersion: apps/v1\nkind: Deployment\nspec:\n  replicas: 2\n  args:\n  - run\n  \
             # the race build\n  - --\n  drop: [ALL]\n  \"on\": \"yes\"\ndata:\n  a.toml: |\n    [jobs]\n    every = 4\n"
                .replace("- --", "- \"--\"")
        );
    }

    /// Strings that parsers are known to take for something else, and any others.
    fn texts() -> impl Strategy<Value = String> {
        prop_oneof![
            "(?s).{0,20}",
            "[ -~\n]{0,30}",
            "(-|--|---|~|y|No|ON|null|0x1f|0o7|1_000|1e3|12:30:00|2001-01-01|\\.5|-1|=|<<|!a|&a|\\*a|a: b|a #b|#a|@a|%a|\\[a|\\{a|'a|>a|\\|a)\n?"
        ]
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            texts().prop_map(Value::String),
            any::<bool>().prop_map(Value::Bool),
            any::<i32>().prop_map(|number| json!(number)),
            Just(json!({})),
            Just(json!([])),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
                prop::collection::btree_map(texts(), inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn another_parser_reads_back_what_was_written(value in values()) {
            let text = document(&value, "", &[]);
            let read: Value = serde_yaml_ng::from_str(&text).map_err(|e| e.to_string()).unwrap();
            prop_assert_eq!(read, value, "{}", text);
        }
    }
}
