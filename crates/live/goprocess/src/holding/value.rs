//! What places hold, in words that can be compared; and how to find it again.

use std::collections::BTreeMap;

/// Something that holds a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// A general register, numbered as instructions encode it.
    Register(u8),
    /// A word of the frame, counted from the return address: negative in the function's own part.
    Slot(i64),
}

/// What a place holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// What this register held when the function was called.
    Entry(u8),
    /// What the instruction at this address came by when it was executed last.
    Made(u64),
    /// An address in the file.
    Address(u64),
    /// The address of a word of the frame.
    SlotAddress(i64),
    /// So much more than another.
    Plus(Box<Value>, i64),
}

/// How to find a value, in a frame as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Recipe {
    /// It is in this register.
    Register(u8),
    /// It is the word so far from the frame's return address.
    Slot(i64),
    /// It is the place so far from the frame's return address.
    SlotAddress(i64),
    /// It is this address of the file.
    Address(u64),
    /// It is so much more than another.
    Plus(Box<Recipe>, i64),
    /// It is the word there.
    Word(Box<Recipe>),
}

/// What is sure at one instruction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    places: BTreeMap<Place, Value>,
}

impl State {
    pub(super) fn at_entry() -> State {
        let entry = |register| (Place::Register(register), Value::Entry(register));
        State { places: (0..16).map(entry).collect() }
    }

    pub(super) fn get(&self, place: Place) -> Option<&Value> {
        self.places.get(&place)
    }

    pub(super) fn set(&mut self, place: Place, value: Value) {
        self.places.insert(place, value);
    }

    pub(super) fn forget(&mut self, place: Place) {
        self.places.remove(&place);
    }

    pub(super) fn retain(&mut self, keep: impl Fn(Place, &Value) -> bool) {
        self.places.retain(|place, value| keep(*place, value));
    }

    /// Forgets what `other` does not know as well; whether that was anything.
    pub(super) fn keep_common(&mut self, other: &State) -> bool {
        let n_before = self.places.len();
        self.places.retain(|place, value| other.places.get(place) == Some(value));
        self.places.len() != n_before
    }

    pub(super) fn register_with(&self, wanted: &Value) -> Option<u8> {
        self.places.iter().find_map(|(place, value)| match place {
            Place::Register(register) if value == wanted => Some(*register),
            _ => None,
        })
    }

    pub(super) fn slot_with(&self, wanted: &Value) -> Option<i64> {
        self.places.iter().find_map(|(place, value)| match place {
            Place::Slot(slot) if value == wanted => Some(*slot),
            _ => None,
        })
    }
}
