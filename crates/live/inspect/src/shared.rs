//! Who else waits for the same thing.

use photofinish_goprocess::{Goroutine, Wait};

use crate::Look;

/// The goroutines that wait for one thing.
#[derive(Clone, Debug)]
pub struct Company<'a> {
    /// The thing.
    pub wait: Wait,
    /// Everybody who waits for it, by number.
    pub waiting: Vec<&'a Goroutine>,
}

/// For each thing that `goroutine` waits for, everybody who does.
pub fn company_of<'a>(look: &'a Look, goroutine: &Goroutine) -> Vec<Company<'a>> {
    let mut waits = goroutine.waits.clone();
    waits.dedup();
    let waiting =
        |wait: &Wait| look.goroutines.iter().filter(|other| other.waits.contains(wait)).collect();
    waits.into_iter().map(|wait| Company { wait, waiting: waiting(&wait) }).collect()
}
