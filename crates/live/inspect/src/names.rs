//! Names for program counters, each looked up once: stacks repeat a great deal.

use std::collections::HashMap;

use photofinish_goprocess::{Pc, Process};
use photofinish_model::{CodeOrigin, Frame};

/// A frame with what its name says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The frame, its function spelt as Go's stack traces spell it.
    pub frame: Frame,
    /// Whose code it is.
    pub origin: CodeOrigin,
    /// Go's own stack traces show it: no wrapper of the compiler's, no inside of the runtime.
    pub is_shown: bool,
    /// Made by the compiler for a `go` statement or the like.
    pub is_wrapper: bool,
}

/// The lines of every program counter met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    lines: HashMap<Pc, Vec<Line>>,
}

impl Names {
    /// Looks up those that are not known yet.
    pub(crate) fn learn(&mut self, process: &Process, pcs: impl Iterator<Item = Pc>) {
        for pc in pcs {
            self.lines.entry(pc).or_insert_with(|| lines_at(process, pc));
        }
    }

    /// Takes `lines` for those at `pc`.
    pub(crate) fn know(&mut self, pc: Pc, lines: Vec<Line>) {
        self.lines.insert(pc, lines);
    }

    /// Everything that is known.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Pc, &Vec<Line>)> {
        self.lines.iter()
    }

    /// The lines at `pc`, innermost first; none of one that was not learnt.
    pub(crate) fn at(&self, pc: Pc) -> &[Line] {
        self.lines.get(&pc).map_or(&[], Vec::as_slice)
    }
}

fn lines_at(process: &Process, pc: Pc) -> Vec<Line> {
    let line = |frame: photofinish_goprocess::Frame<'_>| {
        let named = Frame {
            file: Some(frame.file.to_owned()),
            line: Some(frame.line).filter(|line| *line > 0),
            inlined: frame.inlined,
            ..Frame::new(printed(frame.function))
        };
        let origin = CodeOrigin::of(&named);
        let is_shown = !frame.wrapper && is_shown(frame.function);
        Line { frame: named, origin, is_shown, is_wrapper: frame.wrapper }
    };
    process.frames(pc).into_iter().map(line).collect()
}

/// Whether Go's stack traces show a function: `showfuncinfo` of `runtime/traceback.go`, Go 1.27.
fn is_shown(function: &str) -> bool {
    match function.strip_prefix("runtime.") {
        Some("gopanic" | "runFinalizers" | "runfinq" | "runCleanups") => true,
        Some(name) => name.starts_with(|letter: char| letter.is_ascii_uppercase()),
        None => function.contains('.'),
    }
}

/// A function as Go's stack traces spell it: `printFuncName` of `runtime/traceback.go`, Go 1.27.
pub(crate) fn printed(function: &str) -> String {
    if function == "runtime.gopanic" {
        return "panic".to_owned();
    }
    match (function.find('['), function.rfind(']')) {
        (Some(open), Some(close)) if open < close => {
            format!("{}[...]{}", &function[..open], &function[close + 1..])
        }
        _ => function.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_spelt_as_go_prints_them() {
        assert_eq!(printed("main.(*ring[go.shape.string]).take"), "main.(*ring[...]).take");
        assert_eq!(printed("runtime.gopanic"), "panic");
        assert_eq!(printed("odd]name["), "odd]name[");
    }

    #[test]
    fn the_insides_of_the_runtime_are_not_shown() {
        for hidden in ["runtime.gopark", "runtime.chanrecv1", "_cgo_start", "runtime.main"] {
            assert!(!is_shown(hidden), "{hidden}");
        }
        for shown in ["runtime.GC", "sync.(*Mutex).Lock", "main.main", "runtime.gopanic"] {
            assert!(is_shown(shown), "{shown}");
        }
    }
}
