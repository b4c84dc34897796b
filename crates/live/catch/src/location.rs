//! The object that a race is about, in words: a variable by its name, a map, an object on the heap, and the field.
//!
//! Only what is known is said: Go does not keep where an object was made, nor of what type it is; the type comes from
//! debug information, where a variable of the held function points at the object. Asked once for each race, since the
//! lists it is looked up in are long.

use photofinish_goprocess::{Belongs, Field, Limits, Process, RuntimeAddr, Values};
use photofinish_model::{Location, Stack};
use photofinish_sys::trace::Register;

use crate::evidence::Held;
use crate::sites::SiteKind;

/// General registers by their number in debug information (System V ABI for amd64, figure 3.36).
const DWARF: [Register; 16] = {
    use Register::{R8, R9, R10, R11, R12, R13, R14, R15, Rax, Rbp, Rbx, Rcx, Rdi, Rdx, Rsi, Rsp};
    [Rax, Rdx, Rcx, Rbx, Rsi, Rdi, Rbp, Rsp, R8, R9, R10, R11, R12, R13, R14, R15]
};

/// What `held` was about to touch.
pub(crate) fn of(process: &Process, held: &Held) -> Option<Location> {
    let description = match held.site.kind {
        SiteKind::Map { .. } => Some(format!("map at {:#x}", held.address)),
        SiteKind::Access(_) | SiteKind::Bulk { .. } => object(process, held),
    };
    description.map(|description| Location { description, stack: Stack::default() })
}

fn object(process: &Process, held: &Held) -> Option<String> {
    // Of a long range, the part that the other touched.
    let address = RuntimeAddr(match held.site.kind {
        SiteKind::Bulk { .. } => held.watched.0,
        SiteKind::Map { .. } | SiteKind::Access(_) => held.address,
    });
    let owner = process.owner_of(address)?;
    let values = Values::open(process, Limits::default());
    let field = match &owner {
        Belongs::Variable { name, start, .. } => {
            values.field_of(name, address.0.saturating_sub(start.0))
        }
        Belongs::Variables => None,
        Belongs::Heap { .. } => {
            let register = |number: u8| {
                DWARF.get(usize::from(number)).map(|register| held.registers.get(*register))
            };
            values.field_at(RuntimeAddr(held.registers.ip), register, address)
        }
    };
    Some(described(&owner, field, address.0))
}

fn described(owner: &Belongs, field: Option<Field>, address: u64) -> String {
    let (what, start) = match owner {
        Belongs::Variable { name, start, size } => {
            (format!("global '{name}' of size {size} at {:#x}", start.0), *start)
        }
        Belongs::Variables => return format!("global at {address:#x}"),
        Belongs::Heap { start, size } => {
            (format!("heap block of size {size} at {:#x}", start.0), *start)
        }
    };
    let what = match address.saturating_sub(start.0) {
        0 => what,
        1 => format!("{what}, 1 byte in"),
        offset => format!("{what}, {offset} bytes in"),
    };
    match field {
        Some(Field { of, path }) => format!("{what}: {path} of {of}"),
        None => what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_described_as_a_detector_would() {
        let name = "main.served".to_owned();
        let served = Belongs::Variable { name, start: RuntimeAddr(0x1000), size: 24 };
        assert_eq!(
            described(&served, None, 0x1008),
            "global 'main.served' of size 24 at 0x1000, 8 bytes in"
        );
        let field = Field { of: "main.stats".to_owned(), path: "mu.state".to_owned() };
        assert_eq!(
            described(&served, Some(field), 0x1000),
            "global 'main.served' of size 24 at 0x1000: mu.state of main.stats"
        );
        let block = Belongs::Heap { start: RuntimeAddr(0xc000), size: 48 };
        assert_eq!(described(&block, None, 0xc000), "heap block of size 48 at 0xc000");
        assert_eq!(described(&Belongs::Variables, None, 0x10), "global at 0x10");
    }
}
