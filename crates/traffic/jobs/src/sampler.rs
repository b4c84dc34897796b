//! The loop: a step, and now and then a look at how the queues stand.
//!
//! A broker that goes away is waited for: nothing is lost meanwhile, since a step happened whole or not
//! at all. Start at [`sample`].

use crate::broker::{Broker, HandedBack, Look, Undone};
use crate::error::JobsError;
use crate::gate::Gate;
use crate::nats::Nats;
use crate::plan::{Kind, Plan};
use crate::rabbitmq::Rabbit;
use crate::redis::{Asynq, Lists, Streams};
use crate::river::River;
use std::pin::pin;
use std::time::{Duration, Instant};

/// How often it is looked how the queues stand.
const LOOK: Duration = Duration::from_millis(500);

/// How long a broker that is away is left alone: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A sampler that said nothing for so long is over.
const SILENT: Duration = Duration::from_secs(3);

/// Something a person may want to know.
#[derive(Debug)]
pub enum Event {
    /// The broker is ready, sampling begins.
    Ready,
    /// The race build's workers get jobs again, or not any more.
    Mode(&'static str),
    /// Jobs went back to the normal workers.
    HandedBack(HandedBack),
    /// The broker went away; it is asked again until it is back.
    Away(JobsError),
    /// It is back.
    Back,
}

/// What one run of the sampler did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Jobs sent to a side by this run; 0 where jobs do not pass through us.
    pub moved: u64,
    /// What went back.
    pub handed_back: HandedBack,
}

/// Does one thing with the broker of a plan, whichever it is.
macro_rules! with_broker {
    ($plan:expr, |$broker:ident| $body:expr) => {
        match $plan.kind {
            Kind::RedisLists { push } => {
                let $broker = Lists::open($plan, push).await?;
                $body
            }
            Kind::RedisStreams => {
                let $broker = Streams::open($plan).await?;
                $body
            }
            Kind::Nats => {
                let $broker = Nats::open($plan).await?;
                $body
            }
            Kind::RabbitMq { prefetch } => {
                let $broker = Rabbit::open($plan, prefetch).await?;
                $body
            }
            Kind::Asynq => {
                let $broker = Asynq::open($plan).await?;
                $body
            }
            Kind::River => {
                let $broker = River::open($plan).await?;
                $body
            }
        }
    };
}

/// Samples until `stop` is over, and returns after the step that is under way. With `hand_back`, what
/// waits for the race build's workers then goes to the normal ones.
///
/// # Errors
/// A plan that makes no sense, or a broker that cannot be reached or refuses at the start; later it is
/// waited for.
pub async fn sample(
    plan: &Plan,
    stop: impl Future<Output = ()>,
    hand_back: bool,
    mut tell: impl FnMut(Event),
) -> Result<Summary, JobsError> {
    plan.check()?;
    with_broker!(plan, |broker| run(broker, plan, stop, hand_back, &mut tell).await)
}

/// How the queues of a plan stand, whether or not anybody samples.
///
/// # Errors
/// As [`sample`].
pub async fn status(plan: &Plan) -> Result<Look, JobsError> {
    plan.check()?;
    with_broker!(plan, |broker| {
        let mut broker = broker;
        broker.look(true).await
    })
}

/// Puts the broker back as it was: what waits goes back to the source, and what was made for sampling
/// is removed. Samplers must not run meanwhile.
///
/// # Errors
/// As [`sample`], and when a sampler runs.
pub async fn undo(plan: &Plan) -> Result<Undone, JobsError> {
    plan.check()?;
    with_broker!(plan, |broker| {
        let mut broker = broker;
        let look = broker.look(false).await?;
        if look.beat.is_some_and(|beat| beat < SILENT) && look.mode.as_deref() != Some(ENDED) {
            return Err(JobsError::Unsuited {
                broker: plan.kind.word(),
                place: plan.place(),
                problem: "has a sampler that runs, which would undo the undoing",
                hint: "end it first (SIGTERM); one that was killed is forgotten after 3 s",
            });
        }
        broker.undo().await
    })
}

/// The mode of a queue whose sampler ended in good order.
const ENDED: &str = "ended";

async fn run<B: Broker>(
    mut broker: B,
    plan: &Plan,
    stop: impl Future<Output = ()>,
    hand_back: bool,
    tell: &mut impl FnMut(Event),
) -> Result<Summary, JobsError> {
    let mut stop = pin!(stop);
    broker.prepare().await?;
    tell(Event::Ready);
    let mut summary = Summary::default();
    let mut gate = Gate::new(plan.every, plan.limits, Instant::now());
    let mut next_look = Instant::now();
    let mut pause: Option<Duration> = None;
    loop {
        let outcome = turn(&mut broker, &mut gate, &mut next_look, &mut summary, tell).await;
        let wait = match outcome {
            Ok(idle) => {
                if pause.take().is_some() {
                    tell(Event::Back);
                }
                if idle { B::IDLE } else { Duration::ZERO }
            }
            Err(error) if error.may_pass() => {
                let longer = pause.map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE));
                if pause.replace(longer).is_none() {
                    tell(Event::Away(error));
                }
                longer
            }
            Err(error) => return Err(error),
        };
        let over = tokio::select! {
            biased;
            () = &mut stop => true,
            () = tokio::time::sleep(wait) => false,
        };
        if over {
            break;
        }
    }
    end(&mut broker, &gate, hand_back, &mut summary).await?;
    Ok(summary)
}

/// One step, and a look when it is time for one; `true` when there was nothing to do.
async fn turn<B: Broker>(
    broker: &mut B,
    gate: &mut Gate,
    next_look: &mut Instant,
    summary: &mut Summary,
    tell: &mut impl FnMut(Event),
) -> Result<bool, JobsError> {
    let looks = Instant::now() >= *next_look;
    if looks {
        let look = broker.look(false).await?;
        if gate.see(&look, Instant::now()) {
            tell(Event::Mode(gate.mode()));
        }
        *next_look = Instant::now() + LOOK;
    }
    let moved = broker.step(gate.wish()).await?;
    if looks {
        // After the step, so that nothing more follows what goes back.
        let back = broker.hand_back(gate.hand_back()).await?;
        summary.handed_back.add(back);
        if back.total() > 0 {
            tell(Event::HandedBack(back));
        }
    }
    summary.moved += moved;
    Ok(moved == 0)
}

/// Leaves the broker so that everybody sees that nobody samples.
async fn end<B: Broker>(
    broker: &mut B,
    gate: &Gate,
    hand_back: bool,
    summary: &mut Summary,
) -> Result<(), JobsError> {
    // One that is away just now is left as it is: its lease ends, or the next sampler goes on.
    let left = broker.leave(ENDED).await;
    if !hand_back {
        return Ok(());
    }
    left?;
    loop {
        let back = broker.hand_back(gate.all()).await?;
        summary.handed_back.add(back);
        if back.total() == 0 {
            break;
        }
    }
    Ok(())
}
