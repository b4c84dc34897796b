//! Handles of the store, lent to whoever reads or decides something.
//!
//! SQLite is asked on threads that may wait. A handle is made when none is free and put back
//! afterwards, so statements stay prepared; one that failed is thrown away.

use photofinish_store::{OwnerRules, Store, StoreError};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Handles kept at most.
const KEPT: usize = 8;

/// The findings, for many at a time.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    path: Arc<PathBuf>,
    owner_rules: Arc<Option<OwnerRules>>,
    free: Arc<Mutex<Vec<Store>>>,
}

impl Shelf {
    /// Opens the findings at `path`, making them if missing.
    pub(crate) fn open(
        path: PathBuf,
        owner_rules: Option<OwnerRules>,
    ) -> Result<Shelf, StoreError> {
        let shelf = Shelf {
            path: Arc::new(path),
            owner_rules: Arc::new(owner_rules),
            free: Arc::default(),
        };
        let store = shelf.another()?;
        shelf.put_back(store);
        Ok(shelf)
    }

    /// One more handle, for whoever keeps it.
    pub(crate) fn another(&self) -> Result<Store, StoreError> {
        let mut store = Store::open(self.path.as_path())?;
        store.set_owner_rules((*self.owner_rules).clone());
        Ok(store)
    }

    /// Does something with the store, on a thread that may wait.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shelf = self.clone();
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
        if !matches!(done, Err(StoreError::Sqlite { .. } | StoreError::Damaged { .. })) {
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
