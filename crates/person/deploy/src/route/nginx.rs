//! `Ingress` with the annotations of ingress-nginx: a second one is the canary, and copies go to a target.
//!
//! It copies every request or none, whatever its method, so a mirror is written only where the rules ask for
//! everything. Source: the controller's `docs/user-guide/nginx-configuration/annotations.md`.

use super::cells::cells;
use super::{FILE, PORT, Traffic, about};
use crate::object::Object;
use crate::plan::{Mirror, Plan, PlanError, Share};
use crate::pod::metadata;
use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule,
    IngressServiceBackend, IngressSpec, ServiceBackendPort,
};

const PREFIX: &str = "nginx.ingress.kubernetes.io";

pub(super) fn objects(traffic: &Traffic<'_>) -> Result<Vec<Object>, PlanError> {
    let plan = traffic.plan;
    let mut annotations = Vec::new();
    if let Some((mirror, share)) = &traffic.mirror {
        check(traffic, mirror, *share)?;
        let host = format!("{}.{}.svc", crate::mirror::name(plan), plan.namespace);
        annotations.push(("mirror-target".to_owned(), format!("http://{host}:{PORT}$request_uri")));
        annotations.push(("mirror-host".to_owned(), "$host".to_owned()));
    }
    let normal = ingress(plan, &plan.service, &plan.service, annotations);
    let mut objects = vec![Object::new(FILE, &about(traffic, ""), &normal)];
    if let Some((part, whole)) = traffic.weights {
        let annotations = vec![
            ("canary".to_owned(), "true".to_owned()),
            ("canary-weight".to_owned(), part.to_string()),
            ("canary-weight-total".to_owned(), whole.to_string()),
        ];
        let name = crate::canary::name(plan);
        let typed = ingress(plan, &name, &name, annotations);
        let about = format!(
            "{} of the requests of the Ingress {} are the canary's.",
            plan.canary.share, plan.service
        );
        objects.push(Object::new("race.yaml", &about, &typed));
    }
    Ok(objects)
}

/// Everything or nothing.
fn check(traffic: &Traffic<'_>, mirror: &Mirror, share: Share) -> Result<(), PlanError> {
    let refused = |key: &str, problem: &str, hint: &str| Err(PlanError::new(key, problem, hint));
    if share != Share::ALL {
        let problem = format!("is {share}; ingress-nginx copies all requests or none");
        return refused(
            "proxy.mirror[0].share",
            &problem,
            "share = \"100%\", or target = \"gateway-api\"",
        );
    }
    let cells = cells(&traffic.rules())?;
    let is_everything = cells.rest.is_empty() && !mirror.rules.is_empty();
    if !is_everything {
        let problem = "copy some requests and not others; ingress-nginx copies all of them or none";
        let hint =
            "rules = [{ copy = true }], if a copied POST does no harm, or target = \"gateway-api\"";
        return refused("proxy.mirror[0].rules", problem, hint);
    }
    Ok(())
}

fn ingress(plan: &Plan, name: &str, service: &str, annotations: Vec<(String, String)>) -> Ingress {
    let path = HTTPIngressPath {
        path: Some("/".to_owned()),
        path_type: "Prefix".to_owned(),
        backend: IngressBackend {
            service: Some(IngressServiceBackend {
                name: service.to_owned(),
                port: Some(ServiceBackendPort { number: Some(PORT.into()), name: None }),
            }),
            resource: None,
        },
    };
    let http = || Some(HTTPIngressRuleValue { paths: vec![path.clone()] });
    let mut rules: Vec<IngressRule> = plan
        .hosts
        .iter()
        .map(|host| IngressRule { host: Some(host.clone()), http: http() })
        .collect();
    if rules.is_empty() {
        rules.push(IngressRule { host: None, http: http() });
    }
    let mut metadata = metadata(plan, name);
    let annotations =
        annotations.into_iter().map(|(name, value)| (format!("{PREFIX}/{name}"), value));
    metadata.annotations = Some(annotations.collect())
        .filter(|map: &std::collections::BTreeMap<_, _>| !map.is_empty());
    Ingress {
        metadata,
        spec: Some(IngressSpec {
            ingress_class_name: Some(plan.gateway.clone().unwrap_or_else(|| "nginx".to_owned())),
            rules: Some(rules),
            ..IngressSpec::default()
        }),
        status: None,
    }
}
