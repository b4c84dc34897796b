//! Types as the running program itself knows them: what is in an interface.
//!
//! Every Go program carries them, stripped or not. Source: `internal/abi/type.go`, Go 1.21 to 1.27, whose structures differ
//! in maps only. A type is believed if it lies where the linker puts types and makes sense. Start at
//! [`Types::dynamic`].

use super::types::{Field, Kind, Map, Type, TypeRef, Types};
use crate::RuntimeAddr;
use crate::bytes::{i32_at, u8_at, u64_at, uvarint};
use crate::memory;

/// `abi.Type`, and where it is followed by what the kind needs.
const HEAD: u64 = 48;
const FLAGS: usize = 20;
const KIND: usize = 23;
const NAME: usize = 40;
/// The name has a star in front that does not belong to it.
const EXTRA_STAR: u8 = 1 << 1;
/// In the kind (to Go 1.25) or the flags (from 1.26): an interface holds the value itself.
const DIRECT: u8 = 1 << 5;

const MOST_FIELDS: u64 = 1024;
const LONGEST_NAME: u64 = 512;

impl Types<'_> {
    /// The type of what an interface holds whose first word is `word`.
    pub(super) fn dynamic(&self, word: u64, is_empty: bool) -> Option<TypeRef> {
        let ty = match is_empty {
            true => RuntimeAddr(word),
            // `abi.ITab`: the interface's type, then the value's.
            false => RuntimeAddr(memory::word(self.process.memory(), RuntimeAddr(word).plus(8))?),
        };
        self.is_among_types(ty).then_some(TypeRef::Runtime(ty))
    }

    /// The type described at `at` in the process.
    pub(super) fn runtime_type(&self, at: RuntimeAddr) -> Option<Type> {
        if !self.is_among_types(at) {
            return None;
        }
        let memory = self.process.memory();
        let head = memory::bytes(memory, at, HEAD, HEAD)?;
        let (flags, kind) = (u8_at(&head, FLAGS)?, u8_at(&head, KIND)?);
        let name = self.name(u64::try_from(i32_at(&head, NAME)?).ok()?)?;
        let name = if flags & EXTRA_STAR != 0 { name.strip_prefix('*')?.to_owned() } else { name };
        let size = u64_at(&head, 0)?;
        let is_direct = (flags | kind) & DIRECT != 0;
        Some(Type { name, size, kind: self.kind(at, kind & 31)?, is_direct })
    }

    fn kind(&self, at: RuntimeAddr, number: u8) -> Option<Kind> {
        let memory = self.process.memory();
        let word = |offset| memory::word(memory, at.plus(HEAD + offset));
        let to = |offset| word(offset).map(|address| TypeRef::Runtime(RuntimeAddr(address)));
        Some(match number {
            1 => Kind::Bool,
            2..=6 => Kind::Int,
            7..=11 => Kind::Uint,
            12 => Kind::Uintptr,
            13 | 14 => Kind::Float,
            15 | 16 => Kind::Complex,
            17 => Kind::Array(to(0)?, word(16)?),
            18 => Kind::Chan,
            19 => Kind::Func,
            // The package, then the methods.
            20 if word(16)? == 0 => Kind::Empty,
            20 => Kind::Interface,
            21 => Kind::Map(Map { key: to(0)?, value: to(8)?, group: to(16) }),
            22 => Kind::Pointer(to(0)),
            23 => Kind::Slice(to(0)?),
            24 => Kind::String,
            25 => Kind::Struct(self.fields(RuntimeAddr(word(8)?), word(16)?)?),
            26 => Kind::Pointer(None),
            _ => return None,
        })
    }

    /// `abi.StructField`: the name, the type, the offset.
    fn fields(&self, first: RuntimeAddr, count: u64) -> Option<Vec<Field>> {
        const SIZE: usize = 24;
        let count = Some(count).filter(|count| *count <= MOST_FIELDS)?;
        let len = count * SIZE as u64;
        let bytes = memory::bytes(self.process.memory(), first, len, len)?;
        let field = |bytes: &[u8]| {
            Some(Field {
                name: self.name_at(RuntimeAddr(u64_at(bytes, 0)?))?,
                ty: TypeRef::Runtime(RuntimeAddr(u64_at(bytes, 8)?)),
                offset: u64_at(bytes, 16)?,
            })
        };
        bytes.chunks_exact(SIZE).map(field).collect()
    }

    fn name(&self, offset: u64) -> Option<String> {
        let (types, _) = self.process.module().types;
        self.name_at(types.plus(offset))
    }

    /// A byte of flags, a length, the text.
    fn name_at(&self, at: RuntimeAddr) -> Option<String> {
        let memory = self.process.memory();
        let head = memory::bytes(memory, at.plus(1), 4, 4)?;
        let (len, skip) = uvarint(&head)?;
        let text = at.plus(1).plus(u64::try_from(skip).ok()?);
        let text = memory::bytes(memory, text, len, LONGEST_NAME)?;
        String::from_utf8(text).ok()
    }

    fn is_among_types(&self, at: RuntimeAddr) -> bool {
        let (from, to) = self.process.module().types;
        from <= at && at < to && at.0.is_multiple_of(8)
    }
}
