//! Goroutines for a person: a line each, or a line for each group when they are many.
//!
//! The other views are in `inspect_views`.

use std::collections::HashMap;
use std::path::Path;

use photofinish_goprocess::{Goroutine, Pc, StackEnd, Status};
use photofinish_inspect::{GroupBy, Look, Title, group};
use photofinish_model::{Frame, Stack};

use super::sheet::Sheet;
use super::stack::{Line, View, display_function, place_of, stack_lines};
use super::style::{BOLD, CYAN, DIM, YELLOW, clean, paint, shorten, terminal_width};

/// More goroutines than this are grouped, where no terminal says how high it is.
const SCREENFUL: usize = 50;
/// Goroutines of a group that are named.
const NAMED: usize = 5;
/// More bytes of stacks are not kept.
const LARGEST_KNOWN: usize = 16 << 20;
/// The widest state that gets a column of its own.
const STATE_WIDTH: usize = 28;

/// Goroutines to be printed.
pub(crate) struct Listing<'a> {
    pub(crate) title: &'a Title,
    /// When it was looked at, if that is not now.
    pub(crate) when: Option<String>,
    pub(crate) look: &'a Look,
    pub(crate) stacks: bool,
    pub(crate) all_frames: bool,
    pub(crate) limit: Option<usize>,
}

/// Stacks that were printed: most are alike.
#[derive(Default)]
struct Stacks<'g> {
    texts: HashMap<(&'g [Pc], Option<&'static str>), String>,
    n_bytes: usize,
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
        let mut out = Sheet::new();
        out.line(&format!("{}\n", self.head(goroutines.len())))?;
        match group_by {
            Some(by) => self.groups(&mut out, goroutines, by)?,
            None => self.rows(&mut out, goroutines)?,
        }
        out.flush()?;
        Ok(())
    }

    /// `checkout (process 4312, go1.26.6): 114 goroutines, 105 waiting, 9 in system calls`.
    fn head(&self, n_wanted: usize) -> String {
        let name = Path::new(&self.title.program).file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        let mut place = Vec::new();
        place.push(match self.title.pid {
            Some(pid) => format!("process {pid}"),
            None => "core file".to_owned(),
        });
        place.push(self.title.go_version.clone());
        place.extend(self.when.clone());
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

    fn rows(&self, out: &mut Sheet, goroutines: &[&Goroutine]) -> anyhow::Result<()> {
        let shown = &goroutines[..goroutines.len().min(self.limit.unwrap_or(usize::MAX))];
        let width = terminal_width();
        let last = shown.last().map_or(0, |goroutine| goroutine.id);
        let id_width = last.to_string().len().max(2);
        let mut stacks = Stacks::default();
        for goroutine in shown {
            let line = self.row(goroutine, id_width, width);
            out.line(line.text.trim_end())?;
            if self.stacks {
                self.stack(out, goroutine, width, &mut stacks)?;
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
        out: &mut Sheet,
        goroutines: &[&Goroutine],
        by: &GroupBy,
    ) -> anyhow::Result<()> {
        let groups = group(self.look, goroutines, by);
        let limit = self.limit.unwrap_or_else(screenful);
        let width = terminal_width();
        let count_width = groups.first().map_or(1, |group| group.members.len().to_string().len());
        let mut stacks = Stacks::default();
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
            out.line(line.text.trim_end())?;
            if self.stacks {
                self.stack(out, first, width, &mut stacks)?;
            }
        }
        more(out, groups.len().saturating_sub(limit), "group")
    }

    fn stack<'g>(
        &self,
        out: &mut Sheet,
        goroutine: &'g Goroutine,
        width: Option<usize>,
        known: &mut Stacks<'g>,
    ) -> anyhow::Result<()> {
        let key = (goroutine.stack.as_slice(), end_words(goroutine));
        if !known.texts.contains_key(&key) {
            let text = out.made_ready(self.stack_text(goroutine, width));
            known.n_bytes += text.len();
            if known.n_bytes > LARGEST_KNOWN {
                *known = Stacks::default();
            }
            known.texts.insert(key, text);
        }
        Ok(known.texts.get(&key).map_or(Ok(()), |text| out.ready(text))?)
    }

    fn stack_text(&self, goroutine: &Goroutine, width: Option<usize>) -> String {
        let mut view = View { width, every_frame: true, sources: None };
        let stack = stack_of(self.look, goroutine, self.all_frames);
        let mut text = String::new();
        for line in stack_lines(&stack, &mut view, false) {
            text.push_str(&format!("    {}\n", line.text));
        }
        if let Some(end) = end_words(goroutine) {
            text.push_str(&format!("        {}\n", paint(DIM, end)));
        }
        text
    }
}

pub(super) fn stack_of(look: &Look, goroutine: &Goroutine, all_frames: bool) -> Stack {
    let lines = look.every_line(goroutine).filter(|line| all_frames || line.is_shown);
    lines.map(|line| line.frame.clone()).collect::<Vec<Frame>>().into()
}

/// What is worth a word beside the place: time, thread, processor, labels.
pub(super) fn asides(look: &Look, goroutine: &Goroutine) -> Vec<String> {
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

/// `12, 15, 19 …`.
pub(super) fn named(goroutines: &[&Goroutine]) -> String {
    let mut named: Vec<String> =
        goroutines.iter().take(NAMED).map(|goroutine| goroutine.id.to_string()).collect();
    if goroutines.len() > NAMED {
        named.push("…".to_owned());
    }
    named.join(" ")
}

pub(super) fn push_place(line: &mut Line, frame: &Frame) {
    line.push(anstyle::Style::new(), &clean(&display_function(frame)));
    line.push(CYAN, &format!("  {}", place_of(frame)));
}

fn more(out: &mut Sheet, n_more: usize, what: &str) -> anyhow::Result<()> {
    if n_more > 0 {
        let plural = if n_more == 1 { "" } else { "s" };
        out.line(&paint(DIM, &format!("… {n_more} more {what}{plural}; see --limit")))?;
    }
    Ok(())
}

pub(super) fn end_words(goroutine: &Goroutine) -> Option<&'static str> {
    match goroutine.stack_end {
        StackEnd::Complete | StackEnd::Unread => None,
        StackEnd::Cut => Some("… and more"),
        StackEnd::Lost => Some("… and more that cannot be read"),
    }
}

pub(super) fn state_style(goroutine: &Goroutine) -> anstyle::Style {
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
