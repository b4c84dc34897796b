//! Deadlocks, leaks and maps.

use std::time::Duration;

use photofinish_goprocess::{NoHeap, RuntimeAddr};

use super::codec::{Decoder, Encoder, Nonsense};
use super::look::{decode_frame, encode_frame};
use super::words::Numbered;
use crate::{Deadlocks, Evidence, Leak, Link, MapUse, MapUser, Maps};

impl Deadlocks {
    pub(super) fn encode(&self, to: &mut Encoder) {
        to.many(self.cycles.iter(), |to, ring| {
            to.many(ring.iter(), |to, link| {
                to.number(link.goroutine);
                to.number(link.waits_for.0);
                to.number(link.held_by);
                link.evidence.encode(to);
            });
        });
        to.many(self.leaks.iter(), |to, leak| {
            to.number(leak.count as u64);
            to.many(leak.goroutines.iter(), |to, id| to.number(*id));
            to.text(&leak.wait_reason);
            to.optional(leak.waiting_for.map(|at| at.0));
            to.text(&leak.function);
            to.many(leak.created_at.iter(), encode_frame);
            leak.evidence.encode(to);
        });
        to.many(self.not_looked.iter(), |to, why| why.encode(to));
    }

    pub(super) fn decode(from: &mut Decoder<'_>) -> Result<Deadlocks, Nonsense> {
        let cycles = from.many(|from| {
            from.many(|from| {
                Ok(Link {
                    goroutine: from.number()?,
                    waits_for: RuntimeAddr(from.number()?),
                    held_by: from.number()?,
                    evidence: Evidence::decode(from)?,
                })
            })
        })?;
        let leaks = from.many(|from| {
            Ok(Leak {
                count: from.small()?,
                goroutines: from.many(Decoder::number)?,
                wait_reason: from.text()?.to_owned(),
                waiting_for: from.optional()?.map(RuntimeAddr),
                function: from.text()?.to_owned(),
                created_at: from.many(decode_frame)?.pop(),
                evidence: Evidence::decode(from)?,
            })
        })?;
        let not_looked = from.many(NoHeap::decode)?.pop();
        Ok(Deadlocks { cycles, leaks, not_looked })
    }
}

impl Maps {
    pub(super) fn encode(&self, to: &mut Encoder) {
        to.many(self.maps.iter(), |to, map| {
            to.optional(map.map.map(|at| at.0));
            to.many(map.users.iter(), |to, user| {
                to.number(user.goroutine);
                to.flags(&[user.writes]);
                encode_frame(to, &user.frame);
                to.number(user.count);
            });
            to.many(map.together.iter(), |to, (writer, other)| {
                to.number(*writer);
                to.number(*other);
            });
        });
        to.number(self.n_glimpses);
        to.many(self.held.iter(), |to, held| {
            to.number(u64::try_from(held.as_nanos()).unwrap_or(u64::MAX));
        });
        to.flags(&[self.has_ended]);
    }

    pub(super) fn decode(from: &mut Decoder<'_>) -> Result<Maps, Nonsense> {
        let maps = from.many(|from| {
            Ok(MapUse {
                map: from.optional()?.map(RuntimeAddr),
                users: from.many(|from| {
                    let goroutine = from.number()?;
                    let [writes] = from.flags()?;
                    let (frame, count) = (decode_frame(from)?, from.number()?);
                    Ok(MapUser { goroutine, writes, frame, count })
                })?,
                together: from.many(|from| Ok((from.number()?, from.number()?)))?.pop(),
            })
        })?;
        let n_glimpses = from.number()?;
        let held = from.many(|from| Ok(Duration::from_nanos(from.number()?)))?;
        let [has_ended] = from.flags()?;
        Ok(Maps { maps, n_glimpses, held, has_ended })
    }
}
