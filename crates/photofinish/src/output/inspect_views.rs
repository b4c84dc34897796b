//! Deadlocks and threads, for a person. One goroutine is in `inspect_goroutine`.

use std::io::Write;

use photofinish_inspect::{Deadlocks, Look};

use super::inspect::{push_place, stack_of, state_style};
use super::inspect_json::thread_state;
use super::stack::{Line, View, place_of, stack_lines};
use super::style::{BOLD, CYAN, DIM, RED, clean, paint, terminal_width};

/// Prints rings and leaks.
pub(crate) fn deadlocks(look: &Look, deadlocks: &Deadlocks, limit: usize) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(anstream::stdout().lock());
    for ring in deadlocks.cycles.iter().take(limit) {
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
    let rest = limit.saturating_sub(deadlocks.cycles.len());
    for leak in deadlocks.leaks.iter().take(rest) {
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
    let n_more = (deadlocks.cycles.len() + deadlocks.leaks.len()).saturating_sub(limit);
    if n_more > 0 {
        writeln!(out, "{}", paint(DIM, &format!("… {n_more} more; see --limit")))?;
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
