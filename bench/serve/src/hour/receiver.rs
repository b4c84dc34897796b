//! A receiver of webhooks, a process of its own: takes every message and writes it down, a line each.
//!
//! It is ourselves with `--receive`, so that it can be killed, and be away, like one of somebody else's.

use anyhow::{Context, Result};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

/// Known to `serve` and to whoever judges.
pub(crate) const SECRET: &str = "known to both";

/// A message as it came.
pub(crate) struct Message {
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    /// To whom: the path of the address.
    pub(crate) path: String,
    pub(crate) body: Value,
    /// It carries the right signature, or none.
    pub(crate) is_signed: Option<bool>,
}

/// Takes what comes to `port` until it is killed.
pub(crate) fn receive(port: u16, into: &Path) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).context("cannot listen")?;
    let mut file = OpenOptions::new().create(true).append(true).open(into)?;
    for stream in listener.incoming() {
        // Whoever breaks off says it again.
        if let Err(error) = stream.map_err(Into::into).and_then(|s| take(s, &mut file)) {
            eprintln!("a message broke off: {error}");
        }
    }
    Ok(())
}

fn take(mut stream: TcpStream, file: &mut File) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut headers = serde_json::Map::new();
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 && !line.trim().is_empty() {
        if let Some((name, value)) = line.trim().split_once(':') {
            headers.insert(name.to_ascii_lowercase(), json!(value.trim()));
        }
        line.clear();
    }
    let length = headers.get("content-length").and_then(Value::as_str).unwrap_or("0");
    let mut body = vec![0; length.parse()?];
    reader.read_exact(&mut body)?;
    let path = first.split(' ').nth(1).unwrap_or_default();
    let told = json!({
        "at": Timestamp::now().as_millisecond(), "path": path, "headers": headers,
        "body": String::from_utf8(body)?,
    });
    writeln!(file, "{told}")?;
    stream.write_all(b"HTTP/1.1 204 Yes\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
    Ok(())
}

/// What was taken so far, in order.
pub(crate) fn heard(from: &Path) -> Result<Vec<Message>> {
    let text = match std::fs::read_to_string(from) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => String::new(),
        text => text?,
    };
    // The last line may be half written.
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole
        .map(|line| {
            let told: Value = serde_json::from_str(line)?;
            let text = told["body"].as_str().unwrap_or_default();
            let header = |name: &str| told["headers"][name].as_str();
            let signature = header("x-photofinish-signature");
            let at = header("x-photofinish-timestamp").unwrap_or_default();
            Ok(Message {
                at: told["at"].as_i64().unwrap_or_default(),
                path: told["path"].as_str().unwrap_or_default().to_owned(),
                body: serde_json::from_str(text)?,
                is_signed: match signature {
                    Some(signature) => Some(signature == sign(&format!("{at}.{text}"))?),
                    None => None,
                },
            })
        })
        .collect()
}

/// As the documentation says that it is made.
fn sign(text: &str) -> Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes())?;
    mac.update(text.as_bytes());
    let bytes = mac.finalize().into_bytes();
    Ok(format!("v1={}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}
