//! One look at all goroutines of a process.
//!
//! Start at [`Look::take`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use photofinish_goprocess::{
    Goroutine, NumaNodes, Pc, PcKind, Process, ReadError, RuntimeAddr, Snapshot, StackEnd, Status,
    Thread, TraceError,
};
use photofinish_model::{CodeOrigin, Frame};

use crate::names::{Line, Names, printed};

/// Goroutines that run are sampled for so long at most.
const SAMPLED_FOR: Duration = Duration::from_millis(100);

/// How goroutines that run are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Approach {
    /// They have no stack.
    Unseen,
    /// A clock samples them for a moment.
    #[default]
    Sampled,
    /// The process is held still meanwhile.
    Still,
}

/// Goroutines and threads as they were read, with names for everything on their stacks.
#[derive(Clone, Debug)]
pub struct Look {
    /// The goroutines, by number.
    pub goroutines: Vec<Goroutine>,
    /// The threads, by number.
    pub threads: Vec<Thread>,
    /// For how long the process was held still.
    pub held: Option<Duration>,
    /// Why goroutines that run were not seen.
    pub not_sampled: Option<Arc<TraceError>>,
    pub(crate) names: Names,
    /// Names of start functions, wrappers seen through where the table tells.
    pub(crate) starts: HashMap<RuntimeAddr, Start>,
    pub(crate) cpus: HashMap<u32, u32>,
    pub(crate) nodes: NumaNodes,
}

/// Where a goroutine comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creator<'a> {
    /// The goroutine with the `go` statement.
    pub goroutine: u64,
    /// The place of the statement.
    pub frame: &'a Frame,
}

#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) name: String,
    /// A wrapper whose target only the stack tells.
    pub(crate) is_wrapper: bool,
    /// The runtime's own: `isSystemGoroutine` of `runtime/traceback.go`, Go 1.27.
    pub(crate) is_system: bool,
}

impl Look {
    /// Reads everything. The process runs on; its goroutines that run are sampled.
    ///
    /// # Errors
    /// The process is gone, or what it says makes no sense.
    pub fn take(process: &Process) -> Result<Look, ReadError> {
        Look::take_by(process, Approach::Sampled)
    }

    /// Reads everything by `approach`.
    ///
    /// # Errors
    /// As [`Look::take`]; or we have not the right to hold the process still.
    pub fn take_by(process: &Process, approach: Approach) -> Result<Look, ReadError> {
        let (mut snapshot, held) = match approach {
            Approach::Still => {
                let (snapshot, held) = process.snapshot_still()?;
                (snapshot, Some(held))
            }
            Approach::Unseen | Approach::Sampled => (process.snapshot()?, None),
        };
        let sampled = match approach {
            Approach::Sampled => process.sample_running(&mut snapshot.goroutines, SAMPLED_FOR),
            Approach::Unseen | Approach::Still => Ok(()),
        };
        Ok(Look { held, not_sampled: sampled.err().map(Arc::new), ..Look::of(process, snapshot) })
    }

    fn of(process: &Process, snapshot: Snapshot) -> Look {
        let mut names = Names::default();
        for goroutine in &snapshot.goroutines {
            let creation = creation_pc(goroutine);
            names.learn(process, goroutine.stack.iter().copied().chain([creation]));
        }
        let mut starts = HashMap::new();
        for goroutine in &snapshot.goroutines {
            starts.entry(goroutine.start).or_insert_with(|| Start::of(process, goroutine.start));
        }
        let cpu = |thread: &Thread| Some((thread.tid, thread.cpu?));
        let cpus = snapshot.threads.iter().filter_map(cpu).collect();
        let (goroutines, threads) = (snapshot.goroutines, snapshot.threads);
        let (held, not_sampled, nodes) = (None, None, NumaNodes::read());
        Look { goroutines, threads, held, not_sampled, names, starts, cpus, nodes }
    }

    /// The goroutine of that number.
    pub fn goroutine(&self, id: u64) -> Option<&Goroutine> {
        let goroutine_idx =
            self.goroutines.binary_search_by_key(&id, |goroutine| goroutine.id).ok()?;
        self.goroutines.get(goroutine_idx)
    }

    /// Its stack, innermost first, as Go's own stack traces show it.
    pub fn stack<'a>(&'a self, goroutine: &'a Goroutine) -> impl Iterator<Item = &'a Line> {
        self.every_line(goroutine).filter(|line| line.is_shown)
    }

    /// Its stack with the insides of the runtime and the compiler's wrappers.
    pub fn every_line<'a>(&'a self, goroutine: &'a Goroutine) -> impl Iterator<Item = &'a Line> {
        goroutine.stack.iter().flat_map(|pc| self.names.at(*pc))
    }

    /// The frames at one program counter of a stack of this look, innermost first.
    pub fn lines_at(&self, pc: Pc) -> &[Line] {
        self.names.at(pc)
    }

    /// The frame to look at: the innermost of the user's own, else of a dependency, else any; of the
    /// runtime's own goroutines the outermost.
    pub fn user_frame<'a>(&'a self, goroutine: &'a Goroutine) -> Option<&'a Frame> {
        let of = |origin| self.stack(goroutine).find(|line| line.origin == origin);
        let line = of(CodeOrigin::Own).or_else(|| of(CodeOrigin::Dependency));
        let line = line.or_else(|| self.stack(goroutine).next());
        line.or_else(|| self.every_line(goroutine).last()).map(|line| &line.frame)
    }

    /// The line at `pc` in the function that is there, whatever is inlined into it.
    pub(crate) fn line_in_function(&self, pc: Pc) -> u32 {
        self.names.at(pc).last().and_then(|line| line.frame.line).unwrap_or(0)
    }

    /// The function it was started with, without the wrapper that the compiler made for arguments.
    pub fn start_function<'a>(&'a self, goroutine: &'a Goroutine) -> &'a str {
        let Some(start) = self.starts.get(&goroutine.start) else { return "?" };
        if start.is_wrapper && goroutine.stack_end == StackEnd::Complete {
            let outermost = self.every_line(goroutine).filter(|line| !line.is_wrapper).last();
            if let Some(line) = outermost {
                return &line.frame.function;
            }
        }
        &start.name
    }

    /// Where it was started; `None` of the first goroutines.
    pub fn creator(&self, goroutine: &Goroutine) -> Option<Creator<'_>> {
        // The main one the runtime starts itself.
        if goroutine.created_at.is_nil() || goroutine.creator == 0 {
            return None;
        }
        // The function with the statement, into which others may be inlined.
        let line = self.names.at(creation_pc(goroutine)).last()?;
        Some(Creator { goroutine: goroutine.creator, frame: &line.frame })
    }

    /// Whether it is the runtime's own.
    pub fn is_system(&self, goroutine: &Goroutine) -> bool {
        self.starts.get(&goroutine.start).is_some_and(|start| start.is_system)
    }

    /// The processor that its thread runs on, or ran on last.
    pub fn cpu(&self, goroutine: &Goroutine) -> Option<u32> {
        self.cpus.get(&goroutine.thread?).copied()
    }

    /// The memory node of that processor.
    pub fn numa_node(&self, goroutine: &Goroutine) -> Option<u32> {
        self.nodes.node_of(self.cpu(goroutine)?)
    }

    /// The goroutine that runs on thread `tid`, or is in a system call on it.
    pub fn on_thread(&self, tid: u32) -> Option<&Goroutine> {
        self.goroutines.iter().find(|goroutine| goroutine.thread == Some(tid))
    }

    /// The memory node of the processor that a thread runs on, or ran on last.
    pub fn node_of(&self, thread: &Thread) -> Option<u32> {
        self.nodes.node_of(thread.cpu?)
    }

    /// What it does, in Go's words: why it waits, or its status.
    pub fn state<'a>(&self, goroutine: &'a Goroutine) -> &'a str {
        match (&goroutine.wait_reason, goroutine.status) {
            (Some(reason), _) => reason,
            (None, Status::Syscall) => "in a system call",
            (None, status) => status.word(),
        }
    }

    /// How many there are of each status.
    pub fn counts(&self) -> BTreeMap<Status, usize> {
        let mut counts = BTreeMap::new();
        for goroutine in &self.goroutines {
            *counts.entry(goroutine.status).or_default() += 1;
        }
        counts
    }
}

impl Start {
    fn of(process: &Process, start: RuntimeAddr) -> Start {
        let pc = Pc { address: start, kind: PcKind::Exact };
        let is_wrapper = process.frames(pc).last().is_some_and(|frame| frame.wrapper);
        let function = process.started(start);
        let name = function.map_or_else(|| "?".to_owned(), |function| printed(function.name()));
        let is_users = ["runtime.main", "runtime.corostart", "runtime.handleAsyncEvent"];
        let is_system = name.starts_with("runtime.") && !is_users.contains(&name.as_str());
        // Its target is known: then that is what the name is of.
        let is_target =
            function.is_some_and(|function| function.entry != start.linked(process.bias()));
        Start { name, is_wrapper: is_wrapper && !is_target, is_system }
    }
}

fn creation_pc(goroutine: &Goroutine) -> Pc {
    Pc { address: goroutine.created_at, kind: PcKind::Return }
}
