//! The base: the normal build as it runs today.

use crate::object::Object;
use crate::plan::{Part, Plan, Split};
use crate::pod::{self, metadata};
use crate::{catching, monitor, size};
use k8s_openapi::api::core::v1::{Container, Probe, Service, ServicePort, ServiceSpec};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// The normal build, its Service, and what watches it; with `catch` beside it if that is one of `parts`.
pub(crate) fn objects(plan: &Plan, parts: &[Part]) -> Vec<Object> {
    let has_catch = parts.contains(&Part::Catch);
    let mut objects = vec![deployment(plan, has_catch), own_service(plan)];
    if plan.stable.replicas > 1 {
        objects.push(budget(
            plan,
            &plan.service,
            "stable",
            "One pod at a time leaves for maintenance of a node.",
        ));
    }
    if plan.metrics.is_some() {
        objects.push(monitor::stable_pods(plan));
    }
    objects
}

fn deployment(plan: &Plan, has_catch: bool) -> Object {
    let service = plan.service.as_str();
    let labels = [("app", service), ("variant", "stable")];
    let ready = pod::ready_probe(plan);
    let arguments = pod::service_args(plan);
    let environment = pod::service_environment(plan);
    let container = Container {
        name: service.to_owned(),
        image: Some(plan.images.stable.clone()),
        args: (!arguments.is_empty()).then_some(arguments),
        env: (!environment.is_empty()).then_some(environment),
        env_from: pod::secrets(&plan.secrets),
        ports: Some(vec![pod::port("http", plan.port)]),
        readiness_probe: Some(Probe { period_seconds: Some(5), ..ready.clone() }),
        liveness_probe: Some(Probe {
            period_seconds: Some(10),
            failure_threshold: Some(6),
            timeout_seconds: Some(5),
            ..ready
        }),
        lifecycle: Some(pod::forget()),
        resources: Some(size::stable(plan)),
        security_context: Some(pod::confined()),
        volume_mounts: Some(vec![pod::mount("tmp", "/tmp", false)]),
        ..Container::default()
    };
    let mut pod = pod::pod(labels, container, vec![pod::empty("tmp", "1Gi")]);
    if has_catch {
        catching::beside(plan, &mut pod);
    }
    let typed = pod::deployment(plan, service, labels, Some(plan.stable.replicas), pod);
    let object = Object::new("stable.yaml", "The normal build, which answers.", &typed).note(
        "spec.template.spec.containers[0].lifecycle",
        "Goes on answering until routes have forgotten the pod.",
    );
    if has_catch { catching::noted(object) } else { object }
}

/// By weights the Service has the normal build alone; by replicas the canary's pods are behind it too.
fn own_service(plan: &Plan) -> Object {
    let (variant, about) = match plan.canary.split {
        Split::Weights => (
            Some("stable"),
            "The normal build alone: who calls it inside the cluster never meets a race build.",
        ),
        Split::Replicas => (
            None,
            "All pods of the service, race builds too: each gets its part of the connections.",
        ),
    };
    Object::new("stable.yaml", about, &service(plan, &plan.service, &plan.service, variant))
}

/// A Service for the pods with this label `app`, and this `variant` if one is given.
pub(crate) fn service(plan: &Plan, name: &str, app: &str, variant: Option<&str>) -> Service {
    let mut selector = pod::map([("app", app)]);
    selector.extend(variant.map(|variant| ("variant".to_owned(), variant.to_owned())));
    Service {
        metadata: metadata(plan, name),
        spec: Some(ServiceSpec {
            selector: Some(selector),
            ports: Some(vec![ServicePort {
                name: Some("http".to_owned()),
                port: 80,
                target_port: Some(IntOrString::String("http".to_owned())),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

/// At most one pod of these is missing on purpose.
pub(crate) fn budget(plan: &Plan, app: &str, variant: &str, about: &str) -> Object {
    let name = match variant {
        "stable" => app.to_owned(),
        _ => format!("{app}-{variant}"),
    };
    let typed = PodDisruptionBudget {
        metadata: metadata(plan, &name),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(pod::selector([("app", app), ("variant", variant)])),
            ..PodDisruptionBudgetSpec::default()
        }),
        status: None,
    };
    let file = if variant == "stable" { "stable.yaml" } else { "race.yaml" };
    Object::new(file, about, &typed)
}
