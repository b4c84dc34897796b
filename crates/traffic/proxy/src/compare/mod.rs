//! What differs between the primary's answer and the mirror's.
