//! The thread that looks after everything that is not a request.

use super::accept::{Seat, accept};
use super::admin;
use super::shared::Shared;
use crate::canary::probe::probe;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::LocalRuntime;
use tokio::sync::watch;

/// How often the clock of connections goes on, and a growing share grows.
const TICK: Duration = Duration::from_millis(50);

/// What this thread is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Everything.
    Serve,
    /// Accept no more.
    Drain,
    /// End.
    End,
}

/// Accepts, probes, keeps the clock, and serves the figures, until told to end. Blocks.
pub(super) fn run(
    runtime: &LocalRuntime,
    shared: Arc<Shared>,
    listeners: Vec<TcpListener>,
    admin: Option<TcpListener>,
    seats: Vec<Seat>,
    mut stage: watch::Receiver<Stage>,
) {
    runtime.block_on(async move {
        let accepting: Vec<_> = listeners
            .into_iter()
            .enumerate()
            .map(|(at, listener)| {
                tokio::task::spawn_local(accept(Arc::clone(&shared), listener, at, seats.clone()))
            })
            .collect();
        tokio::task::spawn_local(keep_time(Arc::clone(&shared)));
        tokio::task::spawn_local(keep_probing(Arc::clone(&shared)));
        if let Some(listener) = admin {
            tokio::task::spawn_local(admin::serve(Arc::clone(&shared), listener));
        }
        if stage.wait_for(|stage| *stage >= Stage::Drain).await.is_ok() {
            // The sockets are closed with the tasks that hold them.
            for task in accepting {
                task.abort();
            }
            let _ = stage.wait_for(|stage| *stage == Stage::End).await;
        }
    });
}

async fn keep_time(shared: Arc<Shared>) {
    let mut tick = tokio::time::interval(TICK);
    let mut looked = Instant::now();
    loop {
        tick.tick().await;
        shared.tick_clock();
        let live = shared.live();
        if let Some((canary, _)) = &live.canary {
            canary.tick();
        }
        if looked.elapsed() >= Duration::from_secs(1) {
            looked = Instant::now();
            for (mirror, _) in &live.mirrors {
                mirror.look_at_the_clock();
            }
        }
    }
}

async fn keep_probing(shared: Arc<Shared>) {
    loop {
        let live = shared.live();
        let interval = match &live.canary {
            Some((canary, connector)) => {
                probe(canary, connector).await;
                canary.plan.breaker.interval
            }
            None => Duration::from_secs(1),
        };
        tokio::time::sleep(interval).await;
    }
}
