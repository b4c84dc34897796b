//! What all pods have in common: who they may be, what they may write, how a race build is supervised.
//!
//! A race build's pod runs `photofinish run` as its first process, which starts the program, keeps what it prints
//! in the spool, and sends it to `serve`. Its health is asked of `run` (is there a program?), its readiness of the
//! service itself.

mod piece;

pub(crate) use piece::{
    config_volume, empty, forget, http_probe, mount, port, ready_probe, secret, secret_variable,
    secrets, service_args, service_environment, variable,
};

use crate::object::Object;
use crate::plan::Plan;
use crate::size::Size;
use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment,
};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, EnvVar, EnvVarSource, PodSecurityContext, PodSpec, PodTemplateSpec,
    Probe, ResourceFieldSelector, SeccompProfile, SecurityContext, TopologySpreadConstraint,
    Volume,
};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::BTreeMap;

/// The user of our images, which distroless images call `nonroot`.
pub(crate) const USER: i64 = 65532;
/// Where `run` says how the program is.
pub(crate) const HEALTH_PORT: u16 = 7072;
/// Where `serve` listens.
pub(crate) const SERVE_PORT: u16 = 7071;
/// The Secret with the tokens of `serve`.
pub(crate) const TOKENS: &str = "photofinish-tokens";
/// The priority of race builds.
pub(crate) const PRIORITY: &str = "photofinish-race";
/// Where the reporting token is.
pub(crate) const REPORT_TOKEN: &str = "/run/photofinish/report-token";
const SPOOL: &str = "/var/spool/photofinish";
/// From SIGTERM to SIGKILL of a race build, unless its table says otherwise.
pub(crate) const STOP_SECONDS: u64 = 15;
/// What is left to deliver reports after that.
const STORE_SECONDS: u64 = 10;
/// How long routes may take to forget a pod that ends.
const FORGET_SECONDS: i64 = 5;

/// A race build under supervision.
pub(crate) struct RaceBuild<'a> {
    /// The Deployment.
    pub(crate) name: String,
    /// Its label `app`.
    pub(crate) app: String,
    /// What `run` calls its role.
    pub(crate) source: &'static str,
    pub(crate) image: &'a str,
    /// None where something else decides.
    pub(crate) replicas: Option<u32>,
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    pub(crate) environment: Vec<EnvVar>,
    pub(crate) secrets: &'a [String],
    pub(crate) size: Size,
    /// It answers requests at the service's port.
    pub(crate) serves: bool,
    pub(crate) stop_seconds: u64,
    /// A file of configuration for `run`, in the ConfigMap of this name.
    pub(crate) config: Option<String>,
}

/// Metadata with a name, the namespace, and the label of what made it.
pub(crate) fn metadata(plan: &Plan, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(plan.namespace.clone()),
        labels: Some(map([
            ("app.kubernetes.io/managed-by", "photofinish"),
            ("app.kubernetes.io/part-of", &plan.service),
        ])),
        ..ObjectMeta::default()
    }
}

pub(crate) fn map<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

pub(crate) fn selector<const N: usize>(pairs: [(&str, &str); N]) -> LabelSelector {
    LabelSelector { match_labels: Some(map(pairs)), match_expressions: None }
}

/// A Deployment whose new pods are there before old ones go.
pub(crate) fn deployment(
    plan: &Plan,
    name: &str,
    labels: [(&str, &str); 2],
    replicas: Option<u32>,
    pod: PodSpec,
) -> Deployment {
    Deployment {
        metadata: metadata(plan, name),
        spec: Some(DeploymentSpec {
            replicas: replicas.map(|number| i32::try_from(number).unwrap_or(i32::MAX)),
            selector: selector(labels),
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: Some(RollingUpdateDeployment {
                    max_surge: Some(IntOrString::Int(1)),
                    max_unavailable: Some(IntOrString::Int(0)),
                }),
            }),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels: Some(map(labels)), ..ObjectMeta::default() }),
                spec: Some(pod),
            },
            ..DeploymentSpec::default()
        }),
        status: None,
    }
}

/// A pod that talks to nobody's API and is nobody special.
pub(crate) fn pod(
    labels: [(&str, &str); 2],
    container: Container,
    volumes: Vec<Volume>,
) -> PodSpec {
    PodSpec {
        automount_service_account_token: Some(false),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                localhost_profile: None,
            }),
            ..PodSecurityContext::default()
        }),
        containers: vec![container],
        volumes: Some(volumes),
        topology_spread_constraints: Some(vec![TopologySpreadConstraint {
            max_skew: 1,
            topology_key: "kubernetes.io/hostname".to_owned(),
            when_unsatisfiable: "ScheduleAnyway".to_owned(),
            label_selector: Some(selector(labels)),
            ..TopologySpreadConstraint::default()
        }]),
        ..PodSpec::default()
    }
}

/// Nothing that a service needs to be more than itself.
pub(crate) fn confined() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
        ..SecurityContext::default()
    }
}

/// A race build, its pods and its supervision.
pub(crate) fn race_build(plan: &Plan, build: RaceBuild<'_>, file: &str, about: &str) -> Object {
    let why = build.size.why.clone();
    let (name, replicas) = (build.name.clone(), build.replicas);
    let app = build.app.clone();
    let stop = build.stop_seconds;
    let labels = [("app", app.as_str()), ("variant", "race")];
    let has_config = build.config.clone();
    let container = race_container(plan, build);
    let mut volumes =
        vec![empty("spool", "2Gi"), empty("tmp", "1Gi"), secret("token", TOKENS, "report-token")];
    volumes.extend(has_config.map(|name| config_volume(&name)));
    let mut pod = pod(labels, container, volumes);
    pod.priority_class_name = Some(PRIORITY.to_owned());
    let grace = stop + STORE_SECONDS + FORGET_SECONDS.unsigned_abs() + 5;
    pod.termination_grace_period_seconds = i64::try_from(grace).ok();
    if let Some(context) = &mut pod.security_context {
        context.run_as_user = Some(USER);
        context.run_as_group = Some(USER);
        context.fs_group = Some(USER);
    }
    let typed = deployment(plan, &name, labels, replicas, pod);
    let at = "spec.template.spec";
    Object::new(file, about, &typed)
        .note(&format!("{at}.priorityClassName"), "Makes room for others and never pushes anybody out.")
        .note(
            &format!("{at}.terminationGracePeriodSeconds"),
            &format!("{FORGET_SECONDS} s for routes to forget it, {stop} s for the program to end, {STORE_SECONDS} s for its last reports."),
        )
        .note(&format!("{at}.containers[0].resources"), &why)
        .note(
            &format!("{at}.containers[0].livenessProbe"),
            "Asks `photofinish run`: fails when there is no program to supervise, and not while one is slow.",
        )
        .note(&format!("{at}.volumes[0]"), "Reports wait here until serve has them; it outlives a crash of the container.")
}

fn race_container(plan: &Plan, build: RaceBuild<'_>) -> Container {
    let to = plan
        .to
        .clone()
        .unwrap_or_else(|| format!("http://photofinish-serve.{}.svc:{SERVE_PORT}", plan.namespace));
    let mut args: Vec<String> =
        ["run", "--source", build.source, "--service", &plan.service].map(str::to_owned).into();
    if build.config.is_some() {
        args.extend(["--config", CONFIG_FILE].map(str::to_owned));
    }
    let health = format!("0.0.0.0:{HEALTH_PORT}");
    let stop = format!("{}s", build.stop_seconds);
    let store = format!("{STORE_SECONDS}s");
    for (flag, value) in [
        ("--to", to.as_str()),
        ("--token-file", REPORT_TOKEN),
        ("--spool", SPOOL),
        ("--health-listen", &health),
        ("--stop-timeout", &stop),
        ("--store-timeout", &store),
    ] {
        args.extend([flag.to_owned(), value.to_owned()]);
    }
    args.push("--".to_owned());
    args.extend(build.command);
    let mut environment = vec![
        variable("GORACE", plan.gorace.as_deref().unwrap_or("halt_on_error=0")),
        // From this, `run` chooses how much the detector remembers.
        EnvVar {
            name: "PHOTOFINISH_MEMORY".to_owned(),
            value_from: Some(EnvVarSource {
                resource_field_ref: Some(ResourceFieldSelector {
                    resource: "limits.memory".to_owned(),
                    ..ResourceFieldSelector::default()
                }),
                ..EnvVarSource::default()
            }),
            ..EnvVar::default()
        },
    ];
    environment.extend(build.environment);
    let mut ports = vec![port("health", HEALTH_PORT)];
    if build.serves {
        ports.insert(0, port("http", plan.port));
    }
    let mut mounts = vec![
        mount("spool", SPOOL, false),
        mount("tmp", "/tmp", false),
        mount("token", "/run/photofinish", true),
    ];
    if build.config.is_some() {
        mounts.push(mount("config", "/etc/photofinish", true));
    }
    let own = if build.serves { ready_probe(plan) } else { http_probe("/healthz", HEALTH_PORT) };
    let starts = i32::try_from(plan.ready_timeout.as_secs().max(60) * 4 / 5).unwrap_or(i32::MAX);
    Container {
        name: "race".to_owned(),
        image: Some(build.image.to_owned()),
        command: Some(vec!["photofinish".to_owned()]),
        args: Some(args),
        env: Some(environment),
        env_from: secrets(build.secrets),
        ports: Some(ports),
        // Race builds start slowly: four times as long as the file allows on one machine.
        startup_probe: Some(Probe {
            period_seconds: Some(5),
            failure_threshold: Some(starts),
            timeout_seconds: Some(10),
            ..own.clone()
        }),
        readiness_probe: Some(Probe {
            period_seconds: Some(10),
            failure_threshold: Some(3),
            timeout_seconds: Some(10),
            ..own
        }),
        liveness_probe: Some(Probe {
            period_seconds: Some(20),
            failure_threshold: Some(6),
            timeout_seconds: Some(10),
            ..http_probe("/healthz", HEALTH_PORT)
        }),
        lifecycle: build.serves.then(forget),
        resources: Some(build.size.resources),
        security_context: Some(confined()),
        volume_mounts: Some(mounts),
        ..Container::default()
    }
}

/// The file that `run` and `jobs` read.
pub(crate) const CONFIG_FILE: &str = "/etc/photofinish/photofinish.toml";

/// The priority of race builds.
pub(crate) fn priority() -> Object {
    let class = PriorityClass {
        metadata: ObjectMeta { name: Some(PRIORITY.to_owned()), ..ObjectMeta::default() },
        value: -10,
        global_default: Some(false),
        preemption_policy: Some("Never".to_owned()),
        description: Some("Race builds: whoever else needs the room gets it.".to_owned()),
    };
    let about = "Below everything that has no priority of its own. Belongs to the whole cluster: one for all services.";
    Object::new("priorityclass.yaml", about, &class)
}
