//! Accepting connections, and dealing them to the threads.

use super::connection::{Counted, Incoming};
use super::shared::Shared;
use crate::event::Event;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;

/// How long accepting rests when it cannot go on: no descriptors, or enough connections.
const REST: Duration = Duration::from_millis(50);
/// How often the log says that accepting does not work.
const REMIND: Duration = Duration::from_secs(10);

/// A thread's seat at the table.
#[derive(Clone)]
pub(super) struct Seat {
    pub(super) to: UnboundedSender<Incoming>,
    pub(super) load: Arc<AtomicUsize>,
}

/// Accepts on `listener`, the plan's number `at`, for ever.
pub(super) async fn accept(
    shared: Arc<Shared>,
    listener: TcpListener,
    at: usize,
    seats: Vec<Seat>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut reminded: Option<Instant> = None;
    loop {
        let limit = shared.live().plan.limits.connections;
        if shared.caller.connections().0 as usize >= limit {
            // Callers wait in the kernel while idle connections are closed.
            tokio::time::sleep(REST).await;
            continue;
        }
        match listener.accept().await {
            Ok((stream, caller)) => {
                // The thread that serves it has an event loop of its own.
                if let Ok(stream) = stream.into_std() {
                    deal(&shared, &seats, |counted| Incoming {
                        stream,
                        caller,
                        listener: at,
                        counted,
                    });
                }
            }
            // It was gone before we came.
            Err(error) if is_callers(&error) => {}
            Err(error) => {
                if reminded.is_none_or(|at| at.elapsed() >= REMIND) {
                    reminded = Some(Instant::now());
                    (shared.tell)(Event::CannotAccept { why: error.to_string() });
                }
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// Gives a connection to the thread that has the fewest.
fn deal(shared: &Shared, seats: &[Seat], incoming: impl FnOnce(Counted) -> Incoming) {
    let fewest = seats.iter().min_by_key(|seat| seat.load.load(Ordering::Relaxed));
    if let Some(seat) = fewest {
        let counted = Counted::new(&shared.caller, &seat.load);
        // A thread that has ended drops it, which closes it.
        let _ = seat.to.send(incoming(counted));
    }
}

fn is_callers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
