//! One goroutine for programs: as in a list of them, and what else is known of it. Keys are a promise: docs/json.md.

use std::io::Write;

use photofinish_goprocess::{Descriptor, Direction, FrameValues, Role, State, Thing, Variable};
use photofinish_inspect::{PutOff, Waited};
use serde_json::{Value, json};

use super::inspect_goroutine::Told;
use super::inspect_json::goroutine_value;

/// Prints one goroutine as an object on stdout.
pub(crate) fn json(told: &Told<'_>) -> anyhow::Result<()> {
    let mut value = goroutine_value(told.look, told.goroutine, told.all_frames)?;
    let detail = &told.detail;
    if let Some(stack) = value.get_mut("stack").and_then(Value::as_array_mut) {
        for (frame, shown) in stack.iter_mut().zip(told.frames()) {
            let Some(frame) = frame.as_object_mut() else { continue };
            let empty = FrameValues::default();
            let values = shown.values.unwrap_or(&empty);
            let of = |is_local: bool| -> Vec<Value> {
                let is_it = |variable: &&Variable| (variable.role == Role::Local) == is_local;
                let one = |it: &Variable| variable(it, told.hide);
                values.variables.iter().filter(is_it).map(one).collect()
            };
            frame.insert("arguments".to_owned(), of(false).into());
            frame.insert("locals".to_owned(), of(true).into());
            let words = values.words.as_ref().filter(|_| !told.hide);
            frame.insert("argument_words".to_owned(), json!(words));
            let deferred: Vec<Value> = shown.put_off.iter().map(|it| put_off(it)).collect();
            frame.insert("deferred".to_owned(), deferred.into());
        }
    }
    if let Some(object) = value.as_object_mut() {
        object.insert("company".to_owned(), detail.waits.iter().map(waited).collect());
        let polled = detail.polled.as_ref().map(|polled| {
            json!({
                "fd": polled.fd,
                "to": match polled.direction {
                    Direction::Receive => "read",
                    Direction::Send => "write",
                },
                "descriptor": polled.descriptor.as_ref().map(descriptor),
            })
        });
        object.insert("descriptor_waited_for".to_owned(), json!(polled));
        let call = detail.syscall.as_ref().map(|call| {
            json!({
                "number": call.number,
                "name": call.name,
                "fd": call.descriptor.as_ref().map(|(fd, _)| fd),
                "descriptor": call.descriptor.as_ref().map(|(_, it)| descriptor(it)),
            })
        });
        object.insert("system_call".to_owned(), json!(call));
        let sleeps = detail.sleeps_for.map(|nanoseconds| nanoseconds / 1_000_000);
        object.insert("sleeps_for_ms".to_owned(), json!(sleeps));
    }
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &value)?;
    writeln!(out)?;
    Ok(())
}

fn variable(variable: &Variable, hide: bool) -> Value {
    let state = match variable.state {
        State::Live => "live",
        State::Partly => "partly",
        State::Gone => "gone",
        State::Moving => "changing",
    };
    let text = Some(&variable.text).filter(|_| !hide && variable.state != State::Gone);
    json!({
        "name": variable.name,
        "type": variable.type_name,
        "value": text,
        "state": state,
        "result": variable.role == Role::Result,
    })
}

fn put_off(put_off: &PutOff) -> Value {
    json!({
        "function": put_off.function,
        "on": put_off.on.map(|on| on.to_string()),
    })
}

fn waited(waited: &Waited) -> Value {
    let holders: Vec<Value> = waited
        .holders
        .iter()
        .map(|holder| json!({"goroutine": holder.goroutine, "evidence": holder.evidence.word()}))
        .collect();
    let waiting: Vec<u64> = waited.waiting.iter().map(|(id, _)| *id).collect();
    json!({
        "on": waited.wait.on.word(),
        "address": waited.wait.address.to_string(),
        "to": waited.direction.map(direction),
        "waiting": waiting,
        "held_by": holders,
        "state": waited.thing.as_ref().map(thing),
    })
}

fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Send => "send",
        Direction::Receive => "receive",
    }
}

fn thing(thing: &Thing) -> Value {
    match thing {
        Thing::Channel { element, len, capacity, is_closed } => {
            json!({"element": element, "len": len, "cap": capacity, "closed": is_closed})
        }
        Thing::Mutex { is_locked, is_starving, n_waiting } => {
            json!({"locked": is_locked, "starving": is_starving, "waiting": n_waiting})
        }
        Thing::RwMutex { has_writer, n_leaving, n_readers } => {
            json!({"writer": has_writer, "leaving": n_leaving, "readers": n_readers})
        }
        Thing::WaitGroup { count } => json!({"count": count}),
    }
}

fn descriptor(descriptor: &Descriptor) -> Value {
    let socket = descriptor.socket.as_ref().map(|socket| {
        json!({
            "protocol": socket.protocol,
            "local": socket.local,
            "peer": socket.peer,
            "listening": socket.is_listening,
        })
    });
    json!({"name": descriptor.name, "socket": socket})
}
