//! Who gets which request: the weights of the canary, and what is copied to the mirror.
//!
//! The mirror's rules are the proxy's: the first that fits decides. A route decides by what is most specific, so
//! the rules are put to every path and method that they name (`cells`), and the route has one rule for what is copied
//! and one for what is not.
//!
//! Each target is a file: `gateway_api`, `istio`, `nginx`. Start at [`objects`].

mod cells;
mod gateway_api;
mod istio;
mod nginx;

use crate::object::Object;
use crate::plan::{Mirror, Part, Plan, PlanError, Rule, Share, Split, Target};
use crate::{canary, mirror};

/// The file of the route.
pub(crate) const FILE: &str = "route.yaml";

/// The port of all Services.
const PORT: u16 = 80;

/// What a route does, whatever passes the traffic on.
struct Traffic<'a> {
    plan: &'a Plan,
    /// The canary's weight and the whole, if it has one.
    weights: Option<(u32, u32)>,
    /// Where copies go, and of how many requests.
    mirror: Option<(&'a Mirror, Share)>,
}

/// The route for `parts`.
///
/// # Errors
/// What the target cannot do.
pub(crate) fn objects(plan: &Plan, parts: &[Part]) -> Result<Vec<Object>, PlanError> {
    let has_weights = plan.canary.split == Split::Weights;
    let traffic = Traffic {
        plan,
        weights: (has_weights && parts.contains(&Part::Canary)).then(|| plan.canary.share.parts()),
        mirror: plan
            .mirror
            .as_ref()
            .filter(|_| parts.contains(&Part::Mirror))
            .map(|mirror| (mirror, mirror.share)),
    };
    match plan.target {
        Target::GatewayApi => gateway_api::objects(&traffic),
        Target::Istio => istio::objects(&traffic),
        Target::NginxIngress => nginx::objects(&traffic),
    }
}

impl Traffic<'_> {
    /// The Services that answer, with their weights; the normal build's alone has none.
    fn backends(&self) -> Vec<(String, Option<u32>)> {
        let stable = self.plan.service.clone();
        match self.weights {
            None => vec![(stable, None)],
            Some((part, whole)) => {
                vec![(stable, Some(whole - part)), (canary::name(self.plan), Some(part))]
            }
        }
    }

    /// Where copies go, for a rule whose requests are copied.
    fn copies(&self, is_copied: bool) -> Option<(String, Share)> {
        let (_, share) = self.mirror.filter(|_| is_copied)?;
        Some((mirror::name(self.plan), share))
    }

    /// The rules of the mirror, and at their end what holds where none fits.
    fn rules(&self) -> Vec<Rule> {
        let mut rules =
            self.plan.mirror.as_ref().map(|mirror| mirror.rules.clone()).unwrap_or_default();
        let safe = ["GET", "HEAD", "OPTIONS"].map(str::to_owned).into();
        rules.push(Rule { methods: safe, path: "*".to_owned(), copy: true });
        rules
    }

    /// The name and namespace of the gateway.
    fn gateway(&self) -> (String, Option<String>) {
        let named = self.plan.gateway.clone().unwrap_or_default();
        match named.split_once('/') {
            Some((namespace, name)) => (name.to_owned(), Some(namespace.to_owned())),
            None => (named, None),
        }
    }
}

/// What is said about the route as it is.
fn about(traffic: &Traffic<'_>, what: &str) -> String {
    let canary = match traffic.weights {
        Some(_) => {
            format!("{} of the requests are answered by the canary", traffic.plan.canary.share)
        }
        None => "The normal build answers".to_owned(),
    };
    let mirror = match &traffic.mirror {
        Some((_, share)) => format!(", {share} of those that may be copied go to the mirror, too"),
        None => String::new(),
    };
    format!("{canary}{mirror}.{what}")
}
