//! What CI runs, by name: `cargo xtask test`, `demo`, `bench`, `soak` and their parts.
//!
//! Each subcommand is one file. They find or fetch what they need (`tools`), so that a fresh clone
//! with a Rust toolchain, a C compiler, and Go or pip is enough. Their talk goes to stdout like that
//! of the tools they call; the last line of `test` is `N passed, N failed`.
//!
//! Not here: what is tested, which lives with the crates. Start at [`COMMANDS`].
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "talking on the terminal is what it is for"
)]

mod bench;
mod demo;
mod deny;
mod go;
mod house;
mod markdown;
mod offsets;
mod readme;
mod soak;
mod steps;
mod test;
mod tools;

use std::process::ExitCode;

/// What a subcommand ends with: `Err` says what could not be done.
type Outcome = Result<ExitCode, String>;

/// A subcommand: its name, its arguments, what it does, and the doing.
type Command = (&'static str, &'static str, &'static str, fn(&[String]) -> Outcome);

/// Every subcommand, in the order of `help`.
const COMMANDS: &[Command] = &[
    ("test", "[STEP…]", "everything CI checks, or the named steps of it", test::test),
    ("demo", "", "hunt the racy payment service, then the repaired one", demo::demo),
    ("readme", "", "run the shell blocks of README.md in a copy of the tree", readme::readme),
    (
        "house",
        "",
        "house rules: length and head of files, no unsafe, nothing left to do",
        house::house,
    ),
    ("go", "", "vet and test the Go code", go::go),
    ("deny", "[--advisories]", "licences, bans and sources of dependencies", deny::deny),
    (
        "bench",
        "NAME [--record] [OPTION…]",
        "run a benchmark; --record puts its table into bench/RESULTS.md",
        bench::bench,
    ),
    (
        "offsets",
        "",
        "build with every pinned Go, and write the table of runtime offsets anew",
        offsets::offsets,
    ),
    ("soak", "NAME", "run the long variant of a test", soak::soak),
    ("help", "", "this list", help),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "help".to_owned());
    let rest: Vec<String> = arguments.collect();
    let Some((.., run)) = COMMANDS.iter().find(|(known, ..)| *known == name) else {
        eprintln!("error: there is no `cargo xtask {name}`\n  try: cargo xtask help");
        return ExitCode::from(2);
    };
    match run(&rest) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

fn help(_: &[String]) -> Outcome {
    for (name, arguments, what, _) in COMMANDS {
        println!("cargo xtask {:<34} {what}", format!("{name} {arguments}"));
    }
    println!("\nsteps of test: {}", test::names().join(", "));
    println!("benchmarks: {}", bench::names().join(", "));
    println!("soaks: {}", soak::names().join(", "));
    Ok(ExitCode::SUCCESS)
}
