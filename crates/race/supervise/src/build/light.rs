//! Chooses what a light race build leaves uninstrumented, so that it reports nothing a full one
//! would not.
//!
//! **Why it is sound.** A report needs two recorded accesses and no recorded order between them. To
//! leave a package out is `-gcflags=PKG=-race=false`: its own reads and writes are no longer
//! recorded, which can only lose reports. Order is recorded elsewhere and stays: by the runtime
//! (channels, goroutines, timers, maps), by `sync` and others through `internal/race`, which the
//! build tag `race` switches on and not the compiler flag. One thing is lost: without the flag the
//! compiler turns calls of `sync/atomic` into bare instructions, also those that arrive by inlining
//! (`sync.Once.Do` is one atomic load) and by generics. The detector then misses the order they
//! make, and reports correct code. It need not be the code of that package: `encoding/json` in Go
//! 1.26 compiles a copy of all of `sync.Map`, and the linker keeps one copy for everybody.
//!
//! **So the compiler is asked.** `-d=ssa/intrinsics/debug=1` names each call it replaced. A package
//! with none of `sync/atomic` is left out as it is; one with some is compiled with
//! `-d=ssa/intrinsics/off` besides, which leaves the calls, and the detector sees every one of them
//! as in a full build. This says more than imports can: it is after inlining, for this Go, these
//! dependencies, this profile. The build proper repeats the question for the packages left out as
//! they are ([`Listener`]), so an answer that changed is found before the binary is used.
//!
//! Kept: the user's own code; `sync`, `syscall`, the runtime and what it is made of (not instrumented
//! anyway); packages with a `//go:norace` function, which would become inlinable and be instrumented
//! in its caller; packages with atomics and an intrinsic that has no working body to fall back on;
//! and what [`SHARED`] says.
//!
//! The price is missed races: on memory touched only in packages left out, whose frames also vanish
//! from stacks. Start at [`choose`].

mod gcflags;
mod listener;

pub(super) use listener::Listener;

use gcflags::UserGcflags;
use listener::{has_body, is_atomic};

use super::flags::UserFlags;
use super::go::Go;
use super::packages::{self, Package};
use super::{BuildError, LeftOut, Light, Plan, Variant};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Objects of these packages are what services share by mistake (a `bytes.Buffer`, a `rand.Rand`),
/// and their methods do the racing; `hash/crc32` reads what callers hand over. They are kept where
/// the user's own code imports them: `bytes` under `encoding/json` alone would cost a third more.
const SHARED: &[&str] = &[
    "bufio",
    "bytes",
    "container/heap",
    "container/list",
    "container/ring",
    "hash/crc32",
    "math/rand",
    "math/rand/v2",
    "strings",
];

/// What the detector itself and the memory model stand on.
const CORE: &[&str] = &[
    "C",
    "internal/race",
    "internal/sync",
    "runtime/cgo",
    "runtime/race",
    "sync",
    "sync/atomic",
    "syscall",
    "unsafe",
];

/// Asks the compiler to name the calls it replaces by instructions.
const TELL: &str = "-race=false -d=ssa/intrinsics/debug=1";
/// Leaves those calls alone.
const CALLS: &str = "-race=false -d=ssa/intrinsics/off";

/// What is left out, and the flags that do it.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice {
    /// By package: whether its atomics must stay calls.
    left_out: BTreeMap<String, bool>,
    user: UserGcflags,
}

/// Chooses what to leave out of the race build of `plan`.
pub(super) fn choose(
    go: &Go,
    flags: &UserFlags,
    plan: &Plan,
    light: &Light,
    on_line: &mut dyn FnMut(String),
) -> Result<Choice, BuildError> {
    const FIELDS: &str = "-json=ImportPath,Name,Dir,Standard,Module,GoFiles,CgoFiles,Imports";
    let args = [vec![FIELDS.to_owned()], flags.args(Variant::Race, &[])].concat();
    let deps = packages::deps(go, args, plan)?;
    let user = UserGcflags::resolve(go, flags)?;
    let kept = kept(go, flags, light, &deps)?;
    let candidates = deps.iter().map(|package| &package.import_path);
    let candidates: Vec<String> =
        candidates.filter(|path| !kept.contains(*path)).cloned().collect();
    let mut choice = Choice { left_out: BTreeMap::new(), user };
    for package in &candidates {
        choice.left_out.insert(package.clone(), false);
    }
    let replaced = ask(go, flags, plan, &deps, &choice, on_line)?;
    for package in candidates {
        let Some(names) = replaced.get(&package) else { continue };
        if !names.iter().any(|name| is_atomic(name)) {
            continue;
        }
        if names.iter().all(|name| is_atomic(name) || has_body(name)) {
            choice.left_out.insert(package, true);
        } else {
            choice.left_out.remove(&package);
        }
    }
    Ok(choice)
}

/// The packages that stay instrumented, or are never touched.
fn kept(
    go: &Go,
    flags: &UserFlags,
    light: &Light,
    deps: &[Package],
) -> Result<HashSet<String>, BuildError> {
    let mut kept: HashSet<String> = CORE.iter().map(|path| (*path).to_owned()).collect();
    let own = deps.iter().filter(|package| package.is_own());
    let imported = own.flat_map(|package| &package.imports);
    kept.extend(imported.filter(|path| SHARED.contains(&path.as_str())).cloned());
    for pattern in &light.instrument {
        kept.extend(packages::matching(go, flags, pattern)?);
    }
    let by_path: HashMap<&str, &Package> =
        deps.iter().map(|package| (package.import_path.as_str(), package)).collect();
    let mut below_runtime = vec!["runtime"];
    while let Some(path) = below_runtime.pop() {
        if kept.insert(path.to_owned()) {
            let package = by_path.get(path);
            below_runtime.extend(package.iter().flat_map(|p| p.imports.iter().map(String::as_str)));
        }
    }
    for package in deps {
        if package.is_own() || package.name == "main" || has_norace(package) {
            kept.insert(package.import_path.clone());
        }
    }
    Ok(kept)
}

/// Compiles the candidates and returns the calls replaced in each.
fn ask(
    go: &Go,
    flags: &UserFlags,
    plan: &Plan,
    deps: &[Package],
    choice: &Choice,
    on_line: &mut dyn FnMut(String),
) -> Result<HashMap<String, BTreeSet<String>>, BuildError> {
    let mut args = ["list", "-export", "-deps", "-v", "-f", ""].map(str::to_owned).to_vec();
    args.extend(flags.args(Variant::Race, &choice.gcflags()));
    args.push("--".into());
    args.extend(roots(flags, plan, deps));
    let mut listener = Listener::default();
    let mut others = Vec::new();
    let ended = go.run(&args, &mut |line| {
        for line in listener.hear(line) {
            others.push(line.clone());
            on_line(line);
        }
    })?;
    if ended.status.success() {
        return Ok(listener.replaced);
    }
    let reason = super::go::told(&others, ended.status);
    Err(BuildError::Go { command: "list -export".into(), reason })
}

/// What to compile for the question: what the user's code imports, or the commands themselves where
/// a profile decides about inlining.
fn roots(flags: &UserFlags, plan: &Plan, deps: &[Package]) -> Vec<String> {
    let profiled =
        |package: &Package| package.name == "main" && package.dir.join("default.pgo").exists();
    if flags.has_profile() || deps.iter().any(profiled) {
        return packages::named(plan);
    }
    let own: HashSet<&str> =
        deps.iter().filter(|p| p.is_own()).map(|p| p.import_path.as_str()).collect();
    let imports = deps.iter().filter(|p| p.is_own()).flat_map(|p| p.imports.iter());
    let foreign: BTreeSet<&String> =
        imports.filter(|path| *path != "C" && !own.contains(path.as_str())).collect();
    // `runtime` is in every program, and an empty list would mean the current folder.
    foreign.into_iter().cloned().chain(["runtime".to_owned()]).collect()
}

impl Choice {
    /// The values of `-gcflags` that leave the packages out, the user's own flags for them kept.
    pub(super) fn gcflags(&self) -> Vec<String> {
        let value = |(package, atomics): (&String, &bool)| {
            let ours = if *atomics { CALLS } else { TELL };
            match self.user.of(package) {
                Some(theirs) => format!("{package}={theirs} {ours}"),
                None => format!("{package}={ours}"),
            }
        };
        self.left_out.iter().map(value).collect()
    }

    /// Corrects the choice by what the build proper told. False if there was nothing to correct.
    pub(super) fn learn(&mut self, listener: &Listener) -> bool {
        let mut learned = false;
        for (package, names) in &listener.replaced {
            if names.iter().any(|name| is_atomic(name)) && self.left_out.remove(package).is_some() {
                learned = true;
            }
        }
        learned
    }

    pub(super) fn left_out(&self) -> Vec<LeftOut> {
        let left_out = self.left_out.iter();
        left_out
            .map(|(package, atomics)| LeftOut { package: package.clone(), atomics: *atomics })
            .collect()
    }
}

/// Whether a source file of the package has the directive; an unreadable file is taken to have it.
fn has_norace(package: &Package) -> bool {
    let files = package.go_files.iter().chain(&package.cgo_files);
    files.map(|file| std::fs::read(package.dir.join(file))).any(|source| match source {
        Ok(source) => String::from_utf8_lossy(&source).contains("//go:norace"),
        Err(_) => true,
    })
}

#[cfg(test)]
mod tests;
