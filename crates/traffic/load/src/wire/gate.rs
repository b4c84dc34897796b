//! Two futures in one task, each polled only when it was itself woken.
//!
//! An exchange and the connection that carries it wake each other several times a request.
//! Through the runtime each of these wake-ups would poll the whole task once more; measured, that
//! was a tenth of the processor time of a request. Here a wake-up from inside is a flag, and only
//! one from outside (the socket) goes to the runtime.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

/// The wakers of both futures.
pub(crate) struct Gates {
    task: Arc<Task>,
    pub(crate) exchange: Gate,
    pub(crate) driver: Gate,
}

/// The waker of one of them.
pub(crate) struct Gate {
    flag: Arc<Flag>,
    waker: Waker,
}

/// The task that polls both.
#[derive(Default)]
struct Task {
    /// It is polling: whatever is woken now will be seen before it goes to sleep.
    polling: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

struct Flag {
    woken: AtomicBool,
    task: Arc<Task>,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        if !self.task.polling.load(Ordering::Acquire) {
            let waker = self.task.waker.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(waker) = waker.as_ref() {
                waker.wake_by_ref();
            }
        }
    }
}

impl Gate {
    fn new(task: &Arc<Task>) -> Self {
        let flag = Arc::new(Flag { woken: AtomicBool::new(true), task: Arc::clone(task) });
        Self { waker: Waker::from(Arc::clone(&flag)), flag }
    }

    /// The context to poll with, if it was woken since the last time.
    pub(crate) fn woken(&self) -> Option<Context<'_>> {
        self.flag.woken.swap(false, Ordering::AcqRel).then(|| Context::from_waker(&self.waker))
    }

    /// Have it polled next time, whether woken or not.
    pub(crate) fn wake(&self) {
        self.flag.woken.store(true, Ordering::Release);
    }

    fn is_woken(&self) -> bool {
        self.flag.woken.load(Ordering::Acquire)
    }
}

impl Gates {
    pub(crate) fn new() -> Self {
        let task = Arc::new(Task::default());
        Self { exchange: Gate::new(&task), driver: Gate::new(&task), task }
    }

    /// From here until [`Gates::leave`], wake-ups stay inside.
    pub(crate) fn enter(&self, cx: &Context<'_>) {
        let mut waker = self.task.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        drop(waker);
        self.task.polling.store(true, Ordering::Release);
    }

    /// Wake-ups go to the runtime again; says whether there is one that has not been seen.
    pub(crate) fn leave(&self) -> bool {
        self.task.polling.store(false, Ordering::Release);
        self.exchange.is_woken() || self.driver.is_woken()
    }
}
