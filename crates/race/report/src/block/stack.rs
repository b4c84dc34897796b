//! Puts the two lines of each Go frame together.
//!
//! Other output can stand between them. A function whose place never comes is kept only if the
//! line was nothing else.
//!
//! Start at [`Frames::function`].

use crate::grammar::frame::{FunctionLine, PlaceLine, Quality};
use photofinish_model::{Frame, Stack};

/// A stack's further frames are dropped.
const MAX_FRAMES: usize = 512;

/// The function whose place has not come yet.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    pending: Option<(Frame, Quality)>,
}

impl Frames {
    /// Whether a place may come.
    pub(crate) fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Notes a function; the one before it, if still without a place, joins `stack`.
    pub(crate) fn function(&mut self, line: FunctionLine<'_>, stack: &mut Stack) {
        let mut frame = Frame::new(line.name);
        frame.inlined = line.args == "...";
        self.note(frame, line.quality, stack);
    }

    /// Notes a function of which only the name is known.
    pub(crate) fn name(&mut self, name: &str, stack: &mut Stack) {
        self.note(Frame::new(name), Quality::Exact, stack);
    }

    /// Completes the pending function with its place.
    pub(crate) fn place(&mut self, line: PlaceLine<'_>, stack: &mut Stack) -> bool {
        let Some((mut frame, _)) = self.pending.take() else { return false };
        frame.file = line.file.map(str::to_owned);
        frame.line = line.line;
        frame.offset = line.offset;
        push(stack, frame);
        true
    }

    /// Ends `stack`: a pending function joins it without a place.
    pub(crate) fn flush(&mut self, stack: &mut Stack) {
        if let Some((frame, Quality::Exact)) = self.pending.take() {
            push(stack, frame);
        }
    }

    fn note(&mut self, frame: Frame, quality: Quality, stack: &mut Stack) {
        let whole = frame.function.contains('.') || frame.function == "??";
        self.flush(stack);
        let quality = if whole { quality } else { quality.min(Quality::Glued) };
        self.pending = Some((frame, quality));
    }
}

fn push(stack: &mut Stack, frame: Frame) {
    if stack.frames.len() < MAX_FRAMES {
        stack.frames.push(frame);
    }
}
