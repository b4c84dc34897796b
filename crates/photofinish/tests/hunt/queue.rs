//! A hunt of a service and of the queue beside it.

use photofinish_testkit::{go_toolchain, temp_dir, workspace_root};
use rusqlite::Connection;
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::Command;

#[test]
fn the_race_of_a_queues_worker_is_found_beside_those_of_the_service() {
    let payments = workspace_root().join("examples/payments");
    let driver =
        go_toolchain().command(&payments.join("settler")).args(["mod", "download"]).output();
    if !driver.unwrap().status.success() {
        let _ = writeln!(std::io::stderr(), "skipped: the worker's driver cannot be fetched");
        return;
    }
    // A database of the test's own, and the module where it is.
    let home = temp_dir();
    let text = std::fs::read_to_string(payments.join("jobs.toml")).unwrap();
    let text = text
        .replace("[service]\n", &format!("[service]\ndir = \"{}\"\n", payments.display()))
        .replace("\"settler\"", &format!("\"{}/settler\"", payments.display()));
    let text = format!("[build]\nout = \"bin\"\n\n{text}");
    std::fs::write(home.path().join("photofinish.toml"), text).unwrap();
    // Longer where a busy machine did not let two of its jobs meet.
    let mut lengths = ["10s", "30s", "60s"].into_iter();
    let mut found = hunt(home.path(), lengths.next().unwrap());
    while found["jobs"]["findings"] == 0
        && let Some(length) = lengths.next()
    {
        found = hunt(home.path(), length);
    }
    // Each hunt undoes what it set up.
    let file = Connection::open(home.path().join(".photofinish/jobs.db")).unwrap();
    let ours = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'photofinish%'";
    assert_eq!(file.query_row(ours, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    let jobs = &found["jobs"];
    assert_eq!(jobs["failure"], Value::Null, "{jobs}");
    assert!(
        jobs["race"].as_u64() > Some(0) && jobs["race_workers"]["starts"].as_u64() > Some(0),
        "{jobs}"
    );
    let findings = found["findings"].as_array().unwrap();
    let of_the_queue = |finding: &&Value| finding["sources"]["jobs"].as_u64() > Some(0);
    let (queue, service): (Vec<&Value>, Vec<&Value>) = findings.iter().partition(of_the_queue);
    assert!(!service.is_empty(), "{findings:#?}");
    for finding in &queue {
        assert!(finding["title"].as_str().unwrap().contains("batch"), "{finding:#}");
        assert_eq!(finding["seen_by"][0]["variant"], "jobs");
        assert_eq!(finding["jobs"][0]["kind"], "settle", "{finding:#}");
    }
    assert_eq!(jobs["findings"].as_u64(), Some(queue.len() as u64));
    assert!(!queue.is_empty(), "{jobs}");
}

fn hunt(home: &Path, length: &str) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_photofinish"));
    command.current_dir(home).env("PHOTOFINISH_GO", &go_toolchain().go);
    command.env_remove("PHOTOFINISH_STORE").env_remove("PHOTOFINISH_SPOOL");
    command.args([
        "hunt",
        "--ways",
        "mirror",
        "--baseline",
        "0",
        "--format",
        "json",
        "--for",
        length,
    ]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}
