//! One thread that moves requests, and the plan as it sees it.

use super::connection::{self, Connection, Incoming};
use super::shared::{Live, Shared};
use crate::canary::CanaryState;
use crate::event::Event;
use crate::figures::Variant;
use crate::mirror::{LocalMirror, Rest};
use crate::upstream::{Connector, Pool};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::mpsc::UnboundedReceiver;

/// How often connections are looked at for having taken too long.
pub(super) const TICK: Duration = Duration::from_millis(250);

/// One thread that moves requests.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    local: RefCell<Rc<Local>>,
    pub(super) connections: RefCell<HashMap<u64, Rc<Connection>>>,
    next: Cell<u64>,
    told_failure: Cell<u64>,
    /// When draining began, as this thread saw it.
    pub(super) draining_since: Cell<Option<Instant>>,
}

/// The plan in force and the connections to its upstreams, as one thread has them.
pub(crate) struct Local {
    pub(crate) live: Arc<Live>,
    pub(crate) stable: Rc<Pool>,
    pub(crate) stable_variant: Arc<Variant>,
    pub(crate) canary: Option<Rc<LocalCanary>>,
    pub(crate) mirrors: Vec<Rc<LocalMirror>>,
}

/// The canary as one thread has it.
pub(crate) struct LocalCanary {
    pub(crate) state: Arc<CanaryState>,
    pub(crate) variant: Arc<Variant>,
    pub(crate) pool: Rc<Pool>,
}

impl Worker {
    fn new(shared: Arc<Shared>) -> Worker {
        let local = Local::new(&shared, None);
        Worker {
            shared,
            local: RefCell::new(Rc::new(local)),
            connections: RefCell::default(),
            next: Cell::new(0),
            told_failure: Cell::new(0),
            draining_since: Cell::new(None),
        }
    }

    /// The plan in force.
    pub(crate) fn local(&self) -> Rc<Local> {
        let current = Rc::clone(&self.local.borrow());
        if current.live.generation == self.shared.generation() {
            return current;
        }
        let newer = Rc::new(Local::new(&self.shared, Some(&current)));
        *self.local.borrow_mut() = Rc::clone(&newer);
        newer
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.shared.is_draining()
    }

    /// Tells why an upstream did not answer, at most once a second: one that is down fails every request.
    pub(crate) fn tell_failure(&self, variant: &'static str, why: &str) {
        let now = self.shared.clock.now();
        if now >= self.told_failure.get() + 1000 {
            self.told_failure.set(now);
            (self.shared.tell)(Event::UpstreamFailed { variant, why: why.to_owned() });
        }
    }

    /// Keeps `connection` in view until the number is given to [`Worker::forget`].
    pub(super) fn remember(&self, connection: &Rc<Connection>) -> u64 {
        let number = self.next.get();
        self.next.set(number + 1);
        self.connections.borrow_mut().insert(number, Rc::clone(connection));
        number
    }

    pub(super) fn forget(&self, number: u64) {
        self.connections.borrow_mut().remove(&number);
    }
}

impl Local {
    /// Connections of the plan before are kept where the upstream is the same.
    fn new(shared: &Shared, before: Option<&Local>) -> Local {
        let live = shared.live();
        let pool = |connector: &Connector| -> Rc<Pool> {
            before
                .and_then(|before| before.pools().find(|pool| pool.reaches_like(connector)))
                .unwrap_or_else(|| Pool::new(connector.clone()))
        };
        let canary = live.canary.as_ref().map(|(state, connector)| {
            Rc::new(LocalCanary {
                state: Arc::clone(state),
                variant: Arc::clone(&shared.canary),
                pool: pool(connector),
            })
        });
        let mirrors = live.mirrors.iter().map(|(state, connector)| {
            Rc::new(LocalMirror {
                state: Arc::clone(state),
                pool: pool(connector),
                comparer: shared.comparer.clone(),
                rest: Rest::default(),
            })
        });
        Local {
            stable: pool(&live.stable),
            stable_variant: Arc::clone(&shared.stable),
            canary,
            mirrors: mirrors.collect(),
            live: Arc::clone(&live),
        }
    }

    fn pools(&self) -> impl Iterator<Item = Rc<Pool>> {
        let canary = self.canary.iter().map(|canary| Rc::clone(&canary.pool));
        let mirrors = self.mirrors.iter().map(|mirror| Rc::clone(&mirror.pool));
        std::iter::once(Rc::clone(&self.stable)).chain(canary).chain(mirrors)
    }

    /// The largest answer that any mirror's is compared with, in bytes.
    pub(crate) fn compared_bytes(&self) -> usize {
        let sizes = self.mirrors.iter().filter_map(|mirror| mirror.state.plan.compare.as_ref());
        sizes.map(|compare| compare.answer_bytes).max().unwrap_or_default()
    }
}

/// A runtime for one thread.
pub(super) fn runtime() -> std::io::Result<LocalRuntime> {
    Builder::new_current_thread().enable_all().build_local(LocalOptions::default())
}

/// Serves what comes in until nothing can come any more. Blocks.
pub(super) fn run(
    runtime: &LocalRuntime,
    shared: Arc<Shared>,
    mut incoming: UnboundedReceiver<Incoming>,
) {
    runtime.block_on(async move {
        let worker = Rc::new(Worker::new(shared));
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                next = incoming.recv() => match next {
                    Some(next) => {
                        tokio::task::spawn_local(connection::serve(Rc::clone(&worker), next));
                    }
                    None => break,
                },
                _ = tick.tick() => worker.look_after(Instant::now()),
            }
        }
    });
}

impl Worker {
    /// What is to be done every now and then.
    fn look_after(&self, now: Instant) {
        for pool in self.local().pools() {
            pool.tidy(now);
        }
        self.reap(now);
    }
}
