//! Which field of what type an address is, as far as debug information can tell.
//!
//! Of a variable of a package its type says so. Of the heap nothing does; but a thread that is about to touch an address has
//! a pointer to the object in a register or in its frame, and debug information knows whose some of them are.
//!
//! Start at [`Values::field_at`] and [`Values::field_of`].

use std::rc::Rc;

use super::Values;
use super::debug_info::DebugInfo;
use super::place::{Piece, pieces_at};
use super::scope::{Found, Location};
use super::types::{Kind, Type, TypeRef};
use crate::{LinkAddr, Pc, PcKind, RuntimeAddr, memory};

/// Structures in structures, at most.
const DEEPEST: usize = 16;
/// `DW_OP_reg0` and `DW_OP_reg31`.
const REGISTERS: std::ops::RangeInclusive<u8> = 0x50..=0x6f;
/// RSP, as debug information counts (System V ABI for amd64, figure 3.36).
const STACK_POINTER: u8 = 7;

/// A field, by its type and its name there: `main.stats`, `mu.state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The type of the object.
    pub of: String,
    /// Names from the object on, with dots; elements of arrays by number.
    pub path: String,
}

impl<'a> Values<'a> {
    /// The field at `address` of an object that a variable points at, for a thread that stands exactly at `pc`. `register`
    /// tells what a register holds, by its number in debug information.
    pub fn field_at(
        &self,
        pc: RuntimeAddr,
        register: impl Fn(u8) -> Option<u64>,
        address: RuntimeAddr,
    ) -> Option<Field> {
        let debug = self.debug.as_ref()?;
        let scopes = self.scopes(debug, Pc { address: pc, kind: PcKind::Exact })?;
        let at = pc.linked(self.process.bias()).0;
        // The innermost function's variables last.
        let variables = scopes.iter().rev().flat_map(|scope| &scope.variables);
        variables.into_iter().find_map(|found| {
            let start = match register_of(found, at) {
                Some(number) => register(number)?,
                None => self.spilled(found, at, register(STACK_POINTER)?)?,
            };
            let offset = address.0.checked_sub(start)?;
            let pointer = self.dwarf_type(found.ty?, debug)?;
            let object = self.types.get(pointer.pointee()?, Some(debug))?;
            self.field(&object, offset, debug)
        })
    }

    /// The word of a variable that is in the frame of the function at `at`. That it points around the address asked for
    /// is the proof that it is still there.
    fn spilled(&self, found: &Found, at: u64, sp: u64) -> Option<u64> {
        let function = self.process.symbols().function_at(LinkAddr(at))?;
        let (pieces, _) = pieces_at(found, at)?;
        let [(Piece::Frame(offset), None)] = pieces[..] else { return None };
        // The canonical address of a frame is behind the return address.
        let canonical = sp.checked_add(function.stack_depth(LinkAddr(at))?)?.checked_add(8)?;
        memory::word(self.process.memory(), RuntimeAddr(canonical.checked_add_signed(offset)?))
    }

    /// The field `offset` bytes into the variable `name` of a package, as the linker calls it.
    pub fn field_of(&self, name: &str, offset: u64) -> Option<Field> {
        let debug = self.debug.as_ref()?;
        let ty = debug.variable_type(name)?;
        self.field(&*self.dwarf_type(ty, debug)?, offset, debug)
    }

    fn dwarf_type(&self, offset: usize, debug: &DebugInfo<'a>) -> Option<Rc<Type>> {
        self.types.get(TypeRef::Dwarf(offset), Some(debug))
    }

    fn field(&self, object: &Type, offset: u64, debug: &DebugInfo<'a>) -> Option<Field> {
        if offset >= object.size {
            return None;
        }
        let mut path = String::new();
        let (mut offset, mut here) = (offset, Rc::new(object.clone()));
        for _ in 0..DEEPEST {
            let inner = match &here.kind {
                Kind::Struct(fields) => {
                    // Of fields without a size, the last at an offset is the one that has something there.
                    let field = fields.iter().rfind(|field| field.offset <= offset)?;
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(&field.name);
                    offset -= field.offset;
                    field.ty
                }
                Kind::Array(element, _) => {
                    let size = self.types.get(*element, Some(debug))?.size;
                    let index = offset.checked_div(size)?;
                    path.push_str(&format!("[{index}]"));
                    offset -= index * size;
                    *element
                }
                _ => break,
            };
            here = self.types.get(inner, Some(debug))?;
            if offset >= here.size {
                // Between two fields.
                return None;
            }
        }
        (!path.is_empty()).then(|| Field { of: object.name.clone(), path })
    }
}

/// The register that holds all of a variable at an instruction.
fn register_of(found: &Found, at: u64) -> Option<u8> {
    let expression = match &found.location {
        Location::Always(expression) => expression,
        Location::List(places) => {
            &places.iter().find(|(from, to, _)| (*from..*to).contains(&at))?.2
        }
        Location::Nowhere => return None,
    };
    match expression[..] {
        [op] if REGISTERS.contains(&op) => Some(op - REGISTERS.start()),
        _ => None,
    }
}
