//! From a report in a file to the sink: the key that counts it once, and all that is known of it.

use super::collector::Progress;
use super::tail::{Tail, What};
use super::{Collector, Found, Notice};
use crate::gorace::Copy;
use crate::run::Voice;
use crate::sink::{Delivered, Sighted, Sink, SinkError};
use photofinish_model::{Access, Frame, Race, Stack, short_function, user_frame};
use photofinish_report::Report;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::SystemTime;

impl Collector {
    pub(super) fn deliver(
        &mut self,
        sink: &mut dyn Sink,
        tell: &mut dyn FnMut(Notice),
        progress: &mut Progress,
    ) -> Result<(), SinkError> {
        for tail_idx in 0..self.tails.len() {
            let tail = &self.tails[tail_idx];
            if tail.waiting.is_empty() {
                continue;
            }
            let waiting = tail.waiting.iter();
            let sighted: Vec<Sighted> = waiting
                .map(|(generation, report)| self.sighted(tail, *generation, report))
                .collect();
            let delivered = sink.deliver(&sighted)?;
            let attempt = if self.left_over { 0 } else { tail.what.attempt() };
            self.tails[tail_idx].waiting.clear();
            progress.delivered += sighted.len();
            for (sighted, delivered) in sighted.into_iter().zip(delivered) {
                if !delivered.duplicate {
                    let found = found(attempt, sighted, delivered);
                    tell(Notice::Found(found.clone()));
                    self.found.push(found);
                }
            }
        }
        Ok(())
    }

    fn sighted(&self, tail: &Tail, generation: u32, report: &Report) -> Sighted {
        let manifest = &self.folder.manifest;
        let mut race = report.race.clone();
        race.light |= manifest.light;
        let pid = match tail.what {
            What::Race { pid, .. } => pid,
            What::Stderr { attempt } => {
                self.folder.state.pids.get(&attempt).copied().unwrap_or_default()
            }
        };
        let written = fs::metadata(&tail.path).and_then(|meta| meta.modified());
        Sighted {
            key: format!("{}/{}#{generation}@{}", manifest.run, tail.name, report.range.start),
            race,
            source: manifest.source.clone(),
            service: manifest.service.clone(),
            build: manifest.build.clone(),
            host: manifest.host.clone(),
            pid,
            at: written.unwrap_or_else(|_| SystemTime::now()),
        }
    }
}

/// Puts bytes of a race file where the user's own `log_path` wanted them. At the same offset, so
/// that doing it again after a crash changes nothing.
pub(super) fn copy_bytes(
    copy: &Copy,
    name: &str,
    offset: u64,
    bytes: &[u8],
    voice: Option<&Voice>,
) {
    match (copy, voice) {
        (Copy::Path(base), _) => {
            let pid = name.split('.').nth(2).unwrap_or_default();
            let mut path = base.as_os_str().to_owned();
            path.push(format!(".{pid}"));
            if let Some(folder) = Path::new(&path).parent() {
                let _ = fs::create_dir_all(folder);
            }
            let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
            if let Err(cause) = file.and_then(|file| file.write_all_at(bytes, offset)) {
                tracing::warn!(path = %Path::new(&path).display(), %cause, "cannot copy a report");
            }
        }
        (Copy::Stderr, Some(voice)) => voice.raw(bytes.to_vec()),
        (Copy::Stdout, Some(_)) => {
            use std::io::Write;
            let _ = std::io::stdout().write_all(bytes);
        }
        _ => {}
    }
}

fn found(attempt: u32, sighted: Sighted, delivered: Delivered) -> Found {
    let Race { kind, headline, accesses, partial, .. } = sighted.race;
    let places = accesses.iter().filter_map(|access: &Access| place(&access.stack)).collect();
    Found {
        attempt,
        pid: sighted.pid,
        fingerprint: delivered.fingerprint,
        new: delivered.new,
        regressed: delivered.regressed,
        kind,
        headline,
        places,
        partial,
    }
}

fn place(stack: &Stack) -> Option<String> {
    let frame: &Frame = stack.frames.get(user_frame(stack).unwrap_or(0))?;
    let file = frame.file.as_deref().map(|file| file.rsplit('/').next().unwrap_or(file));
    Some(match (file, frame.line) {
        (Some(file), Some(line)) => format!("{} ({file}:{line})", short_function(&frame.function)),
        _ => short_function(&frame.function),
    })
}
