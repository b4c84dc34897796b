//! The yardstick of `cargo xtask bench proxy`: hyper and hyper-util passing requests on, and nothing else.
//!
//! `bare LISTEN UPSTREAM THREADS`. It strips a fixed list of hop-by-hop headers and keeps connections to the
//! upstream alive; no limits, no checks, no figures. What our proxy costs above this is what it does.

use http_body_util::{Either, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderName, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;

type Upstream = Client<HttpConnector, Incoming>;
type Answer = Either<Incoming, Empty<Bytes>>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, listen, upstream, threads] = &arguments[..] else {
        return Err("bare LISTEN UPSTREAM THREADS".into());
    };
    let authority: http::uri::Authority = upstream.trim_start_matches("http://").parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads.parse()?)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(listen).await?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client: Upstream =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(1024).build(connector);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (client, authority) = (client.clone(), authority.clone());
            let service = service_fn(move |request| {
                let (client, authority) = (client.clone(), authority.clone());
                async move { Ok::<_, Infallible>(pass(&client, authority, request).await) }
            });
            tokio::spawn(async move {
                let serving = hyper::server::conn::http1::Builder::new();
                let _ = serving.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}

async fn pass(
    client: &Upstream,
    authority: http::uri::Authority,
    mut request: Request<Incoming>,
) -> Response<Answer> {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(http::uri::Scheme::HTTP);
    parts.authority = Some(authority);
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    for name in [CONNECTION, TRANSFER_ENCODING, UPGRADE, TE, PROXY_AUTHORIZATION] {
        request.headers_mut().remove(name);
    }
    request.headers_mut().remove(HeaderName::from_static("keep-alive"));
    match client.request(request).await {
        Ok(answer) => answer.map(Either::Left),
        Err(_) => {
            let mut answer = Response::new(Either::Right(Empty::new()));
            *answer.status_mut() = StatusCode::BAD_GATEWAY;
            answer
        }
    }
}
