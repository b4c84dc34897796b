//! Goroutines, threads and the names of everything on their stacks.
//!
//! Stacks repeat, so each is kept once; so are the places on them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use photofinish_goprocess::{
    Goroutine, Mark, NumaNodes, Pc, PcKind, RuntimeAddr, Seen, StackEnd, Status, Thread,
    ThreadState, Wait, WaitOn,
};
use photofinish_model::{CodeOrigin, Frame};

use super::codec::{Decoder, Encoder, Nonsense};
use super::words::Numbered;
use crate::look::{Look, Start};
use crate::names::{Line, Names};

type Labels = Arc<[(String, String)]>;

/// What goroutines share, by number.
struct Shared {
    stacks: Vec<Vec<Pc>>,
    labels: Vec<Labels>,
}

impl Look {
    pub(super) fn encode(&self, to: &mut Encoder) {
        let mut pcs: Vec<Pc> = self.names.all().map(|(pc, _)| *pc).collect();
        pcs.sort_unstable_by_key(|pc| (pc.address, pc.kind == PcKind::Exact));
        let pc_numbers: HashMap<Pc, u64> =
            (0..).zip(&pcs).map(|(number, pc)| (*pc, number)).collect();
        to.many(pcs.iter(), |to, pc| {
            to.number(pc.address.0);
            pc.kind.encode(to);
            to.many(self.names.at(*pc).iter(), encode_line);
        });
        let mut stacks: Vec<&[Pc]> = Vec::new();
        let mut stack_numbers: HashMap<&[Pc], u64> = HashMap::new();
        let mut labels: Vec<&Labels> = Vec::new();
        let mut label_numbers: HashMap<&Labels, u64> = HashMap::new();
        for goroutine in &self.goroutines {
            stack_numbers.entry(&goroutine.stack).or_insert_with(|| {
                stacks.push(&goroutine.stack);
                stacks.len() as u64 - 1
            });
            label_numbers.entry(&goroutine.labels).or_insert_with(|| {
                labels.push(&goroutine.labels);
                labels.len() as u64 - 1
            });
        }
        to.many(stacks.iter(), |to, stack| {
            to.many(stack.iter(), |to, pc| to.number(pc_numbers.get(pc).copied().unwrap_or(0)));
        });
        to.many(labels.iter(), |to, labels| {
            to.many(labels.iter(), |to, (name, value)| {
                to.text(name);
                to.text(value);
            });
        });
        let mut starts: Vec<(&RuntimeAddr, &Start)> = self.starts.iter().collect();
        starts.sort_unstable_by_key(|(address, _)| **address);
        to.many(starts.into_iter(), |to, (address, start)| {
            to.number(address.0);
            to.text(&start.name);
            to.flags(&[start.is_wrapper, start.is_system]);
        });
        to.many(self.goroutines.iter(), |to, goroutine| {
            let stack = stack_numbers.get(goroutine.stack.as_slice()).copied().unwrap_or(0);
            let labels = label_numbers.get(&goroutine.labels).copied().unwrap_or(0);
            encode_goroutine(to, goroutine, stack, labels);
        });
        to.many(self.threads.iter(), |to, thread| {
            encode_thread(to, thread);
            to.optional(self.node_of(thread).map(u64::from));
        });
        to.optional(self.held.map(|held| u64::try_from(held.as_nanos()).unwrap_or(u64::MAX)));
    }

    pub(super) fn decode(from: &mut Decoder<'_>) -> Result<Look, Nonsense> {
        let mut names = Names::default();
        let pcs = from.many(|from| {
            let pc = Pc { address: RuntimeAddr(from.number()?), kind: PcKind::decode(from)? };
            names.know(pc, from.many(decode_line)?);
            Ok(pc)
        })?;
        let stacks = from.many(|from| {
            from.many(|from| pcs.get(from.small::<usize>()?).copied().ok_or(Nonsense))
        })?;
        let labels = from.many(|from| {
            let labels =
                from.many(|from| Ok((from.text()?.to_owned(), from.text()?.to_owned())))?;
            Ok(Labels::from(labels))
        })?;
        let starts = from.many(|from| {
            let (address, name) = (RuntimeAddr(from.number()?), from.text()?.to_owned());
            let [is_wrapper, is_system] = from.flags()?;
            Ok((address, Start { name, is_wrapper, is_system }))
        })?;
        let mut reasons = HashMap::new();
        let shared = Shared { stacks, labels };
        let mut goroutines = from.many(|from| decode_goroutine(from, &shared, &mut reasons))?;
        goroutines.sort_by_key(|goroutine| goroutine.id);
        let mut nodes = Vec::new();
        let threads = from.many(|from| {
            let thread = decode_thread(from)?;
            let node = from.optional()?.and_then(|node| u32::try_from(node).ok());
            nodes.extend(node.zip(thread.cpu));
            Ok(thread)
        })?;
        let held = from.optional()?.map(Duration::from_nanos);
        let cpus = threads.iter().filter_map(|thread| Some((thread.tid, thread.cpu?))).collect();
        Ok(Look {
            goroutines,
            threads,
            held,
            not_sampled: None,
            names,
            starts: starts.into_iter().collect(),
            cpus,
            nodes: NumaNodes::of(nodes),
        })
    }
}

pub(super) fn encode_frame(to: &mut Encoder, frame: &Frame) {
    to.text(&frame.function);
    to.flags(&[frame.file.is_some(), frame.inlined]);
    if let Some(file) = &frame.file {
        to.text(file);
    }
    to.optional(frame.line.map(u64::from));
}

pub(super) fn decode_frame(from: &mut Decoder<'_>) -> Result<Frame, Nonsense> {
    let function = from.text()?.to_owned();
    let [has_file, inlined] = from.flags()?;
    let file = if has_file { Some(from.text()?.to_owned()) } else { None };
    let line = from.optional()?.map(u32::try_from).transpose().map_err(|_| Nonsense)?;
    Ok(Frame { file, line, inlined, ..Frame::new(function) })
}

fn encode_line(to: &mut Encoder, line: &Line) {
    encode_frame(to, &line.frame);
    line.origin.encode(to);
    to.flags(&[line.is_shown, line.is_wrapper]);
}

fn decode_line(from: &mut Decoder<'_>) -> Result<Line, Nonsense> {
    let (frame, origin) = (decode_frame(from)?, CodeOrigin::decode(from)?);
    let [is_shown, is_wrapper] = from.flags()?;
    Ok(Line { frame, origin, is_shown, is_wrapper })
}

fn encode_goroutine(to: &mut Encoder, goroutine: &Goroutine, stack: u64, labels: u64) {
    to.number(goroutine.id);
    to.number(goroutine.address.0);
    goroutine.status.encode(to);
    to.text(goroutine.wait_reason.as_deref().unwrap_or_default());
    to.optional(goroutine.waited_at_least);
    to.many(goroutine.waits.iter(), |to, wait| {
        wait.on.encode(to);
        to.number(wait.address.0);
    });
    to.optional(goroutine.thread.map(u64::from));
    to.number(goroutine.creator);
    to.number(goroutine.created_at.0);
    to.number(goroutine.start.0);
    to.number(labels);
    to.number(stack);
    goroutine.stack_end.encode(to);
    goroutine.seen.encode(to);
    to.flags(&[goroutine.locked_to_thread, goroutine.settled]);
}

fn decode_goroutine(
    from: &mut Decoder<'_>,
    shared: &Shared,
    reasons: &mut HashMap<String, Arc<str>>,
) -> Result<Goroutine, Nonsense> {
    let (id, address, status) =
        (from.number()?, RuntimeAddr(from.number()?), Status::decode(from)?);
    let reason = Some(from.text()?).filter(|reason| !reason.is_empty());
    let wait_reason = reason.map(|reason| {
        reasons.entry(reason.to_owned()).or_insert_with(|| Arc::from(reason)).clone()
    });
    let waited_at_least = from.optional()?;
    let waits = from.many(|from| {
        Ok(Wait { on: WaitOn::decode(from)?, address: RuntimeAddr(from.number()?) })
    })?;
    let thread = from.optional()?.map(u32::try_from).transpose().map_err(|_| Nonsense)?;
    let (creator, created_at) = (from.number()?, RuntimeAddr(from.number()?));
    let start = RuntimeAddr(from.number()?);
    let labels = shared.labels.get(from.small::<usize>()?).cloned().ok_or(Nonsense)?;
    let stack = shared.stacks.get(from.small::<usize>()?).ok_or(Nonsense)?;
    from.use_room(size_of_val(stack.as_slice()))?;
    let stack = stack.clone();
    let (stack_end, seen) = (StackEnd::decode(from)?, Seen::decode(from)?);
    let [locked_to_thread, settled] = from.flags()?;
    Ok(Goroutine {
        id,
        address,
        status,
        wait_reason,
        waited_at_least,
        waits,
        thread,
        locked_to_thread,
        creator,
        created_at,
        start,
        labels,
        stack,
        stack_end,
        seen,
        settled,
        mark: Mark::default(),
    })
}

fn encode_thread(to: &mut Encoder, thread: &Thread) {
    to.number(u64::from(thread.tid));
    to.number(u64::from(thread.tid_inside));
    to.text(&thread.name);
    thread.state.encode(to);
    to.optional(thread.cpu.map(u64::from));
    to.number(thread.ticks);
}

fn decode_thread(from: &mut Decoder<'_>) -> Result<Thread, Nonsense> {
    Ok(Thread {
        tid: from.small()?,
        tid_inside: from.small()?,
        name: from.text()?.to_owned(),
        state: ThreadState::decode(from)?,
        cpu: from.optional()?.map(u32::try_from).transpose().map_err(|_| Nonsense)?,
        ticks: from.number()?,
    })
}
