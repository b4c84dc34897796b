//! The life of a request.
//!
//! It is checked, its head made ready to be sent on, the canary or stable chosen, its body tapped for
//! copies, sent, and its answer passed back. The rule that everything here serves: whatever a canary or a
//! mirror does, the caller gets stable's answer if that is at all possible.
//!
//! Start at [`forward`]; `attempt` sends to one upstream, `head` is what is sent, `answer` what comes back.

mod answer;
mod attempt;
mod head;
mod headers;
mod own;
mod tunnel;

pub(crate) use answer::AnswerBody;
pub(crate) use head::Head;
pub(crate) use headers::{address_line, strip as strip_hop_by_hop};
pub(crate) use own::Refusal;

use crate::keeping::Kept;
use crate::mirror::{Copy, Tap};
use crate::plan::Forwarded;
use crate::screen::asks_to_upgrade;
use crate::serve::{Connection, Local, Worker};
use crate::upstream::Source;
use head::Said;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, StatusCode, request};
use hyper::body::{Body, Incoming};
use hyper::upgrade::OnUpgrade;
use std::rc::Rc;
use std::time::Instant;
use tokio::sync::oneshot;

/// A request under way.
pub(crate) struct Exchange {
    pub(crate) worker: Rc<Worker>,
    pub(crate) local: Rc<Local>,
    pub(crate) connection: Rc<Connection>,
    pub(crate) started: Instant,
    /// Since when the time is the proxy's own: the arrival, or the last failed attempt.
    pub(crate) own_since: Instant,
    pub(crate) head: Head,
    /// It is the canary's, to begin with.
    pub(crate) is_canary: bool,
    pub(crate) source: Option<Source>,
    /// What the caller's connection becomes after `101`.
    pub(crate) on_upgrade: Option<OnUpgrade>,
    /// Mirrors that compare their answer with this one's.
    pub(crate) compared: Vec<oneshot::Sender<crate::compare::Answer>>,
    /// What keeps it in a file.
    pub(crate) kept: Option<Kept>,
}

/// Answers `request` of `connection`.
pub(crate) async fn forward(
    worker: Rc<Worker>,
    connection: Rc<Connection>,
    request: Request<Incoming>,
) -> Response<AnswerBody> {
    let started = Instant::now();
    let mut busy = connection.begun();
    let serving = Rc::clone(&worker);
    let (parts, body) = request.into_parts();
    let asked_to_upgrade = asks_to_upgrade(&parts);
    let answer = match prepare(worker, &connection, parts, body, started) {
        Ok(exchange) => exchange.answer().await,
        Err(refusal) => Err(refusal),
    };
    busy.answered(asked_to_upgrade);
    let mut answer = answer.unwrap_or_else(|refusal| {
        connection.figures().refused(refusal);
        refusal.answer()
    });
    let is_last = serving.is_draining() && !connection.is_http2;
    if is_last && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer.body_mut().keep_busy(busy);
    answer
}

/// Checks a request and makes it ready to be sent on.
fn prepare(
    worker: Rc<Worker>,
    connection: &Rc<Connection>,
    mut parts: request::Parts,
    body: Incoming,
    started: Instant,
) -> Result<Exchange, Refusal> {
    let local = worker.local();
    let plan = &local.live.plan;
    let on_upgrade = parts.extensions.remove::<OnUpgrade>();
    for mirror in &local.mirrors {
        parts.headers.remove(&mirror.state.plan.marker);
    }
    let is_canary = local.canary.as_ref().is_some_and(|canary| {
        let in_front = (plan.forwarded == Forwarded::Append)
            .then(|| headers::last_caller(&parts.headers))
            .flatten();
        let caller = in_front.unwrap_or(connection.caller.ip());
        let chosen = canary.state.is_chosen(&parts.headers, caller);
        parts.headers.remove(&canary.state.plan.tester);
        chosen
    });
    let version = parts.version;
    let mut head = Head::new(parts)?;
    let keeper = local.live.keeper.as_ref().filter(|_| head.upgrade.is_none());
    let kept = keeper.and_then(|keeper| keeper.keep(&head, version, connection.number, started));
    head.say_who_called(&Said {
        forwarded: plan.forwarded,
        address: &connection.caller_line,
        is_tls: connection.is_tls,
    });
    let limit = plan.limits.body_bytes.unwrap_or(u64::MAX);
    if body.size_hint().lower() > limit {
        return Err(Refusal::TooLarge);
    }
    let (copies, compared) = copies(&local, &head);
    let hold = match &local.canary {
        Some(canary) if is_canary => canary.state.plan.hold_bytes,
        _ => 0,
    };
    let source = if body.is_end_stream() {
        // There is nothing to wait for: the copies go out at once.
        Tap::without_body(copies, kept.as_ref());
        None
    } else {
        let is_tapped = !copies.is_empty() || kept.is_some();
        let tap = is_tapped.then(|| Tap::new(copies, kept.clone()));
        Some(Source::new(body, limit, hold, tap))
    };
    let connection = Rc::clone(connection);
    Ok(Exchange {
        worker,
        local,
        connection,
        started,
        own_since: started,
        head,
        is_canary,
        source,
        on_upgrade,
        compared,
        kept,
    })
}

/// The copies that mirrors want of a request, and who waits for the answer to it.
fn copies(local: &Local, head: &Head) -> (Vec<Copy>, Vec<oneshot::Sender<crate::compare::Answer>>) {
    let is_upgrade = head.upgrade.is_some();
    let (mut copies, mut compared) = (Vec::new(), Vec::new());
    let mut shared: Option<Rc<Head>> = None;
    for mirror in &local.mirrors {
        if mirror.wants(&head.method, head.target.path(), is_upgrade) {
            let head = shared.get_or_insert_with(|| Rc::new(head.detached()));
            let (copy, answer) = Copy::new(mirror, head);
            copies.push(copy);
            compared.extend(answer);
        }
    }
    (copies, compared)
}
