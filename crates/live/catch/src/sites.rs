//! The places to wait at: instructions that touch memory, calls on maps, calls that move memory.
//!
//! The user's own module is decoded whole at the beginning; dependencies and the standard library are many
//! times larger, and are decoded a function at a time, when one is drawn.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use photofinish_goprocess::{Function, LinkAddr, Process};
use photofinish_model::{CodeOrigin, Op, package_of};

use crate::Plan;
use crate::bulk::{self, Bulk};
use crate::decode::{Found, MemoryAccess, compared_with_zero, scan, stores_of_duff};
use crate::maps::{self, MapArgument};
use crate::whose::Whose;

/// Larger functions than this are tables in disguise.
const LARGEST_FUNCTION: u64 = 1 << 20;

/// A place to wait at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) address: LinkAddr,
    pub(crate) kind: SiteKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SiteKind {
    /// An instruction that touches memory.
    Access(MemoryAccess),
    /// A call of a function on a map.
    Map { function: String, op: Op, argument: MapArgument },
    /// A call of a function that moves or clears memory: one range of it.
    Bulk { function: String, range: Bulk },
}

/// What there is to wait at.
#[derive(Debug, Default)]
pub(crate) struct Sites {
    /// Those known: of the user's module first.
    pub(crate) all: Vec<Site>,
    /// How many are of the user's module.
    pub(crate) n_own: usize,
    /// Its functions, and how many sites each has.
    pub(crate) sizes: Vec<(LinkAddr, usize)>,
    /// Functions of dependencies and of the standard library: those that the user's module calls first,
    /// then what is in the same packages, then the rest.
    pub(crate) others: Vec<(LinkAddr, LinkAddr)>,
    /// Where the user's module calls a function directly, by the function.
    pub(crate) calls: HashMap<LinkAddr, Vec<LinkAddr>>,
    /// Variables of the runtime that programs read and nobody means.
    ignored: Vec<u64>,
}

impl Sites {
    /// Finds them.
    pub(crate) fn find(process: &Process, plan: &Plan) -> Sites {
        let mut sites = Sites::default();
        if let Some(function) = process.symbols().named("runtime.typedmemmove")
            && let Some(code) = code(process, function.entry, function.end)
        {
            sites.ignored = compared_with_zero(&code, function.entry.0);
        }
        let mut whose = Whose::default();
        for function in process.symbols().functions() {
            let name = function.name();
            let Some((origin, is_shared_by_mistake)) = whose.of(process.symbols(), &function)
            else {
                continue;
            };
            if plan.focus.as_deref().is_some_and(|part| !name.contains(part)) {
                continue;
            }
            match origin {
                CodeOrigin::Own => {
                    let code = (function.entry, function.end);
                    let (found, calls) = sites.decode(process, code, plan.only_maps);
                    for (at, target) in calls {
                        sites.calls.entry(target).or_default().push(at);
                    }
                    sites.sizes.push((function.entry, found.len()));
                    sites.all.extend(found);
                }
                CodeOrigin::Dependency => sites.others.push((function.entry, function.end)),
                CodeOrigin::Standard if is_shared_by_mistake || plan.focus.is_some() => {
                    sites.others.push((function.entry, function.end));
                }
                CodeOrigin::Standard => {}
            }
        }
        sites.n_own = sites.all.len();
        sites.order_others(process);
        sites
    }

    fn order_others(&mut self, process: &Process) {
        let name = |entry: &LinkAddr| {
            process.symbols().function_at(*entry).map(|function| function.name())
        };
        let near: HashSet<Cow<'_, str>> =
            self.calls.keys().filter_map(name).map(package_of).collect();
        let calls = &self.calls;
        self.others.sort_by_cached_key(|(entry, _)| {
            let is_near = name(entry).is_some_and(|name| near.contains(&package_of(name)));
            (!calls.contains_key(entry), !is_near, fastrand::u32(..))
        });
    }

    /// The calls on maps, the accesses and the moves of the function between `entry` and `end`; and whom
    /// it calls where.
    pub(crate) fn decode(
        &self,
        process: &Process,
        (entry, end): (LinkAddr, LinkAddr),
        only_maps: bool,
    ) -> (Vec<Site>, Vec<(LinkAddr, LinkAddr)>) {
        let (mut sites, mut calls) = (Vec::new(), Vec::new());
        let Some(code) = code(process, entry, end) else { return (sites, calls) };
        for (address, found) in scan(&code, entry.0) {
            let address = LinkAddr(address);
            match found {
                Found::Access(access) => {
                    let is_ignored = |global| {
                        self.ignored.contains(&global)
                            || process.is_coverage_counter(LinkAddr(global))
                    };
                    if !only_maps && !access.global().is_some_and(is_ignored) {
                        sites.push(Site { address, kind: SiteKind::Access(access) });
                    }
                }
                Found::Call(target) => {
                    calls.push((address, LinkAddr(target)));
                    let Some(called) = process.symbols().function_at(LinkAddr(target)) else {
                        continue;
                    };
                    let (name, is_entry) = (called.name(), called.entry.0 == target);
                    if let Some((op, argument)) = maps::operation(name).filter(|_| is_entry) {
                        let function = name.to_owned();
                        let kind = SiteKind::Map { function, op, argument };
                        sites.push(Site { address, kind });
                        continue;
                    }
                    if only_maps {
                        continue;
                    }
                    for range in ranges_of(process, &called, LinkAddr(target)) {
                        let kind = SiteKind::Bulk { function: name.to_owned(), range };
                        sites.push(Site { address, kind });
                    }
                }
            }
        }
        (sites, calls)
    }
}

impl Site {
    /// The variable that it names itself: its address in the file.
    pub(crate) fn global(&self) -> Option<u64> {
        match &self.kind {
            SiteKind::Access(access) => access.global(),
            SiteKind::Map { .. } | SiteKind::Bulk { .. } => None,
        }
    }

    /// Whether it writes: a map, or memory.
    pub(crate) fn writes(&self) -> bool {
        match &self.kind {
            SiteKind::Access(access) => access.writes,
            SiteKind::Map { op, .. } => op.is_write(),
            SiteKind::Bulk { range, .. } => range.op.is_write(),
        }
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self.kind, SiteKind::Map { .. })
    }
}

/// What a call of `target`, in the function `called`, reads and writes.
fn ranges_of(process: &Process, called: &Function<'_>, target: LinkAddr) -> Vec<Bulk> {
    if called.entry == target && !called.name().starts_with("runtime.duff") {
        return bulk::ranges(called.name());
    }
    if !called.name().starts_with("runtime.duff") {
        return Vec::new();
    }
    let stores = code(process, target, called.end).and_then(|code| stores_of_duff(&code));
    stores.map(|stores| bulk::duff(called.name(), stores)).unwrap_or_default()
}

/// The bytes of a function, as the program's file has them: in the process probes may be planted.
pub(crate) fn code(process: &Process, entry: LinkAddr, end: LinkAddr) -> Option<Vec<u8>> {
    let len = end.0.checked_sub(entry.0).filter(|len| *len <= LARGEST_FUNCTION)?;
    process.code(entry, usize::try_from(len).ok()?)
}
