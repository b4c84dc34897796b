//! From all tables to what the cluster is asked for.
//!
//! What a route of a cluster cannot do, and the proxy does, is said in notes and not refused: sharing traffic out is
//! still worth it.

use super::window::window;
use crate::commands::name_of;
use crate::config::word::{OneOrMany, Worded};
use crate::config::{Config, ConfigError};
use photofinish_deploy::{
    Canary, Images, Mirror, Part, Plan, PlanError, Rule, Share, Split, Stable, Target,
};
use photofinish_proxy::plan::{Canary as ProxyCanary, Schedule};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// The canary's share and pods where nobody says, as the proxy has it.
const SHARE: Share = Share(20_000);
const RACE_REPLICAS: u32 = 2;
/// What a mirror that stands in no table copies.
const MIRROR_SHARE: Share = Share(100_000);
const PORT: u16 = 8080;
const GO: &str = "1.26";
const READY_TIMEOUT: Duration = Duration::from_secs(60);

impl Config {
    /// What the cluster is asked for, checked, and what is worth saying about it.
    pub(crate) fn deploy_plan(
        &self,
        target: Option<Target>,
    ) -> Result<(Plan, Vec<String>), ConfigError> {
        let deploy = &self.deploy;
        let mut notes = Vec::new();
        let target = target
            .or_else(|| deploy.target.as_ref().map(|Worded(target)| *target))
            .unwrap_or(Target::GatewayApi);
        let package = self.service.package.as_deref().unwrap_or(".");
        let dir = self.path(self.service.dir.as_deref().unwrap_or(Path::new("")));
        let dir = std::path::absolute(&dir).unwrap_or(dir);
        let program = name_of(package.trim_end_matches('/'), &dir);
        let service = self.service.name.clone().unwrap_or_else(|| program.clone());
        let port = deploy.port.or_else(|| self.service_port()).unwrap_or(PORT);
        let plan = Plan {
            target,
            namespace: deploy.namespace.clone().unwrap_or_else(|| service.clone()),
            images: self.images()?,
            binary: format!("/app/{program}"),
            args: self.deployed_args(&mut notes),
            env: self.deployed_env(&mut notes),
            secrets: deploy.secrets.clone(),
            port,
            ready: self.service.ready.clone(),
            ready_timeout: self.service.ready_timeout.map_or(READY_TIMEOUT, |span| span.0),
            metrics: deploy.metrics.clone(),
            stable: Stable {
                replicas: deploy.replicas.unwrap_or(2),
                cpu_millis: deploy.cpu.as_ref().map_or(500, |Worded(cpu)| cpu.0),
                memory: deploy.memory.map_or(256 << 20, |bytes| bytes.0),
            },
            cpu_ratio: deploy.cpu_ratio,
            memory_ratio: deploy.memory_ratio,
            gateway: deploy.gateway.clone(),
            hosts: deploy.hosts.clone().map_or_else(Vec::new, |OneOrMany(hosts)| hosts),
            gorace: self.run.gorace.clone(),
            canary: self.deployed_canary(&mut notes)?,
            mirror: self.deployed_mirror(target, &mut notes)?,
            jobs: self.deployed_queue(&mut notes)?,
            to: self.store.to.clone(),
            // An address with a password in it belongs into a Secret.
            store: self.store.url.clone().filter(|url| !has_password(url)),
            catch_budget: "1%".to_owned(),
            build: self.build_words(package),
            worker_build: self
                .jobs
                .hunt
                .as_ref()
                .map(|hunt| self.build_words(hunt.package.as_deref().unwrap_or("."))),
            go: deploy.go.clone().unwrap_or_else(|| GO.to_owned()),
            service,
        };
        // Each part is judged by what it comes to.
        for part in [&[][..], &plan.parts()] {
            photofinish_deploy::objects(&plan, part).map_err(|error| self.refused(&error))?;
        }
        if plan.to.is_some() && plan.parts().contains(&Part::Mirror) {
            notes.push("findings are sent to store.to: see that deploy.mirror_egress lets the mirror reach it".to_owned());
        }
        Ok((plan, notes))
    }

    fn refused(&self, error: &PlanError) -> ConfigError {
        self.wrong(&error.key, &error.problem, error.hint())
    }

    fn service_port(&self) -> Option<u16> {
        let url: http::Uri = self.service.url.as_deref()?.parse().ok()?;
        url.port_u16().filter(|port| *port != 0)
    }

    /// The named images, and the others beside that of the normal build.
    fn images(&self) -> Result<Images, ConfigError> {
        let deploy = &self.deploy;
        let stable = deploy.image.clone().ok_or_else(|| {
            let hint = "name the image of the normal build: [deploy] image = \"registry.internal/payments:1.4.2\"";
            self.wrong("deploy.image", "is missing", Some(hint.to_owned()))
        })?;
        let (folder, name) =
            stable.rsplit_once('/').map_or(("", stable.as_str()), |(folder, name)| (folder, name));
        let beside = |name: &str| {
            if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
        };
        let race = match (&deploy.race_image, name.split_once('@'), name.split_once(':')) {
            (Some(named), ..) => named.clone(),
            (None, Some(_), _) => {
                let hint = "a digest is of one image only: name that of the race build too";
                return Err(self.wrong("deploy.race_image", "is missing", Some(hint.to_owned())));
            }
            (None, None, Some((name, tag))) => beside(&format!("{name}-race:{tag}")),
            (None, None, None) => beside(&format!("{name}-race")),
        };
        let own = concat!("photofinish:", env!("CARGO_PKG_VERSION"));
        Ok(Images {
            worker: deploy.worker_image.clone().unwrap_or_else(|| race.clone()),
            photofinish: deploy.photofinish_image.clone().unwrap_or_else(|| beside(own)),
            stable,
            race,
        })
    }

    fn deployed_args(&self, notes: &mut Vec<String>) -> Vec<String> {
        match &self.deploy.args {
            Some(args) => args.clone(),
            None => self
                .service
                .args
                .iter()
                .map(|text| open_to_others("service.args", text, notes))
                .collect(),
        }
    }

    fn deployed_env(&self, notes: &mut Vec<String>) -> BTreeMap<String, String> {
        let own = self.service.env.iter().filter(|(name, _)| !self.deploy.env.contains_key(*name));
        let mut env: BTreeMap<_, _> = own
            .map(|(name, text)| {
                (name.clone(), open_to_others(&format!("service.env.{name}"), text, notes))
            })
            .collect();
        env.extend(self.deploy.env.clone());
        env
    }

    fn deployed_canary(&self, notes: &mut Vec<String>) -> Result<Canary, ConfigError> {
        let canary = self.proxy.canary.clone().unwrap_or_default();
        let share = canary.share.map_or(SHARE, |Worded(share)| Share(share.as_ppm()));
        if share.0 == 0 {
            return Err(self.wrong(
                "proxy.canary.share",
                "is 0",
                Some("leave the overlay canary out instead".to_owned()),
            ));
        }
        if share.0 > ProxyCanary::ADVISED.as_ppm() && !canary.large_share {
            let hint = format!("above {} it wants large_share = true", ProxyCanary::ADVISED);
            return Err(self.wrong("proxy.canary.share", &format!("is {share}"), Some(hint)));
        }
        if canary.sticky.is_some() {
            notes
                .push("proxy.canary.sticky is not kept: a route draws for each request".to_owned());
        }
        let split = self.deploy.split.as_ref().map_or(Split::Weights, |Worded(split)| *split);
        let usual = if split == Split::Weights { RACE_REPLICAS } else { 1 };
        Ok(Canary { share, split, replicas: self.deploy.race_replicas.unwrap_or(usual) })
    }

    fn deployed_mirror(
        &self,
        target: Target,
        notes: &mut Vec<String>,
    ) -> Result<Option<Mirror>, ConfigError> {
        let deploy = &self.deploy;
        if self.proxy.mirror.len() > 1 {
            let hint = "one mirror is written for a cluster; keep the other in a file of its own";
            return Err(self.wrong("proxy.mirror[1]", "is a second mirror", Some(hint.to_owned())));
        }
        let egress = deploy.mirror_egress.iter().map(|Worded(reach)| reach.clone()).collect();
        let mut mirror = Mirror {
            share: MIRROR_SHARE,
            rules: Vec::new(),
            windows: Vec::new(),
            timezone: None,
            egress,
            secrets: deploy.mirror_secrets.clone(),
        };
        let Some(config) = self.proxy.mirror.first() else {
            if target == Target::NginxIngress {
                notes.push(
                    "the mirror is left out: ingress-nginx copies all requests or none, POSTs too"
                        .to_owned(),
                );
                return Ok(None);
            }
            return Ok(Some(mirror));
        };
        mirror.share =
            config.share.as_ref().map_or(Share::ALL, |Worded(share)| Share(share.as_ppm()));
        if mirror.share.0 == 0 {
            notes.push("the mirror is left out: its share is 0".to_owned());
            return Ok(None);
        }
        let rule = |rule: &crate::config::proxy::RuleConfig| Rule {
            methods: rule.methods.iter().map(|Worded(method)| method.to_string()).collect(),
            path: rule.path.clone(),
            copy: rule.copy,
        };
        mirror.rules = config.rules.iter().map(rule).collect();
        if let Some(OneOrMany(windows)) = &config.schedule {
            let key = "proxy.mirror[0].schedule";
            Schedule::parse(windows, config.timezone.as_deref())
                .map_err(|error| self.wrong(key, &error.to_string(), error.hint()))?;
            let hint = "each with one hour and minute, on days of the week: 0 22 * * 1-5 for 8h";
            let read = |text: &String| {
                window(text).map_err(|why| {
                    self.wrong(
                        key,
                        &format!("has `{text}`, which KEDA cannot keep: {why}"),
                        Some(hint.to_owned()),
                    )
                })
            };
            mirror.windows = windows.iter().map(read).collect::<Result<_, _>>()?;
            if config.timezone.is_none() {
                let hint = "a cluster has no clock on the wall: timezone = \"Europe/Paris\"";
                return Err(self.wrong(
                    "proxy.mirror[0].timezone",
                    "is missing",
                    Some(hint.to_owned()),
                ));
            }
            mirror.timezone.clone_from(&config.timezone);
        }
        let headers = &config.headers;
        if config.compare.is_some() {
            notes.push(
                "proxy.mirror.compare is not kept: a route drops the answers of a mirror"
                    .to_owned(),
            );
        }
        if config.host.is_some()
            || !(headers.remove.is_empty()
                && headers.set.0.is_empty()
                && headers.replace.0.is_empty())
        {
            notes.push("proxy.mirror.headers and host are not kept: a route copies requests as they came, without a mark".to_owned());
        }
        Ok(Some(mirror))
    }

    /// What `photofinish build` is told.
    fn build_words(&self, package: &str) -> Vec<String> {
        let build = &self.build;
        let mut words = vec![package.to_owned()];
        let mut flag = |name: &str, value: &str| words.push(format!("--{name}={value}"));
        if !build.tags.is_empty() {
            flag("tags", &build.tags.join(","));
        }
        if let Some(flags) = &build.ldflags {
            flag("ldflags", flags);
        }
        for flags in &build.gcflags {
            flag("gcflags", flags);
        }
        words.extend(build.light.then(|| "--light".to_owned()));
        words.extend(build.racecanary_everywhere.then(|| "--racecanary-everywhere".to_owned()));
        words
    }
}

/// In a pod the loopback is the pod's own: who listens there is heard by nobody.
fn open_to_others(key: &str, text: &str, notes: &mut Vec<String>) -> String {
    let opened = ["127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}"]
        .iter()
        .fold(text.to_owned(), |text, loopback| text.replace(loopback, ":{port}"));
    if ["127.0.0.1", "localhost", "[::1]"].iter().any(|loopback| opened.contains(loopback)) {
        notes.push(format!(
            "{key} has `{text}`: in a pod that is the pod itself; [deploy] may say otherwise"
        ));
    }
    opened
}

fn has_password(url: &str) -> bool {
    let authority =
        url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}
