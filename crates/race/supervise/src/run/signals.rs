//! The signals we are sent, as a stream.

use super::RunError;
use rustix::process::Signal;
use std::future::poll_fn;
use std::task::Poll;
use tokio::signal::unix::{self, SignalKind};

/// What is passed on to the program, besides `SIGCHLD`, which is for us.
const FORWARDED: [Signal; 9] = [
    Signal::TERM,
    Signal::INT,
    Signal::HUP,
    Signal::QUIT,
    Signal::USR1,
    Signal::USR2,
    Signal::WINCH,
    Signal::ALARM,
    Signal::CONT,
];

/// The signals sent to this process.
#[derive(Debug)]
pub(super) struct Signals(Vec<(Signal, unix::Signal)>);

impl Signals {
    /// Listens: to the death of children always, to the rest only when the process is ours.
    pub(super) fn listen(all: bool) -> Result<Signals, RunError> {
        let wanted = FORWARDED.iter().copied().filter(|_| all).chain([Signal::CHILD]);
        let streams =
            wanted.map(|signal| Ok((signal, unix::signal(SignalKind::from_raw(signal.as_raw()))?)));
        let streams: std::io::Result<Vec<_>> = streams.collect();
        Ok(Signals(streams.map_err(RunError::setup("signal handling"))?))
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            for (signal, stream) in &mut self.0 {
                if let Poll::Ready(Some(())) = stream.poll_recv(context) {
                    return Poll::Ready(*signal);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Whether a signal asks for an end.
pub(super) fn asks_to_stop(signal: Signal) -> bool {
    matches!(signal, Signal::TERM | Signal::INT | Signal::QUIT)
}
