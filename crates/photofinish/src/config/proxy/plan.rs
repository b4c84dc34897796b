//! From the table to a [`Plan`]: defaults where nothing is said, paths from the folder of the file.

use super::{
    BreakerConfig, CanaryConfig, CompareConfig, LimitsConfig, MirrorConfig, RuleConfig,
    TimeoutsConfig, TlsConfig, UpstreamConfig,
};
use crate::config::word::{OneOrMany, WordOrTable, Worded};
use crate::config::{Bytes, Config, ConfigError, Span};
use http::HeaderValue;
use photofinish_proxy::compare::{RuleTexts, Rules, RulesError};
use photofinish_proxy::plan::{
    Breaker, Canary, Compare, CopyHeaders, CopyHost, Limits, Listener, Mirror, Plan, Rule,
    Schedule, Timeouts, TlsFiles, Upstream,
};
use std::net::{Ipv4Addr, SocketAddr};

/// Where callers connect to, if nobody says.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

impl Config {
    /// What the proxy is asked to do, checked.
    pub(crate) fn proxy_plan(&self) -> Result<Plan, ConfigError> {
        let proxy = &self.proxy;
        let stable = self.upstream("proxy.stable", proxy.stable.as_ref())?;
        let mut plan = Plan::new(LISTEN, stable);
        if let Some(OneOrMany(listen)) = &proxy.listen {
            let listeners = listen.iter().map(|WordOrTable(listen)| Listener {
                address: listen.address.0,
                tls: listen.tls.as_ref().map(|tls| self.tls(tls)),
            });
            plan.listen = listeners.collect();
        }
        if let Some(tls) = &proxy.tls {
            for listener in plan.listen.iter_mut().filter(|listener| listener.tls.is_none()) {
                listener.tls = Some(self.tls(tls));
            }
        }
        plan.admin = proxy.admin.as_ref().map(|Worded(address)| *address);
        put(&mut plan.forwarded, proxy.forwarded.as_ref().map(|Worded(word)| *word));
        put(&mut plan.workers, proxy.workers);
        plan.canary = proxy.canary.as_ref().map(|canary| self.canary(canary)).transpose()?;
        for (place, mirror) in proxy.mirror.iter().enumerate() {
            plan.mirrors.push(self.mirror(place, mirror)?);
        }
        plan.recording =
            proxy.recording.as_ref().map(|recording| self.recording(recording)).transpose()?;
        limits(&proxy.limits, &mut plan.limits);
        timeouts(&proxy.timeouts, &mut plan.timeouts);
        plan.check().map_err(|error| self.wrong(&error.key, &error.problem, error.hint()))?;
        Ok(plan)
    }

    fn upstream(
        &self,
        key: &str,
        upstream: Option<&WordOrTable<UpstreamConfig>>,
    ) -> Result<Upstream, ConfigError> {
        let Some(WordOrTable(config)) = upstream else {
            let name = key.rsplit('.').next().unwrap_or(key);
            let hint = match name {
                "stable" => {
                    "say where the service is: stable = \"http://127.0.0.1:9001\", or --stable"
                }
                _ => "say where it is: to = \"http://127.0.0.1:9002\"",
            };
            return Err(self.wrong(key, "is missing", Some(hint.to_owned())));
        };
        let mut upstream = config.url.0.clone();
        put(&mut upstream.protocol, config.protocol.as_ref().map(|Worded(protocol)| *protocol));
        upstream.authorities = config.authorities.as_ref().map(|file| self.path(file));
        Ok(upstream)
    }

    fn tls(&self, tls: &TlsConfig) -> TlsFiles {
        TlsFiles { certificate: self.path(&tls.certificate), key: self.path(&tls.key) }
    }

    fn canary(&self, config: &CanaryConfig) -> Result<Canary, ConfigError> {
        let mut canary = Canary::new(self.upstream("proxy.canary.to", config.to.as_ref())?);
        put(&mut canary.share, config.share.as_ref().map(|Worded(share)| *share));
        canary.confirmed = config.large_share;
        if let Some(OneOrMany(sticky)) = &config.sticky {
            canary.sticky = sticky.iter().map(|Worded(sticky)| sticky.clone()).collect();
        }
        put(&mut canary.tester, config.tester.clone().map(|Worded(name)| name));
        put(&mut canary.patience, span(config.patience));
        put(&mut canary.answer, span(config.answer));
        put(&mut canary.hold_bytes, bytes(config.hold_body.as_ref()));
        put(&mut canary.hold_answer_bytes, bytes(config.hold_answer.as_ref()));
        put(&mut canary.hold_answer, span(config.hold_answer_for));
        put(&mut canary.failed, config.failed.clone());
        let header = config.idempotency_header.clone();
        put(&mut canary.idempotency_header, header.map(|Worded(name)| name));
        breaker(&config.breaker, &mut canary.breaker);
        Ok(canary)
    }

    fn mirror(&self, place: usize, config: &MirrorConfig) -> Result<Mirror, ConfigError> {
        let key = |name: &str| format!("proxy.mirror[{place}].{name}");
        let name = config.name.clone().unwrap_or_else(|| match place {
            0 => "mirror".to_owned(),
            _ => format!("mirror-{}", place + 1),
        });
        let mut mirror = Mirror::new(name, self.upstream(&key("to"), config.to.as_ref())?);
        put(&mut mirror.share, config.share.as_ref().map(|Worded(share)| *share));
        mirror.rules = config.rules.iter().map(rule).collect();
        if let Some(OneOrMany(windows)) = &config.schedule {
            mirror.schedule = Schedule::parse(windows, config.timezone.as_deref())
                .map_err(|error| self.wrong(&key("schedule"), &error.to_string(), error.hint()))?;
        }
        put(&mut mirror.bodies, config.bodies.as_ref().map(|Worded(bodies)| *bodies));
        put(&mut mirror.body_bytes, bytes(config.body.as_ref()));
        put(&mut mirror.budget_bytes, bytes(config.budget.as_ref()));
        put(&mut mirror.in_flight, config.in_flight);
        put(&mut mirror.deadline, span(config.deadline));
        if let Some(host) = &config.host {
            let value: HeaderValue = host.parse().map_err(|_| {
                self.wrong(&key("host"), &format!("is `{host}`, no host that makes sense"), None)
            })?;
            mirror.host = CopyHost::Rewritten(value);
        }
        put(&mut mirror.marker, config.marker.clone().map(|Worded(name)| name));
        mirror.headers = CopyHeaders {
            remove: config.headers.remove.iter().map(|Worded(name)| name.clone()).collect(),
            set: config.headers.set.0.clone(),
            replace: config.headers.replace.0.clone(),
        };
        if let Some(config) = &config.compare {
            let compare = compare(config);
            mirror.compare = Some(compare.map_err(|error| {
                self.wrong(&key("compare"), &format!("is wrong: {error}"), error.hint())
            })?);
        }
        Ok(mirror)
    }
}

fn rule(config: &RuleConfig) -> Rule {
    Rule {
        methods: config.methods.iter().map(|Worded(method)| method.clone()).collect(),
        path: config.path.clone(),
        copy: config.copy,
    }
}

fn compare(config: &CompareConfig) -> Result<Compare, RulesError> {
    let mut texts = RuleTexts {
        ignore_headers: config.ignore_headers.clone(),
        ignore: config.ignore.clone(),
        unordered: config.unordered.clone(),
        numbers_within: config.numbers_within.map(|share| share.0),
        only: config.only.clone(),
        except: config.except.clone(),
        ..RuleTexts::default()
    };
    put(&mut texts.headers, config.headers.clone());
    put(&mut texts.times_within, span(config.times_within));
    put(&mut texts.values, config.values.as_ref().map(|Worded(values)| *values));
    put(&mut texts.max_body, bytes(config.answer.as_ref()));
    Ok(Compare { answer_bytes: texts.max_body, rules: Rules::new(&texts)? })
}

fn breaker(config: &BreakerConfig, breaker: &mut Breaker) {
    put(&mut breaker.failures, config.failures);
    put(&mut breaker.failure_rate, config.failure_rate.map(|share| share.0));
    breaker.path.clone_from(&config.path);
    put(&mut breaker.interval, span(config.interval));
    put(&mut breaker.timeout, span(config.timeout));
    put(&mut breaker.successes, config.successes);
    put(&mut breaker.ramp, span(config.ramp));
}

fn limits(config: &LimitsConfig, limits: &mut Limits) {
    put(&mut limits.connections, config.connections);
    put(&mut limits.head_bytes, bytes(config.head.as_ref()));
    put(&mut limits.header_lines, config.header_lines);
    limits.body_bytes = config.body.as_ref().map(|Worded(bytes)| bytes.0);
    put(&mut limits.streams, config.streams);
}

fn timeouts(config: &TimeoutsConfig, timeouts: &mut Timeouts) {
    put(&mut timeouts.head, span(config.head));
    put(&mut timeouts.idle, span(config.idle));
    put(&mut timeouts.stalled, span(config.stalled));
    put(&mut timeouts.connect, span(config.connect));
    put(&mut timeouts.answer, span(config.answer));
    put(&mut timeouts.drain, span(config.drain));
}

/// Over the default, if something was said.
pub(super) fn put<T>(place: &mut T, said: Option<T>) {
    if let Some(said) = said {
        *place = said;
    }
}

fn span(span: Option<Span>) -> Option<std::time::Duration> {
    span.map(|span| span.0)
}

pub(super) fn bytes(bytes: Option<&Worded<Bytes>>) -> Option<usize> {
    bytes.map(|Worded(bytes)| usize::try_from(bytes.0).unwrap_or(usize::MAX))
}
