//! Our stderr: the program's own bytes, untouched, and our talk between its lines.
//!
//! A thread of its own, since a terminal or a log shipper may stop reading for as long as it
//! likes, and neither signals nor reports shall wait for it. The program never does: it writes
//! into a file.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// How long talk waits for the program to end its line.
const PATIENCE: Duration = Duration::from_millis(200);
const CHUNK: usize = 256 << 10;

/// A handle on the thread that writes to our stderr. Clones speak through the same thread.
#[derive(Clone, Debug)]
pub struct Voice {
    messages: mpsc::Sender<Message>,
    woken: Arc<AtomicBool>,
}

/// How far a file has been passed on, known to who passes it on and to who reclaims it.
#[derive(Debug, Default)]
pub(crate) struct Passing {
    /// Every byte before this one came out of our stderr.
    pub(crate) passed: AtomicU64,
    /// Every byte before this one may be gone from the file.
    pub(crate) reclaimed: AtomicU64,
}

#[derive(Debug)]
enum Message {
    Say(String),
    Raw(Vec<u8>),
    Follow { file: File, passing: Arc<Passing> },
    Wake,
    Flush(mpsc::Sender<()>),
}

struct Mouth {
    out: Option<File>,
    messages: mpsc::Receiver<Message>,
    woken: Arc<AtomicBool>,
    streams: Vec<(File, Arc<Passing>)>,
    talk: Vec<(Instant, String)>,
    line_open: bool,
    buffer: Vec<u8>,
}

impl Voice {
    /// Speaks into `out`, or to nobody (then what the program prints to stderr is only searched
    /// for reports).
    pub fn new(out: Option<File>) -> std::io::Result<Voice> {
        let (messages, inbox) = mpsc::channel();
        let woken = Arc::new(AtomicBool::new(false));
        let mouth = Mouth {
            out,
            messages: inbox,
            woken: woken.clone(),
            streams: Vec::new(),
            talk: Vec::new(),
            line_open: false,
            buffer: vec![0; CHUNK],
        };
        std::thread::Builder::new().name("stderr".to_owned()).spawn(move || mouth.run())?;
        Ok(Voice { messages, woken })
    }

    /// Says one line, between two lines of the program.
    pub fn say(&self, line: impl Into<String>) {
        let _ = self.messages.send(Message::Say(line.into()));
    }

    /// Waits until all that was said and printed is out, or nothing moves for `patience`.
    pub fn flush(&self, patience: Duration) {
        let (done, wait) = mpsc::channel();
        let _ = self.messages.send(Message::Flush(done));
        let _ = wait.recv_timeout(patience);
    }

    /// Bytes to be passed on as they are.
    pub(crate) fn raw(&self, bytes: Vec<u8>) {
        let _ = self.messages.send(Message::Raw(bytes));
    }

    /// Passes on what is written to the file at `path`, from its beginning, and counts it.
    pub(crate) fn follow(&self, path: &Path) -> std::io::Result<Arc<Passing>> {
        let passing = Arc::new(Passing::default());
        let file = File::open(path)?;
        let _ = self.messages.send(Message::Follow { file, passing: passing.clone() });
        Ok(passing)
    }

    /// Something may have been written.
    pub(crate) fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            let _ = self.messages.send(Message::Wake);
        }
    }
}

impl Mouth {
    fn run(mut self) {
        loop {
            let pause = if self.talk.is_empty() { Duration::from_millis(500) } else { PATIENCE };
            let mut flushed = Vec::new();
            let first = match self.messages.recv_timeout(pause) {
                Ok(message) => Some(message),
                Err(mpsc::RecvTimeoutError::Timeout) => None,
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            };
            self.woken.store(false, Ordering::Release);
            let rest: Vec<Message> = first.into_iter().chain(self.messages.try_iter()).collect();
            for message in rest {
                match message {
                    Message::Say(line) => self.talk.push((Instant::now(), line)),
                    Message::Raw(bytes) => self.write(&bytes),
                    Message::Follow { file, passing } => self.streams.push((file, passing)),
                    Message::Wake => {}
                    Message::Flush(done) => flushed.push(done),
                }
            }
            self.pass();
            self.speak(!flushed.is_empty());
            for done in flushed {
                let _ = done.send(());
            }
        }
    }

    fn pass(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        let streams = std::mem::take(&mut self.streams);
        for (file, passing) in &streams {
            let mut at = passing.passed.load(Ordering::Acquire);
            loop {
                let gone = passing.reclaimed.load(Ordering::Acquire);
                if gone > at {
                    let n = gone - at;
                    self.say(format!("warning: {n} bytes of stderr left out, nobody read them"));
                    at = gone;
                }
                let Ok(n @ 1..) = file.read_at(&mut buffer, at) else { break };
                if passing.reclaimed.load(Ordering::Acquire) > at {
                    continue;
                }
                self.write(&buffer[..n]);
                at += n as u64;
                passing.passed.store(at, Ordering::Release);
                self.speak(false);
            }
        }
        self.streams = streams;
        self.buffer = buffer;
        // One that only we hold on to can grow no more: it was removed.
        self.streams.retain(|(_, passing)| Arc::strong_count(passing) > 1);
    }

    fn say(&mut self, line: String) {
        self.talk.push((Instant::now(), line));
        self.speak(true);
    }

    fn speak(&mut self, now: bool) {
        while let Some((since, _)) = self.talk.first() {
            if self.line_open {
                if !now && since.elapsed() < PATIENCE {
                    return;
                }
                self.write(b"\n");
            }
            let (_, line) = self.talk.remove(0);
            self.write(format!("photofinish: {line}\n").as_bytes());
        }
    }

    /// Writes all of it, or finds out that nobody reads.
    fn write(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last() {
            self.line_open = *last != b'\n';
        }
        if let Some(out) = &mut self.out
            && out.write_all(bytes).is_err()
        {
            self.out = None;
        }
    }
}
