//! One goroutine, deadlocks and threads, for a person.

use std::io::Write;

use photofinish_goprocess::{Goroutine, Seen, Status};
use photofinish_inspect::{Company, Deadlocks, Look, company_of};
use photofinish_model::Stack;
use photofinish_store::Sources;

use super::inspect::{asides, end_words, named, push_place, stack_of, state_style};
use super::inspect_json::thread_state;
use super::stack::{Line, View, place_of, stack_lines};
use super::style::{BOLD, CYAN, DIM, RED, YELLOW, clean, paint, terminal_width};

/// Prints one goroutine: everything known about it.
pub(crate) fn goroutine(
    look: &Look,
    goroutine: &Goroutine,
    all_frames: bool,
) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(anstream::stdout().lock());
    let mut head = Line::default();
    head.push(BOLD, &format!("goroutine {}", goroutine.id)).push(DIM, "  ");
    head.push(state_style(goroutine), &clean(look.state(goroutine)));
    for aside in asides(look, goroutine) {
        head.push(DIM, &format!("  {aside}"));
    }
    writeln!(out, "{}", head.text)?;
    for company in company_of(look, goroutine) {
        writeln!(out, "  {}", company_words(goroutine, &company))?;
    }
    if !goroutine.settled {
        let why = match goroutine.status {
            Status::Running if goroutine.seen == Seen::Sample => {
                "it runs: this is where a clock saw it, it has gone on since"
            }
            Status::Running => "it runs, and was not seen: with --stop it is held and read",
            _ => "it moved each time it was read",
        };
        writeln!(out, "  {}", paint(YELLOW, why))?;
    }
    let sources = Some(Sources::new(None));
    let mut view = View { width: terminal_width(), every_frame: true, sources };
    for line in stack_lines(&stack_of(look, goroutine, all_frames), &mut view, true) {
        writeln!(out, "{}", line.text)?;
    }
    if let Some(end) = end_words(goroutine) {
        writeln!(out, "    {}", paint(DIM, end))?;
    }
    writeln!(out, "  started as {}", clean(look.start_function(goroutine)))?;
    if let Some(creator) = look.creator(goroutine) {
        writeln!(out, "  created by goroutine {} at", creator.goroutine)?;
        let stack = Stack::from(vec![creator.frame.clone()]);
        for line in stack_lines(&stack, &mut view, false) {
            writeln!(out, "{}", line.text)?;
        }
    }
    out.flush()?;
    Ok(())
}

/// Prints rings and leaks.
pub(crate) fn deadlocks(look: &Look, deadlocks: &Deadlocks) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(anstream::stdout().lock());
    for ring in &deadlocks.cycles {
        let sure = ring.iter().map(|link| link.evidence).min().map_or("", |least| least.word());
        let title = format!("deadlock of {} goroutines", ring.len());
        writeln!(out, "{}  {}", paint(RED.bold(), &title), paint(DIM, sure))?;
        for link in ring {
            writeln!(
                out,
                "  goroutine {} waits for {}, held by goroutine {} ({})",
                paint(BOLD, &link.goroutine.to_string()),
                paint(CYAN, &link.waits_for.to_string()),
                link.held_by,
                link.evidence.word()
            )?;
            let Some(goroutine) = look.goroutine(link.goroutine) else { continue };
            let mut view = View { width: terminal_width(), every_frame: true, sources: None };
            for line in stack_lines(&stack_of(look, goroutine, false), &mut view, false) {
                writeln!(out, "    {}", line.text)?;
            }
        }
        writeln!(out)?;
    }
    for leak in &deadlocks.leaks {
        let plural = if leak.count == 1 { "" } else { "s" };
        let title = format!("leak of {} goroutine{plural}", leak.count);
        writeln!(out, "{}  {}", paint(RED.bold(), &title), paint(DIM, leak.evidence.word()))?;
        let on = leak.waiting_for.map(|at| format!(" on {at}")).unwrap_or_default();
        writeln!(out, "  {}{on} in {}", clean(&leak.wait_reason), clean(&leak.function))?;
        if let Some(frame) = &leak.created_at {
            writeln!(out, "  created at {}", paint(CYAN, &place_of(frame)))?;
        }
        let ids: Vec<String> = leak.goroutines.iter().map(u64::to_string).collect();
        let more = if leak.count > ids.len() { " …" } else { "" };
        writeln!(out, "  {}\n", paint(DIM, &format!("goroutine{plural} {}{more}", ids.join(" "))))?;
    }
    if let Some(why) = deadlocks.not_looked {
        writeln!(out, "leaks by reachability were not looked for: {why}")?;
    }
    if deadlocks.is_empty() {
        writeln!(out, "no deadlock and no leak among {} goroutines", look.goroutines.len())?;
    }
    out.flush()?;
    Ok(())
}

/// Prints a line for each thread.
pub(crate) fn threads(look: &Look) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(anstream::stdout().lock());
    for thread in &look.threads {
        let mut line = Line::default();
        line.push(BOLD, &format!("{:>8}", thread.tid)).push(DIM, "  ");
        line.push(anstyle::Style::new(), thread_state(thread.state)).pad(28);
        if let Some(cpu) = thread.cpu {
            line.push(DIM, &format!("cpu {cpu}"));
        }
        if let Some(node) = look.node_of(thread) {
            line.push(DIM, &format!(" node {node}"));
        }
        line.pad(44);
        match look.on_thread(thread.tid) {
            Some(goroutine) => {
                line.push(BOLD, &format!("goroutine {}  ", goroutine.id));
                line.push(state_style(goroutine), look.state(goroutine)).push(DIM, "  ");
                if let Some(frame) = look.user_frame(goroutine) {
                    push_place(&mut line, frame);
                }
            }
            None => {
                line.push(DIM, &clean(&thread.name));
            }
        }
        writeln!(out, "{}", line.text.trim_end())?;
    }
    out.flush()?;
    Ok(())
}

/// `waits for mutex 0xc000… with 12 others: 4, 5, 6 …`.
fn company_words(goroutine: &Goroutine, company: &Company<'_>) -> String {
    let others: Vec<&Goroutine> =
        company.waiting.iter().copied().filter(|other| other.id != goroutine.id).collect();
    let with = match others.len() {
        0 => "nobody else does".to_owned(),
        1 => format!("so does {}", named(&others)),
        n_others => format!("so do {n_others} others: {}", named(&others)),
    };
    let wait = company.wait;
    format!("waits for {} {}; {with}", wait.on.word(), paint(CYAN, &wait.address.to_string()))
}
