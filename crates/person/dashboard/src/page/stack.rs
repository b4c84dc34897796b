//! An access: what it did, the source where it did it, its stack, and where its goroutine began.

use super::words::spaced;
use crate::source::Excerpt;
use maud::{Markup, html};
use photofinish_model::{
    Access, CodeOrigin, Frame, GoroutineId, Kind, Stack, canonical_function, short_function,
    user_frame,
};

/// Foreign frames in a row that are still shown one by one.
const FOREIGN_RUN: usize = 3;

pub(super) fn access(
    kind: Kind,
    access: &Access,
    is_previous: bool,
    excerpt: Option<&Excerpt>,
) -> Markup {
    let about_memory = matches!(kind, Kind::DataRace | Kind::ConcurrentMap | Kind::UseAfterFree);
    let tone = if about_memory && access.op.is_write() { "write" } else { "read" };
    html! {
        section.access.(tone) {
            h3 {
                @if about_memory {
                    @if is_previous { "Previous " (spaced(access.op.word())) }
                    @else { (super::words::sentence(&spaced(access.op.word()))) }
                } @else { "Happened" }
                @if let Some(goroutine) = access.goroutine {
                    " " span.whose { (if about_memory { "by " } else { "in " }) (name(goroutine)) }
                }
            }
            @if let Some(address) = access.address {
                p.address { "at " code { (format!("0x{address:012x}")) }
                    @if let Some(size) = access.size { ", " (size) " bytes" }
                    @if let Some(state) = access.state { ", goroutine " (state.to_string()) }
                }
            }
            @if let Some(excerpt) = excerpt { (source(excerpt)) }
            @if access.stack.frames.is_empty() {
                p.help { "No stack: the detector had forgotten it (a larger history_size helps)." }
            } @else { (stack(&access.stack)) }
            @if !access.created_at.frames.is_empty() {
                details { summary { "Where the goroutine was created" } (stack(&access.created_at)) }
            }
        }
    }
}

/// The frames, the one to look at marked; runs of foreign ones folded.
pub(super) fn stack(stack: &Stack) -> Markup {
    let marked = user_frame(stack);
    html! { ol.stack { (frames(&stack.frames, 0, marked)) } }
}

fn frames(all: &[Frame], from: usize, marked: Option<usize>) -> Markup {
    let mut parts = Vec::new();
    let mut index = from;
    while let Some(frame) = all.get(index) {
        let run = all[index..].iter().take_while(|f| CodeOrigin::of(f) != CodeOrigin::Own).count();
        let run = match marked {
            Some(marked) if marked >= index => run.min(marked - index),
            _ => run,
        };
        parts.push(one(frame, marked == Some(index)));
        index += 1;
        if run > FOREIGN_RUN {
            let folded = &all[index..index + run - 1];
            parts.push(html! {
                li.more { details {
                    summary { (folded.len()) " more frames of libraries" }
                    ol { @for frame in folded { (one(frame, false)) } }
                } }
            });
            index += run - 1;
        }
    }
    html! { @for part in &parts { (part) } }
}

fn one(frame: &Frame, is_marked: bool) -> Markup {
    let is_own = CodeOrigin::of(frame) == CodeOrigin::Own;
    let function = match is_own {
        true => short_function(&frame.function),
        false => canonical_function(&frame.function),
    };
    let class = match (is_marked, is_own) {
        (true, _) => "frame marked",
        (false, true) => "frame own",
        (false, false) => "frame",
    };
    html! {
        li class=(class) {
            code.function title=(frame.function) { (function) }
            @if frame.inlined { " " span.inlined { "inlined" } }
            @if let Some(file) = &frame.file {
                " " code.place title=(file) {
                    (file) @if let Some(line) = frame.line { ":" (line) }
                }
            }
        }
    }
}

fn source(excerpt: &Excerpt) -> Markup {
    html! {
        figure.source {
            pre tabindex="0" aria-label="Source" {
                @for (number, line) in (excerpt.first..).zip(&excerpt.lines) {
                    span class=(if number == excerpt.marked { "line marked" } else { "line" }) {
                        span.number { (format!("{number:>5} ")) } (line) "\n"
                    }
                }
            }
            figcaption {
                @match &excerpt.revision {
                    Some(revision) => { "as of " code { (revision) } },
                    None => "as it is on the disk now, which may be another version",
                }
            }
        }
    }
}

/// `goroutine 7`, `the main goroutine`.
pub(super) fn name(id: GoroutineId) -> String {
    match id {
        GoroutineId::Main => "the main goroutine".to_owned(),
        id => format!("goroutine {id}"),
    }
}
