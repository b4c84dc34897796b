//! One goroutine for a person: what it waits for, its stack with source, arguments and locals.
//!
//! Made to be read at 3 a.m. in 100 columns: what it waits for and who could help stands on top; below each frame
//! the line of source, then values, broken where they are long. Start at [`text`].

use std::io::Write;

use photofinish_goprocess::{FrameValues, Goroutine, Role, State, Status, Variable};
use photofinish_inspect::{Detail, Line as Named, Look, PutOff};
use photofinish_model::{CodeOrigin, Stack, user_frame};

use super::inspect::{asides, end_words, state_style};
use super::inspect_waits::wait_lines;
use super::source_files::SourceFiles;
use super::stack::{Line, View, display_function, place_of, stack_lines};
use super::style::{
    BOLD, CYAN, DIM, RED, YELLOW, clean, paint, shorten, shorten_front, terminal_width,
};

/// Where no terminal says how wide it is.
const WIDTH: usize = 100;
/// Names of variables are lined up as far as this.
const LONGEST_NAME: usize = 16;
const INDENT: usize = 6;

/// A goroutine and what is told of it.
pub(crate) struct Told<'a> {
    pub(crate) look: &'a Look,
    pub(crate) goroutine: &'a Goroutine,
    pub(crate) detail: Detail,
    /// For each program counter the frames there; empty if the goroutine moved.
    pub(crate) values: Vec<Vec<FrameValues>>,
    /// Values are not to be shown.
    pub(crate) hide: bool,
    pub(crate) all_frames: bool,
    /// It is out of a dump, which holds no values.
    pub(crate) is_kept: bool,
}

/// A frame with all that belongs to it.
pub(crate) struct Shown<'a> {
    pub(crate) line: &'a Named,
    pub(crate) values: Option<&'a FrameValues>,
    /// Calls that it has put off.
    pub(crate) put_off: Vec<&'a PutOff>,
    /// Everything is wanted of it, also of what is not the user's own code.
    pub(crate) is_whole: bool,
}

impl Told<'_> {
    /// The frames to be shown, innermost first.
    pub(crate) fn frames(&self) -> Vec<Shown<'_>> {
        let mut shown = Vec::new();
        for (pc_idx, pc) in self.goroutine.stack.iter().enumerate() {
            let lines: &[Named] = self.look.lines_at(*pc);
            for (line_idx, line) in lines.iter().enumerate() {
                if !self.all_frames && !line.is_shown {
                    continue;
                }
                let values = self.values.get(pc_idx).and_then(|frames| frames.get(line_idx));
                // A function that puts off calls is not inlined: it is the last one there.
                let is_last = line_idx + 1 == lines.len();
                let is_here = |put_off: &&PutOff| is_last && put_off.frame_idx == Some(pc_idx);
                let put_off = self.detail.put_off.iter().filter(is_here).collect();
                let is_whole = self.all_frames;
                shown.push(Shown { line, values, put_off, is_whole });
            }
        }
        shown
    }
}

/// Prints everything about one goroutine.
pub(crate) fn text(told: &Told<'_>, sources: &mut SourceFiles) -> anyhow::Result<()> {
    let (look, goroutine) = (told.look, told.goroutine);
    let width = terminal_width().unwrap_or(WIDTH);
    let mut out = std::io::BufWriter::new(anstream::stdout().lock());
    let mut head = Line::default();
    head.push(BOLD, &format!("goroutine {}", goroutine.id)).push(DIM, "  ");
    head.push(state_style(goroutine), &clean(look.state(goroutine)));
    for aside in asides(look, goroutine) {
        head.push(DIM, &format!("  {aside}"));
    }
    writeln!(out, "{}", head.text)?;
    for line in wait_lines(told) {
        writeln!(out, "{}", line.text)?;
    }
    if let Some(why) = unsettled_words(told) {
        writeln!(out, "  {}", paint(YELLOW, why))?;
    }
    writeln!(out)?;
    let frames = told.frames();
    let stack: Vec<_> = frames.iter().map(|shown| shown.line.frame.clone()).collect();
    let marked = user_frame(&Stack::from(stack));
    for (frame_idx, shown) in frames.iter().enumerate() {
        for line in frame_lines(shown, marked == Some(frame_idx), told.hide, sources, width) {
            writeln!(out, "{}", line.text.trim_end())?;
        }
    }
    if let Some(end) = end_words(goroutine) {
        writeln!(out, "    {}", paint(DIM, end))?;
    }
    writeln!(out, "\n  started as {}", clean(look.start_function(goroutine)))?;
    if let Some(creator) = look.creator(goroutine) {
        writeln!(out, "  created by goroutine {} at", creator.goroutine)?;
        let stack = Stack::from(vec![creator.frame.clone()]);
        let mut view = View { width: Some(width), every_frame: true, sources: None };
        for line in stack_lines(&stack, &mut view, false) {
            writeln!(out, "{}", line.text)?;
        }
    }
    out.flush()?;
    Ok(())
}

/// Why there is less than there could be.
fn unsettled_words(told: &Told<'_>) -> Option<&'static str> {
    let goroutine = told.goroutine;
    match (goroutine.settled, goroutine.status) {
        (false, Status::Running) if goroutine.stack.is_empty() => {
            Some("it runs, and no clock saw it: with --stop it is held and read")
        }
        (false, Status::Running) => {
            Some("it runs: this is where a clock saw it, and it has gone on since")
        }
        (_, Status::Running) => Some("it runs: arguments and locals are not read"),
        (false, _) => Some("it moved each time it was read"),
        (true, _) if told.values.is_empty() && told.is_kept => {
            Some("from a dump, which holds no arguments and locals")
        }
        (true, _) if told.values.is_empty() && !goroutine.stack.is_empty() => {
            Some("it moved before its arguments and locals could be read")
        }
        _ => None,
    }
}

/// `> function  file:line`, its source, and what is in it.
fn frame_lines(
    shown: &Shown<'_>,
    is_marked: bool,
    hide: bool,
    sources: &mut SourceFiles,
    width: usize,
) -> Vec<Line> {
    let frame = &shown.line.frame;
    let is_own = CodeOrigin::of(frame) == CodeOrigin::Own;
    let style = match (is_marked, is_own) {
        (true, _) => BOLD,
        (false, true) => anstyle::Style::new(),
        (false, false) => DIM,
    };
    let mut function = clean(&display_function(frame));
    if let Some(words) = shown.values.and_then(|values| values.words.as_ref()).filter(|_| !hide) {
        function.push_str(&format!("({})", clean(words)));
    }
    if frame.inlined {
        function.push_str(" (inlined)");
    }
    let mut lines = Vec::new();
    let mut line = Line::default();
    line.push(RED.bold(), if is_marked { "  > " } else { "    " });
    line.push(style, &shorten(&function, width.saturating_sub(4)));
    let place = place_of(frame);
    let place_style = if is_marked { CYAN } else { style };
    if line.width + 2 + place.chars().count() <= width {
        line.push(place_style, &format!("  {place}"));
        lines.push(line);
    } else {
        lines.push(line);
        let mut second = Line::plain("        ");
        second.push(place_style, &shorten_front(&place, width.saturating_sub(8)));
        lines.push(second);
    }
    lines.extend(source_lines(shown, is_marked, sources, width));
    let variables = shown.values.map_or(&[][..], |values| &values.variables);
    let is_brief = !is_own && !shown.is_whole;
    lines.extend(variable_lines(variables, hide, is_brief, width));
    for put_off in &shown.put_off {
        let mut line = Line::plain(&" ".repeat(INDENT));
        line.push(DIM, "will call ").push(anstyle::Style::new(), &clean(&put_off.function));
        if let Some(on) = put_off.on {
            line.push(DIM, " of ").push(CYAN, &on.to_string());
        }
        line.push(DIM, " when it returns (defer)");
        lines.push(line);
    }
    lines
}

/// The line that the frame is at; with one before and behind it of the frame to look at.
fn source_lines(
    shown: &Shown<'_>,
    is_marked: bool,
    sources: &mut SourceFiles,
    width: usize,
) -> Vec<Line> {
    let frame = &shown.line.frame;
    let (Some(file), Some(at)) = (frame.file.as_deref(), frame.line) else { return Vec::new() };
    if sources.line(file, at).is_none() {
        return Vec::new();
    }
    let around = u32::from(is_marked);
    let numbers = at.saturating_sub(around).max(1)..=at.saturating_add(around);
    let texts: Vec<(u32, String)> = numbers
        .filter_map(|number| Some((number, sources.line(file, number)?.replace('\t', "    "))))
        .collect();
    let indents = texts.iter().filter(|(_, text)| !text.trim().is_empty());
    let indent = indents.map(|(_, text)| text.len() - text.trim_start().len()).min().unwrap_or(0);
    let source_line = |(number, text): &(u32, String)| {
        let mut line = Line::plain(&" ".repeat(INDENT));
        line.push(DIM, &format!("{number:>5} │ "));
        let room = width.saturating_sub(line.width);
        let text = clean(text.get(indent..).unwrap_or_default().trim_end());
        let style = if *number == at && is_marked { BOLD } else { DIM };
        line.push(style, &shorten(&text, room));
        line
    };
    texts.iter().map(source_line).collect()
}

/// `name = value`, arguments first, what is gone in one line at the end. Of code that is not the user's a line each
/// and only what is there.
fn variable_lines(variables: &[Variable], hide: bool, is_brief: bool, width: usize) -> Vec<Line> {
    let is_gone = |variable: &&Variable| variable.state == State::Gone && !hide;
    let (gone, shown): (Vec<&Variable>, Vec<_>) = variables.iter().partition(is_gone);
    let longest = shown.iter().map(|variable| variable.name.chars().count()).max();
    let name_width = longest.unwrap_or(0).min(LONGEST_NAME);
    let mut lines = Vec::new();
    let (locals, passed): (Vec<_>, Vec<_>) =
        shown.into_iter().partition(|variable| variable.role == Role::Local);
    for variable in passed.into_iter().chain(locals) {
        let mut line = Line::plain(&" ".repeat(INDENT));
        line.push(anstyle::Style::new(), &clean(&variable.name)).pad(INDENT + name_width);
        if hide {
            line.push(DIM, &format!("  {}", clean(&variable.type_name)));
            lines.push(line);
            continue;
        }
        line.push(DIM, " = ");
        let (style, text) = match variable.state {
            State::Moving => (YELLOW, format!("{} (changing)", variable.text)),
            _ if is_brief => (DIM, variable.text.clone()),
            _ => (anstyle::Style::new(), variable.text.clone()),
        };
        let start = line.width;
        let room = width.saturating_sub(start).max(20);
        let parts = match is_brief {
            true => vec![shorten(&clean(&text), room)],
            false => broken(&clean(&text), room),
        };
        for (part_idx, part) in parts.into_iter().enumerate() {
            if part_idx > 0 {
                lines.push(std::mem::take(&mut line));
                line.pad(start);
            }
            line.push(style, &part);
        }
        lines.push(line);
    }
    if !gone.is_empty() && !is_brief {
        let named: Vec<String> =
            gone.iter().map(|it| clean(&format!("{} {}", it.name, it.type_name))).collect();
        let text = format!("optimised out: {}", named.join(", "));
        for part in broken(&text, width.saturating_sub(INDENT)) {
            let mut line = Line::plain(&" ".repeat(INDENT));
            line.push(DIM, &part);
            lines.push(line);
        }
    }
    lines
}

/// `text` in lines of at most `width` columns, broken behind commas and at spaces where it can be.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest: Vec<char> = text.chars().collect();
    while rest.len() > width {
        let fitting = rest.get(..width).unwrap_or_default();
        let at = fitting.iter().rposition(|letter| matches!(letter, ' ' | ',')).map(|at| at + 1);
        let at = at.filter(|at| *at * 2 > width).unwrap_or(width);
        let behind = rest.split_off(at);
        lines.push(rest.iter().collect::<String>().trim_end().to_owned());
        rest = behind;
    }
    lines.push(rest.into_iter().collect());
    lines
}

/// The function that one waiting is in, in a few words.
pub(super) fn where_is(look: &Look, goroutine: &Goroutine) -> Option<String> {
    let frame = look.user_frame(goroutine)?;
    Some(format!("{}  {}", clean(&display_function(frame)), place_of(frame)))
}

#[cfg(test)]
mod tests {
    use super::broken;

    #[test]
    fn long_values_are_broken_behind_commas_and_nothing_is_lost() {
        let text = "{Customer: \"ACME-77\", Cents: 1999, Items: map[string]int len: 2}";
        let lines = broken(text, 30);
        assert!(lines.iter().all(|line| line.chars().count() <= 30), "{lines:?}");
        assert_eq!(lines.join(" "), text);
        assert_eq!(broken("aaaaaaaaaa", 4), ["aaaa", "aaaa", "aa"]);
        assert_eq!(broken("", 4), [""]);
    }
}
