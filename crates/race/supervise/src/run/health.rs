//! `/healthz` and `/status`: whether the program lives, for whoever restarts containers.
//!
//! A race build takes its time to start, so during the grace after each start the answer is
//! "healthy". It says nothing about the program's own readiness; ask its port for that.

use super::{Health, RunError};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What is known about the program right now.
#[derive(Debug, Default)]
pub(super) struct Status {
    pub(super) pid: Option<u32>,
    pub(super) starts: u32,
    pub(super) started: Option<Instant>,
    pub(super) reports: u64,
    pub(super) new_findings: u64,
    pub(super) gate: Vec<String>,
}

/// Answers on `health.listen` as long as the runtime lives.
pub(super) async fn listen(
    health: Health,
    status: Arc<Mutex<Status>>,
) -> Result<SocketAddr, RunError> {
    let listener = TcpListener::bind(health.listen).await;
    let listener = listener.map_err(RunError::setup("the health endpoint"))?;
    let address = listener.local_addr().map_err(RunError::setup("the health endpoint"))?;
    let begun = Instant::now();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let status = status.clone();
            tokio::spawn(async move {
                let answer = answer(stream, health.grace, begun, &status);
                let _ = tokio::time::timeout(Duration::from_secs(5), answer).await;
            });
        }
    });
    Ok(address)
}

async fn answer(
    mut stream: TcpStream,
    grace: Duration,
    begun: Instant,
    status: &Mutex<Status>,
) -> std::io::Result<()> {
    let mut request = Vec::with_capacity(1024);
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < 16 << 10 {
        if stream.read_buf(&mut request).await? == 0 {
            break;
        }
    }
    let line = String::from_utf8_lossy(&request);
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (code, body) = match status.lock() {
        Ok(status) => respond(&path, grace, begun, &status),
        Err(_) => ("500 Internal Server Error", String::new()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {code}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

fn respond(path: &str, grace: Duration, begun: Instant, status: &Status) -> (&'static str, String) {
    let in_grace = status.started.unwrap_or(begun).elapsed() < grace;
    let healthy = status.pid.is_some() || in_grace;
    match path {
        "/healthz" => {
            let code = if healthy { "200 OK" } else { "503 Service Unavailable" };
            (code, format!("{{\"healthy\":{healthy}}}\n"))
        }
        "/status" => {
            let body = serde_json::json!({
                "healthy": healthy,
                "in_grace": in_grace,
                "pid": status.pid,
                "starts": status.starts,
                "reports": status.reports,
                "new_findings": status.new_findings,
                "gate": if status.gate.is_empty() { "open" } else { "closed" },
                "waiting_for": status.gate,
            });
            ("200 OK", format!("{body}\n"))
        }
        _ => ("404 Not Found", "{\"error\":\"try /healthz or /status\"}\n".to_owned()),
    }
}
