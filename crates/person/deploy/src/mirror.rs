//! The mirror: a race build that gets copies of requests, and may reach next to nobody.
//!
//! A copy of a POST does again whatever the POST did. So its egress is fenced, it gets none of the normal build's
//! Secrets, and its label `app` is its own: no Service of the normal build ever has its pods behind it.

use crate::crd::{Kind, ScaleTargetRef, ScaledObject, Trigger};
use crate::object::Object;
use crate::plan::{Destination, Mirror, Part, Plan, Reach};
use crate::pod::{self, RaceBuild, SERVE_PORT, metadata};
use crate::{size, stable};
use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::BTreeMap;

/// The name of all its objects, and its label `app`.
pub(crate) fn name(plan: &Plan) -> String {
    format!("{}-mirror", plan.service)
}

/// Its pods, their Service, the fence around them, and its hours.
pub(crate) fn objects(plan: &Plan) -> Vec<Object> {
    let Some(mirror) = &plan.mirror else { return Vec::new() };
    let name = name(plan);
    let pods = (mirror.share.fraction() * f64::from(plan.stable.replicas)).ceil().max(1.0) as u32;
    let mut command = vec![format!("{}-race", plan.binary)];
    command.extend(pod::service_args(plan));
    let build = RaceBuild {
        name: name.clone(),
        app: name.clone(),
        source: Part::Mirror.name(),
        image: &plan.images.race,
        replicas: mirror.windows.is_empty().then_some(pods),
        command,
        environment: pod::service_environment(plan),
        secrets: &mirror.secrets,
        size: size::race(plan, mirror.share, pods),
        serves: true,
        stop_seconds: pod::STOP_SECONDS,
        config: None,
    };
    let about = format!(
        "The mirror: a race build that gets copies of {} of the requests; its answers are dropped. Nobody waits for it, so \
         it has no PodDisruptionBudget.",
        mirror.share
    );
    let mut deployment = pod::race_build(plan, build, "mirror.yaml", &about);
    if mirror.secrets.is_empty() && !plan.secrets.is_empty() {
        let why = "Without the Secrets of the normal build: it would write to production's databases. Give it its own: mirror_secrets.";
        deployment = deployment.note("spec.template.spec.containers[0].env", why);
    }
    let service = stable::service(plan, &name, &name, None);
    let mut objects = vec![
        deployment,
        Object::new("mirror.yaml", "Where the route sends copies.", &service),
        fence(plan, mirror),
    ];
    if !mirror.windows.is_empty() {
        objects.push(hours(plan, mirror, pods));
    }
    objects
}

/// Nothing goes out but what is named.
fn fence(plan: &Plan, mirror: &Mirror) -> Object {
    let name = name(plan);
    let in_namespace = |namespace: &str, app: (&str, &str)| NetworkPolicyPeer {
        namespace_selector: Some(pod::selector([("kubernetes.io/metadata.name", namespace)])),
        pod_selector: Some(pod::selector([app])),
        ip_block: None,
    };
    let mut rules = vec![NetworkPolicyEgressRule {
        to: Some(vec![in_namespace("kube-system", ("k8s-app", "kube-dns"))]),
        ports: Some(vec![open("UDP", 53), open("TCP", 53)]),
    }];
    let mut notes = vec!["DNS".to_owned()];
    if plan.to.is_none() {
        rules.push(NetworkPolicyEgressRule {
            to: Some(vec![peer_app("photofinish-serve")]),
            ports: Some(vec![open("TCP", SERVE_PORT)]),
        });
        notes.push("what it reports".to_owned());
    }
    for Reach { destination, port } in &mirror.egress {
        let peer = match destination {
            Destination::App(app) => peer_app(app),
            Destination::Cidr(cidr) => NetworkPolicyPeer {
                ip_block: Some(IPBlock { cidr: cidr.clone(), except: None }),
                ..NetworkPolicyPeer::default()
            },
        };
        rules.push(NetworkPolicyEgressRule {
            to: Some(vec![peer]),
            ports: Some(vec![open("TCP", *port)]),
        });
        notes.push("deploy.mirror_egress".to_owned());
    }
    let typed = NetworkPolicy {
        metadata: metadata(plan, &name),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(pod::selector([("app", &name)])),
            policy_types: Some(vec!["Egress".to_owned()]),
            egress: Some(rules),
            ingress: None,
        }),
    };
    let about = "Copies must have no effect outside: the mirror reaches what is named here and nothing else. It takes a network \
                 plugin that enforces policies.";
    let object = Object::new("mirror.yaml", about, &typed);
    notes
        .iter()
        .enumerate()
        .fold(object, |object, (place, note)| object.note(&format!("spec.egress[{place}]"), note))
}

fn peer_app(app: &str) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        pod_selector: Some(pod::selector([("app", app)])),
        ..NetworkPolicyPeer::default()
    }
}

fn open(protocol: &str, port: u16) -> NetworkPolicyPort {
    NetworkPolicyPort {
        protocol: Some(protocol.to_owned()),
        port: Some(IntOrString::Int(port.into())),
        end_port: None,
    }
}

/// A route has no hours, but a mirror without pods gets nothing: KEDA starts and ends them.
fn hours(plan: &Plan, mirror: &Mirror, pods: u32) -> Object {
    let name = name(plan);
    let zone = mirror.timezone.clone().unwrap_or_else(|| "Etc/UTC".to_owned());
    let trigger = |window: &crate::plan::Window| Trigger {
        kind: "cron",
        metadata: BTreeMap::from([
            ("timezone", zone.clone()),
            ("start", window.start.clone()),
            ("end", window.end.clone()),
            ("desiredReplicas", pods.to_string()),
        ]),
    };
    let typed = ScaledObject {
        scale_target_ref: ScaleTargetRef { name: name.clone() },
        min_replica_count: 0,
        max_replica_count: pods,
        polling_interval: 30,
        // Else it would stay for five minutes after its hours.
        cooldown_period: Some(60),
        fallback: None,
        advanced: None,
        triggers: mirror.windows.iter().map(trigger).collect(),
    }
    .named(metadata(plan, &name));
    let about = "The hours of the mirror. A route has none: outside of them there is no pod, and copies to nobody are dropped.";
    let object = Object::new("mirror.yaml", about, &typed);
    let said = mirror.windows.iter().enumerate();
    said.fold(object, |object, (place, window)| {
        object.note(&format!("spec.triggers[{place}]"), &window.text)
    })
}
