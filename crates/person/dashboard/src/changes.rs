//! Knowing that something changed, whoever changed it.
//!
//! The findings may be written by us, by `photofinish run` on the same machine, by another `serve` on the same
//! Postgres, or by a person at a terminal. The database counts what others write; a connection that never writes
//! sees everybody's. It is looked at twice a second, and who watches is told a new number.

use crate::shelf::Shelf;
use photofinish_store::StoreError;
use std::time::Duration;
use tokio::sync::watch;

/// Between two looks.
const PACE: Duration = Duration::from_millis(500);

/// Watches the findings until nobody listens any more.
pub(crate) fn watch(shelf: &Shelf) -> Result<watch::Receiver<u64>, StoreError> {
    let store = shelf.another()?;
    let mut seen = store.version()?;
    let (sender, receiver) = watch::channel(0);
    tokio::spawn(async move {
        let mut store = Some(store);
        while !sender.is_closed() {
            tokio::time::sleep(PACE).await;
            let Some(looking) = store.take() else { return };
            let look = tokio::task::spawn_blocking(move || {
                let version = looking.version();
                (looking, version)
            });
            let Ok((looked, version)) = look.await else { return };
            store = Some(looked);
            match version {
                Ok(version) if version != seen => {
                    seen = version;
                    sender.send_modify(|count| *count += 1);
                }
                Ok(_) => {}
                Err(error) => tracing::debug!("cannot see whether findings changed: {error}"),
            }
        }
    });
    Ok(receiver)
}
