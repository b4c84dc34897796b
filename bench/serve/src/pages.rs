//! Each page, many times over, in turns.

use anyhow::{Context, Result};
use std::time::{Duration, Instant};

/// The pages and what they are called.
const PAGES: &[(&str, &str)] = &[
    ("list", "/findings"),
    ("list, page 150", "/findings?page=150"),
    ("list, one state, seen most often first", "/findings?state=new&sort=count"),
    ("list, by source and service", "/findings?source=catch&service=cart"),
    ("list, by owner, last 7 days", "/findings?owner=%40team-mail&since=7d"),
    ("search, one word that many have", "/findings?q=update"),
    ("search, two words that few have", "/findings?q=Store4321+accounts"),
    ("search, a word that none has", "/findings?q=nosuchword"),
    ("one finding, seen most often", "/findings/{MOST}"),
    ("list as JSON, 500", "/api/v1/findings?limit=500"),
    ("/metrics", "/metrics"),
];

/// Prints a row for each page.
pub(crate) fn measure(url: &str, rounds: usize) -> Result<()> {
    let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
    let get = |path: &str| -> Result<String> {
        let mut answer = agent.get(format!("{url}{path}")).call()?;
        Ok(answer.body_mut().with_config().limit(64 << 20).read_to_string()?)
    };
    let first = get("/findings?sort=count")?;
    let most = first
        .split("href=\"/findings/")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .context("the list names no finding")?;
    let paths: Vec<String> = PAGES.iter().map(|(_, path)| path.replace("{MOST}", most)).collect();
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); PAGES.len()];
    let mut sizes = vec![0; PAGES.len()];
    for path in &paths {
        get(path)?; // opens the file, fills its cache
    }
    for _ in 0..rounds {
        for (index, path) in paths.iter().enumerate() {
            let start = Instant::now();
            sizes[index] = get(path)?.len();
            times[index].push(start.elapsed());
        }
    }
    println!("| page | median | slowest of {rounds} | KiB |\n|---|---:|---:|---:|");
    for ((name, _), (times, size)) in PAGES.iter().zip(times.iter_mut().zip(sizes)) {
        times.sort();
        let median = times[times.len() / 2];
        let slowest = times[times.len() - 1];
        println!("| {name} | {} | {} | {} |", millis(median), millis(slowest), size >> 10);
    }
    Ok(())
}

/// `1.2 ms`.
pub(crate) fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}
