//! Goroutines for a person: a line each, or a line for each group when they are many.

use std::io::Write;

use photofinish_goprocess::{Goroutine, Process, StackEnd, Status};
use photofinish_inspect::{Company, Deadlocks, GroupBy, Look, company_of, group};
use photofinish_model::{Frame, Stack};
use photofinish_store::Sources;

use super::inspect_json::thread_state;
use super::stack::{Line, View, display_function, place_of, stack_lines};
use super::style::{BOLD, CYAN, DIM, RED, YELLOW, clean, paint, shorten, terminal_width};

/// More goroutines than this are grouped, where no terminal says how high it is.
const SCREENFUL: usize = 50;
/// Goroutines of a group that are named.
const NAMED: usize = 5;
/// The widest state that gets a column of its own.
const STATE_WIDTH: usize = 28;

/// Goroutines to be printed.
pub(crate) struct Listing<'a> {
    pub(crate) process: &'a Process,
    pub(crate) look: &'a Look,
    pub(crate) stacks: bool,
    pub(crate) all_frames: bool,
    pub(crate) limit: Option<usize>,
}

/// How many lines there is room for.
pub(crate) fn screenful() -> usize {
    let rows = terminal_size::terminal_size_of(std::io::stdout()).map(|(_, rows)| rows.0);
    rows.map_or(SCREENFUL, |rows| usize::from(rows).saturating_sub(4).max(10))
}

impl Listing<'_> {
    /// Prints `goroutines`, grouped or one by one.
    pub(crate) fn print(
        &self,
        goroutines: &[&Goroutine],
        group_by: Option<&GroupBy>,
    ) -> anyhow::Result<()> {
        let mut out = std::io::BufWriter::new(anstream::stdout().lock());
        writeln!(out, "{}\n", self.head(goroutines.len()))?;
        match group_by {
            Some(by) => self.groups(&mut out, goroutines, by)?,
            None => self.rows(&mut out, goroutines)?,
        }
        out.flush()?;
        Ok(())
    }

    /// `checkout (process 4312, go1.26.6): 114 goroutines, 105 waiting, 9 in system calls`.
    fn head(&self, n_wanted: usize) -> String {
        let name = self.process.path().file_name().unwrap_or_default().to_string_lossy();
        let mut place = Vec::new();
        place.push(match self.process.pid() {
            Some(pid) => format!("process {pid}"),
            None => "core file".to_owned(),
        });
        place.push(self.process.build().go_version.clone());
        let counts = self.look.counts();
        let counts: Vec<String> = counts
            .iter()
            .map(|(status, count)| format!("{count} {}", status_words(*status)))
            .collect();
        let n_all = self.look.goroutines.len();
        let shown = if n_wanted == n_all { String::new() } else { format!("; shown: {n_wanted}") };
        let is_moving =
            |goroutine: &&Goroutine| !goroutine.settled && goroutine.status != Status::Running;
        let moving = match self.look.goroutines.iter().filter(is_moving).count() {
            0 => String::new(),
            n_moving => format!("; {n_moving} moved each time they were read"),
        };
        format!(
            "{} ({}): {n_all} goroutines, {}{moving}{shown}",
            paint(BOLD, &clean(&name)),
            clean(&place.join(", ")),
            counts.join(", ")
        )
    }

    fn rows(&self, out: &mut impl Write, goroutines: &[&Goroutine]) -> anyhow::Result<()> {
        let shown = &goroutines[..goroutines.len().min(self.limit.unwrap_or(usize::MAX))];
        let width = terminal_width();
        let last = shown.last().map_or(0, |goroutine| goroutine.id);
        let id_width = last.to_string().len().max(2);
        for goroutine in shown {
            let line = self.row(goroutine, id_width, width);
            writeln!(out, "{}", line.text.trim_end())?;
            if self.stacks {
                self.stack(out, goroutine, width)?;
            }
        }
        more(out, goroutines.len() - shown.len(), "goroutine")
    }

    /// `  23  chan receive   main.serve  main.go:12   for 3 min   thread 4320 on cpu 1   tenant=eu-7`.
    fn row(&self, goroutine: &Goroutine, id_width: usize, width: Option<usize>) -> Line {
        let look = self.look;
        let mut line = Line::default();
        line.push(BOLD, &format!("{:>id_width$}", goroutine.id)).push(DIM, "  ");
        let start = line.width;
        line.push(state_style(goroutine), &clean(look.state(goroutine)));
        line.pad(start + STATE_WIDTH);
        if let Some(frame) = look.user_frame(goroutine) {
            push_place(&mut line, frame);
        }
        let mut rest = asides(look, goroutine);
        if !goroutine.settled && goroutine.status != Status::Running {
            rest.push("moved while it was read".to_owned());
        }
        if !rest.is_empty() {
            let room = width.map_or(usize::MAX, |width| width.saturating_sub(line.width + 2));
            line.push(DIM, &format!("  {}", shorten(&rest.join("  "), room)));
        }
        line
    }

    fn groups(
        &self,
        out: &mut impl Write,
        goroutines: &[&Goroutine],
        by: &GroupBy,
    ) -> anyhow::Result<()> {
        let groups = group(self.look, goroutines, by);
        let limit = self.limit.unwrap_or_else(screenful);
        let width = terminal_width();
        let count_width = groups.first().map_or(1, |group| group.members.len().to_string().len());
        for group in groups.iter().take(limit) {
            let Some(first) = group.members.first() else { continue };
            let mut line = Line::default();
            line.push(BOLD, &format!("{:>count_width$}", group.members.len())).push(DIM, "  ");
            let start = line.width;
            match by {
                GroupBy::Place | GroupBy::Stack => {
                    line.push(state_style(first), &clean(self.look.state(first)));
                    line.pad(start + STATE_WIDTH);
                    if let Some(frame) = self.look.user_frame(first) {
                        push_place(&mut line, frame);
                    }
                }
                _ => {
                    line.push(CYAN, &clean(&group.key));
                }
            }
            let mut rest = Vec::new();
            if *by == GroupBy::Place {
                rest.push(format!("started as {}", clean(self.look.start_function(first))));
            }
            rest.push(named(&group.members));
            let room = width.map_or(usize::MAX, |width| width.saturating_sub(line.width + 2));
            line.push(DIM, &format!("  {}", shorten(&rest.join("  "), room)));
            writeln!(out, "{}", line.text.trim_end())?;
            if self.stacks {
                self.stack(out, first, width)?;
            }
        }
        more(out, groups.len().saturating_sub(limit), "group")
    }

    fn stack(
        &self,
        out: &mut impl Write,
        goroutine: &Goroutine,
        width: Option<usize>,
    ) -> anyhow::Result<()> {
        let mut view = View { width, every_frame: true, sources: None };
        for line in stack_lines(&stack_of(self.look, goroutine, self.all_frames), &mut view, false)
        {
            writeln!(out, "    {}", line.text)?;
        }
        if let Some(end) = end_words(goroutine) {
            writeln!(out, "        {}", paint(DIM, end))?;
        }
        Ok(())
    }
}

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
            Status::Running => "it runs, so there is no stack to read without stopping it",
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

fn stack_of(look: &Look, goroutine: &Goroutine, all_frames: bool) -> Stack {
    let lines = look.every_line(goroutine).filter(|line| all_frames || line.is_shown);
    lines.map(|line| line.frame.clone()).collect::<Vec<Frame>>().into()
}

/// What is worth a word beside the place: time, thread, processor, labels.
fn asides(look: &Look, goroutine: &Goroutine) -> Vec<String> {
    let mut asides = Vec::new();
    if let Some(nanoseconds) = goroutine.waited_at_least {
        asides.push(format!("for {} or longer", span(nanoseconds)));
    }
    if let Some(thread) = goroutine.thread {
        let cpu = look.cpu(goroutine).map(|cpu| format!(" on cpu {cpu}")).unwrap_or_default();
        let node = look.numa_node(goroutine).map(|node| format!(", node {node}"));
        asides.push(format!("thread {thread}{cpu}{}", node.unwrap_or_default()));
    }
    if goroutine.locked_to_thread {
        asides.push("locked to its thread".to_owned());
    }
    for (name, value) in goroutine.labels.iter() {
        asides.push(clean(&format!("{name}={value}")));
    }
    asides
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

/// `12, 15, 19 …`.
fn named(goroutines: &[&Goroutine]) -> String {
    let mut named: Vec<String> =
        goroutines.iter().take(NAMED).map(|goroutine| goroutine.id.to_string()).collect();
    if goroutines.len() > NAMED {
        named.push("…".to_owned());
    }
    named.join(" ")
}

fn push_place(line: &mut Line, frame: &Frame) {
    line.push(anstyle::Style::new(), &clean(&display_function(frame)));
    line.push(CYAN, &format!("  {}", place_of(frame)));
}

fn more(out: &mut impl Write, n_more: usize, what: &str) -> anyhow::Result<()> {
    if n_more > 0 {
        let plural = if n_more == 1 { "" } else { "s" };
        writeln!(out, "{}", paint(DIM, &format!("… {n_more} more {what}{plural}; see --limit")))?;
    }
    Ok(())
}

fn end_words(goroutine: &Goroutine) -> Option<&'static str> {
    match goroutine.stack_end {
        StackEnd::Complete | StackEnd::Unread => None,
        StackEnd::Cut => Some("… and more"),
        StackEnd::Lost => Some("… and more that cannot be read"),
    }
}

fn state_style(goroutine: &Goroutine) -> anstyle::Style {
    match goroutine.status {
        Status::Running | Status::Runnable => YELLOW,
        Status::Syscall => CYAN,
        _ => anstyle::Style::new(),
    }
}

fn status_words(status: Status) -> &'static str {
    match status {
        Status::Syscall => "in system calls",
        Status::CopyStack => "moving their stacks",
        status => status.word(),
    }
}

/// `3 min`.
fn span(nanoseconds: u64) -> String {
    let seconds = nanoseconds / 1_000_000_000;
    match seconds {
        0 => format!("{} ms", nanoseconds / 1_000_000),
        1..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}
