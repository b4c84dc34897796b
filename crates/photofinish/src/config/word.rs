//! Shapes of values that a person may write short: a string for a table, one for a list of one.
//!
//! serde's untagged enums say "matched no variant"; these say what was wrong with the value.

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;

/// What is read from a word: a string, or a number that is read as one.
pub(crate) trait Word: Sized {
    /// What it is, for whoever wrote something else.
    const WHAT: &'static str;

    /// The value, or a sentence that quotes the word and says what is understood.
    fn read(word: &str) -> Result<Self, String>;
}

/// A [`Word`] in the file.
#[derive(Clone, Debug)]
pub(crate) struct Worded<T>(pub(crate) T);

/// A [`Word`], or a table for those who want to say more.
#[derive(Clone, Debug)]
pub(crate) struct WordOrTable<T>(pub(crate) T);

/// A list; what stands alone is a list of one.
#[derive(Clone, Debug)]
pub(crate) struct OneOrMany<T>(pub(crate) Vec<T>);

impl<'de, T: Word> Deserialize<'de> for Worded<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<T: Word> Visitor<'_> for Reader<T> {
            type Value = Worded<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::WHAT)
            }
            fn visit_str<E: Error>(self, word: &str) -> Result<Worded<T>, E> {
                T::read(word).map(Worded).map_err(E::custom)
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Worded<T>, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Worded<T>, E> {
                self.visit_str(&number.to_string())
            }
        }
        deserializer.deserialize_any(Reader(PhantomData))
    }
}

impl<'de, T: Word + Deserialize<'de>> Deserialize<'de> for WordOrTable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<'de, T: Word + Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = WordOrTable<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}, or a table", T::WHAT)
            }
            fn visit_str<E: Error>(self, word: &str) -> Result<WordOrTable<T>, E> {
                T::read(word).map(WordOrTable).map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WordOrTable<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(WordOrTable)
            }
        }
        deserializer.deserialize_any(Reader(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = OneOrMany<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one value or a list of them")
            }
            fn visit_str<E: Error>(self, word: &str) -> Result<OneOrMany<T>, E> {
                T::deserialize(StrDeserializer::new(word)).map(|one| OneOrMany(vec![one]))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OneOrMany<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|one| OneOrMany(vec![one]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<OneOrMany<T>, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(OneOrMany)
            }
        }
        deserializer.deserialize_any(Reader(PhantomData))
    }
}
