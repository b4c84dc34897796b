//! The loop: a step, and now and then a look at how the queues stand.
//!
//! A broker that goes away is waited for: nothing is lost meanwhile, since a step happened whole or not
//! at all. Start at [`sample`].

use crate::broker::{Broker, HandedBack, InFlight, Look, Pace, Undone, When};
use crate::error::JobsError;
use crate::gate::Gate;
use crate::nats::Nats;
use crate::plan::{Kind, Plan};
use crate::rabbitmq::Rabbit;
use crate::redis::{Asynq, Lists, Streams};
use crate::rest::Rest;
use crate::river::River;
use crate::sqlite::Sqlite;
use std::pin::pin;
use std::time::{Duration, Instant, SystemTime};

/// How often it is looked how the queues stand.
const LOOK: Duration = Duration::from_millis(500);

/// How often it is asked how long jobs take.
const PACE: Duration = Duration::from_secs(30);

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
    /// A step sent jobs to their sides.
    Moved {
        /// How many.
        jobs: u64,
        /// How long the broker took.
        took: Duration,
    },
    /// The broker went away, or refuses for another reason than before; it is asked again until it is back.
    Away(JobsError),
    /// It is back.
    Back,
}

/// Race-built workers that somebody looks after.
pub trait Workers {
    /// Hears how the queues stand, twice a second; returns how many workers can take jobs, none where
    /// nobody knows. Waits for nothing.
    fn follow(&mut self, look: &Look) -> Option<usize>;

    /// Hears, now and then, how long jobs took lately.
    fn paced(&mut self, pace: Pace) {
        let _ = pace;
    }

    /// Ends them, and returns when they have. Called once nothing more is sent to them, and before what
    /// still waits for them goes back.
    fn stop(&mut self);
}

/// Workers that look after themselves.
impl Workers for () {
    fn follow(&mut self, _look: &Look) -> Option<usize> {
        None
    }

    fn stop(&mut self) {}
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
            Kind::Sqlite => {
                let $broker = Sqlite::open($plan).await?;
                $body
            }
        }
    };
}

/// Samples until `stop` is over, and returns after the step that is under way, once `workers` have ended.
/// With `hand_back`, what waits for the race build's workers then goes to the normal ones.
///
/// # Errors
/// A plan that makes no sense, or a broker that cannot be reached or refuses at the start; later it is
/// waited for.
pub async fn sample(
    plan: &Plan,
    stop: impl Future<Output = ()>,
    hand_back: bool,
    workers: &mut dyn Workers,
    mut tell: impl FnMut(Event),
) -> Result<Summary, JobsError> {
    plan.check()?;
    with_broker!(plan, |broker| run(broker, plan, stop, hand_back, workers, &mut tell).await)
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

/// The jobs that workers of the race queue were at when one of them, the process `pid`, printed something at
/// `at`, give or take `slack`: its own, where the broker knows who had which, else all of them; none where
/// it cannot tell.
///
/// # Errors
/// As [`sample`].
pub async fn in_flight(
    plan: &Plan,
    pid: u32,
    at: SystemTime,
    slack: Duration,
) -> Result<Vec<InFlight>, JobsError> {
    plan.check()?;
    let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let when = When { at: i64::try_from(at).unwrap_or(i64::MAX), slack };
    let mut jobs = with_broker!(plan, |broker| {
        let mut broker = broker;
        broker.in_flight(when).await?
    });
    let own = format!(":{pid}");
    let is_own = |job: &InFlight| job.worker.as_ref().is_some_and(|worker| worker.ends_with(&own));
    if jobs.iter().any(is_own) {
        jobs.retain(is_own);
    }
    Ok(jobs)
}

/// How long jobs took lately, where the broker keeps it.
///
/// # Errors
/// As [`sample`].
pub async fn pace(plan: &Plan) -> Result<Option<Pace>, JobsError> {
    plan.check()?;
    with_broker!(plan, |broker| {
        let mut broker = broker;
        broker.pace().await
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
    workers: &mut dyn Workers,
    tell: &mut impl FnMut(Event),
) -> Result<Summary, JobsError> {
    let mut stop = pin!(stop);
    broker.prepare().await?;
    tell(Event::Ready);
    let mut summary = Summary::default();
    let mut gate = Gate::new(plan.every, plan.limits, Instant::now());
    let mut next_look = Instant::now();
    let mut next_pace = Instant::now() + PACE;
    let mut pause: Option<Duration> = None;
    let mut rest = Rest::new();
    // Why the broker is away, as far as it was told: one that comes back may refuse for another reason.
    let mut told: Vec<String> = Vec::new();
    loop {
        let outcome =
            turn(&mut broker, &mut gate, workers, &mut next_look, &mut summary, tell).await;
        if outcome.is_ok() && Instant::now() >= next_pace {
            next_pace = Instant::now() + PACE;
            // What it says is of use, and not needed.
            if let Ok(Some(pace)) = broker.pace().await {
                workers.paced(pace);
            }
        }
        let (idle, away) = match outcome {
            Ok(idle) => {
                if pause.take().is_some() {
                    told.clear();
                    tell(Event::Back);
                }
                (idle, None)
            }
            Err(error) if error.may_pass() => {
                let longer = pause.map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE));
                pause = Some(longer);
                let why = said(&error);
                if !told.contains(&why) {
                    told.push(why);
                    tell(Event::Away(error));
                }
                (true, Some(longer))
            }
            Err(error) => return Err(error),
        };
        let over = tokio::select! {
            biased;
            () = &mut stop => true,
            () = async {
                match away {
                    Some(longer) => tokio::time::sleep(longer).await,
                    None => {
                        let most = next_look.saturating_duration_since(Instant::now());
                        rest.after(&mut broker, idle, most).await;
                    }
                }
            } => false,
        };
        if over {
            break;
        }
    }
    end(&mut broker, &gate, workers, hand_back, &mut summary).await?;
    Ok(summary)
}

/// An error and why it came to be, in words.
fn said(error: &JobsError) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    format!("{error}: {}", cause.unwrap_or_default())
}

/// One step, and a look when it is time for one; `true` when there was nothing to do.
async fn turn<B: Broker>(
    broker: &mut B,
    gate: &mut Gate,
    workers: &mut dyn Workers,
    next_look: &mut Instant,
    summary: &mut Summary,
    tell: &mut impl FnMut(Event),
) -> Result<bool, JobsError> {
    let looks = Instant::now() >= *next_look;
    if looks {
        let look = broker.look(false).await?;
        let nobody = workers.follow(&look) == Some(0);
        if gate.see(&look, nobody, Instant::now()) {
            tell(Event::Mode(gate.mode()));
        }
        *next_look = Instant::now() + LOOK;
    }
    let began = Instant::now();
    let moved = broker.step(gate.wish()).await?;
    if moved > 0 {
        tell(Event::Moved { jobs: moved, took: began.elapsed() });
    }
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
    workers: &mut dyn Workers,
    hand_back: bool,
    summary: &mut Summary,
) -> Result<(), JobsError> {
    // One that is away just now is left as it is: its lease ends, or the next sampler goes on.
    let left = broker.leave(ENDED).await;
    workers.stop();
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
