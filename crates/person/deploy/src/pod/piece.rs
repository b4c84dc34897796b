//! The small pieces of a container: probes, variables, volumes and where they are mounted.

use super::FORGET_SECONDS;
use crate::plan::Plan;
use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, ContainerPort, EmptyDirVolumeSource, EnvFromSource, EnvVar,
    EnvVarSource, HTTPGetAction, KeyToPath, Lifecycle, LifecycleHandler, Probe, SecretEnvSource,
    SecretKeySelector, SecretVolumeSource, SleepAction, TCPSocketAction, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// Goes on answering until routes have forgotten the pod.
pub(crate) fn forget() -> Lifecycle {
    let sleep = Some(SleepAction { seconds: FORGET_SECONDS });
    Lifecycle {
        pre_stop: Some(LifecycleHandler { sleep, ..LifecycleHandler::default() }),
        ..Lifecycle::default()
    }
}

/// Whether the service answers.
pub(crate) fn ready_probe(plan: &Plan) -> Probe {
    match &plan.ready {
        Some(path) => http_probe(path, plan.port),
        None => Probe {
            tcp_socket: Some(TCPSocketAction {
                port: IntOrString::Int(plan.port.into()),
                host: None,
            }),
            ..Probe::default()
        },
    }
}

pub(crate) fn http_probe(path: &str, port: u16) -> Probe {
    let http_get = HTTPGetAction {
        path: Some(path.to_owned()),
        port: IntOrString::Int(port.into()),
        ..HTTPGetAction::default()
    };
    Probe { http_get: Some(http_get), ..Probe::default() }
}

/// The service's arguments and environment, with its port.
pub(crate) fn service_args(plan: &Plan) -> Vec<String> {
    plan.args.iter().map(|text| fill(plan, text)).collect()
}

pub(crate) fn service_environment(plan: &Plan) -> Vec<EnvVar> {
    plan.env.iter().map(|(name, text)| variable(name, &fill(plan, text))).collect()
}

fn fill(plan: &Plan, text: &str) -> String {
    text.replace("{port}", &plan.port.to_string())
}

pub(crate) fn variable(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.to_owned()), value_from: None }
}

/// A variable out of a Secret.
pub(crate) fn secret_variable(name: &str, secret: &str, key: &str, optional: bool) -> EnvVar {
    let secret_key_ref = Some(SecretKeySelector {
        name: secret.to_owned(),
        key: key.to_owned(),
        optional: optional.then_some(true),
    });
    EnvVar {
        name: name.to_owned(),
        value: None,
        value_from: Some(EnvVarSource { secret_key_ref, ..EnvVarSource::default() }),
    }
}

pub(crate) fn secrets(names: &[String]) -> Option<Vec<EnvFromSource>> {
    let from = |name: &String| EnvFromSource {
        secret_ref: Some(SecretEnvSource { name: name.clone(), optional: None }),
        ..EnvFromSource::default()
    };
    (!names.is_empty()).then(|| names.iter().map(from).collect())
}

pub(crate) fn port(name: &str, number: u16) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: number.into(),
        ..ContainerPort::default()
    }
}

pub(crate) fn mount(volume: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: volume.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    }
}

pub(crate) fn empty(name: &str, limit: &str) -> Volume {
    let empty_dir =
        EmptyDirVolumeSource { size_limit: Some(Quantity(limit.to_owned())), medium: None };
    Volume { name: name.to_owned(), empty_dir: Some(empty_dir), ..Volume::default() }
}

/// One key of a Secret, as a file.
pub(crate) fn secret(name: &str, secret: &str, key: &str) -> Volume {
    let item = KeyToPath { key: key.to_owned(), path: key.to_owned(), mode: None };
    let source = SecretVolumeSource {
        secret_name: Some(secret.to_owned()),
        items: Some(vec![item]),
        ..SecretVolumeSource::default()
    };
    Volume { name: name.to_owned(), secret: Some(source), ..Volume::default() }
}

pub(crate) fn config_volume(name: &str) -> Volume {
    let config_map =
        Some(ConfigMapVolumeSource { name: name.to_owned(), ..ConfigMapVolumeSource::default() });
    Volume { name: "config".to_owned(), config_map, ..Volume::default() }
}
