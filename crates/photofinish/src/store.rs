//! Where the findings are: flag or environment, else the configuration, else the default place.

use crate::config::Config;
use std::path::{Path, PathBuf};

/// The file to use.
pub(crate) fn path(named: Option<&Path>, config: &Config) -> anyhow::Result<PathBuf> {
    match (named, &config.store.path) {
        (Some(path), _) => Ok(path.to_owned()),
        (None, Some(path)) => Ok(config.path(path)),
        (None, None) => Ok(photofinish_store::default_path()?),
    }
}
