//! The objects of others' APIs: as much of them as we write, as plain types.
//!
//! A flat table. Field names and meanings are those of Gateway API v1 (`apis/v1/httproute_types.go`), Istio
//! (`networking/v1/virtual_service.proto`), KEDA (`apis/keda/v1alpha1/scaledobject_types.go`) and the Prometheus
//! operator (`pkg/apis/monitoring/v1/types.go`). That they are theirs is held by the tests, against the CRDs themselves.

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscalerBehavior;
use k8s_openapi::api::core::v1::SecretKeySelector;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde::Serialize;
use std::collections::BTreeMap;

/// Any object of a custom kind.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Custom<S> {
    api_version: &'static str,
    kind: &'static str,
    metadata: ObjectMeta,
    spec: S,
}

/// A kind that a CRD defines.
pub(crate) trait Kind: Serialize + Sized {
    const API_VERSION: &'static str;
    const KIND: &'static str;

    fn named(self, metadata: ObjectMeta) -> Custom<Self> {
        Custom { api_version: Self::API_VERSION, kind: Self::KIND, metadata, spec: self }
    }
}

macro_rules! kinds {
    ($($spec:ty => $version:literal $kind:literal),+ $(,)?) => {$(
        impl Kind for $spec {
            const API_VERSION: &'static str = $version;
            const KIND: &'static str = $kind;
        }
    )+};
}
kinds! {
    HttpRoute => "gateway.networking.k8s.io/v1" "HTTPRoute",
    VirtualService => "networking.istio.io/v1" "VirtualService",
    ScaledObject => "keda.sh/v1alpha1" "ScaledObject",
    PodMonitor => "monitoring.coreos.com/v1" "PodMonitor",
    ServiceMonitor => "monitoring.coreos.com/v1" "ServiceMonitor",
    PrometheusRule => "monitoring.coreos.com/v1" "PrometheusRule",
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HttpRoute {
    pub(crate) parent_refs: Vec<ParentRef>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) hostnames: Vec<String>,
    pub(crate) rules: Vec<HttpRouteRule>,
}

#[derive(Serialize)]
pub(crate) struct ParentRef {
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HttpRouteRule {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) matches: Vec<HttpRouteMatch>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) filters: Vec<HttpRouteFilter>,
    pub(crate) backend_refs: Vec<BackendRef>,
}

#[derive(Clone, Serialize)]
pub(crate) struct HttpRouteMatch {
    pub(crate) path: Option<PathMatch>,
    pub(crate) method: Option<String>,
}

#[derive(Clone, Serialize)]
pub(crate) struct PathMatch {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) value: String,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HttpRouteFilter {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) request_mirror: RequestMirror,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestMirror {
    pub(crate) backend_ref: BackendRef,
    pub(crate) percent: Option<u32>,
    pub(crate) fraction: Option<Fraction>,
}

#[derive(Clone, Serialize)]
pub(crate) struct Fraction {
    pub(crate) numerator: u32,
    pub(crate) denominator: u32,
}

#[derive(Clone, Serialize)]
pub(crate) struct BackendRef {
    pub(crate) name: String,
    pub(crate) port: u16,
    pub(crate) weight: Option<u32>,
}

#[derive(Serialize)]
pub(crate) struct VirtualService {
    pub(crate) hosts: Vec<String>,
    pub(crate) gateways: Vec<String>,
    pub(crate) http: Vec<IstioRoute>,
}

#[derive(Serialize)]
pub(crate) struct IstioRoute {
    pub(crate) name: String,
    #[serde(rename = "match", skip_serializing_if = "Vec::is_empty")]
    pub(crate) matches: Vec<IstioMatch>,
    pub(crate) route: Vec<IstioWeighted>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) mirrors: Vec<IstioMirror>,
}

#[derive(Serialize)]
pub(crate) struct IstioMatch {
    pub(crate) uri: Option<BTreeMap<&'static str, String>>,
    pub(crate) method: Option<BTreeMap<&'static str, String>>,
}

#[derive(Serialize)]
pub(crate) struct IstioWeighted {
    pub(crate) destination: IstioDestination,
    pub(crate) weight: Option<u32>,
}

#[derive(Serialize)]
pub(crate) struct IstioDestination {
    pub(crate) host: String,
    pub(crate) port: IstioPort,
}

#[derive(Serialize)]
pub(crate) struct IstioPort {
    pub(crate) number: u16,
}

#[derive(Serialize)]
pub(crate) struct IstioMirror {
    pub(crate) destination: IstioDestination,
    pub(crate) percentage: IstioPercent,
}

#[derive(Serialize)]
pub(crate) struct IstioPercent {
    pub(crate) value: serde_json::Number,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ScaledObject {
    pub(crate) scale_target_ref: ScaleTargetRef,
    pub(crate) min_replica_count: u32,
    pub(crate) max_replica_count: u32,
    pub(crate) polling_interval: u32,
    pub(crate) cooldown_period: Option<u64>,
    pub(crate) fallback: Option<Fallback>,
    pub(crate) advanced: Option<Advanced>,
    pub(crate) triggers: Vec<Trigger>,
}

#[derive(Serialize)]
pub(crate) struct ScaleTargetRef {
    pub(crate) name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Fallback {
    pub(crate) failure_threshold: u32,
    pub(crate) replicas: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Advanced {
    pub(crate) horizontal_pod_autoscaler_config: HpaConfig,
}

#[derive(Serialize)]
pub(crate) struct HpaConfig {
    pub(crate) behavior: HorizontalPodAutoscalerBehavior,
}

#[derive(Serialize)]
pub(crate) struct Trigger {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// KEDA takes strings only, numbers too.
    pub(crate) metadata: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodMonitor {
    pub(crate) selector: LabelSelector,
    pub(crate) pod_target_labels: Vec<&'static str>,
    pub(crate) pod_metrics_endpoints: Vec<Endpoint>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServiceMonitor {
    pub(crate) selector: LabelSelector,
    pub(crate) endpoints: Vec<Endpoint>,
}

#[derive(Serialize)]
pub(crate) struct Endpoint {
    pub(crate) port: &'static str,
    pub(crate) path: String,
    pub(crate) interval: &'static str,
    pub(crate) authorization: Option<Authorization>,
}

#[derive(Serialize)]
pub(crate) struct Authorization {
    pub(crate) credentials: SecretKeySelector,
}

#[derive(Serialize)]
pub(crate) struct PrometheusRule {
    pub(crate) groups: Vec<RuleGroup>,
}

#[derive(Serialize)]
pub(crate) struct RuleGroup {
    pub(crate) name: String,
    pub(crate) rules: Vec<Alert>,
}

#[derive(Serialize)]
pub(crate) struct Alert {
    pub(crate) alert: &'static str,
    pub(crate) expr: String,
    #[serde(rename = "for")]
    pub(crate) pending: &'static str,
    pub(crate) labels: BTreeMap<&'static str, &'static str>,
    pub(crate) annotations: BTreeMap<&'static str, String>,
}
