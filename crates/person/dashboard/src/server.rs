//! Listening: connections, TLS, and how long anybody may take.
//!
//! A connection that sends nothing, or its head letter by letter, is closed; so many are taken at a
//! time and the rest wait in the kernel. At the end those under way may finish, but not for long.
//!
//! Start at [`Server::bind`], then [`Server::run`].

use crate::app::App;
use crate::error::ServeError;
use crate::routes::router;
use crate::settings::{Limits, Settings, Tls};
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use photofinish_store::{Figure, StoreError};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

/// How long what is under way may take at the end.
const LAST: Duration = Duration::from_secs(5);

/// Listens, and does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    app: Arc<App>,
}

impl Server {
    /// Opens the findings and listens. To be called inside of a runtime.
    ///
    /// # Errors
    /// The address is taken, or open to others and without a token; the certificate or the
    /// findings cannot be used.
    pub async fn bind(settings: &Settings) -> Result<Server, ServeError> {
        let listen = settings.listen;
        if !settings.is_loopback() && settings.token.is_none() {
            return Err(ServeError::NoToken { listen });
        }
        let acceptor = settings.tls.as_ref().map(acceptor).transpose()?;
        let listening = |cause| ServeError::Listen { listen, cause };
        let listener = TcpListener::bind(listen).await.map_err(listening)?;
        let address = listener.local_addr().map_err(listening)?;
        let app = Arc::new(App::start(settings)?);
        Ok(Server { listener, address, acceptor, app })
    }

    /// Where.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:7071/`.
    pub fn url(&self) -> String {
        let scheme = if self.acceptor.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/", self.address)
    }

    /// What tells the figures of `/metrics` at any time; may wait for the database.
    pub fn figures(&self) -> impl Fn() -> Result<Vec<Figure>, StoreError> + Send + Sync + 'static {
        let app = Arc::clone(&self.app);
        move || Ok(app.figures(&app.shelf.with_now(|store| store.totals())?))
    }

    /// Answers until `stop` says true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let router = router(Arc::clone(&self.app));
        let limits = self.app.limits;
        let room = Arc::new(Semaphore::new(limits.connections));
        loop {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            let stream = tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        // Out of files, most likely: some will be closed.
                        tracing::warn!("cannot accept a connection: {error}");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                },
                () = told(&mut stop) => break,
            };
            let (router, stop, app) = (router.clone(), stop.clone(), Arc::clone(&self.app));
            let acceptor = self.acceptor.clone();
            tokio::spawn(async move {
                app.metrics.connections.fetch_add(1, Ordering::Relaxed);
                connection(stream, acceptor, router, limits, stop).await;
                app.metrics.connections.fetch_sub(1, Ordering::Relaxed);
                drop(permit);
            });
        }
        let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
        let _ = tokio::time::timeout(LAST, room.acquire_many(all)).await;
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Waits until it is true, or nobody is left to say so.
async fn told(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn connection(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    limits: Limits,
    stop: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    match acceptor {
        None => exchange(stream, router, limits, stop).await,
        Some(acceptor) => {
            match tokio::time::timeout(limits.head_time, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => exchange(stream, router, limits, stop).await,
                Ok(Err(error)) => tracing::debug!("no TLS with a caller: {error}"),
                Err(_) => tracing::debug!("a caller took too long for TLS"),
            }
        }
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.head_time).max_buf_size(64 << 10);
    let connection =
        builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = told(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(LAST, connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection broke: {error}");
    }
}

fn acceptor(tls: &Tls) -> Result<TlsAcceptor, ServeError> {
    let wrong = |what, path: &std::path::Path, cause: Box<dyn std::error::Error + Send + Sync>| {
        ServeError::Tls { what, path: path.to_owned(), cause }
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&tls.certificate)
        .and_then(Iterator::collect)
        .map_err(|cause| wrong("certificate", &tls.certificate, cause.into()))?;
    let key = PrivateKeyDer::from_pem_file(&tls.key)
        .map_err(|cause| wrong("key", &tls.key, cause.into()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|cause| wrong("certificate", &tls.certificate, cause.into()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
