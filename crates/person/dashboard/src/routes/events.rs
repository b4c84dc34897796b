//! `/events`: tells an open page that something changed (server-sent events).
//!
//! An event says only that there is something new; the page then asks for itself again, with its own
//! filters. So one line fits all, and a page that slept misses nothing.

use crate::app::App;
use crate::reply::{Reply, answer};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;

/// Something is sent at least so often, so that a dead connection is noticed.
const BEAT: Duration = Duration::from_secs(15);

pub(super) async fn events(State(app): State<Arc<App>>) -> Reply {
    let (sender, receiver) = mpsc::channel(1);
    let mut changes = app.changes.clone();
    tokio::spawn(async move {
        // The page was made a moment ago: it wants to know what changed since.
        let mut line = format!("retry: 2000\nevent: hello\ndata: {}\n\n", *changes.borrow());
        while sender.send(Bytes::from(line)).await.is_ok() {
            line = tokio::select! {
                changed = changes.changed() => match changed {
                    Ok(()) => format!("event: changed\ndata: {}\n\n", *changes.borrow_and_update()),
                    Err(_) => return,
                },
                () = tokio::time::sleep(BEAT) => ": still here\n\n".to_owned(),
                () = sender.closed() => return,
            };
        }
    });
    let mut reply = answer(StatusCode::OK, "text/event-stream", Body::new(Events(receiver)));
    // For proxies that would collect some before they hand it on.
    reply.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    reply
}

/// Events as the body of an answer that does not end.
struct Events(mpsc::Receiver<Bytes>);

impl HttpBody for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}
