//! The threads that plant probes and take them back, since either means to wait for the kernel.
//!
//! Each batch is taken back by itself, so that hot code is not kept waiting by other batches. No thread ends while any probe is planted: it
//! could be the last that has the links open ([`ProbeProgram::in_thread`] says why that matters). Start at [`work`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, Scope};

use photofinish_sys::trace::{Planted, Probe, ProbeProgram, thread_cpu_time};

/// What is to be done, and with the batch of which number.
pub(crate) enum Job {
    Plant(usize, Vec<Probe>),
    Remove(usize),
}

/// Of a batch that was planted, what could not be; of one that was removed, nothing.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) batch: usize,
    pub(crate) refused: Option<Vec<usize>>,
}

/// Does all `jobs`; when there can be no more, takes back what is planted. `spent` is the processor time, in nanoseconds.
pub(crate) fn work(
    program: &ProbeProgram,
    jobs: &Receiver<Job>,
    done: &Sender<Done>,
    spent: &AtomicU64,
) {
    let mut planted: HashMap<usize, Vec<Planted>> = HashMap::new();
    let take_back = |batch: usize, links: Vec<Planted>| {
        counted(spent, || drop(links));
        let _ = done.send(Done { batch, refused: None });
    };
    std::thread::scope(|scope| {
        let mut takers = Takers::new(scope, &take_back);
        for job in jobs {
            match job {
                Job::Plant(batch, probes) => {
                    let mut refused = Vec::new();
                    let all = planted.entry(batch).or_default();
                    counted(spent, || plant(program, &probes, all, &mut refused));
                    let _ = done.send(Done { batch, refused: Some(refused) });
                }
                Job::Remove(batch) => {
                    takers.take_back(batch, planted.remove(&batch).unwrap_or_default());
                }
            }
        }
        for (batch, links) in planted.drain() {
            takers.take_back(batch, links);
        }
        takers.wait();
    });
}

/// A batch and its probes.
type Batch = (usize, Vec<Planted>);

/// Threads that take batches back, as many as were ever needed at a time.
struct Takers<'scope, 'env, F> {
    scope: &'scope Scope<'scope, 'env>,
    take_back: &'env F,
    threads: Vec<Sender<Batch>>,
    idle: Vec<usize>,
    /// The number of each thread that has done its work.
    finished: (Sender<usize>, Receiver<usize>),
}

impl<'scope, 'env, F: Fn(usize, Vec<Planted>) + Sync> Takers<'scope, 'env, F> {
    fn new(scope: &'scope Scope<'scope, 'env>, take_back: &'env F) -> Self {
        Takers { scope, take_back, threads: Vec::new(), idle: Vec::new(), finished: channel() }
    }

    fn take_back(&mut self, batch: usize, links: Vec<Planted>) {
        self.idle.extend(self.finished.1.try_iter());
        let idle = self.idle.pop().or_else(|| self.start());
        match idle.and_then(|number| self.threads.get(number)) {
            // Where it cannot be sent, it is dropped here, which takes the probes back as well.
            Some(thread) => _ = thread.send((batch, links)),
            None => (self.take_back)(batch, links),
        }
    }

    fn start(&mut self) -> Option<usize> {
        let (sender, batches) = channel::<Batch>();
        let (number, finished, take_back) =
            (self.threads.len(), self.finished.0.clone(), self.take_back);
        let work = move || {
            for (batch, links) in batches {
                take_back(batch, links);
                let _ = finished.send(number);
            }
        };
        Builder::new().name("take back".to_owned()).spawn_scoped(self.scope, work).ok()?;
        self.threads.push(sender);
        Some(number)
    }

    /// Returns when nothing is being taken back any more.
    fn wait(mut self) {
        while self.idle.len() < self.threads.len() {
            self.idle.extend(self.finished.1.recv());
        }
    }
}

/// Adds the processor time of `work`.
fn counted(spent: &AtomicU64, work: impl FnOnce()) {
    let before = thread_cpu_time();
    work();
    let time = thread_cpu_time().saturating_sub(before);
    spent.fetch_add(time.as_nanos().try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// Plants all of them; where one is refused, halves, down to the one.
fn plant(
    program: &ProbeProgram,
    probes: &[Probe],
    planted: &mut Vec<Planted>,
    refused: &mut Vec<usize>,
) {
    match program.plant(probes) {
        Ok(link) => planted.push(link),
        Err(error) if probes.len() <= 1 => {
            tracing::debug!("a probe is refused: {error:?}");
            refused.extend(probes.iter().map(|probe| probe.number));
        }
        Err(_) => {
            let (first, second) = probes.split_at(probes.len() / 2);
            plant(program, first, planted, refused);
            plant(program, second, planted, refused);
        }
    }
}
