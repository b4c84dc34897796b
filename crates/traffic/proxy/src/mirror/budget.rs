//! What all copies of a mirror may take together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes and copies that may be held at once; counted across threads.
#[derive(Clone)]
pub(crate) struct Budget(Arc<Counts>);

struct Counts {
    bytes: AtomicUsize,
    most_bytes: AtomicUsize,
    copies: AtomicUsize,
    most_copies: AtomicUsize,
}

/// Bytes taken from a budget; given back when dropped.
pub(crate) struct Held {
    budget: Budget,
    bytes: usize,
}

/// A copy under way; given back when dropped.
pub(crate) struct Slot(Budget);

impl Budget {
    pub(crate) fn new(most_bytes: usize, most_copies: usize) -> Budget {
        Budget(Arc::new(Counts {
            bytes: AtomicUsize::new(0),
            most_bytes: AtomicUsize::new(most_bytes),
            copies: AtomicUsize::new(0),
            most_copies: AtomicUsize::new(most_copies),
        }))
    }

    /// Other limits from now on; what is in use stays so.
    pub(crate) fn set(&self, most_bytes: usize, most_copies: usize) {
        self.0.most_bytes.store(most_bytes, Ordering::Relaxed);
        self.0.most_copies.store(most_copies, Ordering::Relaxed);
    }

    /// Room for a body, of no bytes yet.
    pub(crate) fn hold(&self) -> Held {
        Held { budget: self.clone(), bytes: 0 }
    }

    /// Room for one more copy, if there is.
    pub(crate) fn slot(&self) -> Option<Slot> {
        take(&self.0.copies, 1, self.0.most_copies.load(Ordering::Relaxed))
            .then(|| Slot(self.clone()))
    }

    /// Copies and bytes in use.
    pub(crate) fn used(&self) -> (usize, usize) {
        (self.0.copies.load(Ordering::Relaxed), self.0.bytes.load(Ordering::Relaxed))
    }
}

impl Held {
    /// Takes `bytes` more; false, with nothing taken, if there is no room.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let most = self.budget.0.most_bytes.load(Ordering::Relaxed);
        let fits = take(&self.budget.0.bytes, bytes, most);
        if fits {
            self.bytes += bytes;
        }
        fits
    }

    /// Gives `bytes` back.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.budget.0.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shrink(self.bytes);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.0.copies.fetch_sub(1, Ordering::Relaxed);
    }
}

fn take(used: &AtomicUsize, more: usize, most: usize) -> bool {
    used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
        used.checked_add(more).filter(|sum| *sum <= most)
    })
    .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_gives_no_more_than_it_has_and_gets_all_of_it_back() {
        let budget = Budget::new(10, 1);
        let (mut first, mut second) = (budget.hold(), budget.hold());
        assert!(first.grow(7) && !second.grow(4) && second.grow(3));
        let slot = budget.slot();
        assert!(slot.is_some() && budget.slot().is_none());
        assert_eq!(budget.used(), (1, 10));
        drop((first, second, slot));
        assert_eq!(budget.used(), (0, 0));
    }
}
