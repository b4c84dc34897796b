//! Strings, slices, arrays, maps and channels: values that are a head here and a content elsewhere.
//!
//! Maps come in two kinds: `runtime.hmap` with buckets (to Go 1.23) and `internal/runtime/maps.Map` with groups of eight
//! (from 1.24). Only a few entries are printed, and none of a map that is being written. Start at [`Printer::string`].

use super::place::{Bits, MOST_BYTES};
use super::print::{Printer, UNKNOWN, named, part};
use super::types::{Kind, Map, Type, TypeRef};
use crate::RuntimeAddr;
use crate::bytes::{u8_at, u32_at, u64_at};
use crate::memory;

/// Groups side by side: where the first is, and how many.
type Run = (u64, u64);

/// No slice or string is longer than the address space.
const LONGEST: u64 = 1 << 47;
/// Groups or buckets looked at for entries to print.
const MOST_GROUPS: u64 = 64;
/// Entries of a group or bucket.
const SLOTS: usize = 8;
/// Keys and values larger than this are behind a pointer (`abi.MapMaxKeyBytes`).
const LARGEST_INLINE: u64 = 128;

impl Printer<'_, '_> {
    /// Text in Go's quotes, cut if it is long.
    pub(super) fn string(&mut self, bits: &Bits) -> String {
        let (text, len) = (bits.word(0), bits.word(8).map(|(len, _)| len));
        let Some(len) = len.filter(|len| *len < LONGEST) else { return self.unknown() };
        if len == 0 {
            return "\"\"".to_owned();
        }
        let text = text.filter(|(address, alive)| self.may_follow(*address, *alive));
        let n_read = len.min(self.limits.string as u64);
        let text = text.and_then(|(address, _)| {
            memory::bytes(self.process.memory(), RuntimeAddr(address), n_read, n_read)
        });
        match text {
            Some(text) => quoted(&text, len),
            None => {
                self.is_partial = true;
                format!("{UNKNOWN} (len {len}, text gone)")
            }
        }
    }

    pub(super) fn slice(
        &mut self,
        ty: &Type,
        elem: TypeRef,
        bits: &Bits,
        depth: usize,
        is_bare: bool,
    ) -> String {
        let count = |at| bits.word(at).map(|(count, _)| count).filter(|count| *count < LONGEST);
        let (first, len, capacity) = (bits.word(0), count(8), count(16));
        if first.is_some_and(|(first, _)| first == 0) && len.unwrap_or(0) == 0 {
            return named(ty, is_bare, "nil");
        }
        let is_sound = len.zip(capacity).is_none_or(|(len, capacity)| len <= capacity);
        let Some(len) = len.filter(|_| is_sound) else { return self.unknown() };
        let capacity = match capacity {
            Some(capacity) => capacity.to_string(),
            None => self.unknown(),
        };
        let head = format!("len: {len}, cap: {capacity}");
        if len == 0 {
            return named(ty, is_bare, &format!("{head}, []"));
        }
        let first = first.filter(|(first, alive)| self.may_follow(*first, *alive));
        let Some((first, _)) = first else {
            self.is_partial = true;
            return named(ty, is_bare, &format!("{head}, [{UNKNOWN}]"));
        };
        let elements = match self.type_of(elem) {
            Some(elem_type) if elem_type.size > 0 => {
                let n_wanted = len.min(self.limits.elements as u64);
                let n_bytes = elem_type.size.saturating_mul(n_wanted).min(MOST_BYTES as u64);
                let memory = self.process.memory();
                match memory::bytes(memory, RuntimeAddr(first), n_bytes, n_bytes) {
                    Some(bytes) => self.elements(elem, &Bits::whole(bytes), len, depth),
                    None => format!("[{}]", self.unknown()),
                }
            }
            _ => format!("[{len} times nothing]"),
        };
        named(ty, is_bare, &format!("{head}, {elements}"))
    }

    /// `[1,2,3,…+5 more]`: as many of the `len` elements as are in `bits` and there is room for.
    pub(super) fn elements(
        &mut self,
        elem: TypeRef,
        bits: &Bits,
        len: u64,
        depth: usize,
    ) -> String {
        if depth > self.limits.depth {
            return "[...]".to_owned();
        }
        let Some(elem) = self.type_of(elem) else { return format!("[{}]", self.unknown()) };
        let mut parts = Vec::new();
        for element_idx in 0..len.min(self.limits.elements as u64) {
            let Some(bits) = part(bits, element_idx.saturating_mul(elem.size), elem.size) else {
                break;
            };
            if !self.has_room() {
                break;
            }
            parts.push(self.value(&elem, &bits, depth + 1, true));
        }
        let n_more = len - parts.len() as u64;
        if n_more > 0 {
            parts.push(format!("…+{n_more} more"));
        }
        format!("[{}]", parts.join(","))
    }

    pub(super) fn chan(&mut self, ty: &Type, bits: &Bits) -> String {
        let Some((channel, alive)) = bits.word(0) else { return self.unknown() };
        if channel == 0 {
            return format!("{} nil", ty.name);
        }
        let layout = self.process.layout();
        let memory = self.process.memory();
        let size = u64::from(layout.hchan_size);
        let head = self.may_follow(channel, alive).then_some(());
        let head = head.and_then(|()| memory::bytes(memory, RuntimeAddr(channel), size, size));
        let Some(head) = head else {
            self.is_partial = true;
            return format!("{} {channel:#x} (gone)", ty.name);
        };
        let word = |field: u16| u64_at(&head, usize::from(field)).unwrap_or(0);
        let (len, capacity) = (word(layout.hchan_qcount), word(layout.hchan_dataqsiz));
        let is_closed = u32_at(&head, usize::from(layout.hchan_closed)).unwrap_or(0) != 0;
        let closed = if is_closed { ", closed" } else { "" };
        format!("{} {channel:#x} len: {len}, cap: {capacity}{closed}", ty.name)
    }

    pub(super) fn map(
        &mut self,
        ty: &Type,
        map: &Map,
        bits: &Bits,
        depth: usize,
        is_bare: bool,
    ) -> String {
        let Some((address, alive)) = bits.word(0) else { return self.unknown() };
        if address == 0 {
            return named(ty, is_bare, "nil");
        }
        let count = self.may_follow(address, alive).then(|| self.word(address)).flatten();
        let Some(count) = count.filter(|count| *count < LONGEST) else {
            self.is_partial = true;
            return named(ty, is_bare, &format!("{address:#x} (gone)"));
        };
        let head = format!("len: {count}");
        if count == 0 {
            return named(ty, is_bare, &format!("{head}, []"));
        }
        if depth > self.limits.depth {
            return named(ty, is_bare, &format!("{head}, [...]"));
        }
        let is_new = self.process.layout().swiss_used.is_some();
        let groups = match is_new {
            true => self.new_groups(address),
            false => self.old_buckets(address),
        };
        let entries = groups.and_then(|groups| self.entries(map, &groups, is_new, depth));
        match entries {
            Some(mut entries) => {
                let n_more = count.saturating_sub(entries.len() as u64);
                if n_more > 0 {
                    entries.push(format!("…+{n_more} more"));
                }
                named(ty, is_bare, &format!("{head}, [{}]", entries.join(", ")))
            }
            None => named(ty, is_bare, &format!("{head}, [...]")),
        }
    }

    /// Where groups of entries are; `None` while the map is written. A directory of tables, or one group.
    fn new_groups(&self, map: u64) -> Option<Vec<Run>> {
        let writing = u64::from(self.process.layout().swiss_writing?);
        let head = memory::bytes(self.process.memory(), RuntimeAddr(map), 48, 48)?;
        if u8_at(&head, usize::try_from(writing).ok()?)? != 0 {
            return None;
        }
        let (directory, len) = (u64_at(&head, 16)?, u64_at(&head, 24)?);
        if len == 0 {
            return Some(vec![(directory, 1)]);
        }
        let mut groups = Vec::new();
        let mut last = 0;
        for table_idx in 0..len.min(MOST_GROUPS) {
            let table = self.word(directory.checked_add(8 * table_idx)?)?;
            // One that was not split yet is listed several times.
            if table == last {
                continue;
            }
            last = table;
            let (first, mask) =
                (self.word(table.checked_add(16)?)?, self.word(table.checked_add(24)?)?);
            groups.push((first, mask.saturating_add(1).min(MOST_GROUPS)));
        }
        Some(groups)
    }

    /// The buckets, and those that are being moved from; `None` while the map is written.
    fn old_buckets(&self, map: u64) -> Option<Vec<Run>> {
        const WRITING: u8 = 4;
        let layout = self.process.layout();
        let (flags, b) = (usize::from(layout.hmap_flags?), usize::from(layout.hmap_b?));
        let buckets = usize::from(layout.hmap_buckets?);
        let head = memory::bytes(self.process.memory(), RuntimeAddr(map), 48, 48)?;
        if u8_at(&head, flags)? & WRITING != 0 {
            return None;
        }
        let count = |bits: u8| (1_u64 << bits.min(32)).min(MOST_GROUPS);
        let b = u8_at(&head, b)?;
        let mut groups = vec![(u64_at(&head, buckets)?, count(b))];
        let old = u64_at(&head, buckets + 8)?;
        if old != 0 {
            // Growing may leave their number as it is.
            groups.push((old, count(b.saturating_sub(1))));
        }
        Some(groups)
    }

    /// The first few entries of `groups`.
    fn entries(
        &mut self,
        map: &Map,
        groups: &[Run],
        is_new: bool,
        depth: usize,
    ) -> Option<Vec<String>> {
        let group = self.type_of(map.group?)?;
        if group.size == 0 || group.size > MOST_BYTES as u64 {
            return None;
        }
        let mut entries = Vec::new();
        for (first, n_groups) in groups {
            for group_idx in 0..*n_groups {
                let at = first.checked_add(group_idx * group.size)?;
                let Some(bits) = self.read(RuntimeAddr(at), &group) else { break };
                for slot in 0..SLOTS {
                    // A new map's control byte has the highest bit set where there is no entry; an old
                    // one's hash is less than 5 (`minTopHash`).
                    let control = u8_at(&bits.bytes, slot)?;
                    let is_full = if is_new { control & 0x80 == 0 } else { control >= 5 };
                    if !is_full {
                        continue;
                    }
                    if entries.len() >= self.limits.elements || !self.has_room() {
                        return Some(entries);
                    }
                    let (key, value) = self.slot(map, &group, &bits, slot)?;
                    let key_text = self.held(map.key, &key, depth)?;
                    entries.push(format!("{key_text}: {}", self.held(map.value, &value, depth)?));
                }
            }
        }
        Some(entries)
    }

    /// The key and value in a slot: side by side, or all keys and then all values.
    fn slot(&self, map: &Map, group: &Type, bits: &Bits, slot: usize) -> Option<(Bits, Bits)> {
        let stored = |ty: TypeRef| {
            let size = self.type_of(ty)?.size;
            Some(if size > LARGEST_INLINE { 8 } else { size })
        };
        let (key_size, value_size) = (stored(map.key)?, stored(map.value)?);
        let slot = slot as u64;
        if let Some(slots) = group.field("slots") {
            let array = self.type_of(slots.ty)?;
            let Kind::Array(elem, _) = array.kind else { return None };
            let pair = self.type_of(elem)?;
            let base = slots.offset.checked_add(slot.checked_mul(pair.size)?)?;
            let (key, value) = (pair.field("key")?.offset, pair.field("elem")?.offset);
            let key = part(bits, base.checked_add(key)?, key_size)?;
            return Some((key, part(bits, base.checked_add(value)?, value_size)?));
        }
        let keys = group.field("keys")?.offset;
        // Debug information of old maps calls the elements values.
        let values = group.field("elems").or_else(|| group.field("values"))?.offset;
        Some((
            part(bits, keys.checked_add(slot * key_size)?, key_size)?,
            part(bits, values.checked_add(slot * value_size)?, value_size)?,
        ))
    }

    /// A key or value, which is behind a pointer if it is large.
    fn held(&mut self, ty: TypeRef, bits: &Bits, depth: usize) -> Option<String> {
        let ty = self.type_of(ty)?;
        if ty.size > LARGEST_INLINE {
            let bits = self.behind(bits, &ty);
            return Some(self.value(&ty, &bits, depth + 1, true));
        }
        Some(self.value(&ty, bits, depth + 1, true))
    }
}

/// `"text"…+5 more`: as `%q` of Go's package fmt has it.
pub(super) fn quoted(text: &[u8], len: u64) -> String {
    let mut out = String::from("\"");
    // A character that the end cuts in two is left out.
    let is_cut = (text.len() as u64) < len;
    let mut n_shown = text.len();
    let mut chunks = text.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        for character in chunk.valid().chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                '\u{7}' => out.push_str("\\a"),
                '\u{8}' => out.push_str("\\b"),
                '\u{b}' => out.push_str("\\v"),
                '\u{c}' => out.push_str("\\f"),
                control if (control as u32) < 0x20 || control == '\u{7f}' => {
                    out.push_str(&format!("\\x{:02x}", control as u32));
                }
                control if control.is_control() => {
                    out.push_str(&format!("\\u{:04x}", control as u32));
                }
                plain => out.push(plain),
            }
        }
        if is_cut && chunks.peek().is_none() && chunk.invalid().len() < 4 {
            n_shown -= chunk.invalid().len();
            break;
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out.push('"');
    let n_more = len - n_shown as u64;
    if n_more > 0 {
        out.push_str(&format!("…+{n_more} more"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn text_is_quoted_as_go_does_and_cut_between_characters() {
        assert_eq!(quoted(b"tab\t\"x\"", 7), r#""tab\t\"x\"""#);
        assert_eq!(quoted(b"\x00\xff\x1b", 3), r#""\x00\xff\x1b""#);
        assert_eq!(quoted("é".as_bytes(), 2), "\"é\"");
        assert_eq!(quoted(&"é".as_bytes()[..1], 2), "\"\"…+2 more");
        assert_eq!(quoted(b"ab", 10), "\"ab\"…+8 more");
    }
}
