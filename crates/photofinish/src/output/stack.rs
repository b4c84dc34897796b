//! A stack as lines: the frame to look at marked, the user's own code bright, the rest dim.

use super::style::{BOLD, CYAN, DIM, RED, clean, link, paint, shorten, shorten_front};
use anstyle::Style;
use photofinish_model::{
    Access, CodeOrigin, Frame, Kind, Stack, canonical_function, short_function, user_frame,
};
use photofinish_store::Sources;
use std::path::Path;

/// A line of text that knows how wide it is without its colours.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) width: usize,
}

/// How stacks are drawn.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// Columns there are; `None`: as many as it takes.
    pub(crate) width: Option<usize>,
    /// All frames, also runs of foreign ones.
    pub(crate) every_frame: bool,
    /// Where to take the lines around the marked frame from.
    pub(crate) sources: Option<Sources>,
}

/// Foreign frames in a row that are still shown one by one.
const FOREIGN_RUN: usize = 3;

impl Line {
    pub(crate) fn plain(text: &str) -> Line {
        Line { text: text.to_owned(), width: text.chars().count() }
    }

    /// Adds `text` in `style`.
    pub(crate) fn push(&mut self, style: anstyle::Style, text: &str) -> &mut Line {
        self.text.push_str(&paint(style, text));
        self.width += text.chars().count();
        self
    }

    /// Adds `text` in `style`, to be clicked on where the terminal knows how; `to` is a file here.
    fn push_linked(&mut self, style: anstyle::Style, text: &str, to: Option<&Path>) -> &mut Line {
        match to {
            Some(file) => self.text.push_str(&link(file, &paint(style, text))),
            None => self.text.push_str(&paint(style, text)),
        }
        self.width += text.chars().count();
        self
    }

    /// Adds spaces up to column `width`.
    pub(crate) fn pad(&mut self, width: usize) -> &mut Line {
        let missing = width.saturating_sub(self.width);
        self.text.push_str(&" ".repeat(missing));
        self.width += missing;
        self
    }
}

/// One access: what it did, its stack, where its goroutine was created. In a panic or a fatal error
/// that is not about memory, it is just the goroutine that died.
pub(crate) fn access_lines(
    kind: Kind,
    access: &Access,
    previous: bool,
    view: &mut View,
) -> Vec<Line> {
    let mut head = Line::default();
    if is_about_memory(kind) {
        let op = access.op.word().replace('-', " ");
        let colour = if access.op.is_write() { RED } else { CYAN };
        head.push(colour.bold(), &format!("{}{op}", if previous { "previous " } else { "" }));
    } else {
        head.push(RED.bold(), "happened");
    }
    head.push(
        anstyle::Style::new(),
        &whose(access, if is_about_memory(kind) { "by" } else { "in" }),
    );
    if let Some(address) = access.address {
        let size = access.size.map(|size| format!(", {size} bytes")).unwrap_or_default();
        head.push(DIM, &format!("  at 0x{address:012x}{size}"));
    }
    let mut lines = vec![head];
    lines.extend(stack_lines(&access.stack, view, true));
    if access.stack.frames.is_empty() {
        let mut none = Line::plain("    ");
        none.push(DIM, "no stack: the detector had forgotten it (a larger history_size helps)");
        lines.push(none);
    }
    if !access.created_at.frames.is_empty() {
        lines.push(Line::plain("  created at"));
        lines.extend(stack_lines(&access.created_at, view, false));
    }
    lines
}

/// The frames of `stack`, the one to look at marked with `>` and, if `excerpt`, with its source.
pub(crate) fn stack_lines(stack: &Stack, view: &mut View, excerpt: bool) -> Vec<Line> {
    let marked = user_frame(stack);
    let mut lines = Vec::new();
    let mut index = 0;
    while let Some(frame) = stack.frames.get(index) {
        let run = foreign_run(&stack.frames[index..]);
        let run =
            marked.map_or(run, |marked| if marked < index { run } else { run.min(marked - index) });
        if !view.every_frame && run > FOREIGN_RUN {
            lines.extend(frame_lines(frame, false, view));
            let mut more = Line::plain("    ");
            more.push(
                DIM,
                &format!(
                    "… {} more of {}",
                    run - 1,
                    packages(&stack.frames[index + 1..index + run])
                ),
            );
            lines.push(more);
            index += run;
            continue;
        }
        lines.extend(frame_lines(frame, marked == Some(index), view));
        if excerpt && marked == Some(index) {
            lines.extend(excerpt_lines(frame, view));
        }
        index += 1;
    }
    lines
}

/// Whether what an access did to memory means something in a report of this kind.
pub(crate) fn is_about_memory(kind: Kind) -> bool {
    matches!(kind, Kind::DataRace | Kind::ConcurrentMap | Kind::UseAfterFree)
}

/// ` by goroutine 7 on thread T2 (running)`.
fn whose(access: &Access, by: &str) -> String {
    let mut text = String::new();
    match access.goroutine {
        Some(photofinish_model::GoroutineId::Main) => {
            text.push_str(&format!(" {by} the main goroutine"))
        }
        Some(id) => text.push_str(&format!(" {by} goroutine {id}")),
        None => {}
    }
    if let Some(thread) = &access.thread {
        text.push_str(&format!(" on thread {}", clean(thread)));
    }
    if let Some(state) = access.state {
        text.push_str(&format!(" ({state})"));
    }
    text
}

/// How many frames at the head of `frames` are foreign.
fn foreign_run(frames: &[Frame]) -> usize {
    frames.iter().take_while(|frame| CodeOrigin::of(frame) != CodeOrigin::Own).count()
}

fn packages(frames: &[Frame]) -> String {
    let mut names: Vec<String> = Vec::new();
    for frame in frames {
        let name = clean(&photofinish_model::package_of(&frame.function));
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.len() > 3 {
        names.truncate(3);
        names.push("…".to_owned());
    }
    names.join(", ")
}

/// `> function  file:line`, in two lines where one is too narrow.
fn frame_lines(frame: &Frame, marked: bool, view: &View) -> Vec<Line> {
    let width = view.width;
    // Only on a terminal, and only of what can be opened here.
    let to = width.and_then(|_| view.sources.as_ref()?.file_of(frame));
    let to = to.as_deref();
    let own = CodeOrigin::of(frame) == CodeOrigin::Own;
    let style = match (marked, own) {
        (true, _) => BOLD,
        (false, true) => Style::new(),
        (false, false) => DIM,
    };
    let place = place_of(frame);
    let mut function = clean(&display_function(frame));
    if frame.inlined {
        function.push_str(" (inlined)");
    }
    let mut line = Line::default();
    line.push(RED.bold(), if marked { "  > " } else { "    " });
    let room = width.unwrap_or(usize::MAX);
    let fits = 4 + function.chars().count() + 2 + place.chars().count() <= room;
    if fits || place.is_empty() {
        line.push(style, &shorten(&function, room.saturating_sub(4)));
        line.push(Style::new(), if place.is_empty() { "" } else { "  " });
        line.push_linked(if marked { CYAN } else { style }, &place, to);
        return vec![line];
    }
    if !own && !marked {
        let function = shorten(&function, room.saturating_sub(4 + 2 + 16));
        let left = room.saturating_sub(4 + 2 + function.chars().count());
        line.push(style, &function).push(style, "  ");
        line.push_linked(style, &shorten_front(&place, left), to);
        return vec![line];
    }
    line.push(style, &shorten(&function, room.saturating_sub(4)));
    let mut second = Line::plain("        ");
    let place = shorten_front(&place, room.saturating_sub(8));
    second.push_linked(if marked { CYAN } else { style }, &place, to);
    vec![line, second]
}

/// The symbol as people write it; foreign import paths keep their last element only.
pub(super) fn display_function(frame: &Frame) -> String {
    match CodeOrigin::of(frame) {
        CodeOrigin::Own => short_function(&frame.function),
        _ => canonical_function(&frame.function).to_string(),
    }
}

/// `file:line`, below the current folder without the path to it.
pub(super) fn place_of(frame: &Frame) -> String {
    let near = |file: &str| match std::env::current_dir() {
        Ok(here) => Path::new(file)
            .strip_prefix(here)
            .map_or(clean(file), |near| clean(&near.to_string_lossy())),
        Err(_) => clean(file),
    };
    match (&frame.file, frame.line) {
        (Some(file), Some(line)) => format!("{}:{line}", near(file)),
        (Some(file), None) => near(file),
        (None, _) => frame.module.as_deref().map(clean).unwrap_or_default(),
    }
}

/// The marked line with one before and one after it.
fn excerpt_lines(frame: &Frame, view: &mut View) -> Vec<Line> {
    let (Some(sources), Some(marked)) = (view.sources.as_mut(), frame.line) else {
        return Vec::new();
    };
    let numbers = marked.saturating_sub(1).max(1)..=marked.saturating_add(1);
    let read: Vec<(u32, String)> = numbers
        .filter_map(|number| Some((number, sources.line(frame, number)?)))
        .map(|(number, text)| (number, clean(&text.replace('\t', "    "))))
        .collect();
    if !read.iter().any(|(number, _)| *number == marked) {
        return Vec::new();
    }
    let indent = read
        .iter()
        .filter(|(_, text)| !text.trim().is_empty())
        .map(|(_, text)| text.len() - text.trim_start().len())
        .min()
        .unwrap_or(0);
    let mut lines = Vec::new();
    for (number, text) in read {
        let mut line = Line::plain("      ");
        line.push(DIM, &format!("{number:>6} │ "));
        let text = text.get(indent..).unwrap_or_default().trim_end();
        let room = view.width.map_or(usize::MAX, |width| width.saturating_sub(line.width));
        let style = if number == marked { BOLD } else { DIM };
        line.push(style, &shorten(text, room));
        lines.push(line);
    }
    lines
}
