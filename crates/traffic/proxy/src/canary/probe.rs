//! Asking the canary whether it is well.

use super::CanaryState;
use crate::rt::LocalExecutor;
use crate::upstream::Connector;
use http::{Request, header};
use http_body_util::Empty;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use std::sync::Arc;

/// Asks once.
pub(crate) async fn probe(state: &Arc<CanaryState>, connector: &Connector) {
    let limit = state.plan.breaker.timeout;
    let path = state.plan.breaker.path.as_deref();
    let asked = tokio::time::timeout(limit, ask(connector, path)).await;
    state.probed(asked.unwrap_or(false));
}

async fn ask(connector: &Connector, path: Option<&str>) -> bool {
    let is_http2 = connector.upstream().protocol == crate::plan::Protocol::Http2;
    let Ok(stream) = connector.connect(is_http2).await else { return false };
    let Some(path) = path else { return true };
    let io = TokioIo::new(stream);
    let authority = connector.upstream().authority();
    let uri = if is_http2 { format!("{}{path}", connector.upstream()) } else { path.to_owned() };
    let request = Request::get(uri)
        .header(header::HOST, authority)
        .header(header::USER_AGENT, "photofinish-probe")
        .body(Empty::<bytes::Bytes>::new());
    let Ok(request) = request else { return false };
    let answer = if is_http2 {
        let Ok((mut sender, connection)) = http2::handshake(LocalExecutor, io).await else {
            return false;
        };
        tokio::task::spawn_local(connection);
        sender.send_request(request).await
    } else {
        let Ok((mut sender, connection)) = http1::handshake(io).await else { return false };
        tokio::task::spawn_local(connection);
        sender.send_request(request).await
    };
    answer.is_ok_and(|answer| answer.status().as_u16() < 500)
}
