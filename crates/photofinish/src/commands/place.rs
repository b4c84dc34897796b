//! Where findings are kept, and where reports wait for it: flags and environment, else
//! `photofinish.toml`, else the default. The two belong together: a spool's folder remembers which
//! store its reports are meant for, and whoever opens that store next delivers what was left.

use crate::config::Config;
use crate::output::error::hinted;
use crate::sink::StoreSink;
use photofinish_store::{Repository, Store, StoreError, StorePlace, default_path};
use photofinish_supervise::spool::{Spool, recover};
use std::path::{Path, PathBuf};

/// Where findings are kept.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StoreArgs {
    /// The database of findings: a file, or postgres://USER@HOST/DATABASE, the password in PGPASSWORD
    /// [default: store.path or store.url of photofinish.toml, else
    /// ~/.local/state/photofinish/findings.db]
    #[arg(
        long,
        env = "PHOTOFINISH_STORE",
        hide_env_values = true,
        value_name = "FILE|URL",
        global = true
    )]
    store: Option<StorePlace>,
    /// Where reports wait until they are stored [default: run.spool of photofinish.toml, else
    /// ~/.local/state/photofinish/spool]
    #[arg(long, env = "PHOTOFINISH_SPOOL", value_name = "DIR", global = true)]
    spool: Option<PathBuf>,
}

/// A store and the spool whose reports it is to get.
#[derive(Debug)]
pub(crate) struct Place {
    /// The database.
    pub(crate) store: StorePlace,
    /// The spool.
    pub(crate) spool: Spool,
    /// Somebody named the database.
    named: bool,
    /// By a flag or in the environment.
    pub(crate) by_flag: bool,
}

impl StoreArgs {
    /// The files, by flag, environment, `config` or default.
    pub(crate) fn place(&self, config: &Config) -> anyhow::Result<Place> {
        let from_file = |path: &Option<PathBuf>| path.as_deref().map(|path| config.path(path));
        let named = match &self.store {
            Some(named) => Some(named.clone()),
            None => config.store.place(config)?,
        };
        let is_named = named.is_some();
        let store = match named {
            Some(named) => named,
            None => default_path().map_err(store_error)?.into(),
        };
        let spool = self.spool.clone().or_else(|| from_file(&config.run.spool));
        let spool = Spool::new(spool.unwrap_or_else(Spool::default_root));
        let spool = spool.delivering_to(store.name());
        Ok(Place { store, spool, named: is_named, by_flag: self.store.is_some() })
    }

    /// Opens the store that is there, with what the spool still held for it; `None` if nobody
    /// named a file and nothing was ever recorded.
    pub(crate) fn open(&self) -> anyhow::Result<Option<Store>> {
        let place = self.place(&Config::load(None)?)?;
        place.deliver_left_over();
        match Store::open_existing(&place.store) {
            Ok(store) => Ok(Some(store)),
            Err(StoreError::Missing { .. }) if !place.named => Ok(None),
            Err(error) => Err(store_error(error)),
        }
    }

    /// Opens the store that is there.
    pub(crate) fn open_existing(&self) -> anyhow::Result<Store> {
        match self.open()? {
            Some(store) => Ok(store),
            None => {
                let path = default_path().map_err(store_error)?;
                Err(store_error(StoreError::Missing { path }))
            }
        }
    }
}

impl Place {
    /// Delivers what killed runs left in the spool. What cannot be delivered now stays there, and
    /// is no reason not to show what is known.
    pub(super) fn deliver_left_over(&self) {
        match recover(&self.spool, &mut StoreSink::new(self.store.clone())) {
            Ok(recovered) => {
                for trouble in recovered.troubles {
                    tracing::warn!("{trouble}");
                }
                if let Some(refused) = recovered.refused {
                    let cause = anyhow::Error::from(refused);
                    tracing::warn!("reports stay in the spool: {cause:#}");
                }
            }
            Err(error) => {
                tracing::warn!("cannot look into the spool: {:#}", anyhow::Error::from(error))
            }
        }
    }
}

/// `error` with its hint, for the last lines on stderr.
pub(crate) fn store_error(error: StoreError) -> anyhow::Error {
    let hint = error.hint();
    hinted(error, hint)
}

/// The checkout around the current folder, where the source of a finding may be.
pub(super) fn repository() -> Option<Repository> {
    Repository::around(Path::new("."))
}
