//! The queue: samplers that give race-built workers one of each N jobs, and as many of those as the lag asks for.
//!
//! KEDA asks a sampler how many jobs wait for race workers, whatever the broker is: the same figure that the gate goes
//! by, and no password of the broker for KEDA. Its numbers are those of the local pool (docs/jobs.md).

use crate::crd::{Advanced, Fallback, HpaConfig, Kind, ScaleTargetRef, ScaledObject, Trigger};
use crate::object::Object;
use crate::plan::{Jobs, Part, Plan};
use crate::pod::{self, CONFIG_FILE, RaceBuild, metadata};
use crate::{monitor, size};
use k8s_openapi::api::autoscaling::v2::{
    HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscalerBehavior,
};
use k8s_openapi::api::core::v1::{ConfigMap, Container, Probe, Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;

/// `/status`, `/metrics` and `/healthz` of a sampler.
const ADMIN_PORT: u16 = 8082;
/// Where the broker is, password included.
const URL: &str = "PHOTOFINISH_JOBS_URL";

/// The Secret with the broker's address, key `url`.
pub(crate) fn secret(plan: &Plan) -> String {
    format!("{}-jobs", plan.service)
}

fn sampler(plan: &Plan) -> String {
    format!("{}-sampler", plan.service)
}

fn worker(plan: &Plan) -> String {
    format!("{}-race-worker", plan.service)
}

/// Samplers, workers, how many of them, and who watches.
pub(crate) fn objects(plan: &Plan) -> Vec<Object> {
    let Some(jobs) = &plan.jobs else { return Vec::new() };
    vec![
        configuration(plan, jobs),
        samplers(plan, jobs),
        sampler_service(plan),
        workers(plan, jobs),
        scaling(plan, jobs),
        monitor::sampler(plan, &sampler(plan)),
    ]
}

/// A new name for a new text, so that pods get it by a rollout and not under way.
fn config_name(plan: &Plan, jobs: &Jobs) -> String {
    let mut name = format!("{}-jobs-", plan.service);
    for byte in &Sha256::digest(&jobs.toml)[..4] {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

fn configuration(plan: &Plan, jobs: &Jobs) -> Object {
    let typed = ConfigMap {
        metadata: metadata(plan, &config_name(plan, jobs)),
        data: Some(BTreeMap::from([("photofinish.toml".to_owned(), jobs.toml.clone())])),
        ..ConfigMap::default()
    };
    let about = format!(
        "[jobs] of the configuration; where the broker is comes from the Secret {}, key `url`. Its name has a hash of its \
         text, so that a change restarts who reads it.",
        secret(plan)
    );
    Object::new("jobs.yaml", &about, &typed)
}

fn samplers(plan: &Plan, jobs: &Jobs) -> Object {
    let name = sampler(plan);
    let labels = [("app", name.as_str()), ("variant", "sampler")];
    let health = pod::http_probe("/healthz", ADMIN_PORT);
    let args = [
        "jobs",
        "--config",
        CONFIG_FILE,
        "--admin",
        &format!("0.0.0.0:{ADMIN_PORT}"),
        "--spool",
        "/tmp/spool",
    ];
    let container = Container {
        name: "sampler".to_owned(),
        image: Some(plan.images.photofinish.clone()),
        command: Some(vec!["photofinish".to_owned()]),
        args: Some(args.map(str::to_owned).into()),
        env: Some(vec![pod::secret_variable(URL, &secret(plan), "url", false)]),
        ports: Some(vec![pod::port("admin", ADMIN_PORT)]),
        readiness_probe: Some(Probe { period_seconds: Some(5), ..health.clone() }),
        liveness_probe: Some(Probe {
            period_seconds: Some(20),
            failure_threshold: Some(3),
            ..health
        }),
        resources: Some(size::small(100, 128)),
        security_context: Some(pod::confined()),
        volume_mounts: Some(vec![
            pod::mount("config", "/etc/photofinish", true),
            pod::mount("tmp", "/tmp", false),
        ]),
        ..Container::default()
    };
    let volumes = vec![pod::config_volume(&config_name(plan, jobs)), pod::empty("tmp", "64Mi")];
    let mut pod = pod::pod(labels, container, volumes);
    if let Some(context) = &mut pod.security_context {
        context.run_as_user = Some(pod::USER);
        context.run_as_group = Some(pod::USER);
    }
    let about = format!(
        "Gives race workers one of each {} jobs of the {} queue. Two, which do not disturb each other: either may die.",
        jobs.every, jobs.broker
    );
    let typed = pod::deployment(plan, &name, labels, Some(2), pod);
    Object::new("jobs.yaml", &about, &typed)
}

fn sampler_service(plan: &Plan) -> Object {
    let name = sampler(plan);
    let mut metadata = metadata(plan, &name);
    metadata.labels.get_or_insert_default().insert("app".to_owned(), name.clone());
    let typed = Service {
        metadata,
        spec: Some(ServiceSpec {
            selector: Some(pod::map([("app", &name)])),
            ports: Some(vec![ServicePort {
                name: Some("admin".to_owned()),
                port: ADMIN_PORT.into(),
                target_port: Some(IntOrString::String("admin".to_owned())),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        status: None,
    };
    Object::new("jobs.yaml", "Where KEDA and Prometheus ask how the queues stand.", &typed)
}

fn workers(plan: &Plan, jobs: &Jobs) -> Object {
    let name = worker(plan);
    let address = format!("$({URL})");
    let fill = |text: &String| text.replace("{url}", &address);
    let mut environment = vec![pod::secret_variable(URL, &secret(plan), "url", false)];
    environment.extend(jobs.env.iter().map(|(name, text)| pod::variable(name, &fill(text))));
    let build = RaceBuild {
        app: name.clone(),
        name,
        source: Part::Jobs.name(),
        image: &plan.images.worker,
        replicas: None,
        command: jobs.command.iter().map(fill).collect(),
        environment,
        secrets: &plan.secrets,
        size: size::worker(plan, jobs.memory),
        serves: false,
        stop_seconds: jobs.stop_timeout.as_secs().max(1),
        config: Some(config_name(plan, jobs)),
    };
    let about = "Race-built workers. How many is KEDA's affair (below); nobody waits for them, so they have no \
                 PodDisruptionBudget.";
    pod::race_build(plan, build, "jobs.yaml", about)
}

fn scaling(plan: &Plan, jobs: &Jobs) -> Object {
    let policy = |pods: i32, seconds: i32| HPAScalingPolicy {
        type_: "Pods".to_owned(),
        value: pods,
        period_seconds: seconds,
    };
    let rules = |window: i32, policy: HPAScalingPolicy| HPAScalingRules {
        stabilization_window_seconds: Some(window),
        policies: Some(vec![policy]),
        ..HPAScalingRules::default()
    };
    let idle = i32::try_from(jobs.idle.as_secs()).unwrap_or(3600).min(3600);
    let behavior = HorizontalPodAutoscalerBehavior {
        scale_up: Some(rules(0, policy(i32::try_from(jobs.most).unwrap_or(i32::MAX), 15))),
        scale_down: Some(rules(idle, policy(1, idle.clamp(15, 1800)))),
    };
    let url = format!("http://{}.{}.svc:{ADMIN_PORT}/status", sampler(plan), plan.namespace);
    let name = worker(plan);
    let typed = ScaledObject {
        scale_target_ref: ScaleTargetRef { name: name.clone() },
        min_replica_count: jobs.least,
        max_replica_count: jobs.most,
        polling_interval: 5,
        cooldown_period: None,
        fallback: Some(Fallback { failure_threshold: 3, replicas: jobs.least }),
        advanced: Some(Advanced { horizontal_pod_autoscaler_config: HpaConfig { behavior } }),
        triggers: vec![Trigger {
            kind: "metrics-api",
            metadata: BTreeMap::from([
                ("url", url),
                ("valueLocation", "race.waiting".to_owned()),
                ("targetValue", jobs.lag.to_string()),
            ]),
        }],
    }
    .named(metadata(plan, &name));
    Object::new("jobs.yaml", "As many workers as the lag of their queue asks for, by the numbers of `photofinish jobs`.", &typed)
        .note("spec.minReplicaCount", "Never 0: the first jobs would wait, and the sampler would take the workers for dead.")
        .note("spec.maxReplicaCount", "Normal workers x slowdown / every: so many keep up with their share.")
        .note("spec.triggers[0]", "Asks a sampler how many jobs wait in the race queue; targetValue is the lag for each worker.")
        .note("spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown", "One fewer, once one was too many for jobs.workers.idle.")
}
