//! From a value's bytes to text, nearly in Go's syntax and as Delve spells it.
//!
//! What is not known is a `?`; nothing is guessed. Depth, elements and text are bounded, since what is read may point at
//! itself. Slices, maps and channels are in `containers`, times in `special`.
//!
//! Start at [`Printer::print`].

use std::rc::Rc;

use super::Limits;
use super::debug_info::DebugInfo;
use super::place::{Bits, MOST_BYTES};
use super::types::{Field, Kind, Type, TypeRef, Types};
use crate::memory;
use crate::{Pc, PcKind, Process, RuntimeAddr};

/// What is not known.
pub(super) const UNKNOWN: &str = "?";

/// Prints one variable.
pub(super) struct Printer<'p, 'a> {
    types: &'p Types<'a>,
    debug: Option<&'p DebugInfo<'a>>,
    pub(super) process: &'a Process,
    pub(super) limits: Limits,
    /// Something was not known.
    pub(super) is_partial: bool,
    /// Characters there is still room for.
    room: usize,
}

impl<'p, 'a> Printer<'p, 'a> {
    pub(super) fn new(
        types: &'p Types<'a>,
        debug: Option<&'p DebugInfo<'a>>,
        process: &'a Process,
        limits: Limits,
    ) -> Printer<'p, 'a> {
        Printer { types, debug, process, limits, is_partial: false, room: limits.text }
    }

    /// The value of type `ty` that `bits` are.
    pub(super) fn print(&mut self, ty: &Type, bits: &Bits) -> String {
        self.value(ty, bits, 0, false)
    }

    /// The value at the end of the pointer that `bits` are, as far as it may be followed.
    pub(super) fn behind(&self, bits: &Bits, ty: &Type) -> Bits {
        let pointer = bits.word(0).filter(|(address, alive)| self.may_follow(*address, *alive));
        let read = pointer.and_then(|(address, _)| self.read(RuntimeAddr(address), ty));
        read.unwrap_or_else(|| Bits::gone(ty.size))
    }

    /// With its type in front where that is not plain to see, unless `is_bare`.
    pub(super) fn value(&mut self, ty: &Type, bits: &Bits, depth: usize, is_bare: bool) -> String {
        if let Some(text) = self.special(ty, bits) {
            return self.took(text);
        }
        let text = match &ty.kind {
            Kind::Bool | Kind::Int | Kind::Uint | Kind::Uintptr | Kind::Float | Kind::Complex => {
                match whole(bits).and_then(|bytes| number(&ty.kind, bytes)) {
                    Some(text) => text,
                    None => self.unknown(),
                }
            }
            Kind::String => self.string(bits),
            Kind::Slice(elem) => self.slice(ty, *elem, bits, depth, is_bare),
            Kind::Array(elem, len) => {
                let elements = self.elements(*elem, bits, *len, depth);
                named(ty, is_bare, &elements)
            }
            Kind::Struct(fields) => {
                let fields = self.fields(fields, bits, depth);
                named(ty, is_bare, &fields)
            }
            Kind::Pointer(pointee) => self.pointer(ty, *pointee, bits, depth, is_bare),
            Kind::Map(map) => self.map(ty, map, bits, depth, is_bare),
            Kind::Chan => self.chan(ty, bits),
            Kind::Func => self.func(ty, bits),
            Kind::Empty => self.interface(ty, bits, true, depth),
            Kind::Interface => self.interface(ty, bits, false, depth),
            Kind::Unknown => self.unknown(),
        };
        self.took(text)
    }

    fn fields(&mut self, fields: &[Field], bits: &Bits, depth: usize) -> String {
        if depth > self.limits.depth {
            return "{...}".to_owned();
        }
        let mut parts = Vec::new();
        for field in fields.iter().filter(|field| field.name != "_") {
            if self.room == 0 {
                parts.push("…".to_owned());
                break;
            }
            let value = match self.type_of(field.ty) {
                Some(ty) => match part(bits, field.offset, ty.size) {
                    Some(bits) => self.value(&ty, &bits, depth + 1, false),
                    None => self.unknown(),
                },
                None => self.unknown(),
            };
            parts.push(format!("{}: {value}", field.name));
        }
        format!("{{{}}}", parts.join(", "))
    }

    fn pointer(
        &mut self,
        ty: &Type,
        pointee: Option<TypeRef>,
        bits: &Bits,
        depth: usize,
        is_bare: bool,
    ) -> String {
        let Some((address, alive)) = bits.word(0) else { return self.unknown() };
        let Some(pointee) = pointee else { return format!("{}({address:#x})", ty.name) };
        if address == 0 {
            return if is_bare { "nil".to_owned() } else { format!("{} nil", ty.name) };
        }
        let bare = format!("({})({address:#x})", ty.name);
        if !self.may_follow(address, alive) {
            self.is_partial = true;
            return format!("{bare} (gone)");
        }
        let pointee = self.type_of(pointee).filter(|_| depth < self.limits.depth);
        let Some(pointee) = pointee else { return bare };
        // Of the runtime's and other people's insides the address says as much.
        let Some(bits) = self.read(RuntimeAddr(address), &pointee) else {
            self.is_partial = true;
            return format!("{bare} (unreadable)");
        };
        let value = self.value(&pointee, &bits, depth + 1, true);
        match pointee.kind {
            Kind::Struct(_) if !is_bare && value.starts_with('{') => format!("{} {value}", ty.name),
            _ => format!("*{value}"),
        }
    }

    /// An entry of `runtime.funcval`: a pointer to the code, then what the closure captured.
    fn func(&mut self, ty: &Type, bits: &Bits) -> String {
        let Some((address, alive)) = bits.word(0) else { return self.unknown() };
        if address == 0 {
            return format!("{} nil", ty.name);
        }
        let code = self.may_follow(address, alive).then(|| self.word(address)).flatten();
        let pc = code.map(|code| Pc { address: RuntimeAddr(code), kind: PcKind::Exact });
        let frames = pc.map(|pc| self.process.frames(pc)).unwrap_or_default();
        match frames.last() {
            Some(frame) => format!("{} {}", ty.name, frame.function.trim_end_matches("-fm")),
            None => {
                self.is_partial = true;
                format!("{} {UNKNOWN}", ty.name)
            }
        }
    }

    fn interface(&mut self, ty: &Type, bits: &Bits, is_empty: bool, depth: usize) -> String {
        let Some((word, _)) = bits.word(0) else { return self.unknown() };
        if word == 0 {
            return format!("{} nil", ty.name);
        }
        // Types and tables of methods are never freed.
        let dynamic = self.types.dynamic(word, is_empty);
        let Some(dynamic) = dynamic.and_then(|dynamic| self.type_of(dynamic)) else {
            self.is_partial = true;
            return format!("{}({UNKNOWN})", ty.name);
        };
        let head = format!("{}({})", ty.name, dynamic.name);
        let Some(data) = part(bits, 8, 8) else { return head };
        if depth > self.limits.depth {
            return head;
        }
        let held = match dynamic.is_direct {
            true => data,
            false => self.behind(&data, &dynamic),
        };
        if held.is_gone() {
            self.is_partial = true;
            return format!("{head} {UNKNOWN}");
        }
        let value = self.error_text(&dynamic, &held);
        let value = value.unwrap_or_else(|| self.value(&dynamic, &held, depth + 1, true));
        format!("{head} {value}")
    }

    /// Whether what a pointer points at is what it pointed at when it was set.
    pub(super) fn may_follow(&self, address: u64, alive: bool) -> bool {
        address != 0 && (alive || self.is_static(address))
    }

    /// Whether it is in the program itself: never freed.
    fn is_static(&self, address: u64) -> bool {
        let linked = RuntimeAddr(address).linked(self.process.bias());
        let segments = self.process.binary().segments();
        segments.iter().any(|segment| {
            linked.0.checked_sub(segment.address.0).is_some_and(|skip| skip < segment.size)
        })
    }

    pub(super) fn type_of(&self, reference: TypeRef) -> Option<Rc<Type>> {
        self.types.get(reference, self.debug)
    }

    /// The value of type `ty` at `address`.
    pub(super) fn read(&self, address: RuntimeAddr, ty: &Type) -> Option<Bits> {
        let len = ty.size.min(MOST_BYTES as u64);
        let bytes = memory::bytes(self.process.memory(), address, len, len)?;
        Some(Bits::whole(bytes))
    }

    pub(super) fn word(&self, address: u64) -> Option<u64> {
        memory::word(self.process.memory(), RuntimeAddr(address))
    }

    pub(super) fn unknown(&mut self) -> String {
        self.is_partial = true;
        UNKNOWN.to_owned()
    }

    pub(super) fn has_room(&self) -> bool {
        self.room > 0
    }

    fn took(&mut self, text: String) -> String {
        // What is nested was counted already; so long texts end sooner, which does no harm.
        self.room = self.room.saturating_sub(text.len().min(80));
        text
    }
}

/// A part of a value, `None` where it reaches beyond what was read.
pub(super) fn part(bits: &Bits, offset: u64, size: u64) -> Option<Bits> {
    bits.part(usize::try_from(offset).ok()?, usize::try_from(size).ok()?)
}

/// The value with its type in front.
pub(super) fn named(ty: &Type, is_bare: bool, value: &str) -> String {
    if is_bare { value.to_owned() } else { format!("{} {value}", ty.name) }
}

fn whole(bits: &Bits) -> Option<&[u8]> {
    (!bits.known.contains(&false)).then_some(&bits.bytes[..])
}

/// A number as Go prints it.
fn number(kind: &Kind, bytes: &[u8]) -> Option<String> {
    let wide = |sign: u8| -> Option<[u8; 8]> {
        let mut wide = [sign; 8];
        wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(wide)
    };
    Some(match kind {
        Kind::Bool => match bytes {
            [0] => "false".to_owned(),
            [1] => "true".to_owned(),
            _ => return None,
        },
        Kind::Int => {
            let is_negative = bytes.last()? & 0x80 != 0;
            i64::from_le_bytes(wide(if is_negative { 0xff } else { 0 })?).to_string()
        }
        Kind::Uint => u64::from_le_bytes(wide(0)?).to_string(),
        Kind::Uintptr => format!("{:#x}", u64::from_le_bytes(wide(0)?)),
        Kind::Float => float(bytes)?,
        Kind::Complex => {
            let (real, imaginary) = bytes.split_at(bytes.len() / 2);
            let (real, imaginary) = (float(real)?, float(imaginary)?);
            let sign = if imaginary.starts_with(['-', '+']) { "" } else { "+" };
            format!("({real}{sign}{imaginary}i)")
        }
        _ => return None,
    })
}

/// `%v` of Go's package fmt: the shortest text that reads back the same, with an exponent from 21 digits on.
fn float(bytes: &[u8]) -> Option<String> {
    let (plain, scientific, value) = match bytes.len() {
        4 => {
            let value = f32::from_le_bytes(bytes.try_into().ok()?);
            (format!("{value}"), format!("{value:e}"), f64::from(value))
        }
        8 => {
            let value = f64::from_le_bytes(bytes.try_into().ok()?);
            (format!("{value}"), format!("{value:e}"), value)
        }
        _ => return None,
    };
    Some(if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else if value != 0.0 && !(1e-4..1e21).contains(&value.abs()) {
        let (digits, exponent) = scientific.split_once('e')?;
        let exponent: i32 = exponent.parse().ok()?;
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{digits}e{sign}{:02}", exponent.abs())
    } else {
        plain
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_as_go_does() {
        let float = |value: f64| float(&value.to_le_bytes()).unwrap_or_default();
        assert_eq!(float(2.5), "2.5");
        assert_eq!(float(1e21), "1e+21");
        assert_eq!(float(1.5e-7), "1.5e-07");
        assert_eq!(float(100_000_000.0), "100000000");
        assert_eq!(float(-0.0), "-0");
        assert_eq!(number(&Kind::Int, &[0xfb]).as_deref(), Some("-5"));
        assert_eq!(number(&Kind::Uint, &[0xff, 0xff]).as_deref(), Some("65535"));
        assert_eq!(number(&Kind::Bool, &[7]), None, "no bool");
        assert_eq!(number(&Kind::Int, &[]), None);
    }
}
