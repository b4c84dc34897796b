//! A connection that became something else (WebSocket): bytes both ways, unread.

use crate::figures::Caller;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::sync::Arc;

/// Joins caller and upstream until both have said all.
pub(crate) fn join(caller: OnUpgrade, upstream: OnUpgrade, figures: Arc<Caller>) {
    figures.tunnel_opened();
    tokio::task::spawn_local(async move {
        // Either may break off; the other then sees the end too. There is nobody to tell.
        if let (Ok(caller), Ok(upstream)) = (caller.await, upstream.await) {
            let (mut caller, mut upstream) = (TokioIo::new(caller), TokioIo::new(upstream));
            let _ = tokio::io::copy_bidirectional(&mut caller, &mut upstream).await;
        }
        figures.tunnel_closed();
    });
}
