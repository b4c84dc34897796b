//! What `photofinish jobs` does a second, and what it adds to a job, beside the same broker without it.
//!
//! In: a release build of photofinish (`$PHOTOFINISH`) and the brokers that this machine has. Out: Markdown on stdout,
//! talk on stderr. Each round measures one broker after the other, with and without a sampler in turns; figures are
//! medians, with the least and the most beside them. River's jobs and those of the embedded queue do not pass through
//! the sampler: what it adds there is the trigger, to the insert.
//!
//! Not here: what is asked of each broker (`brokers`). Start at [`main`].
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "it talks on the terminal, and a benchmark that cannot go on ends"
)]

mod brokers;

use brokers::Queues;
use photofinish_testkit::{Running, temp_dir, wait_until};
use std::process::Command;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(120);

/// Figures of one broker, one of each round.
#[derive(Default)]
struct Figures {
    consumed: Vec<f64>,
    sampled: Vec<f64>,
    direct_us: Vec<f64>,
    through_us: Vec<f64>,
    through_p99_us: Vec<f64>,
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let only = std::env::args().skip_while(|argument| argument != "--broker").nth(1);
    let (rounds, many, singles) = if quick { (1, 5_000, 100) } else { (3, 20_000, 300) };
    println!(
        "Jobs of 100 bytes, one of each ten to the race queue, {rounds} rounds: a consumer that takes {many} jobs by itself (100 at \
         once), the sampler sending on as many, and the time from before a job is pushed until a consumer has it, {singles} jobs \
         one after the other, medians with least and most.\n"
    );
    println!(
        "| broker | jobs/s, consumer without us | jobs/s, sampler | one job without us, us | one job through the sampler, us | p99 of that, us |"
    );
    println!("|---|---:|---:|---:|---:|---:|");
    for name in
        brokers::NAMES.iter().filter(|name| only.as_deref().is_none_or(|only| only == **name))
    {
        let mut figures = Figures::default();
        let mut is_there = true;
        for round in 0..rounds {
            eprintln!("{name}, round {}", round + 1);
            let Some(mut queues) = brokers::start(name) else {
                is_there = false;
                break;
            };
            measure(queues.as_mut(), name, many, singles, &mut figures);
        }
        if !is_there {
            println!("| {name} | not installed | | | | |");
            continue;
        }
        println!(
            "| {name} | {} | {} | {} | {} | {} |",
            shown(&mut figures.consumed),
            shown(&mut figures.sampled),
            shown(&mut figures.direct_us),
            shown(&mut figures.through_us),
            shown(&mut figures.through_p99_us)
        );
    }
}

fn measure(queues: &mut dyn Queues, name: &str, many: u64, singles: u64, figures: &mut Figures) {
    let in_place = queues.in_place();
    let mut direct = latencies(queues, singles, &["mail"]);
    figures.direct_us.push(quantile(&mut direct, 0.5));
    queues.push(many);
    let begun = Instant::now();
    let mut taken = 0;
    while taken < many {
        taken += queues.take("mail", 100);
    }
    figures.consumed.push(many as f64 / begun.elapsed().as_secs_f64());
    let folder = temp_dir();
    let table = format!(
        "[jobs]\nbroker = \"{name}\"\nurl = \"{}\"\nsource = \"mail\"\nmax_lag = 1000000\nstalled = \"1h\"\nmax_age = \"1h\"\n",
        queues.url()
    );
    std::fs::write(folder.path().join("photofinish.toml"), table).unwrap();
    // Once in vain, so that what it makes is there.
    drop(sampler(folder.path()));
    if !in_place {
        queues.push(many);
    }
    let begun = Instant::now();
    let sampler = sampler(folder.path());
    if in_place {
        // The trigger comes a moment later.
        std::thread::sleep(Duration::from_secs(2));
        figures.sampled.push(f64::NAN);
    } else {
        let started = begun.elapsed();
        wait_until(LONG, "the source to be empty", || queues.waits() == 0);
        let took = begun.elapsed().saturating_sub(started / 2);
        figures.sampled.push(many as f64 / took.as_secs_f64());
        for queue in ["mail_main", "mail_race"] {
            while queues.take(queue, 100) > 0 {}
        }
    }
    let mut through = latencies(queues, singles, &["mail_main", "mail_race"]);
    figures.through_us.push(quantile(&mut through, 0.5));
    figures.through_p99_us.push(quantile(&mut through, 0.99));
    drop(sampler);
}

fn sampler(folder: &std::path::Path) -> Running {
    let program = std::env::var_os("PHOTOFINISH").unwrap();
    let running = Running::start(Command::new(program).arg("jobs").current_dir(folder));
    running.wait_for_line(LONG, "jobs: sampling");
    running
}

/// How long each of so many jobs takes to reach one of the queues, in us.
fn latencies(queues: &mut dyn Queues, many: u64, to: &[&str]) -> Vec<f64> {
    let mut times = Vec::new();
    for _ in 0..many {
        std::thread::sleep(Duration::from_millis(2));
        let begun = Instant::now();
        queues.push(1);
        if !queues.in_place() {
            while to.iter().all(|queue| queues.take(queue, 1) == 0) {
                assert!(begun.elapsed() < LONG, "a job did not arrive");
            }
        }
        times.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    times
}

fn quantile(values: &mut [f64], at: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * at).round() as usize]
}

/// The median, the least and the most.
fn shown(values: &mut [f64]) -> String {
    let middle = quantile(values, 0.5);
    if middle.is_nan() {
        return "none pass".to_owned();
    }
    let (least, most) = (quantile(values, 0.0), quantile(values, 1.0));
    format!("{middle:.0} ({least:.0}-{most:.0})")
}
