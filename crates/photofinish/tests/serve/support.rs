//! A store with findings, a server on it, and requests to that.

use jiff::{SignedDuration, Timestamp};
use photofinish_model::{Access, Detector, Frame, GoroutineId, Kind, Op, Race, Stack};
use photofinish_store::{NewSighting, OwnerRules, Source, Store, StorePlace};
use photofinish_testkit::Running;
use photofinish_testkit::servers::PostgresServer;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Longer than anything takes here, on a loaded machine too.
pub(crate) const LONG: Duration = Duration::from_secs(60);

const SOURCE: &str = "package main

var cache = map[string]Payment{}

func getCached(id string) (Payment, bool) {
\tp, ok := cache[id]
\treturn p, ok
}

func setCached(id string, p Payment) {
\tcache[id] = p
}
";

/// A checkout of a payment service, with findings beside it.
pub(crate) struct Service {
    pub(crate) dir: tempfile::TempDir,
    store: StorePlace,
}

impl Service {
    pub(crate) fn new() -> Service {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("findings.db").into();
        Service::made(dir, store)
    }

    /// One on a disk.
    pub(crate) fn inside(folder: &std::path::Path) -> Service {
        let dir = tempfile::tempdir_in(folder).unwrap();
        let store = dir.path().join("findings.db").into();
        Service::made(dir, store)
    }

    /// One whose findings are kept in a Postgres.
    pub(crate) fn on(server: &PostgresServer) -> Service {
        Service::made(tempfile::tempdir().unwrap(), server.url().as_str().into())
    }

    fn made(dir: tempfile::TempDir, store: StorePlace) -> Service {
        let service = Service { dir, store };
        std::fs::write(service.path("go.mod"), "module payments\n").unwrap();
        std::fs::write(service.path("cache.go"), SOURCE).unwrap();
        std::fs::write(service.path("CODEOWNERS"), "* @payments\n/receipt.go @receipts\n").unwrap();
        service.open();
        service
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// As `--store` takes it.
    pub(crate) fn store(&self) -> OsString {
        self.store.flag()
    }

    pub(crate) fn open(&self) -> Store {
        let mut store = Store::open(&self.store).unwrap();
        store.set_owner_rules(OwnerRules::load(self.dir.path()));
        store
    }

    /// The race on the cache, seen over some days, and `more` others.
    pub(crate) fn with_findings(self, more: usize) -> Service {
        let mut store = self.open();
        let cache = self.race(["main.getCached", "main.setCached"], "cache.go", [6, 11]);
        let hours = |hours: i64| Timestamp::now() - SignedDuration::from_hours(hours);
        for day in 0..9_i64 {
            for again in 0..=day % 4 {
                let key = format!("cache-{day}-{again}");
                let build = if day < 4 { "v1.4.2" } else { "v1.4.1" };
                let source = [Source::Canary, Source::Mirror][again as usize % 2];
                record(&mut store, &key, &cache, source, build, hours(day * 24 + 1));
            }
        }
        for number in 0..more {
            let names = [format!("main.render{number}"), format!("main.(*Page{number}).reset")];
            let race = self.race([&names[0], &names[1]], "receipt.go", [31, 33]);
            let at = hours(30 + i64::try_from(number).unwrap());
            record(&mut store, &format!("more-{number}"), &race, Source::Load, "v1.4.1", at);
        }
        drop(store);
        self
    }

    /// A read and a write in two functions of one file.
    pub(crate) fn race(&self, functions: [&str; 2], file: &str, lines: [u32; 2]) -> Race {
        let mut race = Race::new(Kind::DataRace, Detector::GoRace, "DATA RACE");
        for (index, op) in [Op::Read, Op::Write].into_iter().enumerate() {
            let file = self.path(file).to_string_lossy().into_owned();
            let frame = |name: &str, file: &str, line| Frame {
                file: Some(file.to_owned()),
                line: Some(line),
                ..Frame::new(name)
            };
            let mut access = Access::new(op);
            access.address = Some(0x00c0_0001_4088);
            access.goroutine = Some(GoroutineId::Number(7 + index as u64));
            let library = ["ServeHTTP", "serve", "(*conn).serve", "(*Server).Serve", "dispatch"];
            let mut frames = vec![
                frame("runtime.mapaccess2_faststr", "/usr/local/go/src/runtime/map.go", 108),
                frame(functions[index], &file, lines[index]),
            ];
            frames.extend(library.map(|name| {
                frame(&format!("net/http.{name}"), "/usr/local/go/src/net/http/server.go", 2294)
            }));
            access.stack = Stack::from(frames);
            access.created_at = Stack::from(vec![frame("main.main", &file, 3)]);
            race.accesses.push(access);
        }
        race.raw = format!(
            "WARNING: DATA RACE\nRead at 0x00c000014088 by goroutine 7:\n  {}()\n",
            functions[0]
        );
        race
    }

    /// The finding of the cache, by its id.
    pub(crate) fn cache_id(&self) -> String {
        let store = self.open();
        let all = store.findings(&photofinish_store::Filter::default()).unwrap();
        let found = all.iter().find(|finding| finding.title.contains("getCached")).unwrap();
        found.fingerprint.to_string()
    }

    /// Serves them.
    pub(crate) fn serve(&self, more: &[&str]) -> Served {
        Served::start(self, more)
    }
}

pub(crate) fn record(
    store: &mut Store,
    key: &str,
    race: &Race,
    source: Source,
    build: &str,
    at: Timestamp,
) {
    let sighting = NewSighting {
        key,
        race,
        source,
        service: Some("payments"),
        build: Some(build),
        host: Some("pod-7"),
        pid: Some(1),
        at,
    };
    store.record(&sighting).unwrap();
}

/// A server under test.
pub(crate) struct Served {
    pub(crate) program: Running,
    /// `http://127.0.0.1:4321`.
    pub(crate) url: String,
    pub(crate) address: String,
}

impl Served {
    pub(crate) fn start(service: &Service, more: &[&str]) -> Served {
        let mut command = Command::new(env!("CARGO_BIN_EXE_photofinish"));
        command
            .args(["serve", "--store"])
            .arg(service.store())
            .args(["--spool"])
            .arg(service.path("spool"))
            .current_dir(service.dir.path());
        if !more.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.args(more);
        let program = Running::start(&mut command);
        let url = program.wait_for_line(LONG, "findings are at ");
        let url = url.trim_end_matches('/').to_owned();
        let address = url.split("://").nth(1).unwrap().to_owned();
        Served { program, url, address }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    pub(crate) fn post_json(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, &[("content-type", "application/json")], body)
    }

    /// One request on a connection of its own.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            head.push_str(&format!("host: {}\r\n", self.address));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || method == "POST" {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        self.send(format!("{head}\r\n{body}").as_bytes())
    }

    /// Bytes as they are, and what comes back.
    pub(crate) fn send(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        // Who refuses may close before all is sent.
        let _ = stream.write_all(bytes);
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text);
        Answer::of(&text)
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    fn of(bytes: &[u8]) -> Answer {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let body = match head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
            true => unchunked(body),
            false => body.to_owned(),
        };
        Answer { status, head: head.to_owned(), body }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

fn unchunked(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        let Some(chunk) = rest.get(..size).filter(|_| size > 0) else { break };
        text.push_str(chunk);
        body = rest.get(size + 2..).unwrap_or_default();
    }
    text
}
