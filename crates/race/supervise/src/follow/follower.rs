//! The thread that follows: makes a pass whenever something was written, and tells what came.
//!
//! When the sink refuses, reports wait in their files and are offered again, ever more rarely.

use super::watch::{Bell, Watch};
use super::{Collector, Notice, Settled, chain};
use crate::run::{Passing, Voice};
use crate::sink::Sink;
use crate::spool::{Ballast, Change, Folder, SpoolError};
use photofinish_model::Fingerprint;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc as async_mpsc, oneshot};

/// How often it looks even if nothing seems to happen.
const TICK: Duration = Duration::from_millis(200);
/// How often the writers of left-over folders and ended attempts are looked for.
const SETTLE: Duration = Duration::from_secs(1);
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(10);

/// A handle on the thread.
#[derive(Debug)]
pub(crate) struct Follower {
    orders: mpsc::Sender<Order>,
    bell: Bell,
    thread: Option<JoinHandle<()>>,
}

enum Order {
    Starting { attempt: u32, passing: Arc<Passing> },
    Started { attempt: u32, pid: u32 },
    Settle { attempt: u32, reply: oneshot::Sender<Settled> },
    Open { asked: Vec<Fingerprint>, reply: oneshot::Sender<Vec<Fingerprint>> },
    Stop,
}

struct Work {
    sink: Box<dyn Sink>,
    own: Collector,
    left_over: Vec<Collector>,
    orders: mpsc::Receiver<Order>,
    notices: async_mpsc::UnboundedSender<Notice>,
    watch: Watch,
    voice: Voice,
    ballast: Ballast,
    away: Option<Away>,
    settled_at: Option<Instant>,
}

/// The sink refuses.
struct Away {
    retry_at: Instant,
    pause: Duration,
    most_waiting: usize,
}

impl Follower {
    /// Starts following `own`, and what earlier runs left over.
    pub(crate) fn start(
        own: Folder,
        left_over: Vec<Folder>,
        sink: Box<dyn Sink>,
        voice: Voice,
        notices: async_mpsc::UnboundedSender<Notice>,
    ) -> Result<Follower, SpoolError> {
        let path: PathBuf = own.path().to_owned();
        let mut watch = Watch::new().map_err(SpoolError::read(&path))?;
        watch.add(&path);
        left_over.iter().for_each(|folder| watch.add(folder.path()));
        let bell = watch.bell();
        let (orders, inbox) = mpsc::channel();
        let ballast = Ballast::new(path.parent().unwrap_or(&path));
        let left_over =
            left_over.into_iter().map(|folder| Collector::new(folder, true, None)).collect();
        let own = Collector::new(own, false, Some(voice.clone()));
        let work = Work {
            sink,
            own,
            left_over,
            orders: inbox,
            notices,
            watch,
            voice,
            ballast,
            away: None,
            settled_at: None,
        };
        let thread = std::thread::Builder::new().name("follow".to_owned());
        let thread = thread.spawn(move || work.run()).map_err(SpoolError::read(&path))?;
        Ok(Follower { orders, bell, thread: Some(thread) })
    }

    /// A start of the program is to come, whose stderr somebody passes on.
    pub(crate) fn starting(&self, attempt: u32, passing: Arc<Passing>) {
        self.order(Order::Starting { attempt, passing });
    }

    /// The program was started, as this process.
    pub(crate) fn started(&self, attempt: u32, pid: u32) {
        self.order(Order::Started { attempt, pid });
    }

    /// Reads and delivers all that the dead of `attempt` wrote; what could not be delivered is
    /// counted in [`Settled::waiting`].
    pub(crate) async fn settle(&self, attempt: u32) -> Settled {
        let (reply, answer) = oneshot::channel();
        self.order(Order::Settle { attempt, reply });
        answer.await.unwrap_or_default()
    }

    /// Which of the findings nobody has acknowledged yet; written down as what the gate waits for.
    pub(crate) async fn open(&self, asked: Vec<Fingerprint>) -> Vec<Fingerprint> {
        let (reply, answer) = oneshot::channel();
        self.order(Order::Open { asked: asked.clone(), reply });
        answer.await.unwrap_or(asked)
    }

    /// Ends the thread once it has tried to deliver what there is.
    pub(crate) fn stop(mut self) {
        self.order(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }

    fn order(&self, order: Order) {
        let _ = self.orders.send(order);
        self.bell.ring();
    }
}

impl Work {
    fn run(mut self) {
        loop {
            let more = self.pass();
            if self.obey() {
                return self.end();
            }
            if !more {
                self.watch.wait(TICK);
            }
        }
    }

    /// One pass over everything. True if there is more to read at once.
    fn pass(&mut self) -> bool {
        self.voice.wake();
        match self.ballast.check() {
            Some(Change::GivenUp) => {
                self.own.in_need = true;
                self.tell(Notice::DiskFull);
            }
            Some(Change::Back) => {
                self.own.in_need = false;
                self.tell(Notice::DiskBack);
            }
            None => {}
        }
        if self.away.as_ref().is_some_and(|away| Instant::now() < away.retry_at) {
            return false;
        }
        let due = self.settled_at.is_none_or(|at| at.elapsed() >= SETTLE);
        let Work { sink, own, left_over, notices, .. } = self;
        let mut tell = |notice| drop(notices.send(notice));
        let mut waiting = 0;
        let mut result = own.pass(sink.as_mut(), &mut tell).map(|progress| {
            waiting = progress.waiting;
            progress.more
        });
        if due && result.is_ok() {
            let mut earlier = Vec::new();
            let mut tell = |notice| {
                if let Notice::Found(found) = &notice {
                    earlier.push(found.clone());
                }
                tell(notice);
            };
            let mut kept = Vec::new();
            for mut folder in left_over.drain(..) {
                match folder.settle(sink.as_mut(), &mut tell) {
                    Ok(true) => {
                        // What its gate waited for is ours to wait for now.
                        folder.state_mut().gate.clear();
                        folder.close(true);
                    }
                    Ok(false) => kept.push(folder),
                    Err(error) => {
                        kept.push(folder);
                        result = Err(error);
                    }
                }
            }
            *left_over = kept;
            own.add_found(earlier);
            self.settled_at = Some(Instant::now());
        }
        match result {
            Ok(more) => {
                self.back();
                more
            }
            Err(error) => {
                self.refused(chain(&error), waiting);
                false
            }
        }
    }

    fn obey(&mut self) -> bool {
        while let Ok(order) = self.orders.try_recv() {
            match order {
                Order::Starting { attempt, passing } => {
                    self.own.forget_before(attempt);
                    self.own.passed_by(attempt, &passing);
                    self.own.announce(self.sink.as_mut());
                }
                Order::Started { attempt, pid } => {
                    self.own.state_mut().pids.insert(attempt, pid);
                    let notices = self.notices.clone();
                    self.own.save(false, &mut |notice| drop(notices.send(notice)));
                }
                Order::Settle { attempt, reply } => {
                    self.settle();
                    let _ = reply.send(self.own.settled(attempt));
                }
                Order::Open { asked, reply } => {
                    let _ = reply.send(self.open(asked));
                }
                Order::Stop => return true,
            }
        }
        false
    }

    fn settle(&mut self) -> bool {
        let notices = self.notices.clone();
        let mut tell = |notice| drop(notices.send(notice));
        match self.own.settle(self.sink.as_mut(), &mut tell) {
            Ok(empty) => {
                self.back();
                empty
            }
            Err(error) => {
                let waiting = self.own.settled(0).waiting;
                self.refused(chain(&error), waiting);
                false
            }
        }
    }

    fn open(&mut self, asked: Vec<Fingerprint>) -> Vec<Fingerprint> {
        let sink = &mut self.sink;
        // A store that does not answer has acknowledged nothing.
        let open: Vec<Fingerprint> =
            asked.into_iter().filter(|found| !sink.acknowledged(found).unwrap_or(false)).collect();
        let gate: Vec<String> = open.iter().map(|found| found.as_str().to_owned()).collect();
        if self.own.state_mut().gate != gate {
            self.own.state_mut().gate = gate;
            let notices = self.notices.clone();
            self.own.save(true, &mut |notice| drop(notices.send(notice)));
        }
        open
    }

    fn refused(&mut self, cause: String, waiting: usize) {
        let pause = match &self.away {
            Some(away) => (away.pause * 2).min(LAST_RETRY),
            None => {
                self.tell(Notice::StoreAway { cause });
                FIRST_RETRY
            }
        };
        let most_waiting =
            self.away.as_ref().map_or(waiting, |away| away.most_waiting.max(waiting));
        self.away = Some(Away { retry_at: Instant::now() + pause, pause, most_waiting });
    }

    fn back(&mut self) {
        if let Some(away) = self.away.take() {
            self.tell(Notice::StoreBack { waited: away.most_waiting });
        }
    }

    fn end(mut self) {
        let empty = self.settle();
        self.own.close(empty);
        for folder in self.left_over {
            folder.close(false);
        }
    }

    fn tell(&self, notice: Notice) {
        let _ = self.notices.send(notice);
    }
}
