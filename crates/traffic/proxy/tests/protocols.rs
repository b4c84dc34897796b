//! HTTP/2 in plain text and over TLS, gRPC, streams and tunnels, against a real Go service.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

mod common;

use bytes::Bytes;
use common::{Caller, GoService, SOON, go, mirror, plan, settled, start, trusted, upstream};
use http::{HeaderMap, HeaderValue, Request, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use photofinish_proxy::plan::{Plan, Protocol, TlsFiles};
use photofinish_testkit::{temp_dir, wait_until};
use std::convert::Infallible;
use std::io::Read;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

fn service() -> GoService {
    go("protocols", include_str!("services/protocols.go"), &[])
}

#[derive(Clone)]
struct Spawn;

impl<F> hyper::rt::Executor<F> for Spawn
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: F) {
        tokio::spawn(task);
    }
}

fn run<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(2 * SOON, test).await.unwrap() })
}

type Sender<B> = http2::SendRequest<B>;

async fn h2<B, S>(stream: S) -> Sender<B>
where
    B: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = http2::handshake(Spawn, TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn h2c<B>(to: SocketAddr) -> Sender<B>
where
    B: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
{
    h2(TcpStream::connect(to).await.unwrap()).await
}

fn post(path: &str, body: &'static str) -> Request<Full<Bytes>> {
    let uri = format!("http://shop.test{path}");
    Request::post(uri).body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap()
}

/// A body sent frame by frame, from afar.
struct Sent(mpsc::UnboundedReceiver<Frame<Bytes>>);

impl Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}

fn grpc<B>(body: B) -> Request<B> {
    Request::post("http://shop.test/grpc/Echo")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .unwrap()
}

#[test]
fn http2_in_plain_text_reaches_an_http1_service_and_the_other_way_round() {
    let service = service();
    run(async {
        let (_proxy, to) = start(plan(service.address));
        let answer = h2c(to).await.send_request(post("/a", "body")).await.unwrap();
        assert_eq!(answer.version(), Version::HTTP_2);
        assert_eq!(answer.headers()["x-proto"], "HTTP/1.1");
        assert_eq!(answer.headers()["x-host"], "shop.test");
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "body");
        let mut plan = plan(service.address);
        plan.stable.protocol = Protocol::Http2;
        let (_proxy, to) = start(plan);
        let mut caller = Caller::connect(to);
        let answer =
            caller.ask("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 4\r\n\r\nbody");
        assert_eq!(answer.header("x-proto").unwrap(), "HTTP/2.0");
        assert_eq!(answer.header("x-host").unwrap(), "shop.test");
        assert_eq!(answer.text(), "body");
        let answer = caller.ask(
            "POST /a HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        );
        assert_eq!(answer.text(), "body");
        assert_eq!(caller.ask("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
    });
}

#[test]
fn grpc_streams_both_ways_with_trailers_to_stable_and_to_the_canary() {
    let (stable, race) = (service(), service());
    for share in [0, 1_000_000] {
        let mut plan = plan(stable.address);
        plan.canary = Some(trusted(race.address, share));
        let (proxy, to) = start(plan);
        run(async {
            let (frames, body) = mpsc::unbounded_channel();
            let mut sender = h2c(to).await;
            let mut answer = sender.send_request(grpc(Sent(body))).await.unwrap();
            assert_eq!(answer.headers()["x-proto"], "HTTP/2.0");
            assert_eq!(answer.headers()["x-te"], "trailers");
            for message in ["one", "two", "three"] {
                frames.send(Frame::data(Bytes::from(message))).unwrap();
                let echo = answer.body_mut().frame().await.unwrap().unwrap();
                assert_eq!(echo.into_data().unwrap(), message, "each at once");
            }
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", HeaderValue::from_static("3"));
            frames.send(Frame::trailers(trailers)).unwrap();
            drop(frames);
            let rest = answer.into_body().collect().await.unwrap();
            let trailers = rest.trailers().unwrap();
            assert_eq!(trailers["grpc-status"], "0");
        });
        let status = settled(&proxy);
        let (canary, stable) = (status.canary.unwrap().variant, status.stable);
        assert_eq!(
            (canary.requests + stable.requests, canary.bytes_out + stable.bytes_out),
            (1, 11)
        );
    }
}

#[test]
fn a_caller_who_resets_a_stream_lets_the_service_go() {
    let service = service();
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let before = service.running.output().matches("let go").count();
        let mut plan = plan(service.address);
        plan.stable.protocol = protocol;
        let (proxy, to) = start(plan);
        run(async {
            let mut sender = h2c(to).await;
            let waiting = sender.send_request(post("/wait", ""));
            assert!(tokio::time::timeout(Duration::from_millis(300), waiting).await.is_err());
            tokio::task::yield_now().await;
            // Dropped: RST_STREAM. The connection stays.
            let answer = sender.send_request(post("/a", "more")).await.unwrap();
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "more");
            tokio::task::spawn_blocking(move || ()).await.unwrap();
            let until = Instant::now() + SOON;
            while service.running.output().matches("let go").count() == before {
                assert!(Instant::now() < until, "the service was never let go");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let status = settled(&proxy);
        assert_eq!((status.stable.in_flight, status.callers.left), (0, 1));
    }
}

/// A certificate for `localhost`, itself its authority, and its key; in a folder that is kept.
fn certificate() -> (TlsFiles, Vec<u8>, impl Sized) {
    let folder = temp_dir();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (TlsFiles { certificate, key }, made.cert.der().to_vec(), folder)
}

/// A TLS connection to `to` that offers `protocols`.
async fn tls(
    to: SocketAddr,
    authority: &[u8],
    protocols: &[&[u8]],
) -> tokio_rustls::client::TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from(authority.to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let stream = TcpStream::connect(to).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    connector.connect("localhost".try_into().unwrap(), stream).await.unwrap()
}

fn with_tls(stable: SocketAddr, files: &TlsFiles) -> Plan {
    let mut plan = plan(stable);
    plan.listen[0].tls = Some(files.clone());
    plan
}

#[test]
fn tls_agrees_on_http2_or_http1() {
    let service = service();
    let (files, authority, _folder) = certificate();
    let (_proxy, to) = start(with_tls(service.address, &files));
    run(async {
        let stream = tls(to, &authority, &[b"h2", b"http/1.1"]).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let answer = h2(stream).await.send_request(post("/a", "body")).await.unwrap();
        assert_eq!(answer.headers()["x-scheme"], "https");
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "body");
        for offered in [&[&b"http/1.1"[..]][..], &[]] {
            let stream = tls(to, &authority, offered).await;
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            let request = Request::post("/a").header("host", "shop.test");
            let request = request.body(Full::new(Bytes::from_static(b"body"))).unwrap();
            let answer = sender.send_request(request).await.unwrap();
            assert_eq!(answer.headers()["x-proto"], "HTTP/1.1");
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "body");
        }
    });
}

#[test]
fn an_upstream_may_speak_tls_with_either_protocol() {
    let service = service();
    let (files, _, _folder) = certificate();
    let (_inner, inner) = start(with_tls(service.address, &files));
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let mut plan = plan(service.address);
        plan.stable = format!("https://localhost:{}", inner.port()).parse().unwrap();
        plan.stable.authorities = Some(files.certificate.clone());
        plan.stable.protocol = protocol;
        let (_proxy, to) = start(plan);
        let ask = "POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 4\r\n\r\nbody";
        let answer = Caller::connect(to).ask(ask);
        assert_eq!((answer.status, answer.text().as_str()), (200, "body"), "{protocol:?}");
        assert_eq!(answer.header("x-scheme").unwrap(), "http", "what the first proxy said");
    }
}

const WEBSOCKET: &str = "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

#[test]
fn a_websocket_carries_what_came_with_its_handshake_and_may_be_half_closed() {
    let service = service();
    for share in [0, 1_000_000] {
        let mut plan = plan(service.address);
        plan.canary = Some(trusted(service.address, share));
        plan.mirrors = vec![mirror(service.address)];
        let (proxy, to) = start(plan);
        let mut caller = Caller::connect(to);
        caller.send(format!("GET /ws HTTP/1.1\r\n{WEBSOCKET}with the handshake, "));
        let answer = caller.answer();
        assert_eq!(answer.status, 101, "{}", answer.head);
        assert_eq!(answer.header("upgrade").unwrap(), "websocket");
        wait_until(SOON, "the tunnel in the figures", || proxy.status().callers.tunnels == 1);
        caller.send("and \0\r\n\r\nafter");
        caller.finish();
        let echoed = String::from_utf8(caller.rest(SOON)).unwrap();
        assert_eq!(echoed, "with the handshake, and \0\r\n\r\nafter<34 bytes>");
        wait_until(SOON, "the end of the tunnel", || proxy.status().callers.tunnels == 0);
    }
}

#[test]
fn a_tunnel_with_a_slow_reader_holds_little_and_loses_nothing() {
    let service = service();
    let (_proxy, to) = start(plan(service.address));
    let mut caller = Caller::connect(to);
    caller.send(format!("GET /flood HTTP/1.1\r\n{WEBSOCKET}"));
    assert_eq!(caller.answer().status, 101);
    std::thread::sleep(Duration::from_millis(500));
    let before = common::memory();
    let (mut total, mut buffer) = (0, vec![0; 1 << 20]);
    while let Ok(n) = caller.stream.read(&mut buffer) {
        if n == 0 {
            break;
        }
        total += n;
        if total < 8 << 20 {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    // What came with the answer was read with it.
    assert!((99 << 20..=100 << 20).contains(&total), "{total}");
    let grown = common::memory().saturating_sub(before);
    assert!(grown < 48 << 20, "{grown}");
}

#[test]
fn events_come_one_by_one_by_stable_and_by_the_canary() {
    let service = service();
    for share in [0, 1_000_000] {
        let mut plan = plan(service.address);
        plan.canary = Some(trusted(service.address, share));
        let (_proxy, to) = start(plan);
        run(async {
            let mut sender = h2c(to).await;
            let started = Instant::now();
            let mut answer = sender.send_request(post("/events", "")).await.unwrap();
            let mut times = Vec::new();
            while let Some(frame) = answer.body_mut().frame().await {
                if frame.unwrap().data_ref().is_some_and(|data| !data.is_empty()) {
                    times.push(started.elapsed());
                }
            }
            assert_eq!(times.len(), 3);
            assert!(times[0] < Duration::from_millis(290), "{times:?}");
            assert!(times[2] - times[0] > Duration::from_millis(500), "{times:?}");
        });
    }
}

#[test]
fn two_hosts_in_http2_are_refused() {
    let service = service();
    let (_proxy, to) = start(plan(service.address));
    run(async {
        let mut sender = h2c(to).await;
        let mut request = post("/", "");
        request.headers_mut().insert("host", HeaderValue::from_static("other.test"));
        assert_eq!(sender.send_request(request).await.unwrap().status(), 400);
        let mut grpc = grpc(Full::new(Bytes::from_static(b"x")));
        grpc.headers_mut().insert("host", HeaderValue::from_static("shop.test"));
        let answer = sender.send_request(grpc).await.unwrap();
        assert_eq!(answer.status(), 200);
    });
}

#[test]
fn a_mirror_gets_a_grpc_call_whole_by_http2() {
    let (stable, shadow) = (service(), service());
    let mut plan = plan(stable.address);
    plan.mirrors = vec![mirror(shadow.address)];
    plan.stable = upstream(stable.address);
    let (proxy, to) = start(plan);
    run(async {
        let mut sender = h2c(to).await;
        let answer = sender.send_request(grpc(Full::new(Bytes::from_static(b"x")))).await.unwrap();
        answer.into_body().collect().await.unwrap();
    });
    let mirror = settled(&proxy).mirrors.remove(0);
    assert_eq!((mirror.variant.answers[2], mirror.variant.bytes_out), (1, 1));
}
