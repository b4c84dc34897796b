//! Comparing answers, away from the threads that move requests.
//!
//! A copy's answer and the primary's are queued for one thread, which compares them, learns what is
//! noise, and tells what is not. When it falls behind, pairs are dropped and counted: nobody waits for it.

use crate::compare::{Answer, Comparison, Differing, Learner, Route, Rules, Values, compare};
use crate::forward::Head;
use crate::mirror::MirrorState;
use http::Method;
use http::uri::PathAndQuery;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Pairs that wait to be compared.
const QUEUE: usize = 256;

/// Told of every difference between a mirror's answer and the primary's that means something: the
/// mirror's name, the difference, and whether its values may be shown.
pub type TellDifference = Box<dyn Fn(&str, &Differing, Values) + Send>;

/// Two answers to one request.
pub(crate) struct Pair {
    pub(crate) mirror: Arc<MirrorState>,
    pub(crate) primary: Answer,
    pub(crate) answer: Answer,
}

/// What was asked for.
pub(crate) struct Asked {
    method: Method,
    target: PathAndQuery,
}

struct Job {
    asked: Asked,
    pair: Pair,
}

impl Asked {
    pub(crate) fn of(head: &Head) -> Asked {
        Asked { method: head.method.clone(), target: head.target.clone() }
    }
}

/// Where pairs go.
#[derive(Clone)]
pub(crate) struct Comparer(SyncSender<Option<Job>>);

impl Comparer {
    /// Starts the thread.
    pub(crate) fn start(tell: TellDifference) -> std::io::Result<(Comparer, JoinHandle<()>)> {
        let (sender, jobs) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("proxy-compare".to_owned())
            .spawn(move || run(&jobs, &tell))?;
        Ok((Comparer(sender), thread))
    }

    /// Has a pair compared, if there is room for it.
    pub(crate) fn offer(&self, asked: Asked, pair: Pair) {
        let wants = |rules: &Rules| rules.wants(asked.method.as_str(), asked.target.path());
        if !pair.rules().is_some_and(wants) {
            return;
        }
        let mirror = Arc::clone(&pair.mirror);
        if self.0.try_send(Some(Job { asked, pair })).is_err() {
            mirror.figures.not_compared();
        }
    }

    /// Ends the thread once it has compared what waits.
    pub(crate) fn stop(&self) {
        // It has ended already otherwise.
        let _ = self.0.send(None);
    }
}

impl Pair {
    fn rules(&self) -> Option<&Rules> {
        self.mirror.plan.compare.as_ref().map(|compare| &compare.rules)
    }
}

fn run(jobs: &Receiver<Option<Job>>, tell: &TellDifference) {
    let mut learners: HashMap<String, Learner> = HashMap::new();
    while let Ok(Some(job)) = jobs.recv() {
        let name = job.pair.mirror.plan.name.clone();
        let learner = learners.entry(name).or_default();
        look(&job, learner, tell);
    }
}

fn look(job: &Job, learner: &mut Learner, tell: &TellDifference) {
    let Pair { mirror, primary, answer } = &job.pair;
    let Some(rules) = job.pair.rules() else { return };
    let comparison = compare(rules, primary, answer);
    match &comparison {
        Comparison::Same => mirror.figures.compared(true),
        Comparison::Different(_) => mirror.figures.compared(false),
        Comparison::Skipped(_) => mirror.figures.not_compared(),
    }
    let Asked { method, target } = &job.asked;
    let route = Route::of(method.as_str(), target.path());
    let request = format!("{method} {target}");
    for differing in learner.note(rules, &route, &request, (primary, answer), &comparison) {
        tell(&mirror.plan.name, &differing, rules.values());
    }
    let figures = learner.figures();
    mirror.figures.learned(figures.told, figures.noisy);
}
