//! Whose code each of ten thousand functions is, told once for all functions of a package in a file.
//!
//! A file may hold functions of several packages (`runtime/mbarrier.go` has `reflect.typedmemmove`), and a package
//! has many files.

use std::collections::HashMap;

use photofinish_goprocess::Function;
use photofinish_model::{CodeOrigin, Frame, is_wrapper, package_prefix};

use crate::rules::{is_assembly, is_shared_by_mistake, keeps_own_order};

/// Whose code it is, and whether its types are shared by mistake; nothing of code that is left to itself.
type Class = Option<(CodeOrigin, bool)>;

/// What was told so far, by package and file.
#[derive(Debug, Default)]
pub(crate) struct Whose<'a> {
    known: HashMap<(&'a str, &'a str), Class>,
}

impl<'a> Whose<'a> {
    /// Whose code `function` is.
    pub(crate) fn of(&mut self, function: &Function<'a>) -> Class {
        let name = function.name();
        let package = package_prefix(name);
        if package.len() == name.len() {
            // Without a package: the linker's own.
            return None;
        }
        let (file, _) = function.place(function.entry);
        let class = self.known.entry((package, file)).or_insert_with(|| class(package, file));
        class.map(|(origin, is_shared)| {
            (if is_wrapper(name) { CodeOrigin::Standard } else { origin }, is_shared)
        })
    }
}

fn class(package: &str, file: &str) -> Class {
    // Of any function there.
    let name = format!("{package}.f");
    if keeps_own_order(&name) || is_assembly(file) {
        return None;
    }
    let origin = CodeOrigin::of(&Frame { file: Some(file.to_owned()), ..Frame::new(&name) });
    Some((origin, is_shared_by_mistake(&name)))
}
