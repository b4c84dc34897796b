//! A proxy that runs: started, reloaded, drained, as signals wish.

use super::args::Flags;
use super::damper::Damper;
use super::port;
use super::takeover::{self, Offer};
use super::wishes::{Wish, wishes};
use crate::exit::ExitStatus;
use crate::output::error::{Hint, hinted};
use crate::output::proxy::live::{Live, Voice};
use crate::output::proxy::{called, figures, plan::notes, units};
use crate::proxy_findings::DiffFindings;
use anyhow::Context;
use photofinish_proxy::plan::Plan;
use photofinish_proxy::{Hooks, Proxy, StartError};
use std::cell::Cell;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the live line is drawn, and a drain looked at.
const TICK: Duration = Duration::from_secs(1);

pub(super) fn serve(flags: &Flags, plan: Plan, takeover: bool) -> anyhow::Result<ExitStatus> {
    let (tell, wishes) = wishes()?;
    let voice = Voice::new();
    let mut drain = plan.timeouts.drain;
    let differing = Arc::new(flags.findings()?);
    let proxy = start(&plan, hooks(&voice, &differing), &voice, takeover)?;
    let offer = offer(&proxy, tell).inspect_err(|error| {
        voice.say(&format!("another proxy will not be able to take over from this one: {error}"));
    });
    for line in started(&proxy, &plan).into_iter().chain(minds(&plan)) {
        voice.say(&line);
    }
    let mut live = Live::new(voice.clone());
    let why = loop {
        match wishes.recv_timeout(TICK) {
            Err(RecvTimeoutError::Timeout) => live.show(proxy.status()),
            Ok(Wish::Reload) => match reload(&proxy, flags) {
                Ok(plan) => {
                    drain = plan.timeouts.drain;
                    voice.say("the configuration was read again and is in force");
                    minds(&plan).for_each(|line| voice.say(&line));
                }
                Err(error) => {
                    voice.say_error(
                        "the configuration was not taken over, the old one stays",
                        &error,
                    );
                }
            },
            Ok(Wish::MakeRoom(pid)) => break format!("process {pid} has taken over"),
            Ok(Wish::End) | Err(RecvTimeoutError::Disconnected) => {
                break "no new connections".to_owned();
            }
        }
    };
    if let Ok(offer) = offer {
        offer.withdraw();
    }
    end(proxy, &wishes, &voice, drain, &why);
    // The proxy, which had the other hold of it, is gone.
    if let Some(counts) = Arc::into_inner(differing).map(DiffFindings::finish)
        && counts.told > 0
    {
        voice.say(&format!(
            "the mirror's answers differed {} times: photofinish findings list ({} were not recorded)",
            counts.told, counts.dropped
        ));
    }
    Ok(ExitStatus::Success)
}

/// Starts it, on sockets of its own or on those of the proxy before.
fn start(plan: &Plan, mut hooks: Hooks, voice: &Voice, takeover: bool) -> anyhow::Result<Proxy> {
    let mut before = None;
    if let Some(first) = plan.listen.first().filter(|_| takeover) {
        before = takeover::ask(first.address)
            .with_context(|| format!("cannot take over from the proxy on {}", first.address))?;
        match &mut before {
            Some(before) => hooks.inherited = std::mem::take(&mut before.sockets),
            None => voice.say("no proxy runs here that could be taken over from"),
        }
    }
    let proxy = Proxy::start(plan.clone(), hooks).map_err(|error| start_error(error, plan))?;
    if let Some(before) = before {
        let pid = before.pid;
        match before.ready() {
            Ok(()) => voice
                .say(&format!("took over from process {pid}, which answers what it had and ends")),
            Err(error) => voice.say(&format!("process {pid} did not say that it ends: {error}")),
        }
    }
    Ok(proxy)
}

fn offer(proxy: &Proxy, tell: Sender<Wish>) -> std::io::Result<Offer> {
    let sockets = proxy.listeners().iter().map(TcpListener::try_clone);
    let first = proxy.addresses().first().ok_or(std::io::ErrorKind::NotFound)?;
    Offer::new(*first, sockets.collect::<std::io::Result<_>>()?, tell)
}

/// Events become lines, answers that differ become findings.
fn hooks(voice: &Voice, differing: &Arc<DiffFindings>) -> Hooks {
    let (voice, damper) = (voice.clone(), Mutex::new(Damper::default()));
    let differing = Arc::clone(differing);
    Hooks {
        event: Box::new(move |event| {
            let line =
                damper.lock().unwrap_or_else(PoisonError::into_inner).line(&event, Instant::now());
            if let Some(line) = line {
                voice.say(&line);
            }
        }),
        difference: Box::new(move |_, difference, values| differing.tell(difference, values)),
        inherited: Vec::new(),
    }
}

/// The configuration of now, in force; refused whole if anything in it is wrong.
fn reload(proxy: &Proxy, flags: &Flags) -> anyhow::Result<Plan> {
    let plan = flags.plan()?;
    proxy.reload(plan.clone()).map_err(|error| {
        let hint = error.hint();
        hinted(error, hint)
    })?;
    Ok(plan)
}

/// Waits for what is under way; one more wish for an end cuts it. Then says what there was.
fn end(proxy: Proxy, wishes: &Receiver<Wish>, voice: &Voice, limit: Duration, why: &str) {
    let begun = Instant::now();
    voice.say(&format!(
        "ending: {why}, requests under way have {}, a second signal cuts them",
        units::span(limit)
    ));
    let drawn = Cell::new(u64::MAX);
    let cut = || {
        let left = limit.saturating_sub(begun.elapsed()).as_secs();
        if drawn.replace(left) != left {
            voice.draw(format!("ending: waiting for requests under way, cut in {left}s"));
        }
        wishes.try_iter().any(|wish| wish == Wish::End)
    };
    let status = proxy.drain(cut);
    voice.clear();
    voice.say(&format!("ended after {}", units::time(status.uptime)));
    voice.print(&figures::text(&status.to_json(), None));
}

/// What somebody should think about twice, as lines of the log.
fn minds(plan: &Plan) -> impl Iterator<Item = String> {
    notes(plan).into_iter().map(|note| format!("mind: {note}"))
}

/// What somebody who has just started it wants to know.
fn started(proxy: &Proxy, plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for (address, listener) in proxy.addresses().iter().zip(&plan.listen) {
        let scheme = if listener.tls.is_some() { "https" } else { "http" };
        lines.push(format!("listening on {scheme}://{address}"));
    }
    let mut ways = format!("stable {}", plan.stable);
    if let Some(canary) = &plan.canary {
        ways += &format!(", canary {} ({})", canary.to, canary.share);
    }
    for mirror in &plan.mirrors {
        ways += &format!(", {} {} ({})", called(mirror), mirror.to, mirror.share);
    }
    lines.push(ways);
    lines.push(match proxy.admin() {
        Some(admin) => format!(
            "figures at http://{admin}/metrics; next: photofinish proxy status --admin {admin}"
        ),
        None => "no figures are served; next: --admin 127.0.0.1:8081 for /metrics and `photofinish proxy status`"
            .to_owned(),
    });
    lines
}

/// An error of the start; of an address in use, with who uses it.
pub(super) fn start_error(error: StartError, plan: &Plan) -> anyhow::Error {
    let hint = error.hint();
    let error = anyhow::Error::from(error);
    let in_use = error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|cause| cause.kind() == std::io::ErrorKind::AddrInUse)
    });
    if !in_use {
        return match hint {
            Some(hint) => error.context(Hint(hint)),
            None => error,
        };
    }
    let addresses = plan.listen.iter().map(|listener| listener.address).chain(plan.admin);
    let taken: Option<(SocketAddr, port::Holder)> =
        addresses.filter_map(|address| Some((address, port::holder(address)?))).next();
    let hint = match taken {
        Some((address, holder)) if holder.command.contains("photofinish proxy") => format!(
            "{address} is held by process {} ({}); to replace it without losing a request, start this one with \
             --takeover",
            holder.pid, holder.command
        ),
        Some((address, holder)) => format!(
            "{address} is held by process {} ({}); stop it, or listen elsewhere with --listen",
            holder.pid, holder.command
        ),
        None => "listen elsewhere with --listen, or stop whoever holds it (ss -ltnp shows whom)"
            .to_owned(),
    };
    error.context(Hint(hint))
}
