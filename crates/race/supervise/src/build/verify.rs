//! Looks at what a light build compiled, since `-race=false` for a package is no documented promise.
//!
//! Two things are read from the compiled packages, which are still in Go's cache: the user's own
//! code calls the detector, and a package left out does not, while its atomic operations are calls.

use super::flags::UserFlags;
use super::go::Go;
use super::light::Choice;
use super::packages::{self, Package};
use super::{BuildError, Plan, Variant};

/// So many own packages are looked at until one is found to be instrumented.
const LOOKS: usize = 8;

/// What a compiled package calls.
struct Calls {
    detector: bool,
    atomics: bool,
}

/// Checks that the build made with `choice` is what was meant.
pub(super) fn looks_light(
    go: &Go,
    flags: &UserFlags,
    plan: &Plan,
    choice: &Choice,
) -> Result<(), BuildError> {
    const FIELDS: &str = "-json=ImportPath,Name,Standard,Module,Export";
    let mut args = vec!["-export".to_owned(), FIELDS.into()];
    args.extend(flags.args(Variant::Race, &choice.gcflags()));
    let deps = packages::deps(go, args, plan)?;
    let not = |reason: String| Err(BuildError::NotLight { reason });
    let own = deps.iter().rev().filter(|package| package.is_own());
    let mut instrumented = false;
    for package in own.take(LOOKS) {
        instrumented = calls(go, package)?.detector;
        if instrumented {
            break;
        }
    }
    if !instrumented {
        return not("the user's own code came out uninstrumented".into());
    }
    let left_out = choice.left_out();
    let of_choice = |package: &Package, atomics: bool| {
        left_out.iter().any(|out| out.atomics == atomics && out.package == package.import_path)
    };
    // The smallest witness of each kind is enough: the flags are the same for all.
    for atomics in [false, true] {
        let witnesses = deps.iter().filter(|package| of_choice(package, atomics));
        let size = |package: &&Package| package.export.metadata().map_or(u64::MAX, |m| m.len());
        let Some(witness) = witnesses.min_by_key(size) else { continue };
        let calls = calls(go, witness)?;
        if calls.detector {
            return not(format!("{} is instrumented all the same", witness.import_path));
        }
        if atomics && !calls.atomics {
            return not(format!("the atomics of {} are hidden", witness.import_path));
        }
    }
    Ok(())
}

/// Disassembles a compiled package and notes the calls that matter.
fn calls(go: &Go, package: &Package) -> Result<Calls, BuildError> {
    let archive = package.export.display().to_string();
    let listing = go.read(&["tool".to_owned(), "objdump".into(), archive])?;
    let has = |call: &str| memchr::memmem::find(&listing, call.as_bytes()).is_some();
    Ok(Calls {
        detector: has(":runtime.racefuncenter") || has(":runtime.raceread"),
        atomics: has(":sync/atomic."),
    })
}
