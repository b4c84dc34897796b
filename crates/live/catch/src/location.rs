//! The object that a race is about, in words: a variable by its name, a map, an object on the heap.
//!
//! Only what is known is said: Go does not keep where an object was made. Asked once for each race, since the lists it
//! is looked up in are long.

use photofinish_goprocess::{Belongs, Process, RuntimeAddr};
use photofinish_model::{Location, Race, Stack};

use crate::evidence::Held;
use crate::sites::SiteKind;

/// `race` with what `held` was about to touch.
pub(crate) fn located(process: &Process, mut race: Race, held: &Held) -> Race {
    let address = held.watched.0;
    let owner = process.owner_of(RuntimeAddr(address));
    let description = match (&held.site.kind, owner) {
        (SiteKind::Map { .. }, _) => Some(format!("map at {:#x}", held.address)),
        (_, owner) => owner.map(|owner| described(&owner, address)),
    };
    race.location =
        description.map(|description| Location { description, stack: Stack::default() });
    race
}

fn described(owner: &Belongs, address: u64) -> String {
    let (what, start) = match owner {
        Belongs::Variable { name, start, size } => {
            (format!("global '{name}' of size {size} at {:#x}", start.0), *start)
        }
        Belongs::Variables => return format!("global at {address:#x}"),
        Belongs::Heap { start, size } => {
            (format!("heap block of size {size} at {:#x}", start.0), *start)
        }
    };
    match address.saturating_sub(start.0) {
        0 => what,
        1 => format!("{what}, 1 byte in"),
        offset => format!("{what}, {offset} bytes in"),
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
            described(&served, 0x1008),
            "global 'main.served' of size 24 at 0x1000, 8 bytes in"
        );
        let block = Belongs::Heap { start: RuntimeAddr(0xc000), size: 48 };
        assert_eq!(described(&block, 0xc000), "heap block of size 48 at 0xc000");
        assert_eq!(described(&Belongs::Variables, 0x10), "global at 0x10");
    }
}
