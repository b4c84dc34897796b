//! What makes no sense in a [`Plan`], said before anything is opened.

use super::{Canary, Mirror, Plan, Share, Upstream};

/// A plan that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` {problem}")]
pub struct PlanError {
    /// What it is about, as a key of the configuration: `proxy.canary.share`.
    pub key: String,
    /// What is wrong with it, with the value in view.
    pub problem: String,
    hint: Option<String>,
}

impl PlanError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        self.hint.clone()
    }

    fn hinted(mut self, hint: impl Into<String>) -> PlanError {
        self.hint = Some(hint.into());
        self
    }
}

fn wrong(key: impl Into<String>, problem: impl Into<String>) -> PlanError {
    PlanError { key: key.into(), problem: problem.into(), hint: None }
}

impl Plan {
    /// Whether the plan makes sense.
    ///
    /// # Errors
    /// The first thing in it that does not, by the key it has in the configuration.
    pub fn check(&self) -> Result<(), PlanError> {
        if self.listen.is_empty() {
            return Err(wrong("proxy.listen", "names no address")
                .hinted("say where callers connect to: listen = \"127.0.0.1:8080\""));
        }
        self.no_loop("proxy.stable", &self.stable)?;
        if let Some(canary) = &self.canary {
            self.no_loop("proxy.canary.to", &canary.to)?;
            check_canary(canary)?;
        }
        for (place, mirror) in self.mirrors.iter().enumerate() {
            self.no_loop(&format!("proxy.mirror[{place}].to"), &mirror.to)?;
            check_mirror(place, mirror)?;
            if self.mirrors[..place].iter().any(|other| other.name == mirror.name) {
                return Err(wrong(
                    format!("proxy.mirror[{place}].name"),
                    format!("is `{}`, as is another mirror's", mirror.name),
                ));
            }
        }
        self.check_limits()
    }

    /// A proxy that calls itself would call itself for ever.
    fn no_loop(&self, key: &str, upstream: &Upstream) -> Result<(), PlanError> {
        let itself = self.listen.iter().any(|listener| {
            listener.address.port() == upstream.port
                && upstream.host.parse::<std::net::IpAddr>().is_ok_and(|ip| {
                    ip == listener.address.ip()
                        || (listener.address.ip().is_unspecified() && ip.is_loopback())
                })
        });
        if itself {
            return Err(wrong(key, format!("is {upstream}, where this proxy itself listens")));
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), PlanError> {
        let limits = &self.limits;
        for (key, value, least) in [
            ("connections", limits.connections, 1),
            ("head", limits.head_bytes, 8 << 10),
            ("header_lines", limits.header_lines, 1),
            ("streams", limits.streams as usize, 1),
        ] {
            if value < least {
                return Err(wrong(
                    format!("proxy.limits.{key}"),
                    format!("is {value}, it has to be {least} or more"),
                ));
            }
        }
        if self.workers == 0 {
            return Err(wrong("proxy.workers", "is 0, nothing would move"));
        }
        Ok(())
    }
}

fn check_canary(canary: &Canary) -> Result<(), PlanError> {
    if canary.share > Canary::ADVISED && !canary.confirmed {
        return Err(wrong(
            "proxy.canary.share",
            format!("is {}, more than the {} advised", canary.share, Canary::ADVISED),
        )
        .hinted(
            "a race build takes 2-20 times the CPU and 5-10 times the memory; if its replicas can \
             carry this, say large_share = true beside it",
        ));
    }
    let breaker = &canary.breaker;
    if breaker.failures == 0 {
        return Err(wrong("proxy.canary.breaker.failures", "is 0, it would never close"));
    }
    if !(0.0..=1.0).contains(&breaker.failure_rate) {
        return Err(wrong(
            "proxy.canary.breaker.failure_rate",
            format!("is {}, not a share", breaker.failure_rate),
        ));
    }
    if breaker.interval.is_zero() {
        return Err(wrong("proxy.canary.breaker.interval", "is 0, it would probe without end"));
    }
    if breaker.path.as_ref().is_some_and(|path| !path.starts_with('/')) {
        return Err(wrong("proxy.canary.breaker.path", "has to begin with /"));
    }
    Ok(())
}

fn check_mirror(place: usize, mirror: &Mirror) -> Result<(), PlanError> {
    let key = |name: &str| format!("proxy.mirror[{place}].{name}");
    if mirror.name.is_empty()
        || !mirror.name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    {
        return Err(wrong(key("name"), format!("is `{}`", mirror.name))
            .hinted("letters, digits, - _ and . make a name that figures can carry"));
    }
    if mirror.share == Share::NONE {
        return Err(wrong(key("share"), "is 0%").hinted("leave the mirror out instead"));
    }
    if mirror.in_flight == 0 || mirror.budget_bytes == 0 {
        return Err(wrong(key("in_flight"), "or budget is 0, nothing would be copied"));
    }
    if mirror.body_bytes > mirror.budget_bytes {
        return Err(wrong(
            key("body"),
            format!(
                "allows {} bytes, more than the budget of {} for all copies",
                mirror.body_bytes, mirror.budget_bytes
            ),
        ));
    }
    if let Some(rule) = mirror.rules.iter().find(|rule| !rule.path.starts_with(['/', '*'])) {
        return Err(wrong(key("rules"), format!("has the path `{}`", rule.path))
            .hinted("a path begins with / or *"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan::new("127.0.0.1:8080".parse().unwrap(), "127.0.0.1:9001".parse().unwrap())
    }

    #[test]
    fn a_plan_that_makes_sense_passes() {
        let mut plan = plan();
        plan.canary = Some(Canary::new("127.0.0.1:9002".parse().unwrap()));
        plan.mirrors.push(Mirror::new("shadow", "127.0.0.1:9003".parse().unwrap()));
        assert_eq!(plan.check(), Ok(()));
    }

    #[test]
    fn a_large_share_for_the_canary_asks_for_a_confirmation() {
        let mut plan = plan();
        let mut canary = Canary::new("127.0.0.1:9002".parse().unwrap());
        canary.share = Share::ppm(200_000);
        plan.canary = Some(canary.clone());
        let error = plan.check().unwrap_err();
        assert!(error.to_string().contains("20%"), "{error}");
        assert!(error.hint().unwrap().contains("large_share = true"));
        plan.canary = Some(Canary { confirmed: true, ..canary });
        assert_eq!(plan.check(), Ok(()));
    }

    #[test]
    fn a_proxy_that_would_call_itself_is_refused() {
        let mut plan = plan();
        plan.listen[0].address = "0.0.0.0:9001".parse().unwrap();
        assert!(plan.check().unwrap_err().to_string().contains("this proxy itself listens"));
    }

    #[test]
    fn two_mirrors_of_one_name_are_refused() {
        let mut plan = plan();
        for _ in 0..2 {
            plan.mirrors.push(Mirror::new("shadow", "127.0.0.1:9003".parse().unwrap()));
        }
        assert!(plan.check().unwrap_err().to_string().contains("another mirror's"));
    }
}
