//! Who watches: Prometheus, with race builds under a job of their own, and alerts about findings.
//!
//! An objective is measured on `job`, or on `variant="stable"`: a race build is ten times slower, and none of that may
//! count. Names of metrics are those that `serve` and `jobs` export; a test asks a running `serve`.

use crate::crd::{
    Alert, Authorization, Endpoint, Kind, PodMonitor, PrometheusRule, RuleGroup, ServiceMonitor,
};
use crate::object::Object;
use crate::plan::Plan;
use crate::pod::{self, TOKENS, metadata};
use crate::{canary, mirror, serve};
use k8s_openapi::api::core::v1::SecretKeySelector;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use std::collections::BTreeMap;

/// The normal build's own figures.
pub(crate) fn stable_pods(plan: &Plan) -> Object {
    let selector = pod::selector([("app", &plan.service), ("variant", "stable")]);
    let about = "Objectives are measured on these: the race builds have a PodMonitor of their own, and so a `job` of their own.";
    Object::new("stable.yaml", about, &pods(plan, selector).named(metadata(plan, &plan.service)))
}

/// The figures of race builds.
pub(crate) fn race_pods(plan: &Plan) -> Object {
    let among = LabelSelectorRequirement {
        key: "app".to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![plan.service.clone(), mirror::name(plan)]),
    };
    let selector = LabelSelector {
        match_expressions: Some(vec![among]),
        ..pod::selector([("variant", "race")])
    };
    let about = "Race builds, with variant=\"race\" on every series: keep them out of objectives.";
    Object::new(
        "monitor.yaml",
        about,
        &pods(plan, selector).named(metadata(plan, &canary::name(plan))),
    )
}

fn pods(plan: &Plan, selector: LabelSelector) -> PodMonitor {
    let path = plan.metrics.clone().unwrap_or_else(|| "/metrics".to_owned());
    PodMonitor {
        selector,
        pod_target_labels: vec!["variant"],
        pod_metrics_endpoints: vec![Endpoint {
            port: "http",
            path,
            interval: "30s",
            authorization: None,
        }],
    }
}

/// What the samplers of a queue say.
pub(crate) fn sampler(plan: &Plan, name: &str) -> Object {
    let endpoint = Endpoint {
        port: "admin",
        path: "/metrics".to_owned(),
        interval: "30s",
        authorization: None,
    };
    let typed =
        ServiceMonitor { selector: pod::selector([("app", name)]), endpoints: vec![endpoint] };
    Object::new("jobs.yaml", "", &typed.named(metadata(plan, name)))
}

/// What `serve` says of findings.
pub(crate) fn serve(plan: &Plan) -> Object {
    let credentials =
        SecretKeySelector { name: TOKENS.to_owned(), key: "token".to_owned(), optional: None };
    let endpoint = Endpoint {
        port: "http",
        path: "/metrics".to_owned(),
        interval: "30s",
        authorization: Some(Authorization { credentials }),
    };
    let typed = ServiceMonitor {
        selector: pod::selector([("app", serve::NAME)]),
        endpoints: vec![endpoint],
    };
    Object::new("serve.yaml", "", &typed.named(metadata(plan, serve::NAME)))
}

/// What somebody should hear of.
pub(crate) fn alerts(plan: &Plan) -> Object {
    let page = format!("http://{}.{}.svc:{}/", serve::NAME, plan.namespace, pod::SERVE_PORT);
    let own = format!("job=\"{}\",namespace=\"{}\"", serve::NAME, plan.namespace);
    // All replicas of serve say the same of one store: the largest, not the sum.
    let findings =
        |state: &str| format!("max(photofinish_findings{{{own},state=\"{state}\"}}) > 0");
    let alert = |alert, expr, pending, severity, summary: &str| Alert {
        alert,
        expr,
        pending,
        labels: BTreeMap::from([("severity", severity)]),
        annotations: BTreeMap::from([
            ("summary", summary.to_owned()),
            ("description", format!("See {page}")),
        ]),
    };
    let rules = vec![
        alert(
            "PhotofinishNewRace",
            findings("new"),
            "0m",
            "warning",
            "{{ $value }} data races that nobody has looked at yet",
        ),
        alert(
            "PhotofinishRaceRegressed",
            findings("regressed"),
            "0m",
            "critical",
            "{{ $value }} data races came back after they were fixed",
        ),
        alert(
            "PhotofinishNotRecording",
            format!(
                "sum(rate(photofinish_collector_sightings_total{{{own},outcome=\"failed\"}}[10m])) > 0"
            ),
            "10m",
            "warning",
            "What race builds report cannot be written; it waits in their spools",
        ),
        alert(
            "PhotofinishServeAway",
            format!("absent(photofinish_build_info{{{own}}})"),
            "15m",
            "warning",
            "No photofinish serve is there; reports wait in the spools of race builds",
        ),
    ];
    let typed =
        PrometheusRule { groups: vec![RuleGroup { name: "photofinish".to_owned(), rules }] };
    Object::new(
        "serve.yaml",
        "An alert lasts until somebody decides about the finding.",
        &typed.named(metadata(plan, serve::NAME)),
    )
}
