//! What strangers send.

use crate::support::{LONG, Served, Service};
use photofinish_testkit::Running;
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

const TOKEN: &str = "a-token-that-nobody-guesses";
const REPORT: &str = "another-one-for-reporters";

fn with_token(service: &Service) -> Served {
    std::fs::write(service.path("token"), format!("{TOKEN}\n")).unwrap();
    std::fs::write(service.path("report"), format!("{REPORT}\n")).unwrap();
    let files = [service.path("token"), service.path("report")];
    let [token, report] = files.each_ref().map(|path| path.to_str().unwrap());
    service.serve(&["--token-file", token, "--report-token-file", report])
}

#[test]
fn an_address_that_others_can_reach_needs_a_token_and_says_so() {
    let service = Service::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_photofinish"));
    command.args(["serve", "--listen", "0.0.0.0:0", "--store"]).arg(service.store());
    let mut program = Running::start(&mut command);
    assert_eq!(program.wait_for_end(LONG).code(), Some(2));
    let output = program.wait_for_line(LONG, "there is no token");
    assert!(output.contains("keep them out"), "{output}");
    assert!(program.output().contains("--token-file"));
}

#[test]
fn without_the_token_nothing_is_shown_and_nothing_is_taken() {
    let service = Service::new().with_findings(0);
    let served = with_token(&service);
    let id = service.cache_id();
    assert_eq!(served.get("/healthz").status, 200);
    for path in ["/metrics", "/api/v1/findings", &format!("/api/v1/findings/{id}")] {
        let answer = served.get(path);
        assert_eq!(answer.status, 401, "{path}");
        assert!(!answer.body.contains("getCached"));
    }
    for path in ["/findings", "/events", &format!("/findings/{id}"), "/nothing/here"] {
        let answer = served.get(path);
        assert_eq!(answer.status, 303, "{path}");
        assert!(answer.header("location").unwrap().starts_with("/login?next="), "{answer:?}");
    }
    assert_eq!(served.post_json("/api/v1/sightings", "[]").status, 401);
    for token in ["wrong", "", "a-token-that-nobody-guesse", "a-token-that-nobody-guessesX"] {
        let bearer = format!("Bearer {token}");
        let answer = served.ask("GET", "/api/v1/findings", &[("authorization", &bearer)], "");
        assert_eq!(answer.status, 401, "{token:?}");
    }
    let bearer = format!("Bearer {TOKEN}");
    let answer = served.ask("GET", "/api/v1/findings", &[("authorization", &bearer)], "");
    assert_eq!(answer.json()["total"], 1);
}

#[test]
fn a_reporters_token_sends_and_cannot_read_or_decide() {
    let service = Service::new().with_findings(0);
    let served = with_token(&service);
    let id = service.cache_id();
    let bearer = format!("Bearer {REPORT}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let ask =
        |method: &str, path: &str, body: &str| served.ask(method, path, &headers, body).status;
    assert_eq!(ask("POST", "/api/v1/sightings", "[]"), 200);
    assert_eq!(ask("GET", &format!("/api/v1/findings/{id}/state"), ""), 200);
    assert_eq!(ask("GET", "/api/v1/findings", ""), 403);
    assert_eq!(ask("GET", &format!("/findings/{id}"), ""), 403);
    let action = r#"{"action": "acknowledge", "by": "x"}"#;
    assert_eq!(ask("POST", &format!("/api/v1/findings/{id}/actions"), action), 403);
}

#[test]
fn another_site_cannot_decide_in_somebodys_name() {
    let service = Service::new().with_findings(0);
    let served = service.serve(&[]);
    let id = service.cache_id();
    let actions = format!("/findings/{id}/actions");
    let form = "action=acknowledge&by=evil";
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let status =
        |headers: &[(&str, &str)], path: &str| served.ask("POST", path, headers, form).status;
    assert_eq!(status(&[kind, ("origin", "https://evil.example")], &actions), 403);
    assert_eq!(status(&[kind, ("origin", "null")], &actions), 403);
    assert_eq!(status(&[kind, ("sec-fetch-site", "cross-site")], &actions), 403);
    assert_eq!(status(&[kind], &actions), 403, "a form without our mark");
    let api = format!("/api/v1/findings/{id}/actions");
    assert_eq!(status(&[kind], &api), 415, "what a foreign form can send is no JSON");
    // A site that points its own name at us reads nothing either.
    let rebound = served.ask("GET", "/api/v1/findings", &[("host", "evil.example:80")], "");
    assert_eq!(rebound.status, 403);
    assert!(!rebound.body.contains("getCached"));
    assert_eq!(served.get(&format!("/api/v1/findings/{id}")).json()["state"], "new");
}

#[test]
fn no_address_leads_to_a_file() {
    let service = Service::new();
    std::fs::write(service.path("secret"), "the secret").unwrap();
    let served = service.serve(&[]);
    for path in [
        "/assets/../secret",
        "/assets/..%2f..%2fsecret",
        "/assets/%2e%2e/secret",
        "/../../../../etc/passwd",
        "//etc/passwd",
        "/findings/..%2f..%2fetc%2fpasswd",
        "/findings/../../etc/passwd/raw",
        "/assets/%00",
        "/assets/style.css%00.js",
    ] {
        let answer = served.get(path);
        assert!(matches!(answer.status, 400 | 404), "{path}: {answer:?}");
        assert!(!answer.body.contains("root:") && !answer.body.contains("the secret"), "{path}");
    }
}

#[test]
fn script_in_a_report_is_text_everywhere() {
    let service = Service::new();
    let evil = "main.<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";
    let mut race = service.race([evil, "main.set"], "cache.go", [6, 11]);
    race.headline = "</title><script>alert(3)</script>".to_owned();
    race.raw = "</pre><script>alert(4)</script>".to_owned();
    race.accesses[0].stack.frames[1].file = Some("/x/\"><script>alert(5)</script>.go".to_owned());
    let mut store = service.open();
    let now = jiff::Timestamp::now();
    let source = photofinish_store::Source::Run;
    crate::support::record(&mut store, "evil", &race, source, "<script>alert(6)</script>", now);
    let served = service.serve(&[]);
    let id = served.get("/api/v1/findings").json()["findings"][0]["id"].clone();
    let id = id.as_str().unwrap();
    for path in
        ["/findings", "/findings?q=%3Cscript%3Ealert(7)%3C/script%3E", &format!("/findings/{id}")]
    {
        let answer = served.get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.body.contains("<script>alert"), "{path}: {}", answer.body);
        assert!(!answer.body.contains("<img"), "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    }
    let raw = served.get(&format!("/findings/{id}/raw"));
    assert!(raw.header("content-type").unwrap().starts_with("text/plain"));
    assert_eq!(raw.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn a_report_of_a_hundred_megabytes_is_refused_before_it_is_read() {
    let service = Service::new();
    let served = service.serve(&[]);
    let head = format!(
        "POST /api/v1/sightings HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
         connection: close\r\n",
        served.address
    );
    let announced = served.send(format!("{head}content-length: 104857600\r\n\r\n[").as_bytes());
    assert_eq!(announced.status, 413);
    let unannounced = format!("{head}transfer-encoding: chunked\r\n\r\n1\r\n[\r\n");
    assert_eq!(served.send(unannounced.as_bytes()).status, 411);
    let broken = served.post_json("/api/v1/sightings", "[{\"key\": 1}]");
    assert_eq!(broken.status, 400);
    assert!(broken.json()["because"].as_str().unwrap().contains("line 1"), "{broken:?}");
    let deep = "[".repeat(100_000);
    assert_eq!(served.post_json("/api/v1/sightings", &deep).status, 400);
    let strange = json!([{"key": "k", "at": "2026-11-21T10:00:00Z", "source": "canary",
        "race": {"kind": "no-such-kind", "detector": "go-race"}}]);
    assert_eq!(served.post_json("/api/v1/sightings", &strange.to_string()).status, 400);
    assert_eq!(served.get("/healthz").status, 200);
}

#[test]
fn who_sends_a_head_letter_by_letter_does_not_keep_others_out() {
    let service = Service::new();
    let served = service.serve(&[]);
    let mut slow: Vec<TcpStream> = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(&served.address).unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: ").unwrap();
        slow.push(stream);
    }
    assert_eq!(served.get("/healthz").status, 200, "others are answered meanwhile");
    let mut first = slow.swap_remove(0);
    first.set_read_timeout(Some(LONG)).unwrap();
    first.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut rest = Vec::new();
    // Closed by the server: an end, or a reset.
    let _ = first.read_to_end(&mut rest);
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
}
