//! `[serve]`: the page, the API and the collector.

use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where findings are shown and received.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServeConfig {
    /// Where to listen.
    pub(crate) listen: Option<SocketAddr>,
    /// The file with the token that opens everything.
    pub(crate) token_file: Option<PathBuf>,
    /// The file with the token that may only send sightings.
    pub(crate) report_token_file: Option<PathBuf>,
    /// The certificate, and those that vouch for it.
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its key.
    pub(crate) tls_key: Option<PathBuf>,
    /// The admin addresses of proxies whose figures are shown.
    pub(crate) proxies: Vec<SocketAddr>,
    /// The checkout whose source is shown.
    pub(crate) source: Option<PathBuf>,
}
