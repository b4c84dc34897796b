//! Findings kept: many sightings of one race are one finding, with a state and an owner.
//!
//! Not here: what makes two races one, and what sort of mistake a race is (`model`).

#![forbid(unsafe_code)]

pub mod json;
