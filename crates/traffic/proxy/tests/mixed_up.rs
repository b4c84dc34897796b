//! A real service that mixes up answers in a way no race detector reports: found by comparing.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use bytes::Bytes;
use http::HeaderValue;
use photofinish_proxy::compare::{
    Answer, Comparison, Learner, Place, Route, RuleTexts, Rules, compare,
};
use photofinish_testkit::{BuildOptions, Running, build_go_source};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

const SOURCE: &str = include_str!("mixed_up/orders.go");

/// A service on a port of its own.
struct Orders {
    running: Running,
    address: String,
}

impl Orders {
    fn start(options: &BuildOptions) -> Orders {
        let binary = build_go_source("orders", SOURCE, options);
        let running = Running::start(&mut Command::new(binary));
        let address = running.wait_for_line(Duration::from_secs(20), "listening on");
        Orders { running, address }
    }

    fn get(&self, path: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut text = Vec::new();
        stream.read_to_end(&mut text).unwrap();
        let end = text.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&text[..end]).into_owned();
        assert!(head.starts_with("HTTP/1.0 200 "), "{head}");
        let mut answer =
            Answer { body: Bytes::copy_from_slice(&text[end + 4..]), ..Answer::default() };
        for line in head.lines().skip(1) {
            let (name, value) = line.split_once(": ").unwrap();
            let name = http::HeaderName::try_from(name).unwrap();
            answer.headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        answer
    }

    /// Answers to `paths`, asked for by `n` callers at once.
    fn get_all(&self, paths: &[String], n: usize) -> Vec<Answer> {
        let share = paths.len().div_ceil(n);
        std::thread::scope(|scope| {
            let callers = paths.chunks(share);
            let callers: Vec<_> = callers
                .map(|paths| scope.spawn(|| paths.iter().map(|path| self.get(path)).collect()))
                .collect();
            callers.into_iter().flat_map(|caller| -> Vec<_> { caller.join().unwrap() }).collect()
        })
    }
}

#[test]
fn answers_that_get_mixed_up_are_told_and_random_ones_are_not() {
    let stable = Orders::start(&BuildOptions::normal());
    let mirror = Orders::start(&BuildOptions::race());
    let paths: Vec<String> = (0..1000).map(|id| format!("/orders/{id}")).collect();
    // One caller: each answer is right. Eight: the race shows.
    let (right, mixed) = (stable.get_all(&paths, 1), mirror.get_all(&paths, 8));
    let texts = RuleTexts { unordered: vec!["$.related".to_owned()], ..RuleTexts::default() };
    let rules = Rules::new(&texts).unwrap();
    let (mut learner, mut told) = (Learner::default(), Vec::new());
    for ((path, primary), mirror) in paths.iter().zip(&right).zip(&mixed) {
        let comparison = compare(&rules, primary, mirror);
        assert!(matches!(comparison, Comparison::Different(_)), "the nonce differs always");
        let request = format!("GET {path}");
        let route = Route::of("GET", path);
        told.extend(learner.note(&rules, &route, &request, (primary, mirror), &comparison));
    }
    assert!(!told.is_empty(), "{:?}", learner.figures());
    for differing in &told {
        assert_eq!(differing.difference.at, Place::Json("$.total".into()));
        assert_eq!(differing.route.as_str(), "GET /orders/{}");
        let id: u32 = differing.request.rsplit('/').next().unwrap().parse().unwrap();
        assert_eq!(differing.difference.primary, (100 * id).to_string());
    }
    let noisy: Vec<String> = learner.noisy().iter().map(|(_, place)| place.to_string()).collect();
    assert_eq!(noisy, ["$.nonce"]);
    assert!(!mirror.running.output().contains("DATA RACE"), "{}", mirror.running.output());
}
