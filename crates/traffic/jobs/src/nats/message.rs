//! A job as a message of a stream, and the copy that is made of it: subject and headers, never the payload.
//!
//! Headers travel as they are, but for those that are orders to the server and were obeyed when the job was
//! published (`Nats-Expected-*` and the like), and but for what is left of a time to live. Ours are
//! `x-photofinish-id`, the stream and sequence of the source, and on what came back from the race queue
//! `x-photofinish-back`.

use super::line::Question;
use crate::broker::InFlight;
use async_nats::{HeaderMap, HeaderName, HeaderValue, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;

/// Orders to the server that got the job (`server/stream.go`), which the next one must not obey again.
const OBEYED: [&str; 6] = [
    "nats-expected-",
    "nats-rollup",
    "nats-batch-",
    "nats-required-api-level",
    "nats-marker-reason",
    "nats-schedule",
];

const TTL: &str = "Nats-TTL";
const MSG_ID: &str = "Nats-Msg-Id";
const ID: &str = "x-photofinish-id";

/// A stored message.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) seq: u64,
    subject: String,
    headers: Vec<(String, String)>,
    payload: Bytes,
    /// When it was stored, as the server writes it.
    time: String,
}

impl Stored {
    /// From the `message` of an answer to `STREAM.MSG.GET`.
    pub(super) fn read(message: &Value) -> Option<Stored> {
        let bytes = |field: &str| match message[field].as_str() {
            Some(text) => STANDARD.decode(text).ok(),
            None => Some(Vec::new()),
        };
        Some(Stored {
            seq: message["seq"].as_u64()?,
            subject: message["subject"].as_str()?.to_owned(),
            headers: headers(&bytes("hdrs")?),
            payload: bytes("data")?.into(),
            time: message["time"].as_str()?.to_owned(),
        })
    }

    pub(super) fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// What tells it apart: its subject, or the first value of a header.
    pub(super) fn key(&self, key: &str) -> Option<&str> {
        let Some(name) = key.strip_prefix("header:") else { return Some(&self.subject) };
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }

    /// As somebody looks for it who has seen the worker: by the id that we gave it, and the subject of its producer.
    pub(super) fn in_flight(&self, prefix: &str) -> InFlight {
        let id =
            self.key(&format!("header:{ID}")).map_or_else(|| self.seq.to_string(), str::to_owned);
        let subject = self.subject.strip_prefix(prefix).unwrap_or(&self.subject);
        InFlight { id, kind: Some(subject.to_owned()), worker: None }
    }

    /// When it was stored, in milliseconds since 1970; 0 when that cannot be read.
    pub(super) fn stored_ms(&self) -> u64 {
        rfc3339_ms(&self.time).unwrap_or(0)
    }

    /// What is sent to make it the message at `expected + 1` of a stream, whose subjects begin with `queue`.
    pub(super) fn copy(&self, to: &Copy<'_>) -> Question {
        let mut map = HeaderMap::new();
        let mut add = |name: &str, value: &str| {
            // A name or value that the client library does not let pass has not passed the server either.
            if let (Ok(name), Ok(value)) =
                (name.parse::<HeaderName>(), value.parse::<HeaderValue>())
            {
                map.append(name, value);
            }
        };
        for (name, value) in &self.headers {
            let lower = name.to_ascii_lowercase();
            if OBEYED.iter().any(|order| lower.starts_with(order)) || lower == "x-photofinish-id" {
                continue;
            }
            match name.as_str() {
                TTL => add(TTL, &self.ttl_left(value, to.now_ms)),
                MSG_ID if to.is_duplicate => add("x-photofinish-msg-id", value),
                _ => add(name, value),
            }
        }
        let known = self.headers.iter().find(|(name, _)| name == ID);
        if !to.from.is_empty() {
            add(ID, known.map_or(&format!("{}:{}", to.from, self.seq), |(_, id)| id));
        }
        if let Some(why) = to.back {
            add("x-photofinish-back", why);
        }
        if let Some(expected) = to.expected {
            add("Nats-Expected-Last-Sequence", &expected.to_string());
        }
        let subject = match self.subject.strip_prefix(to.strip) {
            Some(rest) => format!("{}{rest}", to.prefix),
            None => format!("{}{}", to.prefix, self.subject),
        };
        Question { subject, request: Request::new().headers(map).payload(self.payload.clone()) }
    }

    /// What is left of a time to live: at least a second, the least that a server takes (ADR-43).
    fn ttl_left(&self, ttl: &str, now_ms: u64) -> String {
        let Some(seconds) = seconds(ttl) else { return ttl.to_owned() };
        let passed = now_ms.saturating_sub(self.stored_ms()) / 1000;
        seconds.saturating_sub(passed).max(1).to_string()
    }
}

/// Where a copy goes.
pub(super) struct Copy<'a> {
    /// The stream it comes from, for its id; empty where it gets none.
    pub(super) from: &'a str,
    /// What is taken from the front of its subject, and put there.
    pub(super) strip: &'a str,
    pub(super) prefix: &'a str,
    /// The last sequence that the stream must have.
    pub(super) expected: Option<u64>,
    /// Why it goes back, if it does.
    pub(super) back: Option<&'static str>,
    /// The stream has a message of the same `Nats-Msg-Id`, which must not keep this one out.
    pub(super) is_duplicate: bool,
    pub(super) now_ms: u64,
}

/// `NATS/1.0`, then a line each.
fn headers(block: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(block);
    let lines = text.split("\r\n").skip(1);
    let pairs = lines.filter_map(|line| line.split_once(':'));
    pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}

/// A time to live as ADR-43 has it: seconds, or a Go duration; none for `never`.
fn seconds(ttl: &str) -> Option<u64> {
    if let Ok(seconds) = ttl.parse() {
        return Some(seconds);
    }
    let (mut total, mut rest) = (0.0, ttl);
    while !rest.is_empty() {
        let end = rest.find(|letter: char| letter != '.' && !letter.is_ascii_digit())?;
        let number: f64 = rest[..end].parse().ok()?;
        let unit =
            rest[end..].find(|letter: char| letter.is_ascii_digit()).unwrap_or(rest.len() - end);
        total += number
            * match &rest[end..end + unit] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 0.001,
                _ => return None,
            };
        rest = &rest[end + unit..];
    }
    Some(total as u64)
}

/// `2026-11-22T08:48:00.123456789Z` in milliseconds since 1970; servers write UTC.
fn rfc3339_ms(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let fraction = text.get(20..).unwrap_or("");
    let digits: String =
        fraction.chars().take_while(char::is_ascii_digit).chain("000".chars()).take(3).collect();
    // Days since 0000-03-01, whose year ends with its leap day.
    let (years, months) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        years * 365 + years / 4 - years / 100 + years / 400 + (months * 153 + 2) / 5 + day - 1;
    let days = days.checked_sub(719_468)?;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + digits.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_times_to_live_are_read_as_servers_write_them() {
        assert_eq!(rfc3339_ms("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(rfc3339_ms("2024-02-29T12:34:56.789123Z"), Some(1_709_210_096_789));
        assert_eq!(rfc3339_ms("2026-11-22T08:48:00.5Z"), Some(1_795_337_280_500));
        assert_eq!(rfc3339_ms("0000"), None);
        for (text, wanted) in [
            ("90", Some(90)),
            ("1h30m", Some(5400)),
            ("1.5s", Some(1)),
            ("never", None),
            ("5x", None),
        ] {
            assert_eq!(seconds(text), wanted, "{text}");
        }
    }

    #[test]
    fn a_job_is_told_apart_by_its_subject_or_by_a_header_of_just_that_name() {
        let text = |text: &str| STANDARD.encode(text);
        let message = serde_json::json!({
            "seq": 1, "subject": "mail.send", "time": "2026-11-22T08:48:00Z",
            "hdrs": text("NATS/1.0\r\nTenant: a\r\ntenant: b\r\ntenant: c\r\n\r\n"), "data": text("x"),
        });
        let job = Stored::read(&message).unwrap();
        assert_eq!(job.key("subject"), Some("mail.send"));
        assert_eq!(job.key("header:tenant"), Some("b"));
        assert_eq!(job.key("header:TENANT"), None);
    }

    #[test]
    fn headers_keep_their_case_their_values_and_how_often_they_are_there() {
        let block = b"NATS/1.0\r\nTrace: a:b\r\ntwo:one\r\ntwo: other\r\n\r\n";
        let pairs = headers(block);
        let pairs: Vec<(&str, &str)> =
            pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("Trace", "a:b"), ("two", "one"), ("two", "other")]);
    }
}
