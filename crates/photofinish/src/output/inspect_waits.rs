//! What a goroutine waits for, in words: the thing, who else waits for it, who could let it go on.
//!
//! Start at [`wait_lines`].

use photofinish_goprocess::{Descriptor, Direction, Thing, WaitOn};
use photofinish_inspect::{Evidence, Waited};

use super::inspect_goroutine::{Told, where_is};
use super::stack::Line;
use super::style::{BOLD, CYAN, DIM, YELLOW, clean};

/// Goroutines of a list that are named.
const NAMED: usize = 8;
/// Holders that are told.
const MOST_HOLDERS: usize = 4;
const PLAIN: anstyle::Style = anstyle::Style::new();

/// A line or a few for each thing that the goroutine waits for.
pub(super) fn wait_lines(told: &Told<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    let detail = &told.detail;
    if detail.waits.len() > 1 {
        let mut line = Line::plain("  ");
        line.push(PLAIN, &format!("waits in a select of {} channels", detail.waits.len()));
        lines.push(line);
    }
    for waited in &detail.waits {
        lines.extend(waited_lines(told, waited, detail.waits.len() > 1));
    }
    if let Some(why) = for_ever(told.goroutine.wait_reason.as_deref().unwrap_or_default()) {
        lines.push(Line::plain(&format!("  waits for ever: {why}")));
    }
    if let Some(polled) = &detail.polled {
        let what = match polled.direction {
            Direction::Receive => "read from",
            Direction::Send => "write to",
        };
        let mut line = Line::plain("  ");
        line.push(PLAIN, &format!("waits to {what} descriptor {}", polled.fd));
        push_descriptor(&mut line, polled.descriptor.as_ref());
        lines.push(line);
    }
    if let Some(call) = &detail.syscall {
        let mut line = Line::plain("  ");
        let name = call.name.map_or_else(|| format!("number {}", call.number), str::to_owned);
        line.push(PLAIN, "is in system call ").push(BOLD, &name);
        if let Some((fd, descriptor)) = &call.descriptor {
            line.push(PLAIN, &format!(" on descriptor {fd}"));
            push_descriptor(&mut line, Some(descriptor));
        }
        lines.push(line);
    }
    if let Some(nanoseconds) = detail.sleeps_for {
        let mut line = Line::plain("  ");
        line.push(PLAIN, &format!("sleeps for {} more", span(nanoseconds)));
        lines.push(line);
    }
    lines
}

/// Waits that nothing ends.
fn for_ever(reason: &str) -> Option<&'static str> {
    match reason {
        "chan receive (nil chan)" | "chan send (nil chan)" => Some("the channel is nil"),
        "select (no cases)" => Some("the select has no cases, or only nil channels"),
        _ => None,
    }
}

fn waited_lines(told: &Told<'_>, waited: &Waited, is_case: bool) -> Vec<Line> {
    let mut line = Line::plain(if is_case { "    " } else { "  " });
    let doing = match waited.direction {
        Some(Direction::Send) => "to send to ",
        Some(Direction::Receive) => "to receive from ",
        None => "for ",
    };
    line.push(PLAIN, &format!("{}{doing}", if is_case { "" } else { "waits " }));
    line.push(PLAIN, &format!("{} ", waited.wait.on.word()));
    line.push(CYAN, &waited.wait.address.to_string());
    if let Some(thing) = &waited.thing {
        line.push(PLAIN, &clean(&thing_words(thing)));
    }
    let mut lines = vec![line];
    let indent = if is_case { 6 } else { 4 };
    for holder in waited.holders.iter().take(MOST_HOLDERS) {
        let mut line = Line::plain(&" ".repeat(indent));
        let sure = match holder.evidence {
            Evidence::Proved => "held by ",
            Evidence::Likely => "likely held by ",
            Evidence::Possible => "possibly held by ",
        };
        line.push(YELLOW, sure).push(BOLD, &format!("goroutine {}", holder.goroutine));
        let place = told.look.goroutine(holder.goroutine);
        if let Some(place) = place.and_then(|holder| where_is(told.look, holder)) {
            line.push(DIM, &format!("  {place}"));
        }
        lines.push(line);
    }
    if waited.holders.len() > MOST_HOLDERS {
        let n_more = waited.holders.len() - MOST_HOLDERS;
        lines.push(aside(indent, &format!("… and {n_more} more that may hold it")));
    }
    let is_lock = matches!(waited.wait.on, WaitOn::Mutex | WaitOn::RwMutex);
    if is_lock && waited.holders.is_empty() {
        lines.push(aside(indent, "who holds it cannot be told"));
    }
    lines.extend(company_lines(told, waited, indent));
    lines
}

/// Who waits for the same thing, by what they want of it.
fn company_lines(told: &Told<'_>, waited: &Waited, indent: usize) -> Vec<Line> {
    let others: Vec<&(u64, Option<Direction>)> =
        waited.waiting.iter().filter(|(id, _)| *id != told.goroutine.id).collect();
    if others.is_empty() {
        return vec![aside(indent, "nobody else waits for it")];
    }
    let of = |direction| -> Vec<u64> {
        let is_it = |(_, its): &&&(u64, Option<Direction>)| *its == direction;
        others.iter().filter(is_it).map(|(id, _)| *id).collect()
    };
    let is_channel = waited.wait.on == WaitOn::Channel;
    let groups = match is_channel {
        true => vec![
            ("to send to it", of(Some(Direction::Send))),
            ("to receive from it", of(Some(Direction::Receive))),
            ("for it in a select", of(None)),
        ],
        false => vec![("for it", others.iter().map(|(id, _)| *id).collect())],
    };
    let groups = groups.into_iter().filter(|(_, ids)| !ids.is_empty());
    groups
        .map(|(what, ids)| {
            let (waits, plural) = if ids.len() == 1 { ("waits", "") } else { ("wait", "s") };
            let count = format!("{} other{plural} {waits} {what}: {}", ids.len(), named(&ids));
            aside(indent, &count)
        })
        .collect()
}

fn aside(indent: usize, text: &str) -> Line {
    let mut line = Line::plain(&" ".repeat(indent));
    line.push(DIM, text);
    line
}

fn named(ids: &[u64]) -> String {
    let mut named: Vec<String> = ids.iter().take(NAMED).map(u64::to_string).collect();
    if ids.len() > NAMED {
        named.push("…".to_owned());
    }
    named.join(" ")
}

/// What a channel or lock says of itself.
fn thing_words(thing: &Thing) -> String {
    match thing {
        Thing::Channel { element, len, capacity, is_closed } => {
            let element = element.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
            let fill = match capacity {
                0 => ", unbuffered".to_owned(),
                _ => format!(", {len} of {capacity} in it"),
            };
            format!("{element}{fill}{}", if *is_closed { ", closed" } else { "" })
        }
        Thing::Mutex { is_locked, is_starving, n_waiting } => {
            let locked = if *is_locked { "locked" } else { "free" };
            let starving = if *is_starving { ", starving" } else { "" };
            format!(", {locked}{starving}, {n_waiting} waiting")
        }
        Thing::RwMutex { has_writer: true, n_leaving, .. } if *n_leaving > 0 => {
            format!(", a writer waits for {n_leaving} to stop reading")
        }
        Thing::RwMutex { has_writer: true, .. } => ", a writer has it".to_owned(),
        Thing::RwMutex { n_readers, .. } => format!(", {n_readers} read"),
        Thing::WaitGroup { count } => format!(", {count} to be done"),
    }
}

/// `: tcp 10.0.0.1:5000 -> 10.0.0.2:80`.
fn push_descriptor(line: &mut Line, descriptor: Option<&Descriptor>) {
    let Some(descriptor) = descriptor else { return };
    let text = match &descriptor.socket {
        Some(socket) => {
            let local = match socket.local.as_str() {
                "" => String::new(),
                local => format!(" {local}"),
            };
            let peer = socket.peer.as_ref().map(|peer| format!(" -> {peer}")).unwrap_or_default();
            let listens = if socket.is_listening { ", listening" } else { "" };
            format!("{}{local}{peer}{listens}", socket.protocol)
        }
        None => descriptor.name.clone(),
    };
    line.push(PLAIN, ": ").push(CYAN, &clean(&text));
}

/// `1 h 59 min`.
fn span(nanoseconds: u64) -> String {
    let milliseconds = nanoseconds / 1_000_000;
    let seconds = milliseconds / 1000;
    match seconds {
        0 => format!("{milliseconds} ms"),
        1..60 => format!("{}.{} s", seconds, milliseconds % 1000 / 100),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..172_800 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}
