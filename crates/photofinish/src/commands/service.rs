//! The service that a campaign is about: how it is built, started and asked. Flags, over `[service]`, `[build]` and
//! `[load]` of the configuration.

use crate::config::{Config, RequestConfig, Span};
use crate::output::error::{Hint, hinted};
use anyhow::Context;
use photofinish_hunt::{Place, Service};
use photofinish_load::{Load, OkStatus, Ramp, Request};
use photofinish_supervise::build::{self, Light};
use std::path::{Path, PathBuf};
use std::time::Duration;

const DEFAULT_CONCURRENCY: u32 = 100;

/// The service.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The service")]
pub(crate) struct ServiceArgs {
    /// Its main package, as for `go build` [default: .]
    #[arg(short, long, value_name = "PACKAGE")]
    package: Option<String>,
    /// Where it listens; its path is requested if the configuration names no requests
    #[arg(short, long, value_name = "URL")]
    url: Option<String>,
    /// The folder of its Go module
    #[arg(short = 'C', long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Its name in findings
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// An argument for it; {port} stands for the port of --url (repeatable)
    #[arg(long = "arg", value_name = "ARG", allow_hyphen_values = true)]
    args: Vec<String>,
    /// Set in its environment; {port} works here too (repeatable)
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    env: Vec<(String, String)>,
    /// The path that answers below 500 once it is ready
    #[arg(long, value_name = "PATH")]
    ready: Option<String>,
    /// How long it may take to be ready [default: 60s]
    #[arg(long, value_name = "TIME")]
    ready_timeout: Option<Span>,
}

/// How it is built.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The build")]
pub(crate) struct BuildArgs {
    /// Build tags
    #[arg(long, value_name = "TAGS", value_delimiter = ',')]
    tags: Vec<String>,
    /// A cheaper race build, whose findings want confirming in a full one
    #[arg(long)]
    light: bool,
    /// The go command
    #[arg(long, value_name = "PATH", env = "PHOTOFINISH_GO")]
    go: Option<PathBuf>,
}

/// How much load: the first that is given.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    pub(crate) twice_production: Option<u32>,
    pub(crate) concurrency: Option<u32>,
    pub(crate) rate: Option<f64>,
}

/// Flags and configuration together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) service: &'a ServiceArgs,
    pub(crate) build: &'a BuildArgs,
    pub(crate) config: &'a Config,
}

impl Asked<'_> {
    /// The folder of its module.
    pub(crate) fn dir(self) -> PathBuf {
        let named = self
            .service
            .dir
            .clone()
            .or_else(|| self.config.service.dir.as_ref().map(|dir| self.config.path(dir)));
        let dir = named.unwrap_or_else(|| self.config.base.clone());
        std::path::absolute(if dir.as_os_str().is_empty() { Path::new(".") } else { &dir })
            .unwrap_or(dir)
    }

    /// Its main package.
    fn package(self) -> String {
        self.service
            .package
            .clone()
            .or_else(|| self.config.service.package.clone())
            .unwrap_or_else(|| ".".to_owned())
    }

    /// How it is started.
    pub(crate) fn service(self) -> anyhow::Result<Service> {
        let url = self.service.url.as_ref().or(self.config.service.url.as_ref());
        let url = url.context("nobody said where the service listens").context(Hint(
            "give --url http://127.0.0.1:8080/, or url in [service] of photofinish.toml".to_owned(),
        ))?;
        let place = Place::parse(url).map_err(|error| {
            let hint = error.hint();
            hinted(error, hint)
        })?;
        let mut env = self.config.service.env.clone();
        env.extend(self.service.env.iter().cloned());
        let named = self.service.service.clone().or_else(|| self.config.service.name.clone());
        Ok(Service {
            name: named.unwrap_or_else(|| name_of(&self.package(), &self.dir())),
            args: if self.service.args.is_empty() {
                self.config.service.args.clone()
            } else {
                self.service.args.clone()
            },
            env,
            place,
            ready: self.service.ready.clone().or_else(|| self.config.service.ready.clone()),
            ready_timeout: self
                .service
                .ready_timeout
                .or(self.config.service.ready_timeout)
                .map_or(Duration::from_secs(60), |span| span.0),
        })
    }

    /// How it is built, in `dir`.
    pub(crate) fn build(self, dir: PathBuf) -> build::Plan {
        let out = match &self.config.build.out {
            Some(out) => self.config.path(out),
            None => dir.join(".photofinish").join("bin"),
        };
        let mut tags = self.config.build.tags.clone();
        tags.extend(self.build.tags.iter().cloned());
        build::Plan {
            packages: vec![self.package()],
            // Its name must not be taken for that of a single binary.
            out: PathBuf::from(format!("{}/", std::path::absolute(&out).unwrap_or(out).display())),
            go: self.build.go.clone().or_else(|| self.config.build.go.clone()),
            tags,
            ldflags: self.config.build.ldflags.iter().cloned().collect(),
            gcflags: self.config.build.gcflags.clone(),
            env: self
                .config
                .build
                .env
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            racecanary_on_both: self.config.build.racecanary_everywhere,
            light: (self.build.light || self.config.build.light).then(Light::default),
            dir,
            ..build::Plan::default()
        }
    }

    /// The requests and how many at a time, at `place`.
    pub(crate) fn load(self, pace: Pace, place: &Place) -> photofinish_load::Plan {
        let own = [pace.twice_production.map(|n| 2 * n), pace.concurrency];
        let from_file =
            [self.config.load.twice_production.map(|n| 2 * n), self.config.load.concurrency];
        let flag = own.into_iter().flatten().next();
        let rate = pace.rate.or(self.config.load.rate.filter(|_| flag.is_none()));
        let load = match rate {
            Some(rate) => Load::Open { rate: Ramp::constant(rate), max_in_flight: None },
            None => {
                let workers = flag
                    .or_else(|| from_file.into_iter().flatten().next())
                    .unwrap_or(DEFAULT_CONCURRENCY);
                Load::closed(workers as usize)
            }
        };
        let mut requests: Vec<Request> =
            self.config.load.request.iter().map(|request| request_of(request, place)).collect();
        if requests.is_empty() || self.service.url.is_some() && self.config.service.url.is_none() {
            requests = vec![Request::get(&place.url(&place.path))];
        }
        let mut plan = photofinish_load::Plan::new(requests, load);
        if let Some(timeout) = self.config.load.timeout {
            plan.timeout = timeout.0;
        }
        if !self.config.load.ok.is_empty() {
            plan.ok = OkStatus::Only(self.config.load.ok.clone());
        }
        plan
    }
}

/// `./cmd/api` is called `api`, `.` after its folder.
pub(crate) fn name_of(package: &str, dir: &Path) -> String {
    let last = Path::new(package).file_name().or_else(|| dir.file_name());
    last.map_or_else(|| "service".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn request_of(config: &RequestConfig, place: &Place) -> Request {
    let mut request = Request::new(&config.method, &place.url(&config.path));
    request.headers = config.headers.clone().into_iter().collect();
    request.body = config.body.clone().unwrap_or_default().into_bytes();
    request.weight = config.weight;
    request
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not NAME=VALUE")),
    }
}
