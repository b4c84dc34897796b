//! One request, sent to the canary and, where it must and may, to stable.

use super::answer::{Account, AnswerBody, Compared, End};
use super::own::Refusal;
use super::{Exchange, headers, tunnel};
use crate::canary::answer::{HeldAnswer, hold, is_stream};
use crate::figures::{Failure, Underway, Variant};
use crate::mirror::Collector;
use crate::upstream::{BodyError, Pool, RequestBody, SendError, Sent, Source};
use http::header::CONNECTION;
use http::{HeaderValue, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What became of a request sent to the canary.
enum ByCanary {
    /// The caller's answer.
    Answered(Box<Response<AnswerBody>>),
    /// None, and stable must not be asked.
    Failed(Refusal),
    /// None; stable answers.
    Stable,
}

/// The beginning of an upstream's answer.
struct Begun {
    sent: Sent,
    /// Time this proxy itself took, so far.
    overhead: Duration,
    head_at: Instant,
}

/// Why there is no answer.
enum Missing {
    Upstream(SendError),
    /// The caller's body cannot be passed on.
    Caller(Refusal),
    /// It takes too long.
    Late,
}

impl Exchange {
    /// The answer for the caller.
    pub(super) async fn answer(mut self) -> Result<Response<AnswerBody>, Refusal> {
        if self.is_canary {
            match self.by_canary().await {
                ByCanary::Answered(answer) => return Ok(*answer),
                ByCanary::Failed(refusal) => return Err(refusal),
                ByCanary::Stable => self.own_since = Instant::now(),
            }
        }
        self.by_stable().await
    }

    async fn by_canary(&mut self) -> ByCanary {
        let Some(upstream) = self.local.canary.clone() else { return ByCanary::Stable };
        let (state, variant) = (&upstream.state, &upstream.variant);
        let plan = &state.plan;
        let is_idempotent = self.head.is_idempotent(Some(&plan.idempotency_header));
        let patience = if is_idempotent { plan.patience } else { plan.answer };
        let underway = variant.begun();
        let begun = self.send(&upstream.pool, patience).await;
        // Of a request that may be sent twice the body must still be there.
        let may_resend = is_idempotent && self.source.as_ref().is_none_or(Source::is_whole);
        let failed = |failure: Failure, give_up: Refusal, may: bool| {
            variant.failed(failure);
            state.observe(false);
            if may {
                variant.retried();
                ByCanary::Stable
            } else {
                ByCanary::Failed(give_up)
            }
        };
        let begun = match begun {
            Ok(begun) => begun,
            Err(Missing::Upstream(error)) => {
                self.worker.tell_failure("canary", &error.cause);
                let whole = self.source.as_ref().is_none_or(Source::is_whole);
                let may = may_resend || (!error.was_sent && whole);
                return failed(error.failure, refusal(&error), may);
            }
            Err(Missing::Late) => return failed(Failure::Timeout, Refusal::Late, may_resend),
            Err(Missing::Caller(refusal)) => return ByCanary::Failed(refusal),
        };
        let status = begun.sent.response.status();
        let is_failure = plan.failed.contains(&status.as_u16());
        if is_failure && may_resend {
            return failed(Failure::Status, Refusal::Broken, true);
        }
        if status == StatusCode::SWITCHING_PROTOCOLS {
            state.observe(true);
            let account = self.account(variant, underway, None, None);
            return ByCanary::Answered(Box::new(self.tunnel(begun, account)));
        }
        let Begun { sent, overhead, head_at } = begun;
        let (head, held) = match hold(sent.response, plan).await {
            Ok(held) => held,
            Err(_) => return failed(Failure::Cut, Refusal::Broken, may_resend),
        };
        if is_failure {
            variant.failed(Failure::Status);
            state.observe(false);
        }
        let mut account = self.account(variant, underway, Some(sent.lease), Some(status));
        account.canary = (!is_failure).then(|| Arc::clone(state));
        variant.answered(status);
        if let Some(source) = &self.source {
            source.release();
        }
        let compared = self.compared(&head);
        let HeldAnswer { first, rest } = held;
        let body = AnswerBody::held(first, rest, account, compared);
        let answer = self.finish(head.map(|()| body));
        self.connection.figures().overhead.count(overhead + head_at.elapsed());
        ByCanary::Answered(Box::new(answer))
    }

    async fn by_stable(&mut self) -> Result<Response<AnswerBody>, Refusal> {
        let local = Rc::clone(&self.local);
        let variant = &local.stable_variant;
        let limit = local.live.plan.timeouts.answer;
        let mut is_last_try = false;
        loop {
            let underway = variant.begun();
            let missing = match self.send(&local.stable, limit).await {
                Ok(begun) => return Ok(self.stables_answer(begun, variant, underway)),
                Err(missing) => missing,
            };
            match missing {
                Missing::Caller(refusal) => return Err(refusal),
                Missing::Late => {
                    variant.failed(Failure::Timeout);
                    return Err(Refusal::Late);
                }
                Missing::Upstream(error) => {
                    variant.failed(error.failure);
                    self.worker.tell_failure("stable", &error.cause);
                    // A connection used before may have been closed while the request was on its way.
                    let whole = self.source.as_ref().is_none_or(Source::is_whole);
                    let may = !error.was_sent || self.head.is_idempotent(None);
                    if is_last_try || !error.was_reused || !whole || !may {
                        return Err(refusal(&error));
                    }
                    variant.retried();
                    // The others may have been closed at the same time.
                    local.stable.forget_idle();
                    self.own_since = Instant::now();
                    is_last_try = true;
                }
            }
        }
    }

    fn stables_answer(
        &mut self,
        begun: Begun,
        variant: &Arc<Variant>,
        underway: Underway,
    ) -> Response<AnswerBody> {
        variant.answered(begun.sent.response.status());
        if begun.sent.response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let account = self.account(variant, underway, None, None);
            return self.tunnel(begun, account);
        }
        let Begun { sent, overhead, head_at } = begun;
        let (head, body) = sent.response.into_parts();
        let head = Response::from_parts(head, ());
        let account = self.account(variant, underway, Some(sent.lease), Some(head.status()));
        let compared = self.compared(&head);
        let answer = self.finish(head.map(|()| AnswerBody::passing(body, account, compared)));
        self.connection.figures().overhead.count(overhead + head_at.elapsed());
        answer
    }

    /// Sends the request by `pool` and waits for the head of an answer, `limit` from when the request
    /// was with it.
    async fn send(&mut self, pool: &Rc<Pool>, limit: Duration) -> Result<Begun, Missing> {
        let http2 = pool.speaks_http2(self.head.is_grpc());
        let body = self.source.as_ref().map_or(RequestBody::Empty, Source::attempt);
        let target = pool.connector().upstream();
        let mut request = self.head.to_request(target, http2, body);
        if self.head.takes_interim {
            self.connection.pass_interim(&mut request);
        }
        let sent_at = Instant::now();
        let sending = pool.send(request, self.source.as_ref(), http2);
        match self.in_time(limit, sent_at, sending).await {
            Ok(Ok(sent)) => {
                Ok(Begun { sent, overhead: sent_at - self.own_since, head_at: Instant::now() })
            }
            Ok(Err(error)) => Err(match self.source.as_ref().and_then(Source::error) {
                Some(BodyError::TooLarge) => Missing::Caller(Refusal::TooLarge),
                Some(_) => Missing::Caller(Refusal::BrokenBody),
                None => Missing::Upstream(error),
            }),
            Err(missing) => Err(missing),
        }
    }

    /// Waits for `sending`. While the upstream waits for the caller's body, it is the caller's time that runs.
    async fn in_time<T>(
        &self,
        limit: Duration,
        sent_at: Instant,
        sending: impl Future<Output = T>,
    ) -> Result<T, Missing> {
        let stalled = self.local.live.plan.timeouts.stalled;
        let mut sending = pin!(sending);
        loop {
            let is_callers = self.source.as_ref().is_some_and(Source::is_awaited);
            let since = self.source.as_ref().map_or(sent_at, |source| source.last().max(sent_at));
            let until = since + if is_callers { stalled } else { limit };
            if Instant::now() >= until {
                return Err(if is_callers {
                    Missing::Caller(Refusal::StalledBody)
                } else {
                    Missing::Late
                });
            }
            // Whose time it is may change meanwhile.
            let look = until.min(Instant::now() + limit);
            if let Ok(sent) = tokio::time::timeout_at(look.into(), &mut sending).await {
                return Ok(sent);
            }
        }
    }

    fn account(
        &mut self,
        variant: &Arc<Variant>,
        underway: Underway,
        lease: Option<crate::upstream::Lease>,
        status: Option<StatusCode>,
    ) -> Account {
        Account {
            variant: Arc::clone(variant),
            underway,
            caller: Arc::clone(self.connection.figures()),
            canary: None,
            counts: !self.is_canary,
            started: self.started,
            source: self.source.clone(),
            kept: self.kept.take().zip(status),
            lease,
            bytes: 0,
            end: End::Open,
        }
    }

    fn compared(&mut self, head: &Response<()>) -> Option<Compared> {
        if self.compared.is_empty() {
            return None;
        }
        let most = self.local.compared_bytes();
        let collector = Collector::new(head.status(), head.headers().clone(), most);
        Some(Compared { collector, to: std::mem::take(&mut self.compared) })
    }

    /// Makes an upstream's head the caller's.
    fn finish(&self, mut answer: Response<AnswerBody>) -> Response<AnswerBody> {
        if !is_stream(answer.headers()) {
            answer.body_mut().wait_at_most(self.local.live.plan.timeouts.stalled);
        }
        headers::strip(answer.headers_mut());
        *answer.version_mut() = Version::HTTP_11;
        answer
    }

    /// The caller's connection becomes what the upstream agreed to.
    fn tunnel(&mut self, begun: Begun, mut account: Account) -> Response<AnswerBody> {
        let mut response: Response<Incoming> = begun.sent.response;
        let upstream = response.extensions_mut().remove::<OnUpgrade>();
        let agreed = response.headers().get(http::header::UPGRADE).cloned();
        let (Some(caller), Some(upstream)) = (self.on_upgrade.take(), upstream) else {
            return Refusal::Broken.answer();
        };
        self.connection.became_tunnel();
        tunnel::join(caller, upstream, Arc::clone(self.connection.figures()));
        account.end = End::Whole;
        let (head, _) = response.into_parts();
        let mut answer = Response::from_parts(head, AnswerBody::none());
        headers::strip(answer.headers_mut());
        let connection = HeaderValue::from_static("upgrade");
        answer.headers_mut().insert(CONNECTION, connection);
        if let Some(agreed) = agreed {
            answer.headers_mut().insert(http::header::UPGRADE, agreed);
        }
        *answer.version_mut() = Version::HTTP_11;
        answer
    }
}

fn refusal(error: &SendError) -> Refusal {
    if error.failure == Failure::Connect { Refusal::Unreachable } else { Refusal::Broken }
}
