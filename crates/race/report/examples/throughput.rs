//! How fast the reader is: a log without reports, logs with many, and texts made to slow it down.
//!
//! Rates are per second of processor time, so that a busy machine shows the same.
//! `cargo run --release -p photofinish-report --example throughput [MB]` prints a table.

#![expect(clippy::print_stdout, reason = "a program that prints a table")]

use photofinish_report::Reader;

const REPORT: &str = include_str!("../tests/samples/worker-halt-go1.24.txt");
const CRASH: &str = include_str!("../tests/samples/crash-mapread-all-go1.26.txt");
/// What one call of `feed` is given, as a log follower does.
const PIECE: usize = 256 << 10;

fn main() {
    let megabytes = std::env::args().nth(1).and_then(|size| size.parse().ok()).unwrap_or(100);
    let size = megabytes << 20;
    println!("| log | MB/s | reports |\n|---|---|---|");
    let json = |n: usize| {
        format!(
            "{{\"time\":\"2026-11-21T21:43:09.{n:09}Z\",\"level\":\"INFO\",\"msg\":\"request\",\"worker\":{},\"path\":\"/cart\"}}\n",
            n % 8
        )
    };
    let plain = |n: usize| {
        format!(
            "2026-11-21T21:43:09.{n:09}Z INFO handled GET /cart/{} in {}ms from 10.0.0.{}\n",
            n * 7,
            n % 90,
            n % 250
        )
    };
    let docker = |n: usize| {
        format!(
            "{{\"log\":\"GET /cart/{n} 200\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-21T21:43:09.{n:09}Z\"}}\n"
        )
    };
    measure("log without reports", &fill(size, plain));
    measure("JSON log without reports", &fill(size, json));
    measure("docker log without reports", &fill(size, docker));
    measure(
        "Go panics in prose, every 100 lines",
        &fill(size, |n| match n % 100 {
            0 => "2026-11-21 ERROR recovered panic: it was nothing\n".to_owned(),
            _ => plain(n),
        }),
    );
    measure(
        "a report every 1000 lines",
        &fill(size, |n| match n % 1000 {
            0 => REPORT.to_owned(),
            _ => json(n),
        }),
    );
    measure("nothing but races", &fill(size, |_| REPORT.to_owned()));
    measure("nothing but crashes", &fill(size, |_| format!("{CRASH}exit status 2\n")));
    measure(
        "races as JSON strings",
        &fill(size, |_| {
            format!("{{\"msg\":\"{}\"}}\n", REPORT.replace('\n', "\\n").replace('\t', "\\t"))
        }),
    );
    for line in [
        "==================\n",
        "WARNING: DATA RACE\n",
        "WARNING: DATA RACE\nRead at 0x10 by goroutine 7:\n",
        "goroutine 1 [running]:\n",
        "panic: \n",
        "fatal error: concurrent map writes\n",
        "Read at 0x10 by goroutine 7:\n",
        "WARNING: DATA RACE",
        "panic: \\n",
        "\"\\\\n\\",
        "{\"log\":",
        "x",
    ] {
        let mut text = line.repeat(size / line.len());
        measure(&format!("endless {line:?}"), text.as_bytes());
        text.insert_str(0, "WARNING: DATA RACE\nRead at 0x10 by goroutine 7:\n");
        measure("  the same behind an open report", text.as_bytes());
    }
}

fn fill(size: usize, line: impl Fn(usize) -> String) -> Vec<u8> {
    let mut text = Vec::with_capacity(size + 4096);
    for n in 0.. {
        text.extend_from_slice(line(n).as_bytes());
        if text.len() >= size {
            break;
        }
    }
    text
}

fn measure(name: &str, text: &[u8]) {
    let started = cpu_seconds();
    let mut found = 0usize;
    let mut reader = Reader::new();
    for piece in text.chunks(PIECE) {
        reader.feed(piece, &mut |_| found += 1);
    }
    reader.finish(&mut |_| found += 1);
    let seconds = cpu_seconds() - started;
    let rate = text.len() as f64 / 1e6 / seconds;
    println!("| {} | {rate:.0} | {found} |", name.replace('|', "\\|"));
}

/// Processor time of this thread so far (Linux).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos: f64 = stat.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or_default();
    nanos / 1e9
}
