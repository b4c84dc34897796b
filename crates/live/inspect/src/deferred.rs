//! Which call a `defer` put off: behind the function that the compiler made to hold its arguments.
//!
//! `defer mu.Unlock()` becomes a function of the compiler's (`….deferwrap1`) whose closure has captured the receiver first. Start at
//! [`PutOff::of`].

use photofinish_goprocess::{Deferred, Pc, PcKind, Process, RuntimeAddr};

use crate::names::printed;

/// A call put off, seen through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutOff {
    /// Which of the goroutine's program counters the frame with the `defer` is at.
    pub frame_idx: Option<usize>,
    /// What will be called.
    pub function: String,
    /// What it is called on, where that is plain: the receiver of a method.
    pub on: Option<RuntimeAddr>,
    /// It is a function of the user's, not one call that the compiler wrapped.
    pub is_closure: bool,
    /// What will run, and the first words that it has captured.
    pub(crate) deferred: Deferred,
}

impl PutOff {
    /// What `deferred` calls.
    pub(crate) fn of(process: &Process, deferred: &Deferred) -> PutOff {
        let pc = Pc { address: deferred.function, kind: PcKind::Exact };
        let frames = process.frames(pc);
        let own = frames.last().map_or("?", |frame| frame.function).to_owned();
        let put_off = |function, on, is_closure| PutOff {
            frame_idx: deferred.frame_idx,
            function,
            on,
            is_closure,
            deferred: deferred.clone(),
        };
        // To Go 1.21 their names are those of any closure.
        let is_wrapper = frames.last().is_some_and(|frame| frame.wrapper);
        if !is_wrapper && !own.contains(".deferwrap") {
            return put_off(printed(&own), None, true);
        }
        let linked = deferred.function.linked(process.bias());
        let function = process.symbols().function_at(linked);
        let Some(function) = function else {
            return put_off(own, None, false);
        };
        let (_, calls) = process.code_of(&function);
        let target = calls.iter().find_map(|(site, target)| {
            let site = Pc { address: site.loaded(process.bias()), kind: PcKind::Exact };
            let frames = process.frames(site);
            // What is inlined into the wrapper is what it wraps.
            if let [.., wrapped, _] = frames.as_slice() {
                return Some(wrapped.function.to_owned());
            }
            let target = process.symbols().function_at(*target)?.name().to_owned();
            (!target.starts_with("runtime.")).then_some(target)
        });
        let is_method = target.as_deref().is_some_and(|target| target.contains(".(*"));
        let on = deferred.captured.first().filter(|word| is_method && is_address(**word));
        let on = on.map(|word| RuntimeAddr(*word));
        let function = target.map_or(own, |target| printed(&target));
        put_off(function, on, false)
    }
}

/// Whether a word can be an address of a user's at all.
fn is_address(word: u64) -> bool {
    (1 << 12..1 << 47).contains(&word)
}
