//! Where races that are seen go: the findings of this machine, or with `--to` a `serve` elsewhere.

use super::place::{Place, StoreArgs};
use crate::config::Config;
use crate::outbox::Outbox;
use crate::output::error::hinted;
use crate::sink::{Remote, StoreSink};
use anyhow::Context;
use photofinish_dashboard::Token;
use photofinish_dashboard::client::Client;
use photofinish_store::StorePlace;
use photofinish_supervise::spool::Spool;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

/// Where to keep what is seen.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct KeepArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// Send what is seen to a `photofinish serve`, and keep it here only if --store says so, too
    #[arg(long, value_name = "URL", env = "PHOTOFINISH_TO")]
    to: Option<String>,
    /// The file with the token of --to
    #[arg(long, value_name = "FILE", env = "PHOTOFINISH_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// Trust the certificates in this PEM file for --to, instead of the system's
    #[arg(long, value_name = "FILE", env = "PHOTOFINISH_TO_CA")]
    to_ca: Option<PathBuf>,
}

/// Where what is seen is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    place: Place,
    client: Option<Client>,
    /// The flags that say the same to another photofinish.
    flags: Vec<OsString>,
}

impl KeepArgs {
    /// By flag, environment, `config` or default.
    pub(crate) fn kept(&self, config: &Config) -> anyhow::Result<Kept> {
        let own = &config.store;
        let mut place = self.store.place(config)?;
        let Some(url) = self.to.clone().or_else(|| own.to.clone()) else {
            return Ok(Kept { place, client: None, flags: Vec::new() });
        };
        let pick = |flag: &Option<PathBuf>, file: &Option<PathBuf>| {
            flag.clone().or_else(|| file.as_deref().map(|path| config.path(path)))
        };
        let token_file = pick(&self.token_file, &own.token_file);
        let authorities = pick(&self.to_ca, &own.to_ca);
        let token = token_file.as_deref().map(Token::read).transpose().map_err(|error| {
            let hint = error.hint();
            hinted(error, hint)
        })?;
        let client = Client::new(&url, token, authorities.as_deref()).map_err(|error| {
            let hint = error.hint();
            hinted(error, hint)
        })?;
        let mut flags: Vec<OsString> = vec!["--to".into(), url.into()];
        for (flag, path) in [("--token-file", token_file), ("--to-ca", authorities)] {
            if let Some(path) = path {
                flags.extend([flag.into(), path.into_os_string()]);
            }
        }
        place.spool = place.spool.delivering_to(client.url());
        Ok(Kept { place, client: Some(client), flags })
    }
}

impl Kept {
    /// The database, whether or not anything is kept there.
    pub(crate) fn store(&self) -> &StorePlace {
        &self.place.store
    }

    /// The spool of supervised programs.
    pub(crate) fn spool(&self) -> Spool {
        self.place.spool.clone()
    }

    /// The flags that say where to send to another photofinish.
    pub(crate) fn flags(&self) -> &[OsString] {
        &self.flags
    }

    /// For a program with a spool, which offers again what is not taken.
    pub(crate) fn spooled_sink(&self) -> StoreSink {
        let remote = self.client.clone().map(|client| Remote { client, outbox: None });
        StoreSink::to(self.here(), remote)
    }

    /// For whoever has none: what cannot be sent waits in the outbox.
    pub(crate) fn sink(&self) -> anyhow::Result<StoreSink> {
        Ok(StoreSink::to(self.here(), self.remote()?))
    }

    /// The same, and in the database whatever else was said.
    pub(crate) fn sink_here_too(&self) -> anyhow::Result<StoreSink> {
        Ok(StoreSink::to(Some(self.place.store.clone()), self.remote()?))
    }

    fn here(&self) -> Option<StorePlace> {
        let here = self.client.is_none() || self.place.by_flag;
        here.then(|| self.place.store.clone())
    }

    fn remote(&self) -> anyhow::Result<Option<Remote>> {
        let Some(client) = self.client.clone() else { return Ok(None) };
        let name: String = client
            .url()
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' })
            .collect();
        let folder = self.place.spool.root().join("outbox").join(name);
        let outbox = Outbox::open(folder.clone(), client.clone())
            .with_context(|| format!("cannot use the outbox {}", folder.display()))?;
        Ok(Some(Remote { client, outbox: Some(Arc::new(outbox)) }))
    }
}
