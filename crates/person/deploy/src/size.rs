//! What a pod requests, and what it may use at most.
//!
//! A race build takes more. Where somebody measured how much, that is used; else what Go documents (memory 5-10
//! times: five are requested, ten are the limit) and ten times the processor, as docs/proxy.md advises. What the
//! canary and the mirror need follows from the traffic they get, not from the size of a normal pod.
//! Source: "Runtime Overhead" in Go's Data Race Detector, <https://go.dev/doc/articles/race_detector>.

use crate::plan::{Plan, Share};
use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

/// Processor time of a race build, where nobody measured it.
const CPU_RATIO: f64 = 10.0;
/// Memory that it requests, and that it may use.
const MEMORY_RATIO: (f64, f64) = (5.0, 10.0);
/// Room over what was measured.
const HEADROOM: f64 = 1.5;

/// Requests and limits, with a sentence on where they come from.
#[derive(Clone, Debug)]
pub(crate) struct Size {
    pub(crate) resources: ResourceRequirements,
    pub(crate) why: String,
}

/// Of a pod of the normal build. No limit of processor time: throttled requests are late requests.
pub(crate) fn stable(plan: &Plan) -> ResourceRequirements {
    let memory = memory(plan.stable.memory);
    let requests = [("cpu", cpu(plan.stable.cpu_millis)), ("memory", memory.clone())];
    resources(requests.into(), vec![("memory", memory)])
}

/// Of each of `pods` race builds that together get `share` of the traffic.
pub(crate) fn race(plan: &Plan, share: Share, pods: u32) -> Size {
    let ratio = plan.cpu_ratio.unwrap_or(CPU_RATIO);
    let normal = plan.stable.cpu_millis as f64;
    let all = normal * f64::from(plan.stable.replicas);
    let each = all * share.fraction() * ratio / f64::from(pods.max(1));
    let millis = round_up(each.max(normal) as u64, 50);
    let (request, limit, whence) = race_memory(plan);
    let measured = if plan.cpu_ratio.is_some() { "measured" } else { "assumed" };
    let why = format!(
        "CPU: {share} of {} x {}, {ratio} times as much for a race build ({measured}), over {pods} pods; at least what \
         a normal pod requests. The limit keeps it from what others on the node need.\nMemory: {whence}",
        plan.stable.replicas,
        cpu(plan.stable.cpu_millis).0,
    );
    Size { resources: bounded(millis, request, limit), why }
}

/// Of a race-built worker, which is busy as long as there are jobs.
pub(crate) fn worker(plan: &Plan, most: Option<u64>) -> Size {
    let (mut request, mut limit, mut whence) = race_memory(plan);
    if let Some(most) = most {
        (request, limit) = (most / 2, most);
        whence = "as jobs.workers.memory says.".to_owned();
    }
    let why = format!(
        "A worker is as busy as a normal pod, and takes longer for each job; there are more of them instead.\nMemory: {whence}"
    );
    Size { resources: bounded(plan.stable.cpu_millis, request, limit), why }
}

/// Of a small program of ours.
pub(crate) fn small(millis: u64, mib: u64) -> ResourceRequirements {
    let memory = memory(mib << 20);
    resources(vec![("cpu", cpu(millis)), ("memory", memory.clone())], vec![("memory", memory)])
}

fn race_memory(plan: &Plan) -> (u64, u64, String) {
    let normal = plan.stable.memory as f64;
    let of = |factor: f64| round_up((normal * factor) as u64, 64 << 20);
    let text = memory(plan.stable.memory).0;
    match plan.memory_ratio {
        Some(ratio) => {
            let why =
                format!("{ratio} times {text}, as measured, and half as much again as the limit.");
            (of(ratio), of(ratio * HEADROOM), why)
        }
        None => {
            let (low, high) = MEMORY_RATIO;
            let why = format!(
                "Go says 5-10 times as much; {low} times {text} is requested, {high} times is the limit."
            );
            (of(low), of(high), why)
        }
    }
}

fn bounded(millis: u64, request: u64, limit: u64) -> ResourceRequirements {
    resources(
        vec![("cpu", cpu(millis)), ("memory", memory(request))],
        vec![("cpu", cpu(millis * 2)), ("memory", memory(limit))],
    )
}

fn resources(
    requests: Vec<(&str, Quantity)>,
    limits: Vec<(&str, Quantity)>,
) -> ResourceRequirements {
    let map = |list: Vec<(&str, Quantity)>| -> BTreeMap<String, Quantity> {
        list.into_iter().map(|(name, quantity)| (name.to_owned(), quantity)).collect()
    };
    ResourceRequirements { requests: Some(map(requests)), limits: Some(map(limits)), claims: None }
}

fn round_up(number: u64, step: u64) -> u64 {
    number.div_ceil(step) * step
}

/// In the form in which the API server gives it back.
fn cpu(millis: u64) -> Quantity {
    Quantity(if millis.is_multiple_of(1000) {
        format!("{}", millis / 1000)
    } else {
        format!("{millis}m")
    })
}

fn memory(bytes: u64) -> Quantity {
    let units = [(1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki")];
    let fits = units.into_iter().find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit));
    Quantity(
        fits.map_or_else(|| bytes.to_string(), |(unit, name)| format!("{}{name}", bytes / unit)),
    )
}
