//! `serve`: the page, and the collector that everything reports to. Findings are kept in a Postgres, so there may be two.

use crate::monitor;
use crate::object::Object;
use crate::plan::Plan;
use crate::pod::{self, SERVE_PORT, TOKENS, metadata};
use crate::size;
use k8s_openapi::api::core::v1::{
    Container, EnvVar, Probe, SecretVolumeSource, Service, ServicePort, ServiceSpec, Volume,
};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// Its objects, and its label `app`.
pub(crate) const NAME: &str = "photofinish-serve";
/// The Secret with the address of the Postgres (`url`), and its password.
pub(crate) const STORE: &str = "photofinish-store";
const FILE: &str = "serve.yaml";

/// The page, its Service, and who watches it.
pub(crate) fn objects(plan: &Plan) -> Vec<Object> {
    vec![deployment(plan), service(plan), budget(plan), monitor::serve(plan), monitor::alerts(plan)]
}

fn deployment(plan: &Plan) -> Object {
    let labels = [("app", NAME), ("variant", "serve")];
    let health = pod::http_probe("/healthz", SERVE_PORT);
    let args = [
        "serve",
        "--listen",
        &format!("0.0.0.0:{SERVE_PORT}"),
        "--token-file",
        "/run/photofinish/token",
        "--report-token-file",
        "/run/photofinish/report-token",
        "--spool",
        "/tmp/spool",
    ];
    let container = Container {
        name: "serve".to_owned(),
        image: Some(plan.images.photofinish.clone()),
        command: Some(vec!["photofinish".to_owned()]),
        args: Some(args.map(str::to_owned).into()),
        env: Some(vec![store(plan), pod::secret_variable("PGPASSWORD", STORE, "password", true)]),
        ports: Some(vec![pod::port("http", SERVE_PORT)]),
        readiness_probe: Some(Probe { period_seconds: Some(5), ..health.clone() }),
        liveness_probe: Some(Probe {
            period_seconds: Some(20),
            failure_threshold: Some(3),
            timeout_seconds: Some(5),
            ..health
        }),
        lifecycle: Some(pod::forget()),
        resources: Some(size::small(100, 256)),
        security_context: Some(pod::confined()),
        volume_mounts: Some(vec![
            pod::mount("tokens", "/run/photofinish", true),
            pod::mount("tmp", "/tmp", false),
        ]),
        ..Container::default()
    };
    let tokens = Volume {
        name: "tokens".to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(TOKENS.to_owned()),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    };
    let mut pod = pod::pod(labels, container, vec![tokens, pod::empty("tmp", "256Mi")]);
    if let Some(context) = &mut pod.security_context {
        context.run_as_user = Some(pod::USER);
        context.run_as_group = Some(pod::USER);
        context.fs_group = Some(pod::USER);
    }
    let about = format!(
        "The page and the collector. It needs two Secrets, which are never written here: {TOKENS} (keys token and report-token) and \
         {STORE} (keys url and password, of the Postgres). docs/deploy.md says how to make them."
    );
    let typed = pod::deployment(plan, NAME, labels, Some(2), pod);
    Object::new(FILE, &about, &typed)
}

fn store(plan: &Plan) -> EnvVar {
    match &plan.store {
        Some(url) => pod::variable("PHOTOFINISH_STORE", url),
        None => pod::secret_variable("PHOTOFINISH_STORE", STORE, "url", false),
    }
}

fn service(plan: &Plan) -> Object {
    let mut metadata = metadata(plan, NAME);
    metadata.labels.get_or_insert_default().insert("app".to_owned(), NAME.to_owned());
    let typed = Service {
        metadata,
        spec: Some(ServiceSpec {
            selector: Some(pod::map([("app", NAME)])),
            ports: Some(vec![ServicePort {
                name: Some("http".to_owned()),
                port: SERVE_PORT.into(),
                target_port: Some(IntOrString::String("http".to_owned())),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        status: None,
    };
    let about =
        "For the pods of this cluster, without TLS; for browsers put a route with TLS in front.";
    Object::new(FILE, about, &typed)
}

fn budget(plan: &Plan) -> Object {
    let typed = PodDisruptionBudget {
        metadata: metadata(plan, NAME),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(pod::selector([("app", NAME)])),
            ..PodDisruptionBudgetSpec::default()
        }),
        status: None,
    };
    Object::new(FILE, "One of the two stays.", &typed)
}
