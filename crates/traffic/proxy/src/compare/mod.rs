//! What differs between the primary's answer and the mirror's.

/// What is compared and what not.
#[derive(Clone, Debug, Default)]
pub struct Rules;
