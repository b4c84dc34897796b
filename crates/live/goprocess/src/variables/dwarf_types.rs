//! Types out of debug information.
//!
//! Go's linker describes strings, slices, maps and channels as the structures that they are, and says with attributes of
//! its own (`DW_AT_go_kind` and its kin, `cmd/internal/dwarf/dwarf.go`) what they mean. Start at
//! [`DebugInfo::type_at`].

use gimli::{AttributeValue, DebugInfoOffset, DwAt};

use super::debug_info::{DebugInfo, Entry, Reader, Unit};
use super::types::{Field, Kind, Map, Type, TypeRef};

const GO_KIND: DwAt = DwAt(0x2900);
const GO_KEY: DwAt = DwAt(0x2901);
const GO_ELEM: DwAt = DwAt(0x2902);

/// Kinds of `internal/abi/type.go`.
const CHAN: u64 = 18;
const INTERFACE: u64 = 20;
const MAP: u64 = 21;
const SLICE: u64 = 23;
const STRING: u64 = 24;
const UINTPTR: u64 = 12;

/// Names in front of each other.
const MOST_TYPEDEFS: usize = 8;
/// More fields are not read.
const MOST_FIELDS: usize = 1024;
const POINTER: u64 = 8;

impl<'a> DebugInfo<'a> {
    /// The type at an offset of the section.
    pub(super) fn type_at(&self, offset: usize) -> Option<Type> {
        let mut at = DebugInfoOffset(offset);
        let mut name: Option<String> = None;
        for _ in 0..MOST_TYPEDEFS {
            let (unit, entry) = self.entry(at)?;
            let own = self.text(unit, &entry).map(str::to_owned);
            if entry.tag() == gimli::DW_TAG_typedef {
                // `.param0` stands for the type behind it.
                name = name.or_else(|| own.filter(|own| !own.starts_with('.')));
                if let Some(kind) = self.named_kind(unit, &entry) {
                    let size = if matches!(kind, Kind::Empty | Kind::Interface) { 16 } else { 8 };
                    return Some(Type { name: name?, size, kind, is_direct: false });
                }
                at = self.to(unit, &entry, gimli::DW_AT_type)?;
                continue;
            }
            let (size, kind) = self.kind(unit, &entry)?;
            let name = name.or(own).unwrap_or_else(|| "?".to_owned());
            return Some(Type { name, size, kind, is_direct: false });
        }
        None
    }

    /// What a name with a kind of its own stands for: these are structures behind pointers to the linker.
    fn named_kind(&self, unit: &Unit<'a>, entry: &Entry<'a>) -> Option<Kind> {
        match number(entry, GO_KIND)? {
            INTERFACE => {
                let (unit, behind) = self.entry(self.to(unit, entry, gimli::DW_AT_type)?)?;
                let is_empty = self.text(unit, &behind) == Some("runtime.eface");
                Some(if is_empty { Kind::Empty } else { Kind::Interface })
            }
            CHAN => Some(Kind::Chan),
            MAP => Some(Kind::Map(Map {
                key: self.type_of(unit, entry, GO_KEY)?,
                value: self.type_of(unit, entry, GO_ELEM)?,
                group: self.group(unit, entry),
            })),
            _ => None,
        }
    }

    fn kind(&self, unit: &Unit<'a>, entry: &Entry<'a>) -> Option<(u64, Kind)> {
        let size = number(entry, gimli::DW_AT_byte_size);
        let go_kind = number(entry, GO_KIND);
        Some(match entry.tag() {
            gimli::DW_TAG_base_type => (size?, base_kind(entry)),
            gimli::DW_TAG_pointer_type => {
                (POINTER, Kind::Pointer(self.type_of(unit, entry, gimli::DW_AT_type)))
            }
            gimli::DW_TAG_subroutine_type => (POINTER, Kind::Func),
            gimli::DW_TAG_array_type => {
                let elem = self.type_of(unit, entry, gimli::DW_AT_type)?;
                (size?, Kind::Array(elem, self.count(unit, entry)?))
            }
            gimli::DW_TAG_structure_type => match go_kind {
                Some(STRING) => (size?, Kind::String),
                Some(SLICE) => (size?, Kind::Slice(self.type_of(unit, entry, GO_ELEM)?)),
                _ => (size?, Kind::Struct(self.fields(unit, entry)?)),
            },
            _ => (size.unwrap_or(0), Kind::Unknown),
        })
    }

    fn fields(&self, unit: &Unit<'a>, entry: &Entry<'a>) -> Option<Vec<Field>> {
        let mut fields = Vec::new();
        let mut tree = unit.entries_tree(Some(entry.offset())).ok()?;
        let mut children = tree.root().ok()?.children();
        while let Ok(Some(child)) = children.next() {
            let member = child.entry();
            if member.tag() != gimli::DW_TAG_member || fields.len() >= MOST_FIELDS {
                continue;
            }
            fields.push(Field {
                name: self.text(unit, member)?.to_owned(),
                offset: number(member, gimli::DW_AT_data_member_location)?,
                ty: self.type_of(unit, member, gimli::DW_AT_type)?,
            });
        }
        Some(fields)
    }

    /// How many elements an array has.
    fn count(&self, unit: &Unit<'a>, entry: &Entry<'a>) -> Option<u64> {
        let mut tree = unit.entries_tree(Some(entry.offset())).ok()?;
        let mut children = tree.root().ok()?.children();
        while let Ok(Some(child)) = children.next() {
            if child.entry().tag() == gimli::DW_TAG_subrange_type {
                return number(child.entry(), gimli::DW_AT_count);
            }
        }
        None
    }

    /// The structure with a map's entries: `*map.dirPtr` is a pointer to a table with groups (Go 1.24 on), `buckets` one to
    /// a bucket (before).
    fn group(&self, unit: &Unit<'a>, entry: &Entry<'a>) -> Option<TypeRef> {
        let head = self.behind_pointers(self.to(unit, entry, gimli::DW_AT_type)?)?;
        if let Some(bucket) = self.member(head, "buckets") {
            return Some(TypeRef::Dwarf(self.behind_pointers(bucket)?.0));
        }
        let table = self.behind_pointers(self.member(head, "dirPtr")?)?;
        let groups = self.behind_pointers(self.member(table, "groups")?)?;
        let group = self.behind_pointers(self.member(groups, "data")?)?;
        Some(TypeRef::Dwarf(group.0))
    }

    /// The type of a structure's member.
    fn member(&self, structure: DebugInfoOffset, name: &str) -> Option<DebugInfoOffset> {
        let (unit, entry) = self.entry(structure)?;
        let fields = self.fields(unit, &entry)?;
        let field = fields.into_iter().find(|field| field.name == name)?;
        match field.ty {
            TypeRef::Dwarf(at) => Some(DebugInfoOffset(at)),
            TypeRef::Runtime(_) => None,
        }
    }

    /// The structure behind names and pointers.
    fn behind_pointers(&self, mut at: DebugInfoOffset) -> Option<DebugInfoOffset> {
        for _ in 0..MOST_TYPEDEFS {
            let (unit, entry) = self.entry(at)?;
            match entry.tag() {
                gimli::DW_TAG_typedef | gimli::DW_TAG_pointer_type => {
                    at = self.to(unit, &entry, gimli::DW_AT_type)?;
                }
                _ => return Some(at),
            }
        }
        None
    }

    fn to(&self, unit: &Unit<'a>, entry: &Entry<'a>, attribute: DwAt) -> Option<DebugInfoOffset> {
        self.reference(unit, entry.attr_value(attribute)?)
    }

    fn type_of(&self, unit: &Unit<'a>, entry: &Entry<'a>, attribute: DwAt) -> Option<TypeRef> {
        let value = entry.attr_value(attribute)?;
        let at = self.reference(unit, value).map(|at| at.0);
        at.map(TypeRef::Dwarf)
    }
}

fn base_kind(entry: &Entry<'_>) -> Kind {
    let encoding = match entry.attr_value(gimli::DW_AT_encoding) {
        Some(AttributeValue::Encoding(encoding)) => encoding,
        _ => return Kind::Unknown,
    };
    match encoding {
        gimli::DW_ATE_boolean => Kind::Bool,
        gimli::DW_ATE_signed | gimli::DW_ATE_signed_char => Kind::Int,
        _ if number(entry, GO_KIND) == Some(UINTPTR) => Kind::Uintptr,
        gimli::DW_ATE_unsigned | gimli::DW_ATE_unsigned_char => Kind::Uint,
        gimli::DW_ATE_float => Kind::Float,
        gimli::DW_ATE_complex_float => Kind::Complex,
        _ => Kind::Unknown,
    }
}

fn number(entry: &gimli::DebuggingInformationEntry<Reader<'_>>, attribute: DwAt) -> Option<u64> {
    entry.attr_value(attribute)?.udata_value()
}
