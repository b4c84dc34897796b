//! What `photofinish catch` finds in the corpus, and what it costs, beside Go's race detector.
//!
//! In: a release build of photofinish (`$PHOTOFINISH`), the corpus, the payment service. Out: Markdown on stdout,
//! talk on stderr. One program runs at a time, since there may be only two processors.
//!
//! Not here: starting and watching programs (`target`, `catching`), figures (`stats`). Start at [`main`].
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "talking on the terminal is what it is for"
)]

mod catching;
mod corpus;
mod cost;
mod elsewhere;
mod marks;
mod payments;
mod stats;
mod target;
mod windows;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser as _;

use crate::corpus::Programs;

/// How to measure.
#[derive(Debug, clap::Parser)]
struct Options {
    /// One round over a program of each kind, and short runs
    #[arg(long)]
    quick: bool,
    /// Rounds over the racy programs
    #[arg(long)]
    rounds: Option<usize>,
    /// Only these programs of the corpus, and not the payment service
    #[arg(long, value_delimiter = ',')]
    programs: Vec<String>,
    /// Only the payment service
    #[arg(long)]
    payments: bool,
    /// The most that a program is watched for its first race
    #[arg(long = "for", value_parser = seconds)]
    time: Option<Duration>,
    /// When the last round over the racy programs ends, counted from the start
    #[arg(long, default_value_t = 32)]
    minutes: u64,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.trim_end_matches('s').parse::<u64>();
    number.map(Duration::from_secs).map_err(|_| format!("{text:?} is no time like 60s"))
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    let began = Instant::now();
    let end = began + Duration::from_secs(60 * options.minutes);
    if options.payments {
        println!("{}", payments::measure(options.quick)?.table());
        return Ok(());
    }
    let programs = Programs::build(&options.programs, options.quick)?;
    let costs = cost::measure(&programs, options.quick)?;
    let payments =
        if options.programs.is_empty() { Some(payments::measure(options.quick)?) } else { None };
    let rounds = options.rounds.unwrap_or(if options.quick { 1 } else { 5 });
    let time = options.time.unwrap_or(Duration::from_secs(if options.quick { 6 } else { 60 }));
    let found = corpus::measure(&programs, rounds, time, end)?;
    println!(
        "`photofinish catch` at its default budget on ordinary builds, beside `-race` builds: {} programs of the corpus, {} s \
         at most for each, {:.0} minutes in all.\n",
        programs.patterns.len(),
        time.as_secs(),
        began.elapsed().as_secs_f64() / 60.0
    );
    println!("{}", marks::table(&found, &costs, payments.as_ref()));
    if let Some(payments) = &payments {
        println!("{}", payments.table());
    }
    println!("{}", corpus::table(&programs, &found, &costs));
    Ok(())
}
