//! Functions that goroutines keep as values while they wait: what a ticker calls at each tick, a worker for each job.
//!
//! No list of callers names them, and no clock sees what runs twice a second; but who will call a value has it on its
//! stack, or in a closure that is there. So the words of some stacks are followed, a few steps far. A word may be
//! left over from long ago: all that is lost then is one question whether a function runs.
//! Start at [`kept`].

use std::collections::{HashMap, HashSet};

use photofinish_goprocess::{Goroutine, LinkAddr, Process, Range, RuntimeAddr};

/// Stacks that are read: of those that look alike so many, and of all.
const MOST_ALIKE: usize = 2;
const MOST_STACKS: usize = 128;
/// So much of each, from its innermost frame on, in bytes.
const MOST_STACK: u64 = 4096;
/// Words that are followed in one step, and steps: from a closure to one that it calls, and on.
const MOST_WORDS: usize = 8192;
const STEPS: usize = 3;
/// What the linker puts behind the code is no more than so many bytes.
const MOST_DATA: u64 = 1 << 30;
/// Methods looked at of one type.
const MOST_METHODS: usize = 8;
/// Words of an `itab` before its methods (`internal/abi/iface.go`, Go 1.21 to 1.27).
const BEFORE_METHODS: usize = 3;
const WORDS: usize = BEFORE_METHODS + MOST_METHODS;
/// Where a process may have memory, on this architecture. Go's heap begins anywhere (since Go 1.26).
const MEMORY: std::ops::Range<u64> = 1 << 16..1 << 47;

/// The functions that parked goroutines keep as values, by where they begin.
pub(crate) fn kept(process: &Process, goroutines: &[Goroutine]) -> Vec<LinkAddr> {
    let code = code(process);
    let may_be_address =
        |word: &u64| word.is_multiple_of(8) && MEMORY.contains(word) && !code.contains(word);
    let mut seen = HashSet::new();
    let mut words = words_of_stacks(process, goroutines);
    let mut found = Vec::new();
    for _ in 0..STEPS {
        words.retain(|word| may_be_address(word) && seen.insert(*word));
        words.truncate(MOST_WORDS);
        let values = values_at(process, &words);
        found.extend(values.functions);
        words = values.captured;
    }
    found
}

/// What addresses lead to.
#[derive(Debug, Default)]
pub(crate) struct Values {
    /// Functions that may be called through them, by where they begin.
    pub(crate) functions: Vec<LinkAddr>,
    /// The words behind: what closures among them have captured.
    pub(crate) captured: Vec<u64>,
}

/// Functions that may be called through a value at one of these addresses of the process: a `funcval`, whose first word is the
/// function, or an `itab`, which has methods from its fourth word on (`runtime/runtime2.go`, Go 1.21 to 1.27).
pub(crate) fn values_at(process: &Process, addresses: &[u64]) -> Values {
    let mut values = Values::default();
    let code = code(process);
    let range = |address: &u64| Range { address: *address, len: 8 * WORDS };
    let ranges: Vec<Range> = addresses.iter().map(range).collect();
    let mut bytes = vec![0; 8 * WORDS * ranges.len()];
    let Ok(was_read) = process.memory().read_many(&ranges, &mut bytes) else { return values };
    let all = addresses.iter().zip(bytes.chunks(8 * WORDS)).zip(was_read);
    for ((address, bytes), _) in all.filter(|(_, was_read)| *was_read) {
        let words = words(bytes);
        let methods = || words.iter().skip(BEFORE_METHODS).map_while(|at| entry(process, *at));
        match words.first().and_then(|first| entry(process, *first)) {
            Some(entry) => {
                values.functions.push(entry);
                values.captured.extend(words.iter().skip(1));
            }
            // The linker puts tables of methods behind the code; others are few.
            None if (code.end..code.end.saturating_add(MOST_DATA)).contains(address) => {
                values.functions.extend(methods());
            }
            None => {}
        }
    }
    values
}

/// The function that begins at `at`.
fn entry(process: &Process, at: u64) -> Option<LinkAddr> {
    let at = RuntimeAddr(at).linked(process.bias());
    let function = process.symbols().function_at(at)?;
    (function.entry == at).then_some(at)
}

/// What the stacks of goroutines hold.
fn words_of_stacks(process: &Process, goroutines: &[Goroutine]) -> Vec<u64> {
    let mut alike: HashMap<Vec<u64>, usize> = HashMap::new();
    let mut chosen = Vec::new();
    for goroutine in goroutines.iter().filter(|goroutine| !goroutine.stack.is_empty()) {
        let stack = goroutine.stack.iter().map(|pc| pc.address.0).collect();
        let n_alike = alike.entry(stack).or_default();
        *n_alike += 1;
        if *n_alike <= MOST_ALIKE && chosen.len() < MOST_STACKS {
            chosen.push(goroutine.address.0);
        }
    }
    let stacks = stacks(process, &chosen);
    let mut bytes = vec![0; stacks.iter().map(|stack| stack.len).sum()];
    let Ok(was_read) = process.memory().read_many(&stacks, &mut bytes) else { return Vec::new() };
    let mut rest = bytes.as_slice();
    let mut found = Vec::new();
    for (stack, was_read) in stacks.iter().zip(was_read) {
        let (bytes, others) = rest.split_at(stack.len);
        rest = others;
        if was_read {
            let own = stack.address..stack.address.saturating_add(stack.len as u64);
            let words = words(bytes).into_iter();
            found.extend(words.filter(|word| !own.contains(word)));
        }
    }
    found
}

/// Where the used parts of the stacks of these `runtime.g` are.
fn stacks(process: &Process, goroutines: &[u64]) -> Vec<Range> {
    let layout = process.layout();
    let fields = [layout.g_sched_sp, layout.g_stack_hi];
    let ranges: Vec<Range> = goroutines
        .iter()
        .flat_map(|g| fields.map(|at| Range { address: g.wrapping_add(u64::from(at)), len: 8 }))
        .collect();
    let mut bytes = vec![0; 8 * ranges.len()];
    if process.memory().read_many(&ranges, &mut bytes).is_err() {
        return Vec::new();
    }
    let words = words(&bytes);
    let bounds = words.chunks_exact(fields.len()).filter_map(|pair| match pair {
        [sp, hi] if sp.is_multiple_of(8) && sp < hi => Some((*sp, (hi - sp).min(MOST_STACK))),
        _ => None,
    });
    bounds
        .filter_map(|(address, len)| Some(Range { address, len: usize::try_from(len).ok()? }))
        .collect()
}

fn words(bytes: &[u8]) -> Vec<u64> {
    bytes.chunks_exact(8).filter_map(|word| word.try_into().ok().map(u64::from_le_bytes)).collect()
}

/// Where the program's code is.
fn code(process: &Process) -> std::ops::Range<u64> {
    let code = process.symbols().code();
    code.start.loaded(process.bias()).0..code.end.loaded(process.bias()).0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

    use std::process::Command;
    use std::time::Duration;

    use photofinish_testkit::{BuildOptions, Running, build_go, workspace_root};

    use super::*;

    #[test]
    fn what_a_ticker_will_call_is_kept_on_its_stack() {
        let binary = build_go(workspace_root().join("corpus/catch"), &BuildOptions::normal());
        let running = Running::start(Command::new(binary).args(["unseen-limiter", "racy"]));
        let process = Process::open(running.pid()).unwrap();
        let name = "example.org/catch/unseen.(*limited).change-fm";
        let change = process.symbols().named(name).unwrap().entry;
        // The goroutines may still be about to start.
        let end = std::time::Instant::now() + Duration::from_secs(60);
        while !kept(&process, &process.some_goroutines(1000).unwrap()).contains(&change) {
            assert!(std::time::Instant::now() < end, "{name} is not found");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
