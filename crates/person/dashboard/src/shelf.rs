//! Handles of the store, lent to whoever reads or decides something.
//!
//! The database is asked on threads that may wait. A handle is made when none is free and put back
//! afterwards, so statements stay prepared; one that failed is thrown away. Who finds all of them lent
//! waits: a Postgres has only so many connections, and a disk does not get faster by being asked by more.

use photofinish_store::{OwnerRules, Store, StoreError, StorePlace};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Handles lent at a time, and kept.
const KEPT: usize = 8;

/// The findings, for many at a time.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    place: Arc<StorePlace>,
    owner_rules: Arc<Option<OwnerRules>>,
    free: Arc<Mutex<Vec<Store>>>,
    lent: Arc<Semaphore>,
}

impl Shelf {
    /// Opens the findings at `place`, making them if missing.
    pub(crate) fn open(
        place: StorePlace,
        owner_rules: Option<OwnerRules>,
    ) -> Result<Shelf, StoreError> {
        let shelf = Shelf {
            place: Arc::new(place),
            owner_rules: Arc::new(owner_rules),
            free: Arc::default(),
            lent: Arc::new(Semaphore::new(KEPT)),
        };
        let store = shelf.another()?;
        shelf.put_back(store);
        Ok(shelf)
    }

    /// One more handle, for whoever keeps it.
    pub(crate) fn another(&self) -> Result<Store, StoreError> {
        let mut store = Store::open(&*self.place)?;
        store.set_owner_rules((*self.owner_rules).clone());
        Ok(store)
    }

    /// Does something with the store, on a thread that may wait.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shelf = self.clone();
        // Never closed.
        let _turn = self.lent.acquire().await.ok();
        let done = tokio::task::spawn_blocking(move || shelf.with_now(what)).await;
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    /// The same, on this thread.
    pub(crate) fn with_now<T>(
        &self,
        what: impl FnOnce(&mut Store) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut store = match free {
            Some(store) => store,
            None => self.another()?,
        };
        let done = what(&mut store);
        if !matches!(done, Err(StoreError::Database { .. } | StoreError::Damaged { .. })) {
            self.put_back(store);
        }
        done
    }

    fn put_back(&self, store: Store) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(store);
        }
    }
}
