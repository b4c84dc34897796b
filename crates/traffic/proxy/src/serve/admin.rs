//! `/metrics` for Prometheus, `/status` for everybody else.

use super::shared::Shared;
use crate::figures::prometheus_text;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Callers at once: this is for a scraper, a dashboard and a person.
const CALLERS: usize = 64;
/// How long a caller may take to ask.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves the figures on `listener` for ever.
pub(super) async fn serve(shared: Arc<Shared>, listener: TcpListener) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let seats = Arc::new(Semaphore::new(CALLERS));
    loop {
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        tokio::task::spawn_local(async move {
            let _seat = seat;
            let service = service_fn(move |request| {
                let answer = answer(&shared, &request);
                async move { Ok::<_, Infallible>(answer) }
            });
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn answer(shared: &Shared, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let page = |status: StatusCode, kind: &'static str, text: String| {
        let mut answer = Response::new(Full::new(Bytes::from(text)));
        *answer.status_mut() = status;
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        answer
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let text = "only GET and HEAD\n".to_owned();
        return page(StatusCode::METHOD_NOT_ALLOWED, "text/plain", text);
    }
    match request.uri().path() {
        "/metrics" => {
            let kind = "text/plain; version=0.0.4; charset=utf-8";
            page(StatusCode::OK, kind, prometheus_text(&shared.status()))
        }
        "/status" => {
            page(StatusCode::OK, "application/json", format!("{}\n", shared.status().to_json()))
        }
        "/healthz" if shared.is_draining() => {
            page(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "draining\n".to_owned())
        }
        "/healthz" => page(StatusCode::OK, "text/plain", "ok\n".to_owned()),
        _ => {
            let text = "here are /metrics, /status and /healthz\n".to_owned();
            page(StatusCode::NOT_FOUND, "text/plain", text)
        }
    }
}
