//! Planned copies are made: as many as the sequences of the streams say are left.
//!
//! All are sent at once, each with the sequence it must follow; one that is refused takes those behind it
//! with it, and then the streams are asked how far it went. Making them twice at the same time, by two
//! samplers, gives the same as once. Start at [`Nats::settle`].

use super::line::Question;
use super::message::{Copy, Stored};
use super::{NO_MESSAGE, Nats, WRONG_SEQUENCE};
use crate::error::JobsError;
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A plan that was written so long ago and is not done has nobody who is at it.
const ABANDONED: Duration = Duration::from_secs(10);

/// What became of a round of copies.
#[derive(Default)]
struct Round {
    refused: bool,
    /// Their `Nats-Msg-Id` is in the stream already, by an earlier job of the same id.
    duplicates: HashSet<u64>,
    error: Option<JobsError>,
}

impl Nats {
    /// Makes what is left of the copies in the ledger, of which `known` has the contents so far; `false`
    /// when another sampler went on meanwhile.
    pub(super) async fn settle(
        &mut self,
        mut known: HashMap<u64, Stored>,
    ) -> Result<bool, JobsError> {
        let is_fresh = !known.is_empty();
        let (mut ledger, mut at) = self.ledger().await?;
        let mut lasts = match is_fresh {
            true => (ledger.work.main_at, ledger.work.race_at),
            false => self.last_sequences().await?,
        };
        let mut duplicates = HashSet::new();
        loop {
            let left = ledger.work.left(lasts.0, lasts.1);
            if left.is_empty() {
                break;
            }
            let gone = self.fill(&left, ledger.work.back, &mut known).await?;
            if !gone.is_empty() {
                // Copied meanwhile by another sampler, and removed.
                let now = self.last_sequences().await?;
                if now != lasts {
                    lasts = now;
                    continue;
                }
                // Or expired before anybody copied it; unless a sampler lives that has read it.
                if self.last_written().await?.is_none_or(|since| since < ABANDONED) {
                    self.standing_by = Some((at, Instant::now()));
                    return Ok(false);
                }
                let jobs = left.iter().map(|(job, _)| *job).filter(|job| !gone.contains(&job.seq));
                ledger.work.jobs = jobs.collect();
                (ledger.work.main_at, ledger.work.race_at) = lasts;
                if !self.write(ledger.clone(), at).await? {
                    return Ok(false);
                }
                at += 1;
                continue;
            }
            let round = self.copy(&left, ledger.work.back, &known, &duplicates).await?;
            if !round.refused {
                break;
            }
            let now = self.last_sequences().await?;
            let is_stuck = now == lasts && round.duplicates.is_subset(&duplicates);
            if is_stuck {
                let odd =
                    || self.line.failed("copy jobs", "the streams are written to by others".into());
                return Err(round.error.unwrap_or_else(odd));
            }
            lasts = now;
            duplicates.extend(round.duplicates);
        }
        self.remove(&ledger).await?;
        self.settled = true;
        Ok(true)
    }

    /// The contents of all that is left; returns what is no longer there.
    async fn fill(
        &mut self,
        left: &[(super::Job, u64)],
        back: bool,
        known: &mut HashMap<u64, Stored>,
    ) -> Result<HashSet<u64>, JobsError> {
        let from = if back { self.race.clone() } else { self.source.clone() };
        let seqs = left.iter().map(|(job, _)| job.seq).filter(|seq| !known.contains_key(seq));
        let seqs: Vec<u64> = seqs.collect();
        if seqs.is_empty() {
            return Ok(HashSet::new());
        }
        let found = self.get_all(&from, &seqs).await?;
        known.extend(found.into_iter().flatten().map(|job| (job.seq, job)));
        Ok(seqs.into_iter().filter(|seq| !known.contains_key(seq)).collect())
    }

    async fn copy(
        &mut self,
        left: &[(super::Job, u64)],
        back: bool,
        known: &HashMap<u64, Stored>,
        duplicates: &HashSet<u64>,
    ) -> Result<Round, JobsError> {
        let (main, race) = (format!("{}.", self.main), format!("{}.", self.race));
        let (from, strip) = if back { (&self.race, race.as_str()) } else { (&self.source, "") };
        let now_ms = now_ms();
        let questions = left.iter().filter_map(|(job, expected)| {
            Some(known.get(&job.seq)?.copy(&Copy {
                from,
                strip,
                prefix: if job.race { &race } else { &main },
                expected: Some(*expected),
                back: back.then_some(if job.failed { "failed" } else { "waited" }),
                is_duplicate: duplicates.contains(&job.seq),
                now_ms,
            }))
        });
        let questions: Vec<Question> = questions.collect();
        let mut round = Round::default();
        let answers = self.line.ask_all("copy jobs", questions).await?;
        for ((job, _), answer) in left.iter().zip(&answers) {
            match self.line.read("copy jobs", answer)? {
                Ok(stored) if stored["duplicate"] == true => {
                    round.duplicates.insert(job.seq);
                    round.refused = true;
                }
                Ok(_) => {}
                Err(refusal) => {
                    round.refused = true;
                    if refusal.code != WRONG_SEQUENCE && round.error.is_none() {
                        round.error = Some(self.line.refused("copy jobs", refusal));
                    }
                }
            }
        }
        Ok(round)
    }

    /// Removes what was copied from where it was.
    async fn remove(&mut self, ledger: &super::Ledger) -> Result<(), JobsError> {
        if ledger.work.jobs.is_empty() {
            return Ok(());
        }
        if !ledger.work.back {
            let body = json!({"seq": ledger.through + 1});
            let subject = format!("STREAM.PURGE.{}", self.source);
            self.line.must("remove copied jobs", &subject, &body).await?;
            return Ok(());
        }
        let subject = self.line.api(&format!("STREAM.MSG.DELETE.{}", self.race));
        let seqs = ledger.work.jobs.iter().map(|job| job.seq);
        let questions =
            seqs.map(|seq| Question::new(&subject, &json!({"seq": seq, "no_erase": true})));
        let answers = self.line.ask_all("remove copied jobs", questions.collect()).await?;
        for answer in &answers {
            match self.line.read("remove copied jobs", answer)? {
                Err(refusal) if !is_gone(refusal.code) => {
                    return Err(self.line.refused("remove copied jobs", refusal));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether a refusal to delete says that there is nothing to delete (JSStreamMsgDeleteFailedF says it too).
fn is_gone(code: u64) -> bool {
    matches!(code, NO_MESSAGE | 10057)
}

/// The time, in milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
