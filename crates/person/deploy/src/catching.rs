//! `catch` beside the normal build: a container that sees the service's processes and may hold their threads.
//!
//! It is root in its container, and without every capability but three: capabilities that are added to a container are
//! given to root alone. It writes nothing, and to nobody's memory.

use crate::object::Object;
use crate::plan::Plan;
use crate::pod::{self, REPORT_TOKEN, SERVE_PORT, TOKENS};
use crate::size;
use k8s_openapi::api::core::v1::{Capabilities, Container, PodSpec, SecurityContext};
use serde_json::json;

/// What it takes to hold a thread, to set breakpoints, and to load the program that stops who arrives.
const CAPABILITIES: [&str; 3] = ["SYS_PTRACE", "PERFMON", "BPF"];

/// Puts the container into the pod of the normal build.
pub(crate) fn beside(plan: &Plan, pod: &mut PodSpec) {
    pod.share_process_namespace = Some(true);
    pod.containers.push(container(plan));
    let volumes = pod.volumes.get_or_insert_default();
    volumes.push(pod::empty("catch", "256Mi"));
    volumes.push(pod::secret("token", TOKENS, "report-token"));
}

/// Says why.
pub(crate) fn noted(object: Object) -> Object {
    let at = "spec.template.spec";
    object
        .note(&format!("{at}.shareProcessNamespace"), "catch looks at the service's processes.")
        .note(
            &format!("{at}.containers[1].securityContext"),
            "Root without any capability but these three, since added capabilities are given to root alone. A namespace that \
             enforces the baseline or restricted pod security refuses it. Where the container runtime's profile keeps \
             perf_event_open or bpf from it, catch says so by name; then it takes seccompProfile: {type: Unconfined}.",
        )
}

fn container(plan: &Plan) -> Container {
    let to = plan
        .to
        .clone()
        .unwrap_or_else(|| format!("http://photofinish-serve.{}.svc:{SERVE_PORT}", plan.namespace));
    let mut args = command(plan);
    args.extend(
        [
            "--every",
            "10m",
            "--to",
            &to,
            "--token-file",
            REPORT_TOKEN,
            "--spool",
            "/var/spool/photofinish",
        ]
        .map(str::to_owned),
    );
    Container {
        name: "catch".to_owned(),
        image: Some(plan.images.photofinish.clone()),
        command: Some(vec!["photofinish".to_owned()]),
        args: Some(args),
        resources: Some(size::small(50, 256)),
        security_context: Some(privileges()),
        volume_mounts: Some(vec![
            pod::mount("catch", "/var/spool/photofinish", false),
            pod::mount("token", "/run/photofinish", true),
        ]),
        ..Container::default()
    }
}

/// `catch` and what it looks at.
fn command(plan: &Plan) -> Vec<String> {
    let program = plan.binary.rsplit('/').next().unwrap_or(&plan.binary);
    [
        "catch",
        "--name",
        program,
        "--service",
        &plan.service,
        "--for",
        "30s",
        "--budget",
        &plan.catch_budget,
    ]
    .map(str::to_owned)
    .into()
}

fn privileges() -> SecurityContext {
    SecurityContext {
        run_as_user: Some(0),
        run_as_non_root: Some(false),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".to_owned()]),
            add: Some(CAPABILITIES.map(str::to_owned).into()),
        }),
        ..pod::confined()
    }
}

/// What `kubectl debug --custom` puts into the container that it adds to a running pod, as JSON.
pub(crate) fn custom(_: &Plan) -> String {
    let partial = json!({ "securityContext": privileges() });
    serde_json::to_string_pretty(&partial).unwrap_or_default() + "\n"
}

/// The line that looks at one running pod, changing nothing of the Deployment.
pub(crate) fn debug_line(plan: &Plan, file: &str) -> String {
    format!(
        "kubectl -n {} debug POD --image={} --target={} --custom={file} --attach -- photofinish {}",
        plan.namespace,
        plan.images.photofinish,
        plan.service,
        command(plan).join(" ")
    )
}
