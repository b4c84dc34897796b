//! A copy on its way: sent, answered, the answer dropped (or compared with the primary's).

use super::budget::Held;
use super::rest::Rest;
use super::{Cause, MirrorState};
use crate::compare::Answer;
use crate::comparing::{Asked, Comparer, Pair};
use crate::figures::Failure;
use crate::forward::Head;
use crate::plan::{CopyHost, Mirror};
use crate::upstream::{Pool, RequestBody, SendError, Sent};
use http::{HeaderValue, Method};
use http_body_util::BodyExt;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

/// What marks a copy, in the header named by the plan.
const MARK: HeaderValue = HeaderValue::from_static("1");
/// What is read of an answer that is dropped anyway: beyond, hanging up is cheaper than reading on.
const READ_MOST: u64 = 16 << 20;

/// A mirror as one thread sees it.
pub(crate) struct LocalMirror {
    pub(crate) state: Arc<MirrorState>,
    pub(crate) pool: Rc<Pool>,
    pub(crate) comparer: Comparer,
    pub(crate) rest: Rest,
}

/// One copy, not sent yet.
pub(crate) struct Copy {
    pub(crate) mirror: Rc<LocalMirror>,
    pub(crate) tally: Tally,
    head: Rc<Head>,
    /// Where the primary's answer will come from, if it is compared.
    primary: Option<oneshot::Receiver<Answer>>,
}

/// Counts one copy: as sent, or as dropped by a cause. Never as both.
#[derive(Clone)]
pub(crate) struct Tally {
    state: Arc<MirrorState>,
    is_counted: Rc<Cell<bool>>,
}

impl Tally {
    /// It is not sent, or cannot be finished.
    pub(crate) fn dropped(&self, cause: Cause) {
        if !self.is_counted.replace(true) {
            self.state.figures.dropped(cause);
        }
    }

    /// It was sent, whatever became of it.
    fn sent(&self) {
        if !self.is_counted.replace(true) {
            self.state.variant.requested();
        }
    }
}

impl Copy {
    /// A copy of `head` for `mirror`, and where to send the primary's answer if it is compared.
    pub(crate) fn new(
        mirror: &Rc<LocalMirror>,
        head: &Rc<Head>,
    ) -> (Copy, Option<oneshot::Sender<Answer>>) {
        let (sender, primary) = match mirror.state.plan.compare {
            Some(_) => {
                let (sender, receiver) = oneshot::channel();
                (Some(sender), Some(receiver))
            }
            None => (None, None),
        };
        let tally = Tally { state: Arc::clone(&mirror.state), is_counted: Rc::default() };
        let (mirror, head) = (Rc::clone(mirror), Rc::clone(head));
        (Copy { mirror, tally, head, primary }, sender)
    }

    /// Sends it, if as many are not under way already and the mirror is not resting. Waits for nothing.
    pub(crate) fn send(self, body: RequestBody, held: Option<Held>) {
        if self.mirror.rest.is_on() {
            return self.tally.dropped(Cause::Refused);
        }
        let Some(slot) = self.mirror.state.budget.slot() else {
            return self.tally.dropped(Cause::InFlight);
        };
        tokio::task::spawn_local(async move {
            let tally = self.tally.clone();
            let variant = &tally.state.variant;
            let _until_the_end = (slot, held, variant.underway());
            let limit = tally.state.plan.deadline;
            if tokio::time::timeout(limit, self.exchange(body)).await.is_err() {
                tally.sent();
                variant.failed(Failure::Timeout);
            }
        });
    }

    async fn exchange(self, body: RequestBody) {
        let started = Instant::now();
        let Copy { mirror, tally, head, primary } = self;
        let state = &mirror.state;
        let http2 = mirror.pool.speaks_http2(head.is_grpc());
        let upstream = mirror.pool.connector().upstream();
        let compared = primary.map(|primary| (primary, Asked::of(&head)));
        // The last copy of a request takes its head, the others share it.
        let request = Rc::unwrap_or_clone(head).into_request(upstream, http2, body);
        let request = disguise(request, &state.plan);
        let sent = match mirror.pool.send(request, None, http2).await {
            Ok(sent) => sent,
            Err(error) => return mirror.not_sent(&tally, &error),
        };
        tally.sent();
        mirror.rest.over();
        let status = sent.response.status();
        let Some((answer, bytes)) = mirror.read(sent).await else {
            state.variant.failed(Failure::Cut);
            return;
        };
        state.variant.answered(status);
        state.variant.took(started.elapsed(), bytes);
        if let (Some((primary, asked)), Some(answer)) = (compared, answer) {
            match primary.await {
                Ok(primary) => {
                    let mirror_state = Arc::clone(state);
                    mirror.comparer.offer(asked, Pair { mirror: mirror_state, primary, answer });
                }
                Err(_) => state.figures.not_compared(),
            }
        }
    }
}

impl LocalMirror {
    /// Whether a request is to be copied; if not, why is counted.
    pub(crate) fn wants(&self, method: &Method, path: &str, is_upgrade: bool) -> bool {
        if !self.state.wants(method, path, is_upgrade) {
            return false;
        }
        if self.rest.is_on() {
            self.state.figures.dropped(Cause::Refused);
            return false;
        }
        true
    }

    fn not_sent(&self, tally: &Tally, error: &SendError) {
        self.state.variant.failed(error.failure);
        if !error.was_reused {
            self.rest.begin();
        }
        if error.was_sent {
            tally.sent();
        } else {
            tally.dropped(Cause::Refused);
        }
    }

    /// Reads an answer to its end; keeps it if it is compared and not too large.
    async fn read(&self, sent: Sent) -> Option<(Option<Answer>, u64)> {
        let keep = self.state.plan.compare.as_ref().map(|compare| compare.answer_bytes);
        let (head, mut body) = sent.response.into_parts();
        let mut answer = keep.map(|most| Collector::new(head.status, head.headers, most));
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.ok()?;
            if let Some(data) = frame.data_ref() {
                bytes += data.len() as u64;
            }
            if let Some(answer) = &mut answer {
                answer.frame(&frame);
            }
            if bytes > READ_MOST {
                return Some((answer.map(Collector::answer), bytes));
            }
        }
        sent.lease.give_back();
        Some((answer.map(Collector::answer), bytes))
    }
}

/// An answer as it comes in, for comparing.
pub(crate) struct Collector {
    answer: Answer,
    body: Vec<u8>,
    most: usize,
}

impl Collector {
    pub(crate) fn new(
        status: http::StatusCode,
        headers: http::HeaderMap,
        most: usize,
    ) -> Collector {
        let answer = Answer { status, headers, ..Answer::default() };
        Collector { answer, body: Vec::new(), most }
    }

    pub(crate) fn frame(&mut self, frame: &hyper::body::Frame<bytes::Bytes>) {
        if let Some(data) = frame.data_ref() {
            let room = self.most.saturating_sub(self.body.len());
            self.answer.truncated |= data.len() > room;
            self.body.extend_from_slice(&data[..data.len().min(room)]);
        }
        if let Some(trailers) = frame.trailers_ref() {
            self.answer.trailers.extend(trailers.clone());
        }
    }

    pub(crate) fn answer(self) -> Answer {
        Answer { body: self.body.into(), ..self.answer }
    }
}

/// Makes a request a copy: marked, its headers changed as the plan says.
fn disguise(mut request: http::Request<RequestBody>, plan: &Mirror) -> http::Request<RequestBody> {
    if let CopyHost::Rewritten(host) = &plan.host {
        Head::set_host(&mut request, host.clone());
    }
    let headers = request.headers_mut();
    for name in &plan.headers.remove {
        headers.remove(name);
    }
    for (name, value) in &plan.headers.replace {
        if headers.contains_key(name) {
            headers.insert(name.clone(), value.clone());
        }
    }
    for (name, value) in &plan.headers.set {
        headers.insert(name.clone(), value.clone());
    }
    headers.insert(plan.marker.clone(), MARK);
    request
}
