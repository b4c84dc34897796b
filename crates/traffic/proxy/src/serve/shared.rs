//! What all threads share: the plan in force, and the figures.

use super::tls::Acceptors;
use crate::canary::{CanaryState, State};
use crate::comparing::Comparer;
use crate::event::{Event, Tell};
use crate::figures::{Caller, CallerFigures, CanaryFigures, MirrorFigures, Status, Variant};
use crate::keeping::Keeper;
use crate::mirror::{self, MirrorState};
use crate::plan::Plan;
use crate::upstream::{Connector, TlsSetup, UpstreamTlsError};
use arc_swap::ArcSwap;
use photofinish_recording::StartError;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What all threads share.
pub(crate) struct Shared {
    live: ArcSwap<Live>,
    /// Changes with `live`: cheaper to look at.
    generation: AtomicU64,
    pub(crate) caller: Arc<Caller>,
    pub(crate) stable: Arc<Variant>,
    pub(crate) canary: Arc<Variant>,
    mirrors: Mutex<BTreeMap<String, mirror::Kept>>,
    pub(crate) clock: Clock,
    pub(crate) draining: AtomicBool,
    pub(crate) tell: Tell,
    pub(crate) comparer: Comparer,
    started: Instant,
}

/// A plan in force.
pub(crate) struct Live {
    pub(crate) generation: u64,
    pub(crate) plan: Plan,
    pub(crate) stable: Connector,
    pub(crate) canary: Option<(Arc<CanaryState>, Connector)>,
    pub(crate) mirrors: Vec<(Arc<MirrorState>, Connector)>,
    pub(crate) acceptors: Acceptors,
    pub(crate) keeper: Option<Arc<Keeper>>,
}

/// Milliseconds since the start, as of the last tick: cheap to read for every read of a socket.
#[derive(Clone, Default)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(crate) fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, millis: u64) {
        self.0.store(millis, Ordering::Relaxed);
    }
}

/// What of a plan cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// TLS to an upstream.
    #[error(transparent)]
    UpstreamTls(#[from] UpstreamTlsError),
    /// The file requests are kept in.
    #[error(transparent)]
    Recording(#[from] photofinish_recording::StartError),
}

impl SetUpError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            SetUpError::UpstreamTls(_) => None,
            SetUpError::Recording(error) => error.hint(),
        }
    }
}

impl Shared {
    /// Everything for `plan`.
    ///
    /// # Errors
    /// Something of the plan cannot be set up.
    pub(crate) fn new(
        plan: Plan,
        acceptors: Acceptors,
        tell: Tell,
        comparer: Comparer,
    ) -> Result<Shared, SetUpError> {
        let mirrors = Mutex::default();
        let live = Live::new(plan, acceptors, None, &mirrors, &tell)?;
        Ok(Shared {
            live: ArcSwap::from_pointee(live),
            generation: AtomicU64::new(0),
            caller: Arc::new(Caller::new()),
            stable: Arc::new(Variant::new()),
            canary: Arc::new(Variant::new()),
            mirrors,
            clock: Clock::default(),
            draining: AtomicBool::new(false),
            tell,
            comparer,
            started: Instant::now(),
        })
    }

    /// The plan in force.
    pub(crate) fn live(&self) -> Arc<Live> {
        self.live.load_full()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Puts another plan in force. Requests under way end by the one they began with.
    ///
    /// # Errors
    /// Something of the plan cannot be set up; nothing has changed then.
    pub(crate) fn reload(&self, plan: Plan, acceptors: Acceptors) -> Result<(), SetUpError> {
        let before = self.live();
        let live = Live::new(plan, acceptors, Some(&before), &self.mirrors, &self.tell)?;
        let generation = live.generation;
        self.live.store(Arc::new(live));
        self.generation.store(generation, Ordering::Release);
        Ok(())
    }

    /// Lets the time that connections are measured by go on.
    pub(crate) fn tick_clock(&self) {
        self.clock.set(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX));
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Everything counted, now.
    pub(crate) fn status(&self) -> Status {
        let live = self.live();
        let (connections, connections_all) = self.caller.connections();
        Status {
            uptime: self.started.elapsed(),
            stable: self.stable.figures(),
            canary: live.canary.as_ref().map(|(state, _)| self.canary_figures(state)),
            mirrors: live.mirrors.iter().map(|(state, _)| mirror_figures(state)).collect(),
            recording: live.keeper.as_ref().map(|keeper| keeper.counts()),
            callers: CallerFigures {
                connections,
                connections_all,
                tunnels: self.caller.tunnels(),
                left: self.caller.all_left(),
                refused: self.caller.refusals(),
                objective: self.caller.objective.times(),
            },
            overhead: self.caller.overhead.times(),
        }
    }

    fn canary_figures(&self, state: &CanaryState) -> CanaryFigures {
        let (standing, ejections) = state.standing();
        CanaryFigures {
            variant: self.canary.figures(),
            breaker: match standing {
                State::Closed => "closed",
                State::Open { .. } => "open",
                State::Ramp { .. } => "ramp",
            },
            ejections,
            share: state.plan.share.as_fraction(),
            share_now: state.share_now().as_fraction(),
        }
    }
}

fn mirror_figures(state: &MirrorState) -> MirrorFigures {
    MirrorFigures {
        name: state.plan.name.clone(),
        variant: state.variant.figures(),
        dropped: state.figures.all_dropped(),
        under_way: state.under_way(),
        compared: state.plan.compare.as_ref().map(|_| state.figures.comparisons()),
    }
}

impl Live {
    fn new(
        plan: Plan,
        acceptors: Acceptors,
        before: Option<&Live>,
        kept: &Mutex<BTreeMap<String, mirror::Kept>>,
        tell: &Tell,
    ) -> Result<Live, SetUpError> {
        let connector = |upstream| -> Result<Connector, UpstreamTlsError> {
            Ok(Connector::new(upstream, TlsSetup::of(upstream)?, plan.timeouts.connect))
        };
        let stable = connector(&plan.stable)?;
        let canary = match &plan.canary {
            Some(canary) => {
                let before =
                    before.and_then(|live| live.canary.as_ref()).map(|(state, _)| &**state);
                let state = CanaryState::new(canary.clone(), before, tell);
                Some((Arc::new(state), connector(&canary.to)?))
            }
            None => None,
        };
        let connectors = plan.mirrors.iter().map(|mirror| connector(&mirror.to));
        let connectors = connectors.collect::<Result<Vec<_>, _>>()?;
        // From here on nothing fails, so a plan that is refused has changed no budget.
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mirrors = plan.mirrors.iter().zip(connectors).map(|(mirror, connector)| {
            let kept = kept.entry(mirror.name.clone()).or_default().clone();
            (Arc::new(MirrorState::new(mirror.clone(), kept)), connector)
        });
        let mirrors = mirrors.collect();
        let generation = before.map_or(0, |live| live.generation + 1);
        let keeper = keeper(&plan, before, tell)?;
        Ok(Live { generation, stable, canary, mirrors, acceptors, keeper, plan })
    }
}

/// What keeps requests in a file: the one before, where the file is the same.
fn keeper(
    plan: &Plan,
    before: Option<&Live>,
    tell: &Tell,
) -> Result<Option<Arc<Keeper>>, SetUpError> {
    let Some(recording) = &plan.recording else { return Ok(None) };
    let before = before.and_then(|live| live.keeper.as_ref());
    if let Some(before) = before.filter(|before| before.plan.file == recording.file) {
        return Ok(Some(Arc::new(before.with_share(recording.share))));
    }
    match Keeper::start(recording.clone()) {
        Ok(keeper) => Ok(Some(Arc::new(keeper))),
        // The proxy that this one takes over from still writes it. Traffic matters more.
        Err(error @ StartError::Busy { .. }) => {
            tell(Event::NotRecorded { why: error.to_string() });
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
