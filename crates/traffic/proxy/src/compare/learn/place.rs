//! One place that differed at least once: how often it did, and what to make of it.

use super::{Differing, Limits};

/// Counts beyond which both of a place are halved, so that what it does now outweighs what it did.
const OLD: u32 = 4096;

#[derive(Debug)]
pub(super) struct PlaceSeen {
    /// Recent, for the share.
    compared: u32,
    differed: u32,
    /// Ever, for people.
    pub(super) differed_ever: u64,
    pub(super) standing: Standing,
}

#[derive(Debug)]
pub(super) enum Standing {
    /// Too early to say; the first difference, to be told then.
    Held(Box<Differing>),
    Told,
    Noisy,
}

impl PlaceSeen {
    /// Made by its first difference.
    pub(super) fn first(differing: Differing) -> PlaceSeen {
        let standing = Standing::Held(Box::new(differing));
        PlaceSeen { compared: 1, differed: 1, differed_ever: 1, standing }
    }

    /// It was there to be compared, and differed or not.
    pub(super) fn count(&mut self, differs: bool) {
        self.compared += 1;
        self.differed += u32::from(differs);
        self.differed_ever += u64::from(differs);
        if self.compared > OLD {
            self.compared /= 2;
            self.differed /= 2;
        }
    }

    /// Makes up its mind, and perhaps tells what was held back. A noisy place has to be quiet for long
    /// before it is believed again.
    pub(super) fn judge(&mut self, limits: &Limits) -> Option<Differing> {
        if self.compared < limits.compared_before {
            return None;
        }
        let share = f64::from(self.differed) / f64::from(self.compared);
        let is_noisy = match self.standing {
            Standing::Noisy => share > limits.noise_above / 2.0,
            _ => share > limits.noise_above,
        };
        let standing = if is_noisy { Standing::Noisy } else { Standing::Told };
        match std::mem::replace(&mut self.standing, standing) {
            Standing::Held(first) if !is_noisy => Some(*first),
            _ => None,
        }
    }
}
