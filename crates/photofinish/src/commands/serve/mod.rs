//! `photofinish serve`: flags in, [`Settings`], one [`Server`] until somebody ends it.

mod watched;

use super::place::{Place, StoreArgs};
use crate::config::{Bytes, Config};
use crate::exit::ExitStatus;
use crate::output::error::hinted;
use crate::signal::on_first_interrupt;
use anyhow::Context;
use photofinish_dashboard::{ServeError, Server, Settings, Tls, Token};
use photofinish_notify::{Figures, Instance, Notifier};
use photofinish_store::{OwnerRules, Repository, StoreError};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A dashboard, to be imported.
const GRAFANA: &str = include_str!("../../../../../docs/grafana.json");

/// Show findings in a browser, and take what other machines see
#[derive(Debug, clap::Args)]
#[command(after_help = "Without a token only this machine is listened to. For others:\n  \
    head -c 24 /dev/urandom | base64 > token\n  \
    photofinish serve --listen 0.0.0.0:7071 --token-file token --tls-cert c.pem --tls-key k.pem\n  \
    photofinish run --to https://HOST:7071 --token-file token -- ./api-race   (on the others)\n\
    The whole story: docs/serve.md")]
pub(crate) struct ServeArgs {
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:7071]
    #[arg(long, value_name = "ADDR", env = "PHOTOFINISH_LISTEN")]
    listen: Option<SocketAddr>,
    /// The configuration [default: photofinish.toml, if there is one]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArgs,
    /// The file with the token that opens everything; needed unless only this machine can come
    #[arg(long, value_name = "FILE", env = "PHOTOFINISH_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// The file with a token that may send sightings and nothing else
    #[arg(long, value_name = "FILE", env = "PHOTOFINISH_REPORT_TOKEN_FILE")]
    report_token_file: Option<PathBuf>,
    /// Serve HTTPS with this certificate (PEM, with those that vouch for it)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Print a dashboard for Grafana, of these figures and the proxies', and end
    #[arg(long)]
    print_grafana: bool,
    /// The admin address of a proxy whose figures are shown (may be repeated)
    #[arg(long, value_name = "ADDR")]
    proxy: Vec<SocketAddr>,
    /// Memory for sightings that are being received or written; who sends more is told to come back
    #[arg(long, value_name = "SIZE", default_value = "64MiB")]
    intake: Bytes,
    /// The checkout whose source is shown beside findings, and whose CODEOWNERS says whose they
    /// are [default: the one around the current folder]
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
}

/// Serves until SIGINT or SIGTERM.
pub(crate) fn serve(args: ServeArgs) -> anyhow::Result<ExitStatus> {
    if args.print_grafana {
        anstream::stdout()
            .lock()
            .write_all(GRAFANA.as_bytes())
            .context("cannot write to stdout")?;
        return Ok(ExitStatus::Success);
    }
    allow_many_connections();
    let config = Config::load(args.config.as_deref())?;
    let place = args.store.place(&config)?;
    place.deliver_left_over();
    let settings = settings(args, &config, place)?;
    let notify = config.notify_settings(&settings.store)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("serve")
        .build()
        .context("cannot start the runtime")?;
    let (stopper, stop) = tokio::sync::watch::channel(false);
    runtime.block_on(async {
        let server = Server::bind(&settings).await.map_err(serve_error)?;
        on_first_interrupt(move || {
            stopper.send_replace(true);
        })?;
        let notifier =
            notify.map(|notify| Notifier::start(&notify, &figures(&server))).transpose()?;
        announce(&server, &settings);
        server.run(stop).await;
        drop(notifier);
        anyhow::Ok(())
    })?;
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    Ok(ExitStatus::Success)
}

/// As many open files as we may have: each sender keeps its connection, and the usual limit is 1,024.
fn allow_many_connections() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::debug!("no more than {:?} open files: {error}", limit.current);
    }
}

fn announce(server: &Server, settings: &Settings) {
    let mut err = anstream::stderr().lock();
    let _ = writeln!(err, "photofinish: findings are at {}", server.url());
    if !settings.listen.ip().is_loopback() {
        let how = match settings.tls {
            Some(_) => "who has the token",
            None => {
                "who has the token, which travels unencrypted: give --tls-cert and --tls-key, \
                     or put a proxy with TLS in front"
            }
        };
        tracing::warn!("other machines can reach this address; it opens to {how}");
    }
}

fn settings(args: ServeArgs, config: &Config, place: Place) -> anyhow::Result<Settings> {
    let own = &config.serve;
    let pick = |flag: Option<PathBuf>, file: &Option<PathBuf>| {
        flag.or_else(|| file.as_deref().map(|path| config.path(path)))
    };
    let listen =
        args.listen.or(own.listen).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 7071)));
    let token = |path: Option<PathBuf>| {
        path.map(|path| Token::read(&path)).transpose().map_err(|e| serve_error(e.into()))
    };
    let mut settings = Settings::new(listen, place.store);
    settings.token = token(pick(args.token_file, &own.token_file))?;
    settings.report_token = token(pick(args.report_token_file, &own.report_token_file))?;
    let proxies = if args.proxy.is_empty() { own.proxies.clone() } else { args.proxy };
    settings.watched = watched::watched(&proxies, config);
    settings.limits.intake = usize::try_from(args.intake.0).unwrap_or(usize::MAX);
    settings.tls = match (pick(args.tls_cert, &own.tls_cert), pick(args.tls_key, &own.tls_key)) {
        (Some(certificate), Some(key)) => Some(Tls { certificate, key }),
        (None, None) => None,
        _ => anyhow::bail!("TLS needs both a certificate and its key"),
    };
    let source = pick(args.source, &own.source);
    let folder = source.as_deref().unwrap_or(Path::new("."));
    settings.repository = Repository::around(folder);
    if let (Some(folder), None) = (&source, &settings.repository) {
        anyhow::bail!("there is no checkout around {}", folder.display());
    }
    settings.owner_rules = OwnerRules::load(folder);
    Ok(settings)
}

/// What `/metrics` tells, for whoever has it sent.
fn figures(server: &Server) -> Figures {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let id = format!("{host}:{}", server.address().port());
    let read = server.figures();
    let read = move || read().map_err(|error| told(&error));
    Figures { instance: Instance { id, host }, read: Arc::new(read) }
}

/// What went wrong and why, in one line.
fn told(error: &StoreError) -> String {
    let cause = std::error::Error::source(error);
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

fn serve_error(error: ServeError) -> anyhow::Error {
    let hint = error.hint();
    hinted(error, hint)
}
