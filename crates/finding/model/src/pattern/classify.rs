//! From a race to its [`Pattern`]: first what the kind says, then what the libraries on the stacks
//! say, then how the two own functions stand to each other, then what their source lines say.

use super::Pattern;
use crate::code::user_frame;
use crate::fingerprint::{Touch, touch_of};
use crate::function::{canonical_function, closure_parent, receiver_of};
use crate::{Access, Detector, Frame, Kind, Race};

type LineOf<'a> = dyn FnMut(&Frame, u32) -> Option<String> + 'a;

pub(super) fn classify(race: &Race, line_of: &mut LineOf<'_>) -> Pattern {
    match race.kind {
        Kind::ConcurrentMap => Pattern::ConcurrentMap,
        Kind::Deadlock => Pattern::Deadlock,
        Kind::GoroutineLeak => Pattern::GoroutineLeak,
        Kind::ClosedChannel => Pattern::ChannelClose,
        Kind::SyncMisuse if race.headline.contains("WaitGroup") => Pattern::WaitGroupMisuse,
        Kind::SyncMisuse => Pattern::SyncMisuse,
        Kind::Panic | Kind::FatalError => Pattern::Crash,
        Kind::UseAfterFree => Pattern::UseAfterFree,
        Kind::ThreadLeak | Kind::SignalUnsafe => Pattern::ThreadMisuse,
        Kind::DetectorFailure => Pattern::DetectorFailure,
        Kind::AnswerDiff => Pattern::AnswerDiff,
        Kind::DataRace => {
            let sides: Vec<Side> = race.accesses.iter().map(Side::of).collect();
            by_library(&sides)
                .or_else(|| by_lock(&sides, line_of))
                .or_else(|| by_closure(&sides, line_of))
                .or_else(|| by_place(race, &sides, line_of))
                .unwrap_or(Pattern::UnsynchronizedAccess)
        }
    }
}

/// One access, seen from the user's own function.
struct Side<'a> {
    access: &'a Access,
    frame: Option<&'a Frame>,
    function: String,
    touch: Touch,
}

impl<'a> Side<'a> {
    fn of(access: &'a Access) -> Side<'a> {
        let frame = user_frame(&access.stack).map(|frame_idx| &access.stack.frames[frame_idx]);
        Side {
            access,
            frame,
            function: frame.map(|frame| canonical_function(&frame.function)).unwrap_or_default(),
            touch: touch_of(&access.stack),
        }
    }

    fn is_atomic(&self) -> bool {
        self.touch == Touch::Atomic || self.access.op.is_atomic()
    }

    /// A frame above the user's begins with one of `names`.
    fn is_inside(&self, names: &[&str]) -> bool {
        let user = user_frame(&self.access.stack).unwrap_or(self.access.stack.frames.len());
        let above = &self.access.stack.frames[..user];
        above.iter().any(|frame| names.iter().any(|name| frame.function.starts_with(name)))
    }

    fn stack_has(&self, part: &str) -> bool {
        self.access.stack.frames.iter().any(|frame| frame.function.contains(part))
    }

    fn line(&self) -> Option<u32> {
        self.frame.and_then(|frame| frame.line)
    }

    fn text(&self, line_of: &mut LineOf<'_>) -> Option<String> {
        let frame = self.frame?;
        line_of(frame, frame.line?)
    }
}

fn by_library(sides: &[Side]) -> Option<Pattern> {
    const BUFFERS: &[&str] = &[
        "bytes.(*Buffer).",
        "bytes.(*Reader).",
        "strings.(*Builder).",
        "strings.(*Reader).",
        "bufio.(*",
        "encoding/json.(*Encoder).",
        "encoding/json.(*Decoder).",
        "encoding/gob.(*",
        "encoding/csv.(*",
    ];
    // The last is what `copy` is in an ordinary build.
    const GROWTH: &[&str] =
        &["runtime.growslice", "runtime.slicecopy", "runtime.appendslice", "runtime.memmove"];
    let any = |is: &dyn Fn(&Side) -> bool| sides.iter().any(is);
    if any(&|side| side.stack_has("sync.(*WaitGroup).")) {
        Some(Pattern::WaitGroupMisuse)
    } else if any(&|side| side.touch == Touch::Map) {
        Some(Pattern::ConcurrentMap)
    } else if any(&|side| side.touch == Touch::Channel) {
        Some(Pattern::ChannelClose)
    } else if any(&|side| side.is_atomic()) && !sides.iter().all(Side::is_atomic) {
        Some(Pattern::MixedAtomic)
    } else if any(&|side| side.is_inside(BUFFERS)) {
        Some(Pattern::SharedBuffer)
    } else if any(&|side| {
        side.touch == Touch::Plain && GROWTH.iter().any(|name| side.stack_has(name))
    }) {
        Some(Pattern::SliceHeader)
    } else if any(&|side| matches!(side.touch, Touch::Library(_))) {
        Some(Pattern::UnsafeApi)
    } else {
        None
    }
}

/// A closure against the function around it, or against its sibling: a captured variable.
fn by_closure(sides: &[Side], line_of: &mut LineOf<'_>) -> Option<Pattern> {
    let [one, other] = sides else { return None };
    let (outer, inner) = match (closure_parent(&one.function), closure_parent(&other.function)) {
        (Some(parent), _) if parent == other.function => (other, one),
        (_, Some(parent)) if parent == one.function => (one, other),
        (Some(parent), Some(sibling)) if parent == sibling && !parent.ends_with(".init") => {
            (one, other)
        }
        _ => return None,
    };
    let assigns_err =
        |text: &str| text.contains("err =") || text.contains("err :=") || text.contains("err !=");
    if [outer, inner]
        .into_iter()
        .filter_map(|side| side.text(line_of))
        .any(|text| assigns_err(&text))
    {
        return Some(Pattern::ErrCapture);
    }
    // The loop header stands above the go statement that made the goroutine; a loop's own write to its
    // variable therefore does too.
    let created = inner.access.created_at.frames.first().and_then(|frame| frame.line);
    let header_above = created.zip(outer.line()).is_some_and(|(created, line)| line <= created);
    let is_loop = outer.text(line_of).is_none_or(|text| text.trim_start().starts_with("for "));
    if outer.access.op.is_write() && !inner.access.op.is_write() && header_above && is_loop {
        return Some(Pattern::LoopVariableCapture);
    }
    Some(Pattern::CapturedVariable)
}

/// What the source says about locks: how far up in each function one was taken.
fn by_lock(sides: &[Side], line_of: &mut LineOf<'_>) -> Option<Pattern> {
    let [one, other] = sides else { return None };
    let (one_lock, other_lock) = (lock_above(one, line_of)?, lock_above(other, line_of)?);
    let writes_under_read = |side: &Side, lock| lock == Lock::Read && side.access.op.is_write();
    if writes_under_read(one, one_lock) || writes_under_read(other, other_lock) {
        Some(Pattern::WriteUnderReadLock)
    } else if (one_lock == Lock::None) != (other_lock == Lock::None) {
        Some(Pattern::PartialLock)
    } else {
        None
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lock {
    None,
    Read,
    Write,
}

/// The lock that stands open above the access in its own function, `None` where there is no source.
fn lock_above(side: &Side, line_of: &mut LineOf<'_>) -> Option<Lock> {
    const FARTHEST: u32 = 120;
    let frame = side.frame?;
    let line = frame.line?;
    line_of(frame, line)?;
    for above in (line.saturating_sub(FARTHEST).max(1)..line).rev() {
        let text = line_of(frame, above)?;
        let text = text.split("//").next().unwrap_or_default();
        let is_deferred = text.trim_start().starts_with("defer ");
        if !is_deferred && (text.contains(".Unlock()") || text.contains(".RUnlock()")) {
            return Some(Lock::None);
        } else if text.contains(".RLock()") {
            return Some(Lock::Read);
        } else if text.contains(".Lock()") {
            return Some(Lock::Write);
        } else if text.starts_with("func ") {
            return Some(Lock::None);
        }
    }
    Some(Lock::None)
}

fn by_place(race: &Race, sides: &[Side], line_of: &mut LineOf<'_>) -> Option<Pattern> {
    let [one, other] = sides else { return None };
    let in_test = |side: &Side| {
        side.stack_has("testing.tRunner")
            && side
                .frame
                .and_then(|frame| frame.file.as_deref())
                .is_some_and(|file| file.ends_with("_test.go"))
    };
    let texts: Vec<String> = sides.iter().filter_map(|side| side.text(line_of)).collect();
    let any_text =
        |parts: &[&str]| texts.iter().any(|text| parts.iter().any(|part| text.contains(part)));
    let same_function = one.function == other.function && !one.function.is_empty();
    if in_test(one) && in_test(other) {
        Some(Pattern::ParallelTest)
    } else if any_text(&["append("]) {
        Some(Pattern::SliceHeader)
    } else if same_function && any_text(&["== nil", "if !"]) {
        Some(Pattern::LazyInit)
    } else if any_text(&["++", "--", "+=", "-="])
        || (same_function && one.line().is_some() && one.line() == other.line())
    {
        Some(Pattern::LostUpdate)
    } else if is_global(race, one.access) {
        Some(Pattern::GlobalVariable)
    } else if receiver_of(&one.function)
        .is_some_and(|receiver| receiver_of(&other.function) == Some(receiver))
    {
        Some(Pattern::MissingLock)
    } else {
        None
    }
}

/// Go puts its heap at 0xc000000000 (`runtime/malloc.go`, arena hints); what lies below in a
/// `-race` build is the program's data.
fn is_global(race: &Race, access: &Access) -> bool {
    const HEAP: u64 = 0xc0_0000_0000;
    let by_address =
        race.detector == Detector::GoRace && access.address.is_some_and(|address| address < HEAP);
    by_address
        || race.location.as_ref().is_some_and(|location| location.description.starts_with("global"))
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
