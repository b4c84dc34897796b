//! Which variables there are at an instruction: those of the function, of the blocks around the instruction, and of the
//! functions inlined there.
//!
//! Start at [`DebugInfo::scopes`].

use gimli::{AttributeValue, DebugInfoOffset, Expression};

use super::Role;
use super::debug_info::{DebugInfo, Entry, Reader, Unit};

/// Blocks and inlined calls in each other, at most.
const DEEPEST: usize = 64;
/// More places of one variable are not looked at.
const MOST_PLACES: usize = 4096;

/// A function that stands at the instruction, inlined or not.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// As the linker calls it.
    pub(super) function: String,
    pub(super) variables: Vec<Found>,
}

/// A variable, as debug information has it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) role: Role,
    /// Line of its declaration.
    pub(super) declared: u32,
    pub(super) ty: Option<usize>,
    pub(super) location: Location,
    /// How its unit writes numbers.
    pub(super) encoding: gimli::Encoding,
}

/// Where a variable is.
#[derive(Clone, Debug)]
pub(super) enum Location {
    /// There, all the time.
    Always(Vec<u8>),
    /// Here at these instructions (first, behind the last), there at those.
    List(Vec<(u64, u64, Vec<u8>)>),
    /// Nowhere.
    Nowhere,
}

impl<'a> DebugInfo<'a> {
    /// The function that begins at `entry`, and what is inlined around `at`, the outermost first. All by addresses of the
    /// file.
    pub(super) fn scopes(&self, entry: u64, at: u64) -> Option<Vec<Scope>> {
        let (unit, offset) = self.function(entry)?;
        let mut tree = unit.entries_tree(Some(offset)).ok()?;
        let root = tree.root().ok()?;
        let function = self.name_of(unit, root.entry(), 0)?;
        let mut scopes = vec![Scope { function: function.to_owned(), variables: Vec::new() }];
        let mut children = root.children();
        while let Ok(Some(child)) = children.next() {
            self.visit(unit, child, at, 0, &mut scopes, 0);
        }
        Some(scopes)
    }

    fn visit(
        &self,
        unit: &Unit<'a>,
        node: gimli::EntriesTreeNode<'_, '_, Reader<'a>>,
        at: u64,
        scope_idx: usize,
        scopes: &mut Vec<Scope>,
        depth: usize,
    ) {
        let entry = node.entry();
        let mut scope_idx = scope_idx;
        match entry.tag() {
            gimli::DW_TAG_formal_parameter | gimli::DW_TAG_variable => {
                let found = self.found(unit, entry);
                if let Some((scope, found)) = scopes.get_mut(scope_idx).zip(found) {
                    scope.variables.push(found);
                }
                return;
            }
            gimli::DW_TAG_lexical_block if self.is_around(unit, entry, at) => {}
            gimli::DW_TAG_inlined_subroutine if self.is_around(unit, entry, at) => {
                let function = self.name_of(unit, entry, 0).unwrap_or_default().to_owned();
                scopes.push(Scope { function, variables: Vec::new() });
                scope_idx = scopes.len() - 1;
            }
            _ => return,
        }
        if depth < DEEPEST {
            let mut children = node.children();
            while let Ok(Some(child)) = children.next() {
                self.visit(unit, child, at, scope_idx, scopes, depth + 1);
            }
        }
    }

    fn is_around(&self, unit: &Unit<'a>, entry: &Entry<'a>, at: u64) -> bool {
        let Ok(mut ranges) = self.dwarf.die_ranges(unit, entry) else { return false };
        while let Ok(Some(range)) = ranges.next() {
            if (range.begin..range.end).contains(&at) {
                return true;
            }
        }
        false
    }

    /// The name, of what it is an instance of if it has none itself.
    fn name_of(&self, unit: &Unit<'a>, entry: &Entry<'a>, depth: usize) -> Option<&'a str> {
        if let Some(name) = self.text(unit, entry) {
            return Some(name);
        }
        let origin = self.reference(unit, entry.attr_value(gimli::DW_AT_abstract_origin)?)?;
        let (unit, entry) = self.entry(origin).filter(|_| depth < 4)?;
        self.name_of(unit, &entry, depth + 1)
    }

    fn found(&self, unit: &Unit<'a>, entry: &Entry<'a>) -> Option<Found> {
        let origin = entry
            .attr_value(gimli::DW_AT_abstract_origin)
            .and_then(|origin| self.reference(unit, origin))
            .and_then(|origin| self.entry(origin));
        // Its own word first, then that of what it is an instance of.
        let attribute = |name| match entry.attr_value(name) {
            Some(value) => Some((unit, value)),
            None => origin.as_ref().and_then(|(unit, it)| Some((*unit, it.attr_value(name)?))),
        };
        let name = self.name_of(unit, entry, 0)?.to_owned();
        let is_result = match attribute(gimli::DW_AT_variable_parameter) {
            Some((_, AttributeValue::Flag(is_result))) => is_result,
            _ => false,
        };
        let role = match (entry.tag(), is_result) {
            (gimli::DW_TAG_formal_parameter, false) => Role::Argument,
            (gimli::DW_TAG_formal_parameter, true) => Role::Result,
            _ => Role::Local,
        };
        let ty = attribute(gimli::DW_AT_type).and_then(|(unit, value)| self.reference(unit, value));
        let line = attribute(gimli::DW_AT_decl_line).and_then(|(_, value)| value.udata_value());
        Some(Found {
            name,
            role,
            declared: line.and_then(|line| u32::try_from(line).ok()).unwrap_or(0),
            ty: ty.map(|DebugInfoOffset(offset)| offset),
            location: self.location(unit, entry),
            encoding: unit.encoding(),
        })
    }

    fn location(&self, unit: &Unit<'a>, entry: &Entry<'a>) -> Location {
        let Some(value) = entry.attr_value(gimli::DW_AT_location) else { return Location::Nowhere };
        if let AttributeValue::Exprloc(Expression(expression)) = value {
            return match expression.is_empty() {
                true => Location::Nowhere,
                false => Location::Always(expression.slice().to_vec()),
            };
        }
        let Ok(Some(mut list)) = self.dwarf.attr_locations(unit, value) else {
            return Location::Nowhere;
        };
        let mut places = Vec::new();
        while let Ok(Some(place)) = list.next() {
            if places.len() >= MOST_PLACES {
                break;
            }
            let Expression(expression) = place.data;
            places.push((place.range.begin, place.range.end, expression.slice().to_vec()));
        }
        Location::List(places)
    }
}
