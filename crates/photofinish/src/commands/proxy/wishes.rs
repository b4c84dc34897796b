//! What whoever runs the proxy wants of it: signals, and the proxy after it, as messages.

use std::io::IsTerminal;
use std::sync::mpsc::{Receiver, Sender, channel};
use tokio::signal::unix::{SignalKind, signal};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// SIGHUP: read the configuration again.
    Reload,
    /// SIGTERM or SIGINT, or the terminal it was started on is gone: end.
    End,
    /// Another proxy, this process, has taken the sockets over: end.
    MakeRoom(i32),
}

/// Turns signals into wishes from now on; after `END_AT_ONCE` wishes for an end the process is gone.
pub(super) fn wishes() -> anyhow::Result<(Sender<Wish>, Receiver<Wish>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let inside = runtime.enter();
    let mut hangup = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    drop(inside);
    let had_terminal = std::io::stderr().is_terminal();
    let (tell, wishes) = channel();
    let others = tell.clone();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut ends = 0;
        loop {
            let wish = runtime.block_on(async {
                tokio::select! {
                    // The kernel says so too when a terminal is closed.
                    _ = hangup.recv() => match had_terminal && !std::io::stderr().is_terminal() {
                        true => Wish::End,
                        false => Wish::Reload,
                    },
                    _ = interrupt.recv() => Wish::End,
                    _ = terminate.recv() => Wish::End,
                }
            });
            ends += u32::from(wish == Wish::End);
            if tell.send(wish).is_err() || ends >= END_AT_ONCE {
                std::process::exit(130);
            }
        }
    })?;
    Ok((others, wishes))
}

/// The first asks for a drain, the second cuts it, the third is for a process that does not listen any more.
const END_AT_ONCE: u32 = 3;
