//! Go's types, whichever told of them: debug information (`dwarf_types`) or the runtime (`runtime_types`).
//!
//! Each is looked up when something of it is printed, and kept. Start at [`Types::get`].

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::debug_info::DebugInfo;
use super::place::Parts;
use crate::{Process, RuntimeAddr};

/// Where a type is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum TypeRef {
    /// In the debug information, at this offset.
    Dwarf(usize),
    /// In the process: an `abi.Type`.
    Runtime(RuntimeAddr),
}

/// A type.
#[derive(Clone, Debug)]
pub(super) struct Type {
    /// As Go spells it, with packages.
    pub(super) name: String,
    /// In bytes.
    pub(super) size: u64,
    pub(super) kind: Kind,
    /// An interface holds a value of it in place of a pointer; only told by the runtime.
    pub(super) is_direct: bool,
}

/// What sort of type, and what it is made of.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Bool,
    Int,
    Uint,
    Uintptr,
    Float,
    Complex,
    String,
    Slice(TypeRef),
    Array(TypeRef, u64),
    Struct(Vec<Field>),
    Pointer(Option<TypeRef>),
    Map(Map),
    Chan,
    Func,
    /// Without methods: its first word is the type itself.
    Empty,
    /// With methods: its first word is a table of them, which has the type.
    Interface,
    Unknown,
}

/// A field of a structure.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) offset: u64,
    pub(super) ty: TypeRef,
}

/// What a map is made of.
#[derive(Clone, Debug)]
pub(super) struct Map {
    pub(super) key: TypeRef,
    pub(super) value: TypeRef,
    /// The structure that holds eight entries: a bucket of an old map, a group of a new one.
    pub(super) group: Option<TypeRef>,
}

/// The types of one process.
pub(super) struct Types<'a> {
    pub(super) process: &'a Process,
    known: RefCell<HashMap<TypeRef, Option<Rc<Type>>>>,
}

impl<'a> Types<'a> {
    pub(super) fn new(process: &'a Process) -> Types<'a> {
        Types { process, known: RefCell::default() }
    }

    /// The type that `reference` describes, if it makes sense.
    pub(super) fn get(
        &self,
        reference: TypeRef,
        debug: Option<&DebugInfo<'a>>,
    ) -> Option<Rc<Type>> {
        if let Some(known) = self.known.borrow().get(&reference) {
            return known.clone();
        }
        let read = match reference {
            TypeRef::Dwarf(offset) => debug.and_then(|debug| debug.type_at(offset)),
            TypeRef::Runtime(address) => self.runtime_type(address),
        };
        let read = read.map(Rc::new);
        self.known.borrow_mut().insert(reference, read.clone());
        read
    }
}

/// Larger values are never taken apart (`CanSSA` of `cmd/compile/internal/ssa`).
const LARGEST_IN_PARTS: u64 = 32;
const MOST_PARTS: usize = 4;
/// Structures in each other; deeper ones are nonsense.
const DEEPEST: usize = 6;

impl<'a> Types<'a> {
    /// What the compiler takes a value of type `ty` apart into.
    pub(super) fn parts(&self, ty: &Type, debug: Option<&DebugInfo<'a>>) -> Parts {
        let mut parts = Vec::new();
        let fits =
            ty.size <= LARGEST_IN_PARTS && self.add_parts(ty, 0, debug, &mut parts, 0).is_some();
        if fits { Parts::Of(parts) } else { Parts::InMemory }
    }

    fn add_parts(
        &self,
        ty: &Type,
        base: usize,
        debug: Option<&DebugInfo<'a>>,
        parts: &mut Vec<(usize, usize)>,
        depth: usize,
    ) -> Option<()> {
        let size = usize::try_from(ty.size).ok()?;
        let words = match &ty.kind {
            Kind::String | Kind::Empty | Kind::Interface => 2,
            Kind::Slice(_) => 3,
            Kind::Complex => {
                parts.extend([(base, size / 2), (base.checked_add(size / 2)?, size / 2)]);
                return Some(());
            }
            Kind::Array(elem, len) => {
                let elem = self.get(*elem, debug).filter(|_| *len <= 1 && depth < MOST_PARTS)?;
                return match len {
                    0 => Some(()),
                    _ => self.add_parts(&elem, base, debug, parts, depth + 1),
                };
            }
            Kind::Struct(fields) => {
                if fields.len() > MOST_PARTS || depth >= DEEPEST {
                    return None;
                }
                for field in fields {
                    let ty = self.get(field.ty, debug)?;
                    let at = base.checked_add(usize::try_from(field.offset).ok()?)?;
                    self.add_parts(&ty, at, debug, parts, depth + 1)?;
                }
                return Some(());
            }
            _ => {
                parts.push((base, size));
                return Some(());
            }
        };
        for word in 0..words {
            parts.push((base.checked_add(8 * word)?, 8));
        }
        Some(())
    }
}

impl Type {
    /// What a pointer of this type points at.
    pub(super) fn pointee(&self) -> Option<TypeRef> {
        match self.kind {
            Kind::Pointer(pointee) => pointee,
            _ => None,
        }
    }

    /// The field of that name.
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        match &self.kind {
            Kind::Struct(fields) => fields.iter().find(|field| field.name == name),
            _ => None,
        }
    }
}
