//! `photofinish.toml`: one file for all parts, one table per part.
//!
//! Read whole or refused whole: a key that is not known is an error that names the line and the keys
//! that would have been understood, since a typo that is silently ignored costs a night. Flags
//! override what stands here; every value has a default. Paths are relative to the file.
//!
//! Not here: what the values do (each part's own crate). Start at [`Config::load`].

pub(crate) mod deploy;
pub(crate) mod jobs;
mod line;
pub(crate) mod matrix;
pub(crate) mod notify;
pub(crate) mod proxy;
pub(crate) mod serve;
mod value;
pub(crate) mod word;
pub(crate) mod workers;

pub(crate) use value::{Bytes, Percent, Span, parse_span};

use photofinish_store::StorePlace;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The file looked for when none is named.
pub(crate) const FILE_NAME: &str = "photofinish.toml";

/// The whole file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) service: ServiceConfig,
    pub(crate) build: BuildConfig,
    pub(crate) run: RunConfig,
    pub(crate) load: LoadConfig,
    pub(crate) hunt: HuntConfig,
    pub(crate) matrix: matrix::MatrixConfig,
    pub(crate) store: StoreConfig,
    pub(crate) proxy: proxy::ProxyConfig,
    pub(crate) jobs: jobs::JobsConfig,
    pub(crate) serve: serve::ServeConfig,
    pub(crate) deploy: deploy::DeployConfig,
    pub(crate) notify: notify::NotifyConfig,
    /// The folder of the file; relative paths start here.
    #[serde(skip)]
    pub(crate) base: PathBuf,
    /// The file and its text, to name the line of what turns out to make no sense.
    #[serde(skip)]
    source: Option<(PathBuf, String)>,
}

/// The Go service: where it is and how it is started.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServiceConfig {
    /// Its name in findings; the folder of the package when empty.
    pub(crate) name: Option<String>,
    /// The folder of its Go module.
    pub(crate) dir: Option<PathBuf>,
    /// The main package, as `go build` takes it.
    pub(crate) package: Option<String>,
    /// Arguments of the service. `{port}` stands for the port of `url`.
    pub(crate) args: Vec<String>,
    /// Environment of the service, added to ours. `{port}` stands for the port of `url`.
    pub(crate) env: BTreeMap<String, String>,
    /// Where it listens: `http://127.0.0.1:8080/`. Port 0: a free one is chosen.
    pub(crate) url: Option<String>,
    /// The path that answers once the service is ready; without it, accepting connections is enough.
    pub(crate) ready: Option<String>,
    /// How long it may take to become ready (race builds start slowly).
    pub(crate) ready_timeout: Option<Span>,
}

/// How it is built.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BuildConfig {
    /// The go command.
    pub(crate) go: Option<PathBuf>,
    /// Build tags of both builds.
    pub(crate) tags: Vec<String>,
    /// `-ldflags` of both builds.
    pub(crate) ldflags: Option<String>,
    /// `-gcflags` of both builds.
    pub(crate) gcflags: Vec<String>,
    /// Environment of the go command.
    pub(crate) env: BTreeMap<String, String>,
    /// The tag `racecanary` on the normal build too.
    pub(crate) racecanary_everywhere: bool,
    /// Leave out instrumentation that cannot matter.
    pub(crate) light: bool,
    /// Where binaries go.
    pub(crate) out: Option<PathBuf>,
}

/// How the race build is supervised.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RunConfig {
    /// Options for GORACE, over the ones chosen.
    pub(crate) gorace: Option<String>,
    /// How much memory the process may use; decides `history_size`.
    pub(crate) memory: Option<Bytes>,
    /// Where undelivered reports are kept.
    pub(crate) spool: Option<PathBuf>,
}

/// What load is driven.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LoadConfig {
    /// Production's concurrency; twice as many requests are kept under way.
    pub(crate) twice_production: Option<u32>,
    /// Requests kept under way (closed loop).
    pub(crate) concurrency: Option<u32>,
    /// Requests a second, sent when due whatever the service does (open loop).
    pub(crate) rate: Option<f64>,
    /// How long one request may take.
    pub(crate) timeout: Option<Span>,
    /// More errors than this share of requests fail the hunt's load: `5%`.
    pub(crate) max_error_rate: Option<Percent>,
    /// The statuses that are no error; all below 400 when empty.
    pub(crate) ok: Vec<u16>,
    /// The requests; `GET` of the service's URL when there are none.
    pub(crate) request: Vec<RequestConfig>,
}

/// One kind of request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestConfig {
    /// Its method.
    #[serde(default = "get")]
    pub(crate) method: String,
    /// Its path and query, a template.
    pub(crate) path: String,
    /// Headers, templates.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// The body, a template.
    pub(crate) body: Option<String>,
    /// How often it is chosen, against the others.
    #[serde(default = "one")]
    pub(crate) weight: u32,
}

/// The main job.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HuntConfig {
    /// How long the whole load is driven.
    #[serde(rename = "for")]
    pub(crate) duration: Option<Span>,
    /// How long load is driven straight at the normal build before, to compare with; `0s` leaves it out.
    pub(crate) baseline: Option<Span>,
    /// How race builds get their traffic.
    pub(crate) ways: Option<Vec<Way>>,
    /// How many of the requests the canary answers; `0%` leaves it out.
    pub(crate) canary: Option<Percent>,
    /// How many of the requests the mirror gets a copy of; `0%` leaves it out.
    pub(crate) mirror: Option<Percent>,
    /// What of the mirror's answers is compared with those that callers got.
    pub(crate) compare: Option<CompareWhat>,
    /// The normal build is asked again about what the canary failed in the middle, unsafe requests too.
    pub(crate) resend: Option<bool>,
    /// What `catch` may spend of the processors' time at the normal build; 0% leaves it out.
    pub(crate) catch: Option<Percent>,
    /// How long the next start of a crashed race build waits for somebody to acknowledge its findings.
    pub(crate) gate: Option<Span>,
}

/// How races are looked for in a hunt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Way {
    /// A race build answers a share of the requests
    Canary,
    /// A race build gets a copy of the requests
    Mirror,
    /// The normal build is looked at from outside
    Catch,
    /// A race build has the service's port alone, after the normal build, and the whole load
    Load,
}

/// What of two answers is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CompareWhat {
    /// Nothing
    Off,
    /// Whether what says it is JSON is JSON
    Shape,
    /// Every value, for a service whose answers depend on the request alone
    Values,
}

/// Where findings are kept.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StoreConfig {
    /// The database file.
    pub(crate) path: Option<PathBuf>,
    /// Or the address of a Postgres.
    pub(crate) url: Option<String>,
    /// A `serve` that what is seen is sent to.
    pub(crate) to: Option<String>,
    /// The file with its token.
    pub(crate) token_file: Option<PathBuf>,
    /// The certificates to trust for it.
    pub(crate) to_ca: Option<PathBuf>,
}

impl StoreConfig {
    /// Where findings are kept, if it says so.
    pub(crate) fn place(&self, config: &Config) -> anyhow::Result<Option<StorePlace>> {
        match (&self.path, &self.url) {
            (Some(_), Some(_)) => anyhow::bail!("`store` has either `path` or `url`"),
            (Some(path), None) => Ok(Some(StorePlace::File(config.path(path)))),
            (None, None) => Ok(None),
            (None, Some(url)) => match StorePlace::from(url.as_str()) {
                place @ StorePlace::Postgres(_) => Ok(Some(place)),
                StorePlace::File(_) => anyhow::bail!("`url` of `store` begins with postgres://"),
            },
        }
    }
}

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} is not a valid configuration", path.display())]
    Parse { path: PathBuf, source: Box<toml::de::Error> },
    #[error("{place}`{key}` {problem}")]
    Value {
        /// `photofinish.toml, line 3: `, or nothing for what stands in no file.
        place: String,
        key: String,
        problem: String,
        hint: Option<String>,
    },
}

impl ConfigError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            ConfigError::Value { hint, .. } => hint.clone(),
            ConfigError::Read { .. } | ConfigError::Parse { .. } => None,
        }
    }
}

fn get() -> String {
    "GET".to_owned()
}

fn one() -> u32 {
    1
}

impl Config {
    /// Reads `named`, or `photofinish.toml` of the current folder, or the defaults where there is none.
    pub(crate) fn load(named: Option<&Path>) -> Result<Config, ConfigError> {
        match named {
            Some(path) => Config::read(path),
            None if Path::new(FILE_NAME).exists() => Config::read(Path::new(FILE_NAME)),
            None => Ok(Config::default()),
        }
    }

    fn read(path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.into(), source })?;
        let mut config: Config = toml::from_str(&text)
            .map_err(|source| ConfigError::Parse { path: path.into(), source: Box::new(source) })?;
        config.base = path.parent().map(Path::to_path_buf).unwrap_or_default();
        config.source = Some((path.to_owned(), text));
        Ok(config)
    }

    /// A value that was read and makes no sense, with its line if it stands in the file.
    pub(crate) fn wrong(&self, key: &str, problem: &str, hint: Option<String>) -> ConfigError {
        let place = self.source.as_ref().and_then(|(path, text)| {
            let line = line::line_of(text, key)?;
            Some(format!("{}, line {line}: ", path.display()))
        });
        ConfigError::Value {
            place: place.unwrap_or_default(),
            key: key.to_owned(),
            problem: problem.to_owned(),
            hint,
        }
    }

    /// A path of the file, seen from the current folder.
    pub(crate) fn path(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn the_documented_file_is_understood() {
        let page = include_str!("../../../../docs/configuration.md");
        let example =
            page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let config = read(example).unwrap();
        assert_eq!(config.load.twice_production, Some(50));
        assert_eq!(config.load.request[0].weight, 3);
        assert_eq!(config.hunt.duration.unwrap().0.as_secs(), 60);
    }

    #[test]
    fn a_key_with_a_typo_is_refused_with_its_line_and_what_was_meant() {
        let error = read("[service]\npackge = \"./cmd/api\"\n").unwrap_err();
        assert!(
            error.contains("line 2") && error.contains("packge") && error.contains("`package`"),
            "{error}"
        );
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_refused_with_its_line() {
        let error = read("[hunt]\nfor = \"soon\"\n").unwrap_err();
        assert!(error.contains("line 2") && error.contains("30s"), "{error}");
    }
}
