//! A running proxy: started, reloaded, drained.

use super::accept::Seat;
use super::control::{self, Stage};
use super::listen::{ListenError, listen};
use super::shared::{SetUpError, Shared};
use super::tls::{Acceptors, TlsError};
use super::worker;
use crate::comparing::{Comparer, TellDifference};
use crate::event::{Event, Tell};
use crate::figures::Status;
use crate::plan::{Plan, PlanError};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::LocalRuntime;
use tokio::sync::watch;

/// How often a drain looks whether it is done.
const LOOK: Duration = Duration::from_millis(10);

/// A running proxy. Its threads end when it is drained or dropped.
pub struct Proxy {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    admin: Option<SocketAddr>,
    listeners: Vec<TcpListener>,
    stage: watch::Sender<Stage>,
    threads: Vec<JoinHandle<()>>,
    comparing: Option<JoinHandle<()>>,
}

/// What a proxy tells, and what it begins with.
pub struct Hooks {
    /// Called for everything worth a line in the log, from any thread; must not block.
    pub event: Box<dyn Fn(Event) + Send + Sync>,
    /// Called, from a thread of its own, for every difference between a mirror's answer and the
    /// primary's that means something: the mirror's name, the difference, and whether its values may be shown.
    pub difference: TellDifference,
    /// Sockets that listen already, taken over from the proxy before.
    pub inherited: Vec<TcpListener>,
}

/// Nothing is told, nothing taken over.
impl Default for Hooks {
    fn default() -> Self {
        Hooks { event: Box::new(|_| {}), difference: Box::new(|_, _, _| {}), inherited: Vec::new() }
    }
}

/// Why a proxy cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The plan makes no sense.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// TLS to an upstream, or the file requests are kept in, cannot be set up.
    #[error(transparent)]
    SetUp(#[from] SetUpError),
    /// The machine gives no thread.
    #[error("cannot start a thread")]
    Thread {
        /// Why.
        #[source]
        cause: io::Error,
    },
}

/// Why a running proxy keeps the plan it has.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The new plan makes no sense.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// TLS to an upstream, or the file requests are kept in, cannot be set up.
    #[error(transparent)]
    SetUp(#[from] SetUpError),
    /// Something changed that only a restart can.
    #[error("`{key}` cannot change while the proxy runs")]
    Fixed {
        /// What.
        key: &'static str,
    },
}

impl StartError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            StartError::Plan(error) => error.hint(),
            StartError::Listen(error) => error.hint(),
            StartError::SetUp(error) => error.hint(),
            _ => None,
        }
    }
}

impl ReloadError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            ReloadError::Plan(error) => error.hint(),
            ReloadError::SetUp(error) => error.hint(),
            ReloadError::Fixed { .. } => Some(
                "start a second proxy with --takeover: it takes the sockets over and loses nothing"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

impl Proxy {
    /// Starts a proxy as `plan` says.
    ///
    /// # Errors
    /// Whatever keeps it from starting; nothing runs then.
    pub fn start(plan: Plan, hooks: Hooks) -> Result<Proxy, StartError> {
        plan.check()?;
        let acceptors = Acceptors::read(&plan.listen)?;
        let mut inherited = hooks.inherited;
        let addresses = plan.listen.iter().map(|listener| listener.address);
        let listeners = addresses
            .map(|address| listen(address, &mut inherited))
            .collect::<Result<Vec<_>, _>>()?;
        let admin = plan.admin.map(|address| listen(address, &mut inherited)).transpose()?;
        drop(inherited);
        let workers = plan.workers;
        let tell: Tell = Arc::from(hooks.event);
        let (comparer, comparing) =
            Comparer::start(hooks.difference).map_err(|cause| StartError::Thread { cause })?;
        let shared = Arc::new(Shared::new(plan, acceptors, tell, comparer)?);
        let (stage, seen) = watch::channel(Stage::Serve);
        let started = Started { shared, comparing, threads: Vec::new(), seen };
        started.run(workers, listeners, admin, stage)
    }

    /// Whether a proxy could start as `plan` says, but for its addresses: reads what it names.
    ///
    /// # Errors
    /// Whatever would keep it from starting.
    pub fn check(plan: &Plan) -> Result<(), StartError> {
        plan.check()?;
        let acceptors = Acceptors::read(&plan.listen)?;
        // Its thread ends with it.
        let (comparer, _) = Comparer::start(Box::new(|_, _, _| {}))
            .map_err(|cause| StartError::Thread { cause })?;
        Shared::new(plan.clone(), acceptors, Arc::new(|_| ()), comparer)?;
        Ok(())
    }

    /// Where callers connect to, in the order of the plan.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where the figures are served.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// The sockets it listens on, that for the figures too, to be handed to the proxy after it.
    pub fn listeners(&self) -> &[TcpListener] {
        &self.listeners
    }

    /// Puts another plan in force, without losing a connection.
    ///
    /// # Errors
    /// The plan cannot be put in force; the old one stays, whole.
    pub fn reload(&self, plan: Plan) -> Result<(), ReloadError> {
        plan.check()?;
        let before = self.shared.live();
        let addresses = |plan: &Plan| -> Vec<(SocketAddr, bool)> {
            plan.listen.iter().map(|each| (each.address, each.tls.is_some())).collect()
        };
        for (key, is_same) in [
            ("proxy.listen", addresses(&plan) == addresses(&before.plan)),
            ("proxy.admin", plan.admin == before.plan.admin),
            ("proxy.workers", plan.workers == before.plan.workers),
        ] {
            if !is_same {
                return Err(ReloadError::Fixed { key });
            }
        }
        let acceptors = Acceptors::read(&plan.listen)?;
        Ok(self.shared.reload(plan, acceptors)?)
    }

    /// Everything counted so far.
    pub fn status(&self) -> Status {
        self.shared.status()
    }

    /// Accepts no more, waits until requests under way have ended, at most as long as the plan says or
    /// until `cut`, and ends.
    pub fn drain(mut self, cut: impl Fn() -> bool) -> Status {
        self.listeners.clear();
        self.shared.draining.store(true, Ordering::Relaxed);
        self.stage.send_replace(Stage::Drain);
        let until = Instant::now() + self.shared.live().plan.timeouts.drain;
        while Instant::now() < until && !cut() && !self.is_empty() {
            std::thread::sleep(LOOK);
        }
        self.end();
        self.status()
    }

    fn is_empty(&self) -> bool {
        self.shared.caller.connections().0 == 0 && self.shared.caller.tunnels() == 0
    }

    fn end(&mut self) {
        self.stage.send_replace(Stage::End);
        // A thread that panicked has said so on stderr.
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        if let Some(thread) = self.comparing.take() {
            self.shared.comparer.stop();
            let _ = thread.join();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.end();
    }
}

/// A proxy whose threads are being started.
struct Started {
    shared: Arc<Shared>,
    comparing: JoinHandle<()>,
    threads: Vec<JoinHandle<()>>,
    seen: watch::Receiver<Stage>,
}

impl Started {
    fn run(
        mut self,
        workers: usize,
        listeners: Vec<TcpListener>,
        admin: Option<TcpListener>,
        stage: watch::Sender<Stage>,
    ) -> Result<Proxy, StartError> {
        let mut seats = Vec::new();
        for at in 0..workers {
            let (to, incoming) = tokio::sync::mpsc::unbounded_channel();
            seats.push(Seat { to, load: Arc::default() });
            let shared = Arc::clone(&self.shared);
            self.thread(&format!("proxy-{at}"), move |runtime| {
                worker::run(runtime, shared, incoming);
            })?;
        }
        let address_of = |listener: &TcpListener| listener.local_addr();
        let thread_error = |cause| StartError::Thread { cause };
        let addresses = listeners.iter().map(address_of).collect::<io::Result<_>>();
        let kept = listeners.iter().chain(&admin).map(TcpListener::try_clone);
        let kept = kept.collect::<io::Result<_>>();
        let admin_address = admin.as_ref().map(address_of).transpose().map_err(thread_error)?;
        let (shared, seen) = (Arc::clone(&self.shared), self.seen.clone());
        // The seats end with this thread, and with them the others.
        self.thread("proxy-control", move |runtime| {
            control::run(runtime, shared, listeners, admin, seats, seen);
        })?;
        Ok(Proxy {
            shared: self.shared,
            addresses: addresses.map_err(thread_error)?,
            admin: admin_address,
            listeners: kept.map_err(thread_error)?,
            stage,
            threads: self.threads,
            comparing: Some(self.comparing),
        })
    }

    /// Starts a thread with a runtime of its own.
    fn thread(
        &mut self,
        name: &str,
        work: impl FnOnce(&LocalRuntime) + Send + 'static,
    ) -> Result<(), StartError> {
        let (ready, is_ready) = mpsc::channel();
        let thread =
            std::thread::Builder::new().name(name.to_owned()).spawn(
                move || match worker::runtime() {
                    Ok(runtime) => {
                        let _ = ready.send(Ok(()));
                        work(&runtime);
                    }
                    Err(error) => {
                        let _ = ready.send(Err(error));
                    }
                },
            );
        let started = thread.and_then(|thread| {
            self.threads.push(thread);
            is_ready.recv().unwrap_or_else(|_| Err(io::Error::other("the thread ended")))
        });
        started.map_err(|cause| StartError::Thread { cause })
    }
}
