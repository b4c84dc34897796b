//! Values that JSON has no type for: addresses, and the names of goroutines.

use photofinish_model::GoroutineId;
use serde::{Deserialize, Serialize, de};
use std::fmt;

/// The name of a goroutine: a JSON number, or the string `"main"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoroutineName(pub GoroutineId);

/// An address: `"0x"` and at least twelve digits, as the detectors print it, so that one can be
/// searched for with the other. Any number of digits is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hex(pub u64);

impl Serialize for GoroutineName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            GoroutineId::Main => serializer.serialize_str("main"),
            GoroutineId::Number(number) => serializer.serialize_u64(number),
        }
    }
}

impl<'de> Deserialize<'de> for GoroutineName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl de::Visitor<'_> for NameVisitor {
            type Value = GoroutineName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a goroutine: a number or \"main\"")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<GoroutineName, E> {
                Ok(GoroutineName(GoroutineId::Number(number)))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<GoroutineName, E> {
                match name {
                    "main" => Ok(GoroutineName(GoroutineId::Main)),
                    _ => Err(E::invalid_value(de::Unexpected::Str(name), &self)),
                }
            }
        }

        deserializer.deserialize_any(NameVisitor)
    }
}

impl Serialize for Hex {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("0x{:012x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.strip_prefix("0x")
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .map(Hex)
            .ok_or_else(|| {
                de::Error::invalid_value(
                    de::Unexpected::Str(&text),
                    &"an address like 0xc000014088",
                )
            })
    }
}
