//! `VirtualService` of Istio, whose first match decides as in the proxy: rules stand as they were written.

use super::cells::{Paths, read};
use super::{FILE, PORT, Traffic, about};
use crate::crd::{
    IstioDestination, IstioMatch, IstioMirror, IstioPercent, IstioPort, IstioRoute, IstioWeighted,
    Kind, VirtualService,
};
use crate::object::Object;
use crate::plan::{PlanError, Rule, Share};
use crate::pod::metadata;
use std::collections::BTreeMap;

pub(super) fn objects(traffic: &Traffic<'_>) -> Result<Vec<Object>, PlanError> {
    let plan = traffic.plan;
    let (name, namespace) = traffic.gateway();
    let gateway = namespace.map_or(name.clone(), |namespace| format!("{namespace}/{name}"));
    let mut http = Vec::new();
    if plan.mirror.is_some() {
        let rules = traffic.rules();
        for (paths, rule) in read(&rules)? {
            let side = if rule.copy { "copied" } else { "kept" };
            http.push(route(
                traffic,
                format!("{side}-{}", http.len() + 1),
                matches(&paths, rule),
                rule.copy,
            ));
        }
    }
    // What has no match is everything: nothing behind it would be reached.
    if !http.iter().any(|route: &IstioRoute| route.matches.is_empty()) {
        http.push(route(traffic, "rest".to_owned(), Vec::new(), false));
    }
    let hosts = if plan.hosts.is_empty() { vec!["*".to_owned()] } else { plan.hosts.clone() };
    let typed = VirtualService { hosts, gateways: vec![gateway], http }
        .named(metadata(plan, &plan.service));
    Ok(vec![Object::new(FILE, &about(traffic, " The first match decides."), &typed)])
}

fn route(
    traffic: &Traffic<'_>,
    name: String,
    matches: Vec<IstioMatch>,
    is_copied: bool,
) -> IstioRoute {
    let weighted = |(host, weight)| IstioWeighted { destination: destination(host), weight };
    let mirror = |(host, share): (String, Share)| IstioMirror {
        destination: destination(host),
        percentage: IstioPercent { value: percent(share) },
    };
    IstioRoute {
        name,
        matches,
        route: traffic.backends().into_iter().map(weighted).collect(),
        mirrors: traffic.copies(is_copied).into_iter().map(mirror).collect(),
    }
}

/// A whole number where it is one.
fn percent(share: Share) -> serde_json::Number {
    let whole = u64::from(share.0);
    match whole.is_multiple_of(10_000) {
        true => (whole / 10_000).into(),
        false => serde_json::Number::from_f64(share.fraction() * 100.0).unwrap_or_else(|| 0.into()),
    }
}

fn destination(host: String) -> IstioDestination {
    IstioDestination { host, port: IstioPort { number: PORT } }
}

/// One for each method; none for all requests.
fn matches(paths: &Paths, rule: &Rule) -> Vec<IstioMatch> {
    let uri = match paths {
        Paths::Below(path) if path == "/" => None,
        Paths::Below(path) => Some(BTreeMap::from([("prefix", format!("{path}/"))])),
        Paths::One(path) => Some(BTreeMap::from([("exact", path.clone())])),
    };
    let matched = |method: Option<&String>| IstioMatch {
        uri: uri.clone(),
        method: method.map(|method| BTreeMap::from([("exact", method.clone())])),
    };
    match (rule.methods.is_empty(), &uri) {
        (true, None) => Vec::new(),
        (true, Some(_)) => vec![matched(None)],
        (false, _) => rule.methods.iter().map(|method| matched(Some(method))).collect(),
    }
}
