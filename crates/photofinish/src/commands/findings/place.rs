//! Which store: `--store`, `PHOTOFINISH_STORE`, `photofinish.toml`, or the default.

use crate::config::Config;
use crate::output::error::Hint;
use photofinish_store::{Repository, Store, StoreError, default_path};
use std::path::{Path, PathBuf};

/// Where findings are kept.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StoreArgs {
    /// The database of findings [default: store.path of photofinish.toml, else
    /// ~/.local/state/photofinish/findings.db]
    #[arg(
        long,
        env = "PHOTOFINISH_STORE",
        hide_env_values = true,
        value_name = "FILE",
        global = true
    )]
    pub(crate) store: Option<PathBuf>,
}

impl StoreArgs {
    /// The file, and whether somebody named it.
    pub(crate) fn path(&self, config: &Config) -> anyhow::Result<(PathBuf, bool)> {
        let flag = self.store.clone().filter(|path| !path.as_os_str().is_empty());
        let configured = || config.store.path.as_deref().map(|path| config.path(path));
        match flag.or_else(configured) {
            Some(path) => Ok((path, true)),
            None => Ok((default_path().map_err(store_error)?, false)),
        }
    }

    /// Opens the store that is there; `None` if nobody named a file and nothing was ever recorded.
    pub(crate) fn open(&self) -> anyhow::Result<Option<Store>> {
        let config = Config::load(None)?;
        let (path, named) = self.path(&config)?;
        match Store::open_existing(&path) {
            Ok(store) => Ok(Some(store)),
            Err(StoreError::Missing { .. }) if !named => Ok(None),
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

/// `error` with its hint, for the last lines on stderr.
pub(crate) fn store_error(error: StoreError) -> anyhow::Error {
    let hint = error.hint();
    let error = anyhow::Error::new(error);
    match hint {
        Some(hint) => error.context(Hint(hint)),
        None => error,
    }
}

/// The checkout around the current folder, where the source of a finding may be.
pub(super) fn repository() -> Option<Repository> {
    Repository::around(Path::new("."))
}
