//! Recorded traffic sent again to a real Go server, which says what arrived when.

use super::{Server, load, numbers, photofinish, run, stderr};
use bytes::Bytes;
use http::{HeaderMap, Method, Version};
use photofinish_recording::{Exchange, Plan, Recorder, Redaction, WhenFull};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const HEAD: &str = "{\"photofinish_recording\":1,\"started_at\":\"2026-01-31T22:15:00Z\"}\n";

/// A recording of requests as (arrived ms, took ms, connection, version, target).
fn recording(folder: &Path, requests: &[(u64, u64, u64, &str, &str)]) -> PathBuf {
    let mut text = HEAD.to_owned();
    for (at, took, connection, version, target) in requests {
        text += &format!(
            "{{\"at_us\":{},\"took_us\":{},\"connection\":{connection},\"version\":\"{version}\",\
             \"method\":\"GET\",\"target\":\"{target}\"}}\n",
            at * 1000,
            took * 1000
        );
    }
    let path = folder.join("traffic.jsonl");
    std::fs::write(&path, text).unwrap();
    path
}

/// One request of what the server saw.
struct Arrival {
    path: String,
    at_ms: f64,
    ended_ms: f64,
}

/// In the order of their arrival, counted from the first.
fn arrivals(server: &Server) -> Vec<Arrival> {
    let told = server.asked("/arrivals");
    let all = told["Arrivals"].as_array().unwrap();
    let ms = |value: &Value| value.as_f64().unwrap() / 1e3;
    let first = ms(&all[0]["At"]);
    let arrival = |one: &Value| Arrival {
        path: one["Path"].as_str().unwrap().to_owned(),
        at_ms: ms(&one["At"]) - first,
        ended_ms: ms(&one["Ended"]) - first,
    };
    all.iter().map(arrival).collect()
}

fn replay(server: &Server, file: &Path, more: &[&str]) -> (i32, Value) {
    let url = server.url("");
    load(&[&[url.as_str(), "--replay", file.to_str().unwrap()], more].concat())
}

#[test]
fn requests_arrive_when_they_did_divided_by_the_speed() {
    let folder = tempfile::tempdir().unwrap();
    // Bursts and pauses, from many connections, not in the order of the file.
    let mut requests = Vec::new();
    for burst in [0, 300, 450, 1000, 200] {
        for n in 0..20 {
            requests.push((burst + n * 2, 1, burst * 20 + n, "1.1", "/"));
        }
    }
    let file = recording(folder.path(), &requests);
    let mut due: Vec<u64> = requests.iter().map(|(at, ..)| *at).collect();
    due.sort_unstable();
    for (flags, speed) in
        [(vec![], 1.0), (vec!["--speed", "2x"], 2.0), (vec!["--speed", "0.5"], 0.5)]
    {
        let server = Server::start(&[]);
        let (code, told) = replay(&server, &file, &flags);
        assert_eq!((code, numbers(&told, &["planned", "sent", "completed"])), (0, vec![100; 3]));
        let seen = arrivals(&server);
        // Never early but by the jitter of the first one, and late only as far as the machine is
        // busy.
        let mut late: Vec<f64> =
            seen.iter().zip(&due).map(|(seen, due)| seen.at_ms - *due as f64 / speed).collect();
        late.sort_by(f64::total_cmp);
        assert!(late[0] > -60.0 && late[50] < 60.0 && late[99] < 300.0, "{speed}: {late:?}");
        assert_eq!(told["loop"], "open");
        assert_eq!(told["replay"]["speed"], speed);
        let rate = told["rate"].as_f64().unwrap();
        assert!((rate / speed - 95.4).abs() < 0.1, "{rate}");
    }
}

#[test]
fn the_concurrency_that_traffic_had_is_kept_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let slow: Vec<_> = (0..200).map(|n| (n * 10, 500, n % 50, "1.1", "/?sleep=500ms")).collect();
    let file = recording(folder.path(), &slow);
    let server = Server::start(&[]);
    let (code, told) = replay(&server, &file, &[]);
    assert_eq!(code, 0, "{told}");
    let recorded = &told["replay"]["recorded_concurrency"];
    assert_eq!(recorded["peak"], 50);
    // 200 requests of 500 ms in 2,490 ms.
    assert!((recorded["mean"].as_f64().unwrap() - 40.16).abs() < 0.01, "{recorded}");
    let seen = server.asked("/arrivals")["MaxActive"].as_u64().unwrap();
    assert!((45..=60).contains(&seen), "{seen} at one time");
    let achieved = &told["replay"]["concurrency"];
    assert!((45..=60).contains(&achieved["peak"].as_u64().unwrap()), "{achieved}");
    assert!((30.0..46.0).contains(&achieved["mean"].as_f64().unwrap()), "{achieved}");
    // Twice as fast is twice the concurrency, where connections allow it.
    let own: Vec<_> =
        slow.iter().enumerate().map(|(n, r)| (r.0, r.1, n as u64, r.3, r.4)).collect();
    let file = recording(folder.path(), &own);
    let server = Server::start(&[]);
    replay(&server, &file, &["--speed", "2x"]);
    let seen = server.asked("/arrivals")["MaxActive"].as_u64().unwrap();
    assert!((85..=160).contains(&seen), "{seen} at one time");
}

#[test]
fn requests_of_one_connection_do_not_overtake_each_other() {
    let folder = tempfile::tempdir().unwrap();
    // Recorded from a fast server, played to a slow one: three connections, ten requests each.
    let requests: Vec<_> = (0..30_u64)
        .map(|n| (n * 2, 1, n % 3, "1.1", format!("/{}/{}?sleep=20ms", n % 3, n / 3)))
        .collect();
    let requests: Vec<_> =
        requests.iter().map(|(at, took, c, v, path)| (*at, *took, *c, *v, path.as_str())).collect();
    let file = recording(folder.path(), &requests);
    for (flags, is_loop) in [
        (vec!["--threads", "2"], "open"),
        (vec!["--rate", "2000"], "open"),
        (vec!["--speed", "max", "--concurrency", "8"], "closed"),
        (vec!["--http2"], "open"),
    ] {
        let server = Server::start(&[]);
        let (code, told) = replay(&server, &file, &flags);
        assert_eq!((code, numbers(&told, &["completed", "errors"])), (0, vec![30, 0]), "{flags:?}");
        assert_eq!(told["loop"], is_loop);
        let seen = arrivals(&server);
        for connection in 0..3 {
            let prefix = format!("/{connection}/");
            let mine: Vec<_> = seen.iter().filter(|a| a.path.starts_with(&prefix)).collect();
            for (n, pair) in mine.windows(2).enumerate() {
                assert!(pair[0].path.starts_with(&format!("{prefix}{n}?")), "{flags:?}");
                assert!(pair[0].ended_ms <= pair[1].at_ms, "{flags:?}: one overtook another");
            }
            assert_eq!(mine.len(), 10);
        }
        let max_active = &server.asked("/arrivals")["MaxActive"];
        assert_eq!(max_active, 3, "connections wait for themselves only: {flags:?}");
        assert!(told["replay"]["held"].as_u64().unwrap() >= 20, "{told}");
        if is_loop == "open" {
            // What waited is late by its due time, and that is not called our own lateness.
            assert!(told["latency_ms"]["max"].as_f64().unwrap() > 120.0, "{told}");
            assert!(told["service_time_ms"]["p50"].as_f64().unwrap() < 100.0, "{told}");
            assert!(told["own_lag_ms"]["p50"].as_f64().unwrap() < 15.0, "{told}");
        }
    }
}

#[test]
fn streams_of_one_connection_that_overlapped_overlap_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut requests: Vec<_> = (0..20).map(|n| (n, 100, 1, "2", "/?sleep=100ms")).collect();
    // Came when all of them had been answered.
    requests.push((300, 10, 1, "2", "/last"));
    let file = recording(folder.path(), &requests);
    let server = Server::start(&[]);
    let (code, told) = replay(&server, &file, &["--http2"]);
    assert_eq!((code, &told["replay"]["recorded_concurrency"]["peak"]), (0, &Value::from(20)));
    assert!(server.asked("/arrivals")["MaxActive"].as_u64().unwrap() >= 18);
    assert_eq!(server.seen()["Proto"], serde_json::json!({"HTTP/2.0": 21}));
    assert_eq!(arrivals(&server).last().unwrap().path, "/last");
}

#[test]
fn what_the_proxy_records_is_what_a_replay_sends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traffic.jsonl");
    let recorder = Recorder::start(&Plan {
        path: path.clone(),
        max_bytes: 1 << 20,
        when_full: WhenFull::Stop,
        max_body: 1 << 20,
        max_queued: 1 << 20,
        redaction: Redaction::default(),
    })
    .unwrap();
    let body = "n=1&who=\"{{ counter }}\"\u{1}";
    let headers = [
        ("host", "shop.example"),
        ("authorization", "Bearer abc"),
        ("connection", "x-test, keep-alive"),
        ("x-test", "for the next hop only"),
        ("transfer-encoding", "chunked"),
        ("expect", "100-continue"),
        ("user-agent", "caller/1"),
    ];
    let headers: HeaderMap = headers
        .into_iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect::<HeaderMap>();
    for (number, version) in [(1, Version::HTTP_11), (2, Version::HTTP_2)] {
        let offered = recorder.offer(Exchange {
            arrived: Instant::now(),
            took: Duration::from_millis(1),
            connection: number,
            version,
            method: Method::PUT,
            uri: "/a%20b/{c}?x=|&token=abc".parse().unwrap(),
            headers: headers.clone(),
            body: vec![Bytes::from(body)],
            status: Some(200),
        });
        assert_eq!(offered, Ok(()));
    }
    assert_eq!(recorder.finish().recorded, 2);
    for (flags, host, test) in [
        (vec![], None, ""),
        (
            vec!["--host-header", "recorded", "-H", "X-Test: {{ counter % 1 }}"],
            Some("shop.example"),
            "0",
        ),
        (vec!["--http2", "--host-header", "recorded"], Some("shop.example"), ""),
        (vec!["-H", "Host: other", "--host-header", "target"], Some("other"), ""),
    ] {
        let server = Server::start(&[]);
        let (code, told) = replay(&server, &path, &flags);
        assert_eq!((code, &told["completed"]), (0, &Value::from(2)), "{told}");
        let seen = server.seen();
        assert_eq!(seen["Bodies"], serde_json::json!([body, body]));
        assert_eq!(seen["Headers"], serde_json::json!({test: 2}));
        let seen = server.asked("/arrivals");
        assert_eq!(seen["Arrivals"][0]["Path"], "/a%20b/{c}?x=|&token=REDACTED");
        assert_eq!(seen["Arrivals"][0]["Host"], host.unwrap_or(&server.address), "{flags:?}");
    }
    let server = Server::start(&[]);
    let output = run(&[&server.url(""), "--replay", path.to_str().unwrap()]);
    assert!(stderr(&output).contains("note: credentials were taken out"), "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("replay of") && text.contains("at 1x"), "{text}");
    assert!(text.contains("(recorded: "), "{text}");
}

#[test]
fn a_loop_begins_again_until_it_has_sent_enough() {
    let folder = tempfile::tempdir().unwrap();
    let requests: Vec<_> = (0..10).map(|n| (n * 10, 5, n % 2, "1.1", "/")).collect();
    let file = recording(folder.path(), &requests);
    for (flags, n) in [
        (vec!["--loop", "-n", "35"], 35),
        (vec!["--loop", "--for", "500ms"], 50),
        (vec!["--for", "45ms"], 5),
        (vec!["-n", "3"], 3),
        (vec!["--loop", "--rate", "400", "--for", "200ms"], 80),
        (vec!["--loop", "--speed", "max", "-c", "2", "-n", "1000"], 1000),
    ] {
        let server = Server::start(&[]);
        let (code, told) = replay(&server, &file, &flags);
        assert_eq!(
            (code, numbers(&told, &["planned", "sent", "completed"])),
            (0, vec![n; 3]),
            "{flags:?}"
        );
        assert_eq!(server.seen()["Requests"], n);
    }
    let server = Server::start(&[]);
    let begun = Instant::now();
    let (code, told) = replay(&server, &file, &["--loop", "--speed", "max", "--for", "300ms"]);
    assert!(code == 0 && begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(told["completed"].as_u64().unwrap() > 20, "{told}");
}

#[test]
fn what_is_shed_lets_the_next_of_its_connection_go() {
    let folder = tempfile::tempdir().unwrap();
    let requests: Vec<_> = (0..100).map(|n| (n, 1, n % 20, "1.1", "/?sleep=300ms")).collect();
    let file = recording(folder.path(), &requests);
    let server = Server::start(&[]);
    let (code, told) = replay(&server, &file, &["--max-in-flight", "5"]);
    let [planned, sent, shed] = numbers(&told, &["planned", "sent", "shed"])[..] else { panic!() };
    assert_eq!((code, planned, sent + shed), (1, 100, 100), "{told}");
    assert!(shed > 0 && server.asked("/arrivals")["MaxActive"].as_u64().unwrap() <= 5, "{told}");
}

#[test]
fn a_torn_end_is_a_note_and_garbage_an_error_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = recording(folder.path(), &[(0, 1, 1, "1.1", "/"), (1, 1, 1, "1.1", "/")]);
    let whole = std::fs::read_to_string(&file).unwrap();
    let server = Server::start(&[]);
    let (url, name) = (server.url(""), file.to_str().unwrap());
    std::fs::write(&file, &whole[..whole.len() - 9]).unwrap();
    let output = run(&[&url, "--replay", name]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("jsonl:3: the line was not written to its end"));
    assert_eq!(server.seen()["Requests"], 1);
    for (text, flags, said) in [
        (format!("{whole}nonsense\n"), vec![], "jsonl:4: not a request"),
        ("GET http://a/\n".to_owned(), vec![], "is not a recording"),
        (HEAD.to_owned(), vec![], "the recording has no request in it"),
        (whole.clone(), vec!["--speed", "fast"], "is no speed"),
        (whole.clone(), vec!["--speed", "0x"], "is no speed"),
        (whole.clone(), vec!["--speed", "2x", "--rate", "5"], "cannot be used with"),
        (whole.clone(), vec!["--body", "x"], "cannot be used with"),
        (whole.clone(), vec!["--warm-up", "1s"], "cannot be used with"),
    ] {
        std::fs::write(&file, text).unwrap();
        let output = run(&[&[url.as_str(), "--replay", name], flags.as_slice()].concat());
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        assert!(stderr(&output).contains(said), "{said}: {}", stderr(&output));
    }
    std::fs::write(&file, whole).unwrap();
    for (args, said) in [
        (vec!["--replay", name], "<URL>"),
        (vec![url.as_str(), "--speed", "2x"], "--replay"),
        (vec![&server.url("/path"), "--replay", name], "the paths are recorded"),
        (vec![url.as_str(), "--replay", "/no/such/file"], "No such file"),
    ] {
        let output = run(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(said), "{said}: {}", stderr(&output));
    }
}

#[test]
fn interrupted_it_ends_at_once_whatever_waits_for_whom() {
    let folder = tempfile::tempdir().unwrap();
    // One connection whose first request is never answered in time: all others wait.
    let requests: Vec<_> = (0..50).map(|n| (n, 1, n % 2, "1.1", "/?sleep=60s")).collect();
    let file = recording(folder.path(), &requests);
    for flags in [vec!["--loop"], vec!["--loop", "--speed", "max"]] {
        let server = Server::start(&[]);
        let url = server.url("");
        let args =
            [&[url.as_str(), "--replay", file.to_str().unwrap(), "--format", "json"], &flags[..]];
        let child = photofinish(&args.concat()).spawn().unwrap();
        while server.asked("/arrivals")["Active"] != 2 {
            std::thread::sleep(Duration::from_millis(5));
        }
        let begun = Instant::now();
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(numbers(&told, &["sent", "completed", "abandoned"]), [2, 0, 2], "{told}");
    }
}
