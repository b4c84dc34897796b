//! A Go process, opened: its program read, the runtime's variables found. Nothing stops it.
//!
//! Start at [`Process::open`] and [`Process::snapshot`].

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use photofinish_sys::trace::freeze;
use photofinish_sys::{ForeignMemory, SysError, Thread, ThreadState, auxv, monotonic_now, threads};

use crate::core::{Core, StoppedThread};
use crate::goroutine::Goroutine;
use crate::goroutine::raw::RawG;
use crate::goroutine::read::Reader;
use crate::goroutine::semaphores::SemaTable;
use crate::goroutine::still::Still;
use crate::memory::{self, Memory};
use crate::module::Module;
use crate::plugins::Plugin;
use crate::symbols::{Frame, Function, PcKind, Symbols};
use crate::unwind::{Steps, Unwinder, Window};
use crate::{
    Binary, BuildInfo, Layout, LayoutSource, LinkAddr, LoadBias, OpenError, Pc, ReadError,
    RuntimeAddr, allgs, code, goroutine, layout, plugins,
};

/// More of a stack than this is not copied.
const LARGEST_STACK: u64 = 1 << 20;
/// Behind a frame: nine words of arguments in registers, and what the caller passes on the stack.
const SPILLS: u64 = 128;

/// A runtime that has just been started has begun by then, and is asked again after so long.
const STARTING: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_millis(10);

/// The oldest Go whose structures are known.
const OLDEST: u32 = 21;

/// A Go process, or what is left of one.
#[derive(Debug)]
pub struct Process {
    origin: Origin,
    memory: Box<dyn Memory>,
    binary: Arc<Binary>,
    build: BuildInfo,
    bias: LoadBias,
    layout: Layout,
    layout_source: LayoutSource,
    symbols: Symbols,
    module: Module,
    allgs: RuntimeAddr,
    plugins: Vec<Plugin>,
    wait_reasons: Vec<Arc<str>>,
    /// What unwinders found out.
    steps: Mutex<Steps>,
}

/// Where a process is looked at.
#[derive(Clone, Debug)]
pub enum Origin {
    /// It runs, by this number.
    Live(u32),
    /// It left a core file, with these threads.
    Core(Vec<StoppedThread>),
}

/// What a process did at about one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Its goroutines, by number; the dead left out.
    pub goroutines: Vec<Goroutine>,
    /// Its threads, by number.
    pub threads: Vec<Thread>,
}

impl Process {
    /// Opens the running process `pid`. Waits a moment for one whose runtime has not begun yet.
    ///
    /// # Errors
    /// It is gone, may not be read, is no Go program, or one that is not understood.
    pub fn open(pid: u32) -> Result<Process, OpenError> {
        let refused = |cause| OpenError::Process { pid, cause };
        let auxv = auxv(pid).map_err(refused)?;
        let link = PathBuf::from(format!("/proc/{pid}/exe"));
        let path = std::fs::read_link(&link).unwrap_or_else(|_| link.clone());
        let binary = match Binary::open(&link, &path) {
            Err(OpenError::File { cause, .. }) if cause.kind() == std::io::ErrorKind::NotFound => {
                return Err(refused(SysError::Gone { pid }));
            }
            opened => opened?,
        };
        let entry = auxv.iter().find(|entry| entry.is_entry()).map(|entry| entry.value);
        let bias = LoadBias(entry.map_or(0, |entry| entry.wrapping_sub(binary.entry.0)));
        let (binary, began) = (Arc::new(binary), Instant::now());
        let opened = loop {
            let memory = Box::new(ForeignMemory::open(pid).map_err(refused)?);
            let opened = Process::assemble(Origin::Live(pid), memory, Arc::clone(&binary), bias);
            // The runtime of a process that has just started has no goroutine yet.
            let is_early = matches!(opened, Err(OpenError::Runtime { .. }));
            if !is_early || began.elapsed() > STARTING || photofinish_sys::auxv(pid).is_err() {
                break opened;
            }
            std::thread::sleep(AGAIN);
        };
        // One that ended meanwhile had nothing to be read any more.
        opened.map_err(|error| match photofinish_sys::auxv(pid) {
            Err(gone @ SysError::Gone { .. }) => refused(gone),
            Ok(nothing) if nothing.is_empty() => refused(SysError::Gone { pid }),
            _ => error,
        })
    }

    /// Opens the core file at `core`. `program` is what the process ran, where the core does not say or
    /// the file is no longer there.
    ///
    /// # Errors
    /// It is no core file, its program is not there, is no Go program, or one that is not understood.
    pub fn open_core(core: &Path, program: Option<&Path>) -> Result<Process, OpenError> {
        let opened = Core::open(core)?;
        let said = opened.program().filter(|said| said.is_file()).map(Path::to_owned);
        let program = program.map(Path::to_owned).or(said);
        let program = program.ok_or_else(|| OpenError::NoProgram { path: core.to_owned() })?;
        let binary = Arc::new(Binary::open(&program, &program)?);
        let bias = opened.bias(&binary);
        let origin = Origin::Core(opened.threads(binary.architecture));
        let memory = Box::new(opened.memory(Arc::clone(&binary), bias));
        Process::assemble(origin, memory, binary, bias)
    }

    /// Reads `memory` as that of a process running `binary`.
    ///
    /// # Errors
    /// As [`Process::open`].
    pub fn assemble(
        origin: Origin,
        memory: Box<dyn Memory>,
        binary: Arc<Binary>,
        bias: LoadBias,
    ) -> Result<Process, OpenError> {
        let path = || binary.path().to_owned();
        let build = BuildInfo::read(&binary).ok_or_else(|| OpenError::NotGo { path: path() })?;
        let version = build.go_version.clone();
        if build.minor().is_some_and(|minor| minor < OLDEST) {
            return Err(OpenError::TooOld { path: path(), version });
        }
        let missing = |what| OpenError::Runtime { what, path: path(), version: version.clone() };
        let (layout, layout_source) =
            Layout::of(&binary, &build).ok_or_else(|| missing("the layout of the runtime"))?;
        let module = Module::find(&*memory, &binary, bias, &layout)
            .ok_or_else(|| missing("the function table"))?;
        let table = binary
            .bytes(module.table.0, module.table.1)
            .ok_or_else(|| missing("the function table"))?;
        let symbols = Symbols::new(table, module.text, module.gofunc, Arc::clone(&binary));
        let symbols = symbols.ok_or_else(|| missing("the function table"))?;
        let allgs = allgs::find(&*memory, &binary, bias, &layout, &symbols, &module)
            .ok_or_else(|| missing("the list of goroutines"))?;
        let plugins = match origin {
            Origin::Live(pid) => plugins::find(&*memory, &layout, module.next, pid),
            Origin::Core(_) => Vec::new(),
        };
        let wait_reasons =
            layout::wait_reasons(build.minor()).iter().map(|reason| Arc::from(*reason)).collect();
        Ok(Process {
            origin,
            memory,
            binary: Arc::clone(&binary),
            build,
            bias,
            layout,
            layout_source,
            symbols,
            module,
            allgs,
            plugins,
            wait_reasons,
            steps: Mutex::default(),
        })
    }

    /// Its number; `None` of a core file.
    pub fn pid(&self) -> Option<u32> {
        match self.origin {
            Origin::Live(pid) => Some(pid),
            Origin::Core(_) => None,
        }
    }

    /// Where it is looked at.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The program's file.
    pub fn path(&self) -> &Path {
        self.binary.path()
    }

    /// How the program was made.
    pub fn build(&self) -> &BuildInfo {
        &self.build
    }

    /// Where the fields of its runtime lie.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How sure that is.
    pub fn layout_source(&self) -> LayoutSource {
        self.layout_source
    }

    /// Its functions, by addresses of the file.
    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    /// Its memory.
    pub fn memory(&self) -> &dyn Memory {
        &*self.memory
    }

    /// `len` bytes of code from `address` on, as the program's file has them.
    pub fn code(&self, address: LinkAddr, len: usize) -> Option<Vec<u8>> {
        self.binary.bytes(address, u64::try_from(len).ok()?)
    }

    /// Where in the program's file `address` is.
    pub fn file_offset(&self, address: LinkAddr) -> Option<u64> {
        self.binary.segments().iter().find_map(|segment| {
            let at = address.0.checked_sub(segment.address.0)?;
            segment.file_offset.checked_add(at).filter(|_| at < segment.file_size)
        })
    }

    /// How much higher it lies than its file says.
    pub fn bias(&self) -> LoadBias {
        self.bias
    }

    /// What stands at `pc`, innermost inlined call first.
    pub fn frames(&self, pc: Pc) -> Vec<Frame<'_>> {
        let is_in = |plugin: &&Plugin| plugin.text.0 <= pc.address && pc.address < plugin.text.1;
        match self.plugins.iter().find(is_in) {
            Some(plugin) => plugin.symbols.frames(pc.address.linked(plugin.bias), pc.kind),
            None => self.symbols.frames(pc.address.linked(self.bias), pc.kind),
        }
    }

    /// The calls on a stack of which `stack` is a copy, from the stack pointer `sp` on: `pc` and its callers.
    /// It ends where the copy does.
    pub fn callers(&self, pc: Pc, sp: RuntimeAddr, stack: &[u8]) -> Vec<Pc> {
        let window = Window { base: sp.0, bytes: stack, is_part: false };
        let walk = self.with_unwinder(|unwinder| unwinder.walk(pc, sp.0, window, 1024));
        walk.map(|(pcs, _)| pcs).unwrap_or_default()
    }

    /// The function that a goroutine was started with, behind the compiler's wrapper.
    pub fn started(&self, start: RuntimeAddr) -> Option<Function<'_>> {
        self.symbols.started(start.linked(self.bias))
    }

    /// The words of each frame of a goroutine's stack, as they are now; `None` if it moved since it was read. To
    /// each belong the words behind it in which the function may have put its arguments.
    pub fn frame_words(&self, goroutine: &Goroutine) -> Option<Vec<Vec<u64>>> {
        let (sp, stack) = self.parked_stack(goroutine, LARGEST_STACK)?;
        let spans = self.with_unwinder(|unwinder| unwinder.spans(&goroutine.stack, sp));
        let words = |(from, to): (u64, u64)| {
            let skip = usize::try_from(from - sp).unwrap_or(usize::MAX);
            let n_words = usize::try_from((to - from + SPILLS) / 8).unwrap_or(0);
            let part = stack.get(skip..).unwrap_or_default();
            let word = |word: &[u8]| word.try_into().map(u64::from_le_bytes).unwrap_or(0);
            part.chunks_exact(8).take(n_words).map(word).collect()
        };
        Some(spans.into_iter().map(words).collect())
    }

    /// The variables that a function's code names, and its calls: from where, and to what. All by
    /// addresses of the file. Empty where the processor's code is not understood.
    pub fn code_of(&self, function: &Function<'_>) -> (Vec<LinkAddr>, Vec<(LinkAddr, LinkAddr)>) {
        code::what_it_names(&self.binary, function)
    }

    /// The function around `pc`, as the linker calls it, whatever is inlined there.
    pub fn function_name(&self, pc: Pc) -> Option<&str> {
        let address = match pc.kind {
            PcKind::Return => RuntimeAddr(pc.address.0.checked_sub(1)?),
            PcKind::Exact => pc.address,
        };
        Some(self.symbols.function_at(address.linked(self.bias))?.name())
    }

    /// The program's file, opened.
    pub(crate) fn binary(&self) -> &Binary {
        &self.binary
    }

    /// The bytes of a goroutine's `g`, as they are now.
    pub(crate) fn g_of(&self, goroutine: &Goroutine) -> Option<Vec<u8>> {
        let size = u64::from(self.layout.g_size);
        memory::bytes(&*self.memory, goroutine.address, size, u64::from(u16::MAX))
    }

    /// Stack pointer and stack of a goroutine, at most `most` bytes of it; `None` if it moved since it was read.
    pub(crate) fn parked_stack(&self, goroutine: &Goroutine, most: u64) -> Option<(u64, Vec<u8>)> {
        let before = self.g_of(goroutine)?;
        let raw = RawG::new(&before, &self.layout);
        let (pc, sp) = raw.parked_at()?;
        let is_same = goroutine.stack.first().is_some_and(|first| first.address == pc);
        if raw.id() != goroutine.id || !is_same {
            return None;
        }
        let len = raw.stack().1.checked_sub(sp)?.min(most);
        let stack = memory::bytes(&*self.memory, RuntimeAddr(sp), len, most)?;
        let after = self.g_of(goroutine)?;
        let stood = RawG::new(&after, &self.layout).mark() == raw.mark();
        stood.then_some((sp, stack))
    }

    /// What was loaded besides the program itself.
    pub(crate) fn plugins(&self) -> &[Plugin] {
        &self.plugins
    }

    /// What the linker put where.
    pub(crate) fn module(&self) -> &Module {
        &self.module
    }

    /// The variables that the code of a function of the runtime names.
    pub(crate) fn variables_of(&self, function: &str) -> Vec<RuntimeAddr> {
        let named = code::named_in(&self.binary, &self.symbols, function);
        named.into_iter().map(|address| address.loaded(self.bias)).collect()
    }

    /// The addresses of all `g`s, the dead too; none where the list cannot be read.
    pub(crate) fn all_addresses(&self) -> Vec<RuntimeAddr> {
        allgs::addresses(&*self.memory, self.allgs).unwrap_or_default()
    }

    /// The runtime's table of semaphores, if it is found.
    pub(crate) fn semaphores(&self) -> Option<SemaTable> {
        SemaTable::find(&*self.memory, &self.binary, self.bias, &self.layout, &self.symbols)
    }

    /// All goroutines and threads.
    ///
    /// # Errors
    /// The process is gone or cannot be read any more, or its list of goroutines makes no sense.
    pub fn snapshot(&self) -> Result<Snapshot, ReadError> {
        let (threads, stopped) = match &self.origin {
            Origin::Live(pid) => (threads(*pid)?, &[][..]),
            Origin::Core(stopped) => (stopped.iter().map(thread_of).collect(), &stopped[..]),
        };
        let mut reader = self.reader(&threads);
        reader.stopped = stopped.iter().map(|thread| (thread.tid, *thread)).collect();
        reader.now = self.memory.is_live().then(monotonic_now);
        let addresses = allgs::addresses(&*self.memory, self.allgs)?;
        let mut goroutines = reader.read_all(&addresses)?;
        goroutine::add_semaphores(self, &mut goroutines);
        Ok(Snapshot { goroutines, threads })
    }

    /// At most `most` goroutines, evenly chosen, as they were at about one moment: enough to see which code is in use.
    ///
    /// # Errors
    /// As [`Process::snapshot`].
    pub fn some_goroutines(&self, most: usize) -> Result<Vec<Goroutine>, ReadError> {
        let mut reader = self.reader(&[]);
        let addresses = allgs::addresses(&*self.memory, self.allgs)?;
        let step = addresses.len().div_ceil(most.max(1)).max(1);
        let chosen: Vec<RuntimeAddr> = addresses.into_iter().step_by(step).collect();
        reader.read_all(&chosen)
    }

    /// The same with all threads held still, so that all of it was true at once; and for how long they stood.
    ///
    /// # Errors
    /// As [`Process::snapshot`], or we have not the right to hold threads, or it does not run.
    pub fn snapshot_still(&self) -> Result<(Snapshot, Duration), ReadError> {
        let pid = self.pid().ok_or(ReadError::NotLive)?;
        // Whatever can be found out before is.
        let threads = threads(pid)?;
        let table = self.semaphores();
        let mut reader = self.reader(&threads);
        let (copied, held) = freeze(pid, |frozen| {
            reader.stand_still(&frozen.threads);
            let still = Still::copy(&mut reader, &allgs::addresses(&*self.memory, self.allgs)?)?;
            let waiters = table.map(|table| table.waiters(&*self.memory, &self.layout));
            Ok::<_, ReadError>((still, waiters.unwrap_or_default()))
        })?;
        let (still, waiters) = copied?;
        let mut goroutines = still.goroutines(&mut reader);
        goroutine::add_waiters(&mut goroutines, &waiters);
        goroutine::tell_by_frames(self, &mut goroutines);
        Ok((Snapshot { goroutines, threads }, held))
    }

    /// An unwinder that knows what others before it found out.
    pub(crate) fn with_unwinder<T>(&self, unwind: impl FnOnce(&mut Unwinder<'_>) -> T) -> T {
        let mut known = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let steps = std::mem::take(&mut *known);
        let mut unwinder = Unwinder::with(&self.symbols, self.bias, steps);
        let done = unwind(&mut unwinder);
        *known = unwinder.into_steps();
        done
    }

    pub(crate) fn reader(&self, threads: &[Thread]) -> Reader<'_> {
        let unwinder = Unwinder::new(&self.symbols, self.bias);
        let mut reader = Reader::new(&*self.memory, &self.layout, unwinder, &self.wait_reasons);
        reader.threads = threads
            .iter()
            .map(|thread| (thread.tid_inside, thread.tid))
            .collect::<HashMap<u32, u32>>();
        reader
    }
}

/// What a core says of a thread.
fn thread_of(stopped: &StoppedThread) -> Thread {
    Thread {
        tid: stopped.tid,
        tid_inside: stopped.tid,
        name: String::new(),
        state: ThreadState::Stopped,
        cpu: None,
        ticks: 0,
    }
}
