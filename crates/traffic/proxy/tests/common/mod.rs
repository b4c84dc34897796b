//! What the proxy's tests share: services that do what they are told, callers who see every byte.
//!
//! A [`Service`] is an HTTP/1.1 server on a thread per connection that keeps what it was asked and answers by
//! a closure, byte by byte if need be. A [`Caller`] is one connection to the proxy, by raw bytes.
//! Real services (`go`) are Go programs under `tests/services`.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its share")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use photofinish_proxy::plan::{Canary, Mirror, Plan, Share};
use photofinish_proxy::{Hooks, MirrorFigures, Proxy, Status};
use photofinish_testkit::{BuildOptions, Running, build_go_source, wait_for, wait_until};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Long enough for anything that happens at all.
pub const SOON: Duration = Duration::from_secs(15);

pub const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A request as a service got it.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Request line and header lines, without the blank line.
    pub head: String,
    pub body: Vec<u8>,
    pub trailers: String,
    /// Its body was cut off.
    pub is_cut: bool,
    /// How many connections came before its own.
    pub connection: usize,
}

impl Asked {
    pub fn method(&self) -> &str {
        self.head.split(' ').next().unwrap()
    }

    pub fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    /// The values of a header, joined by `, `.
    pub fn header(&self, name: &str) -> Option<String> {
        header(&self.head, name)
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let values: Vec<&str> = lines
        .filter(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, v)| v.trim())
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// A service that does what it is told.
pub struct Service {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    pub connections: Arc<AtomicUsize>,
}

/// What a service does next with a connection.
#[derive(Clone, Copy, PartialEq)]
pub enum Next {
    Keep,
    Close,
    /// By RST.
    Reset,
}

impl Service {
    /// Reads whole requests and lets `answer` answer them.
    pub fn start<F>(answer: F) -> Service
    where
        F: Fn(&Asked, &mut TcpStream) -> Next + Send + Sync + 'static,
    {
        let answer = Arc::new(answer);
        Service::raw(move |mut stream, asked, connection| {
            let mut rest = Vec::new();
            while let Some(mut request) = read_request(&mut stream, &mut rest) {
                request.connection = connection;
                asked.lock().unwrap().push(request.clone());
                if request.is_cut {
                    return;
                }
                match answer(&request, &mut stream) {
                    Next::Keep => {}
                    Next::Close => return,
                    Next::Reset => return reset(&stream),
                }
            }
        })
    }

    /// Answers everything with 200.
    pub fn ok() -> Service {
        Service::says(OK)
    }

    /// Answers everything with these bytes.
    pub fn says(bytes: &'static [u8]) -> Service {
        Service::start(
            move |_, stream| {
                if stream.write_all(bytes).is_ok() { Next::Keep } else { Next::Close }
            },
        )
    }

    /// Does whatever `serve` does with each connection.
    pub fn raw<F>(serve: F) -> Service
    where
        F: Fn(TcpStream, &Mutex<Vec<Asked>>, usize) + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (serve, all, count) = (Arc::new(serve), Arc::clone(&asked), Arc::clone(&connections));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let _ = stream.set_nodelay(true);
                let (serve, all) = (Arc::clone(&serve), Arc::clone(&all));
                let number = count.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || serve(stream, &all, number));
            }
        });
        Service { address, asked, connections }
    }

    pub fn asked(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().unwrap()
    }

    /// How many requests came.
    pub fn count(&self) -> usize {
        self.asked().len()
    }

    /// The only request that came.
    pub fn only(&self) -> Asked {
        wait_until(SOON, "a request at the service", || self.count() > 0);
        let asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:#?}");
        asked[0].clone()
    }
}

/// Ends a connection by RST.
pub fn reset(stream: &TcpStream) {
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// Reads until `rest` holds `marker`, and gives what is before it.
fn until(stream: &mut TcpStream, rest: &mut Vec<u8>, marker: &[u8]) -> Option<Vec<u8>> {
    loop {
        if let Some(at) = rest.windows(marker.len()).position(|found| found == marker) {
            let before = rest[..at].to_vec();
            rest.drain(..at + marker.len());
            return Some(before);
        }
        more(stream, rest)?;
    }
}

fn more(stream: &mut TcpStream, rest: &mut Vec<u8>) -> Option<()> {
    let mut buffer = [0; 65536];
    match stream.read(&mut buffer) {
        Ok(0) | Err(_) => None,
        Ok(n) => {
            rest.extend_from_slice(&buffer[..n]);
            Some(())
        }
    }
}

fn exactly(stream: &mut TcpStream, rest: &mut Vec<u8>, n: usize, into: &mut Vec<u8>) -> Option<()> {
    let want = into.len() + n;
    loop {
        let take = (want - into.len()).min(rest.len());
        into.extend(rest.drain(..take));
        if into.len() == want {
            return Some(());
        }
        more(stream, rest)?;
    }
}

/// A body in chunks, and its trailers.
fn chunks(stream: &mut TcpStream, rest: &mut Vec<u8>, body: &mut Vec<u8>) -> Option<String> {
    loop {
        let line = String::from_utf8(until(stream, rest, b"\r\n")?).ok()?;
        let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            let mut trailers = String::new();
            loop {
                let line = until(stream, rest, b"\r\n")?;
                if line.is_empty() {
                    return Some(trailers);
                }
                trailers.push_str(&String::from_utf8_lossy(&line));
                trailers.push('\n');
            }
        }
        exactly(stream, rest, size, body)?;
        until(stream, rest, b"\r\n")?;
    }
}

/// One request; None at the end of the connection.
pub fn read_request(stream: &mut TcpStream, rest: &mut Vec<u8>) -> Option<Asked> {
    let head = until(stream, rest, b"\r\n\r\n")?;
    let mut asked = Asked { head: String::from_utf8_lossy(&head).into_owned(), ..Asked::default() };
    if asked.header("transfer-encoding").is_some() {
        match chunks(stream, rest, &mut asked.body) {
            Some(trailers) => asked.trailers = trailers,
            None => asked.is_cut = true,
        }
    } else if let Some(length) = asked.header("content-length") {
        let length = length.parse().unwrap();
        asked.is_cut = exactly(stream, rest, length, &mut asked.body).is_none();
    }
    Some(asked)
}

/// What a caller was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
    pub trailers: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<String> {
        header(&self.head, name)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One connection to the proxy.
pub struct Caller {
    pub stream: TcpStream,
    rest: Vec<u8>,
}

impl Caller {
    pub fn connect(to: SocketAddr) -> Caller {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        Caller { stream, rest: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// One answer; None if the connection ends first, or in the middle of it.
    pub fn try_answer(&mut self, to_head: bool) -> Option<Answer> {
        let head = until(&mut self.stream, &mut self.rest, b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&head).into_owned();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let mut answer = Answer { status, head, ..Answer::default() };
        if to_head || status < 200 || status == 204 || status == 304 {
            return Some(answer);
        }
        if answer.header("transfer-encoding").is_some() {
            answer.trailers = chunks(&mut self.stream, &mut self.rest, &mut answer.body)?;
        } else if let Some(length) = answer.header("content-length") {
            let length = length.parse().ok()?;
            exactly(&mut self.stream, &mut self.rest, length, &mut answer.body)?;
        } else {
            while more(&mut self.stream, &mut self.rest).is_some() {}
            answer.body = std::mem::take(&mut self.rest);
        }
        Some(answer)
    }

    #[track_caller]
    pub fn answer(&mut self) -> Answer {
        self.try_answer(false).unwrap()
    }

    /// Sends a request and reads its answer.
    #[track_caller]
    pub fn ask(&mut self, bytes: impl AsRef<[u8]>) -> Answer {
        self.send(bytes);
        self.answer()
    }

    /// Everything that comes until the connection ends, or nothing comes for `quiet`.
    pub fn rest(&mut self, quiet: Duration) -> Vec<u8> {
        self.stream.set_read_timeout(Some(quiet)).unwrap();
        while more(&mut self.stream, &mut self.rest).is_some() {}
        self.stream.set_read_timeout(Some(SOON)).unwrap();
        std::mem::take(&mut self.rest)
    }

    /// Whether the connection has ended, or ends within `time`.
    pub fn is_closed_within(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).unwrap();
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => {
                    return !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                }
            }
        }
    }

    pub fn finish(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}

/// GET on a connection of its own.
#[track_caller]
pub fn get(to: SocketAddr, path: &str) -> Answer {
    Caller::connect(to).ask(format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\n\r\n"))
}

/// A plan for `stable` on a free port.
pub fn plan(stable: SocketAddr) -> Plan {
    let mut plan = Plan::new("127.0.0.1:0".parse().unwrap(), upstream(stable));
    plan.workers = 2;
    plan
}

pub fn upstream(address: SocketAddr) -> photofinish_proxy::plan::Upstream {
    format!("http://{address}").parse().unwrap()
}

/// A canary that gets `share` parts in a million.
pub fn canary(address: SocketAddr, share: u32) -> Canary {
    let mut canary = Canary::new(upstream(address));
    canary.share = Share::ppm(share);
    canary.confirmed = true;
    canary
}

/// The same, never left alone.
pub fn trusted(address: SocketAddr, share: u32) -> Canary {
    let mut canary = canary(address, share);
    canary.breaker.failures = u32::MAX;
    canary.breaker.failure_rate = 1.0;
    canary
}

/// A mirror of everything.
pub fn mirror(address: SocketAddr) -> Mirror {
    let mut mirror = Mirror::new("shadow", upstream(address));
    mirror.rules = vec![photofinish_proxy::plan::Rule {
        methods: Vec::new(),
        path: "*".to_owned(),
        copy: true,
    }];
    mirror
}

pub fn start(plan: Plan) -> (Proxy, SocketAddr) {
    let proxy = Proxy::start(plan, Hooks::default()).unwrap();
    let address = proxy.addresses()[0];
    (proxy, address)
}

/// Waits until nothing is under way any more, and gives the figures.
#[track_caller]
pub fn settled(proxy: &Proxy) -> Status {
    wait_for(SOON, "all that was under way to end", || {
        let status = proxy.status();
        let canary = status.canary.as_ref().map_or(0, |canary| canary.variant.in_flight);
        let mirrors: usize = status
            .mirrors
            .iter()
            .map(|m| m.under_way.0 + m.under_way.1 + m.variant.in_flight as usize)
            .sum();
        (status.stable.in_flight == 0 && canary == 0 && mirrors == 0).then_some(status)
    })
}

/// Copies sent and requests not copied, together.
pub fn accounted(mirror: &MirrorFigures) -> u64 {
    mirror.variant.requests + mirror.dropped.iter().sum::<u64>()
}

/// A real service: the Go program of that text, on a port of its own.
pub struct GoService {
    pub running: Running,
    pub address: SocketAddr,
}

/// Starts the Go program `source`, which prints `listening on ADDRESS`.
pub fn go(name: &str, source: &str, arguments: &[&str]) -> GoService {
    let binary = build_go_source(name, source, &BuildOptions::normal());
    let running = Running::start(Command::new(binary).args(arguments));
    let address = running.wait_for_line(SOON, "listening on").parse().unwrap();
    GoService { running, address }
}

/// Resident memory of this process, in bytes.
pub fn memory() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}
