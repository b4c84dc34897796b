//! A program's debug information, opened: its units, and entries by their offset.
//!
//! DWARF 4 (to Go 1.24) and 5 read alike here. Of most units only the head is looked at. Line tables are left
//! out, since the function table has lines too. Start at [`DebugInfo::open`].

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;

use gimli::{
    AbbreviationsCacheStrategy, AttributeValue, DebugInfoOffset, DebugStrOffsetsBase, EndianSlice,
    LittleEndian, SectionId, UnitOffset,
};
use object::read::ReadCache;
use object::{Object, ObjectSection};

use crate::Binary;

/// More of one section than this is not read.
const LARGEST_SECTION: u64 = 1 << 30;

/// What variables take.
const NEEDED: &[SectionId] = &[
    SectionId::DebugAbbrev,
    SectionId::DebugAddr,
    SectionId::DebugInfo,
    SectionId::DebugLoc,
    SectionId::DebugLocLists,
    SectionId::DebugRanges,
    SectionId::DebugRngLists,
    SectionId::DebugStr,
    SectionId::DebugStrOffsets,
    SectionId::DebugLineStr,
];

pub(super) type Reader<'a> = EndianSlice<'a, LittleEndian>;
pub(super) type Entry<'a> = gimli::DebuggingInformationEntry<Reader<'a>>;
pub(super) type Unit<'a> = gimli::Unit<Reader<'a>>;

/// The sections of debug information, uncompressed.
pub(crate) struct Sections(gimli::DwarfSections<Vec<u8>>);

/// Debug information, its units listed.
pub(super) struct DebugInfo<'a> {
    pub(super) dwarf: gimli::Dwarf<Reader<'a>>,
    pub(super) units: Vec<Unit<'a>>,
    /// First address, end, and number of the unit, by address.
    ranges: Vec<(u64, u64, usize)>,
    /// Of units looked into: their functions by first instruction.
    functions: RefCell<HashMap<usize, HashMap<u64, UnitOffset>>>,
}

impl Sections {
    /// Reads them out of `binary`; `None` if it has none.
    pub(crate) fn load(binary: &Binary) -> Option<Sections> {
        let cache = ReadCache::new(binary.file());
        let elf = object::File::parse(&cache).ok()?;
        let load = |id: SectionId| -> Result<Vec<u8>, gimli::Error> {
            let wanted = NEEDED.contains(&id).then(|| elf.section_by_name(id.name())).flatten();
            let data = wanted.and_then(|section| section.compressed_data().ok());
            let data = data.filter(|data| data.uncompressed_size <= LARGEST_SECTION);
            let bytes = data.and_then(|data| data.decompress().ok());
            Ok(bytes.map(Cow::into_owned).unwrap_or_default())
        };
        let sections = gimli::DwarfSections::load(load).ok()?;
        let is_there = elf.section_by_name(SectionId::DebugInfo.name()).is_some();
        is_there.then_some(Sections(sections))
    }
}

impl std::fmt::Debug for Sections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sections")
    }
}

impl<'a> DebugInfo<'a> {
    /// Lists the units in `sections`.
    pub(super) fn open(sections: &'a Sections) -> Option<DebugInfo<'a>> {
        let mut dwarf = sections.0.borrow(|section| EndianSlice::new(section, LittleEndian));
        // Go's linker gives all units the same abbreviations.
        dwarf.populate_abbreviations_cache(AbbreviationsCacheStrategy::Duplicates);
        let mut units = Vec::new();
        let mut headers = dwarf.units();
        // What follows a unit that makes no sense cannot be found.
        while let Ok(Some(header)) = headers.next() {
            units.extend(open_unit(&dwarf, header));
        }
        let mut ranges = Vec::new();
        for (unit_idx, unit) in units.iter().enumerate() {
            let Ok(mut found) = dwarf.unit_ranges(unit) else { continue };
            while let Ok(Some(range)) = found.next() {
                if range.begin < range.end {
                    ranges.push((range.begin, range.end, unit_idx));
                }
            }
        }
        ranges.sort_unstable();
        let functions = RefCell::default();
        (!units.is_empty()).then_some(DebugInfo { dwarf, units, ranges, functions })
    }

    /// The unit whose code is at `address`, and its number.
    pub(super) fn unit_at(&self, address: u64) -> Option<(usize, &Unit<'a>)> {
        let behind = self.ranges.partition_point(|(begin, ..)| *begin <= address);
        let (_, end, unit_idx) = self.ranges.get(behind.checked_sub(1)?)?;
        if address >= *end {
            return None;
        }
        Some((*unit_idx, self.units.get(*unit_idx)?))
    }

    /// The function that begins at `entry`.
    pub(super) fn function(&self, entry: u64) -> Option<(&Unit<'a>, UnitOffset)> {
        let (unit_idx, unit) = self.unit_at(entry)?;
        let mut known = self.functions.borrow_mut();
        let functions =
            known.entry(unit_idx).or_insert_with(|| self.functions_of(unit).unwrap_or_default());
        functions.get(&entry).map(|offset| (unit, *offset))
    }

    /// Whether the code at `address` was compiled without optimisations.
    pub(super) fn is_plain(&self, address: u64) -> bool {
        let producer = || {
            let (_, unit) = self.unit_at(address)?;
            let root = unit.entry(unit.header.root_offset()).ok()?;
            let value = root.attr_value(gimli::DW_AT_producer)?;
            let text = self.dwarf.attr_string(unit, value).ok()?;
            // `Go cmd/compile go1.26.8; -N -l regabi`.
            Some(text.slice().windows(3).any(|flag| flag == b" -N"))
        };
        producer().unwrap_or(false)
    }

    /// The entry at an offset of the whole section.
    pub(super) fn entry(&self, at: DebugInfoOffset) -> Option<(&Unit<'a>, Entry<'a>)> {
        let start = |unit: &Unit<'a>| unit.header.debug_info_offset().map_or(0, |offset| offset.0);
        let behind = self.units.partition_point(|unit| start(unit) <= at.0);
        let unit = self.units.get(behind.checked_sub(1)?)?;
        let offset = at.to_unit_offset(&unit.header)?;
        Some((unit, unit.entry(offset).ok()?))
    }

    /// What an attribute of an entry in `unit` refers to.
    pub(super) fn reference(
        &self,
        unit: &Unit<'a>,
        value: AttributeValue<Reader<'a>>,
    ) -> Option<DebugInfoOffset> {
        match value {
            AttributeValue::UnitRef(offset) => offset.to_debug_info_offset(&unit.header),
            AttributeValue::DebugInfoRef(offset) => Some(offset),
            _ => None,
        }
    }

    /// The text of an attribute.
    pub(super) fn text(&self, unit: &Unit<'a>, entry: &Entry<'a>) -> Option<&'a str> {
        let value = entry.attr_value(gimli::DW_AT_name)?;
        let text = self.dwarf.attr_string(unit, value).ok()?;
        std::str::from_utf8(text.slice()).ok()
    }

    /// The type of a package's variable, by the name that the linker calls it: `main.served`.
    pub(super) fn variable_type(&self, name: &str) -> Option<usize> {
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        let package = name.get(..last + name.get(last..)?.find('.')?)?;
        let is_it = |unit: &&Unit<'a>| {
            // Go names units for packages.
            let root = unit.entry(unit.header.root_offset()).ok();
            root.and_then(|root| self.text(unit, &root)) == Some(package)
        };
        let unit = self.units.iter().find(is_it)?;
        let mut cursor = unit.entries();
        while let Ok(Some(entry)) = cursor.next_dfs() {
            if entry.tag() == gimli::DW_TAG_variable && self.text(unit, entry) == Some(name) {
                let ty = self.reference(unit, entry.attr_value(gimli::DW_AT_type)?)?;
                return Some(ty.0);
            }
        }
        None
    }

    /// The functions of a unit by where they begin.
    fn functions_of(&self, unit: &Unit<'a>) -> gimli::Result<HashMap<u64, UnitOffset>> {
        let mut functions = HashMap::new();
        let mut entries = unit.header.entries_raw(&unit.abbreviations, None)?;
        while !entries.is_empty() {
            let offset = entries.next_offset();
            let Some(abbreviation) = entries.read_abbreviation()? else { continue };
            if abbreviation.tag() != gimli::DW_TAG_subprogram {
                entries.skip_attributes(abbreviation.attributes())?;
                continue;
            }
            for specification in abbreviation.attributes() {
                let attribute = entries.read_attribute(*specification)?;
                if attribute.name() == gimli::DW_AT_low_pc
                    && let Some(low) = self.dwarf.attr_address(unit, attribute.value())?
                {
                    functions.insert(low, offset);
                }
            }
        }
        Ok(functions)
    }
}

/// A unit without its line table.
fn open_unit<'a>(
    dwarf: &gimli::Dwarf<Reader<'a>>,
    header: gimli::UnitHeader<Reader<'a>>,
) -> Option<Unit<'a>> {
    let encoding = header.encoding();
    let abbreviations = dwarf.abbreviations(&header).ok()?;
    let file_type = dwarf.file_type;
    let mut unit = gimli::Unit {
        abbreviations,
        name: None,
        comp_dir: None,
        low_pc: 0,
        str_offsets_base: DebugStrOffsetsBase::default_for_encoding_and_file(encoding, file_type),
        addr_base: gimli::DebugAddrBase(0),
        loclists_base: gimli::DebugLocListsBase::default_for_encoding_and_file(encoding, file_type),
        rnglists_base: gimli::DebugRngListsBase::default_for_encoding_and_file(encoding, file_type),
        line_program: None,
        dwo_id: None,
        header,
    };
    let root = unit.entry(unit.header.root_offset()).ok()?;
    for attribute in root.attrs() {
        match attribute.value() {
            AttributeValue::DebugStrOffsetsBase(base) => unit.str_offsets_base = base,
            AttributeValue::DebugAddrBase(base) => unit.addr_base = base,
            AttributeValue::DebugLocListsBase(base) => unit.loclists_base = base,
            AttributeValue::DebugRngListsBase(base) => unit.rnglists_base = base,
            _ => {}
        }
    }
    // Only now can an address be looked up by its number.
    let low = root.attr_value(gimli::DW_AT_low_pc);
    unit.low_pc = low.and_then(|low| dwarf.attr_address(&unit, low).ok()?).unwrap_or(0);
    Some(unit)
}
