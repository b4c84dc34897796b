//! Structures out of a program's debug information: sizes and offsets of members.
//!
//! Go's linker puts every type into one of the compilation units called `runtime`, so only the heads of the others
//! are read. Sections may be compressed. DWARF 4 (to Go 1.24) and 5 read alike here.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use gimli::{Abbreviations, AttributeValue, EndianSlice, LittleEndian, UnitHeader, UnitOffset};
use object::read::ReadCache;
use object::{Object, ObjectSection};

use super::{Binary, LARGEST_SECTION};

/// A structure's shape.
#[derive(Clone, Debug, Default)]
pub(crate) struct Structure {
    pub(crate) size: u16,
    /// Each member, and those of members that are structures, as `sched.sp`.
    members: HashMap<String, u16>,
}

impl Structure {
    /// Where the member at `path` begins.
    pub(crate) fn offset_of(&self, path: &str) -> Option<u16> {
        self.members.get(path).copied()
    }
}

/// The sections that types take.
const NEEDED: &[gimli::SectionId] =
    &[gimli::SectionId::DebugAbbrev, gimli::SectionId::DebugInfo, gimli::SectionId::DebugStr];

/// `g.sched.sp` is deep enough.
const DEEPEST: usize = 2;

type Reader<'data> = EndianSlice<'data, LittleEndian>;
type Entry<'data> = gimli::DebuggingInformationEntry<Reader<'data>>;

impl Binary {
    /// The structures with these names; fewer where the debug information lacks some, none where there is
    /// none.
    pub(crate) fn structures(
        &self,
        names: impl Iterator<Item = &'static str>,
    ) -> Option<HashMap<&'static str, Structure>> {
        let mut names: Vec<&'static str> = names.collect();
        names.sort_unstable();
        names.dedup();
        let cache = ReadCache::new(self.file());
        let elf = object::File::parse(&cache).ok()?;
        let load = |id: gimli::SectionId| -> Result<Cow<'_, [u8]>, gimli::Error> {
            let wanted = NEEDED.contains(&id).then(|| elf.section_by_name(id.name())).flatten();
            let data = wanted.and_then(|section| section.compressed_data().ok());
            let data = data.filter(|data| data.uncompressed_size <= LARGEST_SECTION);
            Ok(data.and_then(|data| data.decompress().ok()).unwrap_or_default())
        };
        let sections = gimli::DwarfSections::load(load).ok()?;
        let dwarf = sections.borrow(|section| EndianSlice::new(section, LittleEndian));
        match find(&dwarf, &names) {
            Ok(found) if !found.is_empty() => Some(found),
            Ok(_) => None,
            Err(error) => {
                tracing::debug!(%error, "the debug information cannot be read");
                None
            }
        }
    }
}

/// A unit without its line table, which types do not need and which is most of the work of opening one.
struct Unit<'a, 'data> {
    dwarf: &'a gimli::Dwarf<Reader<'data>>,
    header: UnitHeader<Reader<'data>>,
    abbreviations: Arc<Abbreviations>,
}

fn find(
    dwarf: &gimli::Dwarf<Reader<'_>>,
    names: &[&'static str],
) -> gimli::Result<HashMap<&'static str, Structure>> {
    let mut found = HashMap::new();
    let mut units = dwarf.units();
    while let Some(header) = units.next()? {
        let abbreviations = dwarf.abbreviations(&header)?;
        let unit = Unit { dwarf, header, abbreviations };
        let root = unit.entry(header.root_offset())?;
        let name = root.attr_value(gimli::DW_AT_name).and_then(|name| unit.text(name));
        if name.is_some_and(|name| name.slice() == b"runtime") {
            found.extend(unit.structures(names)?);
        }
    }
    Ok(found)
}

impl<'data> Unit<'_, 'data> {
    /// The wanted structures among all entries.
    fn structures(
        &self,
        names: &[&'static str],
    ) -> gimli::Result<HashMap<&'static str, Structure>> {
        let mut found = HashMap::new();
        let mut entries = self.header.entries_raw(&self.abbreviations, None)?;
        while !entries.is_empty() {
            let offset = entries.next_offset();
            let Some(abbreviation) = entries.read_abbreviation()? else { continue };
            if abbreviation.tag() != gimli::DW_TAG_structure_type {
                entries.skip_attributes(abbreviation.attributes())?;
                continue;
            }
            let mut name = None;
            for specification in abbreviation.attributes() {
                let attribute = entries.read_attribute(*specification)?;
                if attribute.name() == gimli::DW_AT_name {
                    name = self.text(attribute.value());
                }
            }
            let Some(name) = name else { continue };
            let wanted = names.iter().find(|wanted| wanted.as_bytes() == name.slice());
            if let Some(wanted) = wanted {
                found.insert(*wanted, self.structure(offset)?);
            }
        }
        Ok(found)
    }

    fn structure(&self, offset: UnitOffset) -> gimli::Result<Structure> {
        let mut structure = Structure::default();
        let size = self.entry(offset)?.attr_value(gimli::DW_AT_byte_size);
        structure.size = size.and_then(small).unwrap_or_default();
        self.members(offset, &mut structure.members, "", 0, 0)?;
        Ok(structure)
    }

    /// Adds the members of the structure at `offset`, and of the structures in it.
    fn members(
        &self,
        offset: UnitOffset,
        into: &mut HashMap<String, u16>,
        prefix: &str,
        base: u16,
        depth: usize,
    ) -> gimli::Result<()> {
        let mut tree = self.header.entries_tree(&self.abbreviations, Some(offset))?;
        let mut children = tree.root()?.children();
        while let Some(child) = children.next()? {
            let entry = child.entry();
            if entry.tag() != gimli::DW_TAG_member {
                continue;
            }
            let name = entry.attr_value(gimli::DW_AT_name).and_then(|name| self.text(name));
            let at = entry.attr_value(gimli::DW_AT_data_member_location).and_then(small);
            let at = at.and_then(|at| at.checked_add(base));
            let (Some(name), Some(at)) = (name, at) else { continue };
            let path = format!("{prefix}{}", name.to_string_lossy());
            if depth < DEEPEST
                && let Some(inner) = self.structure_of(entry)?
            {
                self.members(inner, into, &format!("{path}."), at, depth + 1)?;
            }
            into.insert(path, at);
        }
        Ok(())
    }

    /// The structure that a member is, if it is one.
    fn structure_of(&self, member: &Entry<'data>) -> gimli::Result<Option<UnitOffset>> {
        let mut reference = member.attr_value(gimli::DW_AT_type);
        // Named types stand behind a typedef or two.
        for _ in 0..4 {
            let offset = match reference {
                Some(AttributeValue::UnitRef(offset)) => offset,
                // Go's linker writes all references so.
                Some(AttributeValue::DebugInfoRef(offset)) => {
                    match offset.to_unit_offset(&self.header) {
                        Some(offset) => offset,
                        None => return Ok(None),
                    }
                }
                _ => return Ok(None),
            };
            let entry = self.entry(offset)?;
            match entry.tag() {
                gimli::DW_TAG_structure_type => return Ok(Some(offset)),
                gimli::DW_TAG_typedef => reference = entry.attr_value(gimli::DW_AT_type),
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    fn entry(&self, offset: UnitOffset) -> gimli::Result<Entry<'data>> {
        self.header.entry(&self.abbreviations, offset)
    }

    /// The text of an attribute, in place or in the section of strings.
    fn text(&self, value: AttributeValue<Reader<'data>>) -> Option<Reader<'data>> {
        match value {
            AttributeValue::String(text) => Some(text),
            AttributeValue::DebugStrRef(offset) => self.dwarf.string(offset).ok(),
            _ => None,
        }
    }
}

fn small(value: AttributeValue<Reader<'_>>) -> Option<u16> {
    value.udata_value()?.try_into().ok()
}
