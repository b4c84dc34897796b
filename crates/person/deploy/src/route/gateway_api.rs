//! `HTTPRoute` of the Gateway API: weights are its core, `RequestMirror` with a share is in its standard channel.
//!
//! Source: GEP-3171 (percent, fraction); `HTTPRouteRule` of the API for what is more specific. A mirror without a
//! share gets everything, so one is always written.

use super::cells::{Cell, Paths, cells};
use super::{FILE, PORT, Traffic, about};
use crate::crd::{
    BackendRef, Fraction, HttpRoute, HttpRouteFilter, HttpRouteMatch, HttpRouteRule, Kind,
    ParentRef, PathMatch, RequestMirror,
};
use crate::object::Object;
use crate::plan::{PlanError, Share};
use crate::pod::metadata;

/// The most paths and methods of one rule. Source: `maxItems` of `matches` in the API.
const MOST_MATCHES: usize = 64;

pub(super) fn objects(traffic: &Traffic<'_>) -> Result<Vec<Object>, PlanError> {
    let plan = traffic.plan;
    let (name, namespace) = traffic.gateway();
    let mut rules = Vec::new();
    let mut notes = Vec::new();
    // Two rules even without the mirror, so that its overlay only adds a filter.
    if plan.mirror.is_some() {
        let cells = cells(&traffic.rules())?;
        for (cells, is_copied, note) in [
            (cells.copied, true, "What the mirror may get a copy of."),
            (cells.rest, false, "What is never copied."),
        ] {
            if cells.len() > MOST_MATCHES {
                let problem = format!(
                    "come to {} paths and methods; a route has {MOST_MATCHES} at most",
                    cells.len()
                );
                return Err(PlanError::new("proxy.mirror[0].rules", problem, "name fewer of them"));
            }
            if !cells.is_empty() {
                notes.push((format!("spec.rules[{}]", rules.len()), note));
                rules.push(rule(traffic, &cells, is_copied));
            }
        }
    } else {
        rules.push(rule(traffic, &[], false));
    }
    let typed = HttpRoute {
        parent_refs: vec![ParentRef { name, namespace }],
        hostnames: plan.hosts.clone(),
        rules,
    }
    .named(metadata(plan, &plan.service));
    let object = Object::new(FILE, &about(traffic, ""), &typed);
    Ok(vec![notes.into_iter().fold(object, |object, (place, note)| object.note(&place, note))])
}

fn rule(traffic: &Traffic<'_>, cells: &[Cell], is_copied: bool) -> HttpRouteRule {
    let backend = |(name, weight)| BackendRef { name, port: PORT, weight };
    let filter = |(name, share)| HttpRouteFilter {
        kind: "RequestMirror",
        request_mirror: mirrored(backend((name, None)), share),
    };
    HttpRouteRule {
        matches: cells.iter().map(matched).collect(),
        filters: traffic.copies(is_copied).into_iter().map(filter).collect(),
        backend_refs: traffic.backends().into_iter().map(backend).collect(),
    }
}

fn mirrored(backend_ref: BackendRef, share: Share) -> RequestMirror {
    match share.parts() {
        (percent, 100) => RequestMirror { backend_ref, percent: Some(percent), fraction: None },
        (numerator, denominator) => RequestMirror {
            backend_ref,
            percent: None,
            fraction: Some(Fraction { numerator, denominator }),
        },
    }
}

fn matched(cell: &Cell) -> HttpRouteMatch {
    let (kind, value) = match &cell.paths {
        Paths::Below(path) => ("PathPrefix", path),
        Paths::One(path) => ("Exact", path),
    };
    HttpRouteMatch {
        path: Some(PathMatch { kind, value: value.clone() }),
        method: cell.method.clone(),
    }
}
