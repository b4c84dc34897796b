//! `/metrics` and `/status` of a sampler, on a thread of their own: a scraper must not wait for a broker.
//!
//! One caller at a time, each with a few seconds: this is for a scraper, a dashboard and a person.

use super::figures::Figures;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// How long a caller may take to ask, and to hear the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves `figures` at `address` for as long as we live; returns where.
pub(super) fn serve(address: SocketAddr, figures: Figures) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    let bound = listener.local_addr()?;
    std::thread::Builder::new().name("admin".to_owned()).spawn(move || {
        for stream in listener.incoming() {
            match stream {
                // Who hangs up half-way has nothing to complain about.
                Ok(stream) => drop(answer(stream, &figures)),
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    })?;
    Ok(bound)
}

fn answer(mut stream: TcpStream, figures: &Figures) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let until = Instant::now() + PATIENCE;
    let mut request = Vec::with_capacity(1024);
    let mut piece = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if request.len() > 16 << 10 || Instant::now() > until {
            return Ok(());
        }
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            n => request.extend_from_slice(&piece[..n]),
        }
    }
    let request = String::from_utf8_lossy(&request);
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (code, kind, body) = match (method, path) {
        ("GET" | "HEAD", "/metrics") => {
            ("200 OK", "text/plain; version=0.0.4; charset=utf-8", figures.prometheus())
        }
        ("GET" | "HEAD", "/status") => ("200 OK", "application/json", figures.json() + "\n"),
        ("GET" | "HEAD", "/healthz") => ("200 OK", "text/plain", "ok\n".to_owned()),
        ("GET" | "HEAD", _) => {
            ("404 Not Found", "text/plain", "here are /metrics, /status and /healthz\n".to_owned())
        }
        _ => ("405 Method Not Allowed", "text/plain", "only GET and HEAD\n".to_owned()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {code}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    if method != "HEAD" {
        stream.write_all(body.as_bytes())?;
    }
    stream.flush()
}
