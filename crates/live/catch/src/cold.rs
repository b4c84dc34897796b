//! Cold code: hundreds of sites waited at together, by probes that the kernel plants.
//!
//! Three breakpoints hardly ever meet a write that comes twice a second; a probe waits for it as long as it takes. Code
//! that turns out to be run often is taken out: an arrival costs microseconds, and planting and taking
//! back some milliseconds, which threads of their own wait for (`planter`). What sleeps may wake: a probe that is suddenly reached often gives
//! an alarm. Where the kernel has no such probes, nothing is
//! waited for here. Start at [`Cold::plant`].

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use photofinish_sys::trace::{Probe, ProbeProgram, StopProgram};

use crate::learnt::SiteIdx;
use crate::planter::{Done, Job, work};

/// Probes are planted so many at a time: few at first and after one that was not cold, then twice as many each time, so
/// that few places at a time cost the program much until they are taken back.
const BATCH: (usize, usize) = (6, 48);
/// Once there are so many batches that are as small as the largest divided by this, they are made one: each takes the kernel
/// tens of milliseconds to take back, and if we are killed one comes after the other.
const SMALL: usize = 4;
/// Such a job follows the one before when nobody came often for so long.
const SETTLED: Duration = Duration::from_millis(5);
/// A site reached more often per second is not cold.
const COLD: f64 = 10.0;
/// New probes are looked after as often as this, for so long; old ones each [`SELDOM`].
const OFTEN: Duration = Duration::from_millis(4);
const NEW: Duration = Duration::from_millis(40);
const SELDOM: Duration = Duration::from_millis(500);

/// A site to wait at by a probe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ColdSite {
    pub(crate) site_idx: SiteIdx,
    /// Where it is in the process.
    pub(crate) address: u64,
    /// Where the probe goes, in the file.
    pub(crate) offset: u64,
    /// Its function was seen running; else the probe is where that begins, and nobody is held.
    pub(crate) is_alive: bool,
}

/// All probes of a process.
#[derive(Debug)]
pub(crate) struct Cold {
    jobs: Option<Sender<Job>>,
    done: Receiver<Done>,
    thread: Option<JoinHandle<()>>,
    /// The processor time of that thread, in nanoseconds.
    spent: Arc<AtomicU64>,
    free: Vec<usize>,
    batches: HashMap<usize, Batch>,
    next_batch: usize,
    next_size: usize,
    planted: Instant,
    by_address: HashMap<u64, SiteIdx>,
    waiting: VecDeque<ColdSite>,
    /// Jobs not done yet.
    busy: usize,
    /// Numbers of probes that are being removed, by batch.
    leaving: HashMap<usize, Vec<usize>>,
    looked: Instant,
    /// More may be planted as soon as the kernel is done with what is.
    may_plant: bool,
    is_possible: bool,
}

#[derive(Debug)]
struct Batch {
    sites: Vec<(ColdSite, usize)>,
    /// Since when the probes are there.
    since: Option<Instant>,
    looked: Instant,
}

/// What a look at the probes told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Arrivals at sites, and in which time.
    pub(crate) counted: Vec<(SiteIdx, u64, Duration)>,
    /// Arrivals at probes while they were being taken back.
    pub(crate) late: u64,
    /// Sites that are not waited at any more: they are not cold, or cannot be probed.
    pub(crate) given_up: Vec<SiteIdx>,
}

impl Cold {
    /// Nothing planted yet.
    pub(crate) fn new(pid: u32, stop: &StopProgram) -> Cold {
        let (jobs, received) = channel();
        let (sender, done) = channel();
        let spent = Arc::new(AtomicU64::new(0));
        let program = ProbeProgram::load(pid, stop);
        if let Err(error) = &program {
            tracing::debug!("cold code is not waited for: {error}");
        }
        let spent_there = Arc::clone(&spent);
        let thread = program.ok().and_then(|program| {
            program.in_thread(move |program| work(program, &received, &sender, &spent_there)).ok()
        });
        Cold {
            jobs: Some(jobs),
            done,
            is_possible: thread.is_some(),
            thread,
            spent,
            free: (0..Probe::MOST).rev().collect(),
            batches: HashMap::new(),
            next_batch: 0,
            next_size: BATCH.0,
            planted: Instant::now(),
            by_address: HashMap::new(),
            waiting: VecDeque::new(),
            busy: 0,
            leaving: HashMap::new(),
            looked: Instant::now(),
            may_plant: true,
        }
    }

    /// Whether there are probes at all.
    pub(crate) fn is_possible(&self) -> bool {
        self.is_possible
    }

    /// How many are planted.
    pub(crate) fn n_planted(&self) -> usize {
        let there = self.batches.values().filter(|batch| batch.since.is_some());
        there.map(|batch| batch.sites.len()).sum()
    }

    /// The processor time that planting took.
    pub(crate) fn spent(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Ordering::Relaxed))
    }

    /// The site at this address of the process, if it is waited at.
    pub(crate) fn site_at(&self, address: u64) -> Option<SiteIdx> {
        self.by_address.get(&address).copied()
    }

    /// Whether sites wait to be planted.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Waits at these sites from some time on; at those that are in use before all others.
    pub(crate) fn plant(&mut self, sites: impl IntoIterator<Item = ColdSite>) {
        for site in sites {
            if site.is_alive { self.waiting.push_front(site) } else { self.waiting.push_back(site) }
        }
    }

    /// When [`Self::look`] wants to be called next.
    pub(crate) fn due(&self) -> Instant {
        let is_waiting = self.may_plant && !self.waiting.is_empty() && !self.free.is_empty();
        let soon = self.busy > 0 || is_waiting || self.batches.values().any(Batch::is_new);
        self.looked + if soon { OFTEN } else { SELDOM }
    }

    /// Whether even old probes should be looked after.
    pub(crate) fn is_long_ago(&self) -> bool {
        self.looked.elapsed() >= SELDOM
    }

    /// Counts arrivals, takes out what is hot, plants what waits if `may_plant`. `may_stop` says at which
    /// sites threads are to be held. After an alarm no batch waits until it is due.
    pub(crate) fn look(
        &mut self,
        stop: &StopProgram,
        may_plant: bool,
        mut may_stop: impl FnMut(SiteIdx) -> bool,
    ) -> Told {
        let mut told = Told::default();
        self.looked = Instant::now();
        let is_alarmed = stop.take_alarm();
        self.may_plant = may_plant;
        self.take_done(stop, &mut told, &mut may_stop);
        let numbers: Vec<usize> = self.batches.keys().copied().collect();
        for number in numbers {
            if is_alarmed || self.batches.get(&number).is_some_and(Batch::is_due) {
                self.look_at(number, stop, &mut told, &mut may_stop);
            }
        }
        let n_new = self.waiting.len().min(self.next_size).min(self.free.len());
        if may_plant && n_new > 0 && self.busy == 0 && self.planted.elapsed() >= SETTLED {
            let sites: Vec<ColdSite> = self.waiting.drain(..n_new).collect();
            self.plant_batch(sites);
            self.next_size = (2 * self.next_size).min(BATCH.1);
        } else if may_plant && self.busy == 0 {
            self.merge(stop);
        }
        told
    }

    /// Makes one batch of small ones that have turned out to be cold.
    fn merge(&mut self, stop: &StopProgram) {
        let is_small = |batch: &&Batch| !batch.is_new() && batch.sites.len() <= BATCH.1 / SMALL;
        let mut small: Vec<(usize, usize)> = self
            .batches
            .iter()
            .filter(|(_, batch)| is_small(batch))
            .map(|(number, batch)| (batch.sites.len(), *number))
            .collect();
        small.sort_unstable();
        let mut n_sites = 0;
        small.retain(|(n_more, _)| {
            n_sites += n_more;
            n_sites <= BATCH.1.min(self.free.len())
        });
        if small.len() >= SMALL {
            let sites =
                small.into_iter().flat_map(|(_, number)| self.remove_batch(number, stop)).collect();
            self.plant_batch(sites);
        }
    }

    fn look_at(
        &mut self,
        number: usize,
        stop: &StopProgram,
        told: &mut Told,
        may_stop: &mut impl FnMut(SiteIdx) -> bool,
    ) {
        let Some(batch) = self.batches.get_mut(&number).filter(|batch| batch.since.is_some())
        else {
            return;
        };
        let elapsed = batch.looked.elapsed();
        batch.looked = Instant::now();
        let mut hot = Vec::new();
        for (site, probe) in &batch.sites {
            let arrivals = stop.probe_arrivals(*probe);
            let is_hot = arrivals > 4 && arrivals as f64 > COLD * elapsed.as_secs_f64().max(0.1);
            told.counted.push((site.site_idx, arrivals, elapsed));
            stop.prepare_probe(*probe, !is_hot && site.is_alive && may_stop(site.site_idx));
            if is_hot {
                hot.push(site.site_idx);
            }
        }
        if !hot.is_empty() {
            self.next_size = BATCH.0;
            let sites = self.remove_batch(number, stop);
            let (hot, cold): (Vec<_>, Vec<_>) =
                sites.into_iter().partition(|site| hot.contains(&site.site_idx));
            told.given_up.extend(hot.into_iter().map(|site| site.site_idx));
            self.plant_batch(cold);
        }
    }

    fn plant_batch(&mut self, sites: Vec<ColdSite>) {
        let mut probes = Vec::new();
        let mut batch = Batch { sites: Vec::new(), since: None, looked: Instant::now() };
        for site in sites {
            let Some(number) = self.free.pop() else { break };
            probes.push(Probe { offset: site.offset, number });
            batch.sites.push((site, number));
        }
        if !probes.is_empty() {
            self.batches.insert(self.next_batch, batch);
            self.send(Job::Plant(self.next_batch, probes));
            self.next_batch += 1;
        }
    }

    /// The batch is not waited at any more; its sites.
    fn remove_batch(&mut self, number: usize, stop: &StopProgram) -> Vec<ColdSite> {
        let Some(batch) = self.batches.remove(&number) else { return Vec::new() };
        for (site, probe) in &batch.sites {
            stop.prepare_probe(*probe, false);
            stop.silence_probe(*probe);
            if site.is_alive {
                self.by_address.remove(&site.address);
            }
        }
        self.send(Job::Remove(number));
        let numbers = batch.sites.iter().map(|(_, probe)| *probe).collect();
        self.leaving.insert(number, numbers);
        batch.sites.into_iter().map(|(site, _)| site).collect()
    }

    fn take_done(
        &mut self,
        stop: &StopProgram,
        told: &mut Told,
        may_stop: &mut impl FnMut(SiteIdx) -> bool,
    ) {
        while let Ok(done) = self.done.try_recv() {
            self.busy = self.busy.saturating_sub(1);
            let Some(refused) = done.refused else {
                let numbers = self.leaving.remove(&done.batch).unwrap_or_default();
                told.late += numbers.iter().map(|number| stop.probe_arrivals(*number)).sum::<u64>();
                self.free.extend(numbers);
                continue;
            };
            let Some(batch) = self.batches.get_mut(&done.batch) else { continue };
            batch.since = Some(Instant::now());
            self.planted = Instant::now();
            batch.looked = Instant::now();
            batch.sites.retain(|(site, number)| {
                let is_refused = refused.contains(number);
                if is_refused {
                    told.given_up.push(site.site_idx);
                }
                !is_refused
            });
            for (site, number) in &batch.sites {
                stop.probe_arrivals(*number);
                stop.prepare_probe(*number, site.is_alive && may_stop(site.site_idx));
                if site.is_alive {
                    self.by_address.insert(site.address, site.site_idx);
                }
            }
        }
    }

    /// Takes all probes back; done when [`Self::is_closed`] says so.
    pub(crate) fn close(&mut self) {
        self.jobs = None;
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn send(&mut self, job: Job) {
        if self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok()) {
            self.busy += 1;
        }
    }
}

impl Batch {
    fn is_due(&self) -> bool {
        let every = if self.is_new() { OFTEN } else { SELDOM };
        self.since.is_some() && self.looked.elapsed() >= every
    }

    /// Or not there yet.
    fn is_new(&self) -> bool {
        self.since.is_none_or(|since| since.elapsed() < NEW)
    }
}
