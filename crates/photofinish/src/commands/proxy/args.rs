//! The flags of `photofinish proxy`, and how they go over the file.

use crate::commands::keep::KeepArgs;
use crate::config::proxy::{
    CanaryConfig, ListenConfig, MirrorConfig, RecordingConfig, UpstreamConfig,
};
use crate::config::word::{OneOrMany, Word, WordOrTable, Worded};
use crate::config::{Config, ConfigError};
use crate::output::error::{Hint, hinted};
use crate::proxy_findings::{DiffFindings, Named, Pace};
use anyhow::Context;
use photofinish_proxy::plan::{Plan, Share};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Put a reverse proxy in front of the service: a race build gets a share of live traffic, or copies
///
/// The canary answers a share of the requests; what it cannot answer, stable does. A mirror gets copies,
/// whose answers are dropped. Neither makes a caller wait or fail. SIGHUP reads the configuration again,
/// SIGTERM waits for requests under way and ends. Exit status: 0 ended in good order, 2 could not run.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ProxyArgs {
    #[command(subcommand)]
    pub(super) command: Option<ProxyCommand>,
    #[command(flatten)]
    pub(super) flags: Flags,
    /// Read and check the configuration, say what it would do, and end
    #[arg(long)]
    pub(super) check: bool,
    /// Take over the addresses of a proxy that runs with the same configuration, without losing a request
    #[arg(long, conflicts_with = "check")]
    pub(super) takeover: bool,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum ProxyCommand {
    /// Show how a running proxy stands
    Status(super::status::StatusArgs),
}

/// What goes over the file, now and on each reload.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Flags {
    /// The configuration [default: photofinish.toml, if there is one]
    #[arg(short, long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Where callers connect to (repeatable) [default: 127.0.0.1:8080]
    #[arg(short, long, value_name = "ADDR", value_parser = word::<SocketAddr>)]
    listen: Vec<SocketAddr>,
    /// Where /metrics and /status are served
    #[arg(long, value_name = "ADDR", value_parser = word::<SocketAddr>)]
    admin: Option<SocketAddr>,
    /// The build that answers all that nothing else answers
    #[arg(long, value_name = "URL", value_parser = word::<UpstreamConfig>)]
    stable: Option<UpstreamConfig>,
    /// The race build that answers a share of the requests
    #[arg(long, value_name = "URL", value_parser = word::<UpstreamConfig>)]
    canary: Option<UpstreamConfig>,
    /// The canary's share, like 2% or 150 ppm [default: 2%]
    #[arg(long, value_name = "SHARE", value_parser = word::<Share>)]
    share: Option<Share>,
    /// A share above 5% is meant
    #[arg(long)]
    large_share: bool,
    /// The race build that gets copies
    #[arg(long, value_name = "URL", value_parser = word::<UpstreamConfig>)]
    mirror: Option<UpstreamConfig>,
    /// Keep the requests in this file, for `load --replay`
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    keep: KeepArgs,
}

impl Flags {
    /// The file and the flags over it, as a plan that makes sense.
    pub(super) fn plan(&self) -> anyhow::Result<Plan> {
        let mut config = Config::load(self.config.as_deref())?;
        self.over(&mut config)?;
        config.proxy_plan().map_err(config_error)
    }

    /// Where answers that differ are kept, and whose they are.
    pub(super) fn findings(&self) -> anyhow::Result<DiffFindings> {
        let config = Config::load(self.config.as_deref())?;
        let sink = self.keep.kept(&config)?.sink()?;
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let service = config.service.name.unwrap_or_default();
        let named = Named { service, build: String::new(), host };
        DiffFindings::start(sink, named, Pace::default()).context("cannot start a thread")
    }

    fn over(&self, config: &mut Config) -> anyhow::Result<()> {
        let proxy = &mut config.proxy;
        if !self.listen.is_empty() {
            let listen = self
                .listen
                .iter()
                .map(|address| WordOrTable(ListenConfig { address: Worded(*address), tls: None }));
            proxy.listen = Some(OneOrMany(listen.collect()));
        }
        if let Some(admin) = self.admin {
            proxy.admin = Some(Worded(admin));
        }
        if let Some(stable) = &self.stable {
            proxy.stable = Some(WordOrTable(stable.clone()));
        }
        if let Some(to) = &self.canary {
            let canary = proxy.canary.get_or_insert_with(CanaryConfig::default);
            canary.to = Some(WordOrTable(to.clone()));
        }
        if self.share.is_some() || self.large_share {
            let Some(canary) = &mut proxy.canary else {
                let error = anyhow::anyhow!("--share is the canary's, and there is none");
                return Err(error
                    .context(Hint("say where it is: --canary http://127.0.0.1:9002".to_owned())));
            };
            canary.share = self.share.map(Worded).or(canary.share.take());
            canary.large_share |= self.large_share;
        }
        if let Some(file) = &self.record {
            // Paths of the file are relative to it, paths of flags to where they are typed.
            let file = std::path::absolute(file).context("cannot tell the current folder")?;
            proxy.recording.get_or_insert_with(RecordingConfig::default).file = Some(file);
        }
        if let Some(to) = &self.mirror {
            let to = Some(WordOrTable(to.clone()));
            match proxy.mirror.as_mut_slice() {
                [] => proxy.mirror.push(MirrorConfig { to, ..MirrorConfig::default() }),
                // The rest of it stays: rules and headers were written for safety.
                [only] => only.to = to,
                several => anyhow::bail!(
                    "--mirror says where the mirror is, and the file has {} of them",
                    several.len()
                ),
            }
        }
        Ok(())
    }
}

fn word<T: Word>(text: &str) -> Result<T, String> {
    T::read(text)
}

fn config_error(error: ConfigError) -> anyhow::Error {
    let hint = error.hint();
    hinted(error, hint)
}
