//! The canary's answer, held until it is whole.
//!
//! A race build that dies in the middle of an answer has not harmed a caller who has seen nothing of
//! it: stable answers instead. Small answers are held whole; large ones and slow ones are let go once they
//! reach a size or an age; streams are not held at all.

use crate::plan::Canary;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use std::collections::VecDeque;

/// What is held of an answer, and what is still to come of it.
pub(crate) struct HeldAnswer {
    pub(crate) first: VecDeque<Frame<Bytes>>,
    pub(crate) rest: Option<Incoming>,
}

/// Holds the body of `response`.
///
/// # Errors
/// The canary broke it off.
pub(crate) async fn hold(
    response: Response<Incoming>,
    plan: &Canary,
) -> Result<(Response<()>, HeldAnswer), hyper::Error> {
    let (head, mut body) = response.into_parts();
    let mut held = HeldAnswer { first: VecDeque::new(), rest: None };
    let too_large = body.size_hint().lower() > plan.hold_answer_bytes as u64;
    if !too_large && !is_stream(&head.headers) {
        let collected = collect(&mut body, plan.hold_answer_bytes, &mut held.first);
        match tokio::time::timeout(plan.hold_answer, collected).await {
            Ok(Ok(true)) => return Ok((Response::from_parts(head, ()), held)),
            Ok(Err(error)) => return Err(error),
            Ok(Ok(false)) | Err(_) => {}
        }
    }
    held.rest = Some(body);
    Ok((Response::from_parts(head, ()), held))
}

/// Whether the body ended within `most` bytes.
async fn collect(
    body: &mut Incoming,
    most: usize,
    first: &mut VecDeque<Frame<Bytes>>,
) -> Result<bool, hyper::Error> {
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame?;
        bytes += frame.data_ref().map_or(0, Bytes::len);
        first.push_back(frame);
        if bytes > most {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether an answer comes piece by piece on purpose.
pub(crate) fn is_stream(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.as_bytes();
        [&b"text/event-stream"[..], b"application/grpc", b"multipart/x-mixed-replace"]
            .iter()
            .any(|stream| kind.starts_with(stream))
    })
}
