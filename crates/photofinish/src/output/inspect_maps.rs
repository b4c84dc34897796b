//! Who is inside which map, for a person and for programs.

use std::io::Write;
use std::time::Duration;

use photofinish_inspect::{MapUse, MapUser, Maps};
use serde_json::json;

use super::inspect_json::frame;
use super::stack::{display_function, place_of};
use super::style::{BOLD, CYAN, DIM, RED, YELLOW, clean, paint};

/// Lines of one map that are shown.
const SHOWN: usize = 12;

/// Prints `maps` for a person.
pub(crate) fn text(maps: &Maps, limit: usize, watched_for: Option<Duration>) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(anstream::stdout().lock());
    for map in maps.maps.iter().take(limit) {
        let name = map.map.map_or_else(|| "a map".to_owned(), |at| format!("map {at}"));
        writeln!(out, "{}  {}", paint(BOLD, &name), verdict(map))?;
        for user in map.users.iter().take(SHOWN) {
            writeln!(out, "  {}", line(user))?;
        }
        if let Some(n_more) = map.users.len().checked_sub(SHOWN).filter(|n_more| *n_more > 0) {
            writeln!(out, "  {}", paint(DIM, &format!("… {n_more} more")))?;
        }
        writeln!(out)?;
    }
    let n_more = maps.maps.len().saturating_sub(limit);
    if n_more > 0 {
        writeln!(out, "{}", paint(DIM, &format!("… {n_more} more maps; see --limit")))?;
    }
    if maps.maps.is_empty() {
        writeln!(out, "nobody was seen inside a map")?;
    }
    let seconds = watched_for.map(|time| format!(" in {} s", time.as_secs_f64()));
    let seconds = seconds.unwrap_or_default();
    let how = match (maps.held.is_empty(), median(&maps.held)) {
        (false, Some(median)) => format!(
            "held still {} times{seconds}, {:.2} ms each in the middle",
            maps.held.len(),
            median.as_secs_f64() * 1e3
        ),
        _ => format!("{} looks at running threads{seconds}", maps.n_glimpses),
    };
    writeln!(out, "{}", paint(DIM, &how))?;
    if maps.has_ended {
        writeln!(out, "{}", paint(YELLOW, "the process ended meanwhile"))?;
    }
    out.flush()?;
    Ok(())
}

/// Prints `maps` as an array on stdout.
pub(crate) fn json(maps: &Maps, limit: usize) -> anyhow::Result<()> {
    let maps: Vec<serde_json::Value> = maps
        .maps
        .iter()
        .take(limit)
        .map(|map| {
            let users: Vec<serde_json::Value> = map.users.iter().map(user_json).collect();
            json!({
                "map": map.map.map(|at| at.to_string()),
                "readers": map.goroutines(false),
                "writers": map.goroutines(true),
                "at_the_same_time": map.together.map(|(writer, other)| [writer, other]),
                "seen": users,
            })
        })
        .collect();
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &maps)?;
    writeln!(out)?;
    Ok(())
}

fn user_json(user: &MapUser) -> serde_json::Value {
    json!({
        "goroutine": user.goroutine,
        "op": if user.writes { "write" } else { "read" },
        "at": frame(&user.frame),
        "count": user.count,
    })
}

fn verdict(map: &MapUse) -> String {
    let (readers, writers) = (map.goroutines(false).len(), map.goroutines(true).len());
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let counts =
        format!("{writers} writer{}, {readers} reader{}", plural(writers), plural(readers));
    match map.together {
        Some((writer, other)) => {
            let race = format!("goroutine {writer} wrote it while goroutine {other} was in it");
            format!("{}  {counts}", paint(RED.bold(), &race))
        }
        None if map.is_shared() && map.map.is_some() => {
            let hint = "no two were caught at the same moment; to prove it: photofinish catch";
            format!("{}  {}", paint(YELLOW, &counts), paint(DIM, hint))
        }
        None => counts,
    }
}

/// `writes  goroutine 12  main.(*Store).Add  store.go:31  41 times`.
fn line(user: &MapUser) -> String {
    let what = if user.writes { "writes" } else { "reads " };
    let times = if user.count == 1 { "once".to_owned() } else { format!("{} times", user.count) };
    format!(
        "{what}  goroutine {}  {}  {}  {}",
        paint(BOLD, &format!("{:<6}", user.goroutine)),
        clean(&display_function(&user.frame)),
        paint(CYAN, &place_of(&user.frame)),
        paint(DIM, &times)
    )
}

fn median(times: &[Duration]) -> Option<Duration> {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}
