//! The first SIGINT or SIGTERM ends what goes on in good order; a second one ends the program.

use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Calls `then` at the first of SIGINT and SIGTERM; after the second the program is gone.
pub(crate) fn on_first_interrupt(then: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(next(&mut interrupt, &mut terminate));
        then();
        runtime.block_on(next(&mut interrupt, &mut terminate));
        std::process::exit(130);
    })?;
    Ok(())
}

async fn next(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
}

/// A flag that the first interrupt sets.
pub(crate) fn flag_on_first_interrupt(flag: std::sync::Arc<AtomicBool>) -> anyhow::Result<()> {
    on_first_interrupt(move || flag.store(true, Ordering::Relaxed))
}
