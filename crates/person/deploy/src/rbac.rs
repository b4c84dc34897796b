//! Who may do what by the API, and nothing more. No pod of ours asks it for anything: their token is not mounted.
//!
//! Two roles for people and CI: one that `deploy check` needs, by the names of the objects; one to add an ephemeral
//! container, which `kubectl debug` does.

use crate::object::Object;
use crate::plan::Plan;
use crate::pod::metadata;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role};
use std::collections::{BTreeMap, BTreeSet};

/// The role for `kubectl debug` with `catch`.
pub(crate) fn debugging(plan: &Plan) -> Vec<Object> {
    let rule = |resource: &str, verbs: &[&str]| PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec![resource.to_owned()]),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..PolicyRule::default()
    };
    let name = format!("{}-catch", plan.service);
    let typed = Role {
        metadata: metadata(plan, &name),
        rules: Some(vec![
            rule("pods", &["get", "list", "watch"]),
            rule("pods/ephemeralcontainers", &["patch"]),
            rule("pods/attach", &["create", "get"]),
            rule("pods/log", &["get"]),
        ]),
    };
    let about = format!(
        "Who is bound to this may look at a running pod with catch, and no more than that:\n  kubectl -n {} create rolebinding {name} \
         --role={name} --user=...",
        plan.namespace
    );
    vec![Object::new("catch.yaml", &about, &typed)]
}

/// The role that may read `objects` by name, for `deploy check` in CI.
pub(crate) fn reading(plan: &Plan, objects: &[Object]) -> Object {
    let mut kinds: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for object in objects.iter().filter(|object| object.namespace().is_some()) {
        let version = object.value["apiVersion"].as_str().unwrap_or_default();
        let group = version.split_once('/').map_or("", |(group, _)| group).to_owned();
        kinds.entry((group, plural(object.kind()))).or_default().insert(object.name().to_owned());
    }
    let rules = kinds.into_iter().map(|((group, resource), names)| PolicyRule {
        api_groups: Some(vec![group]),
        resources: Some(vec![resource]),
        resource_names: Some(names.into_iter().collect()),
        verbs: vec!["get".to_owned()],
        ..PolicyRule::default()
    });
    let name = format!("{}-deploy-check", plan.service);
    let typed = Role { metadata: metadata(plan, &name), rules: Some(rules.collect()) };
    let about = format!(
        "All that `photofinish deploy check` asks for, for whoever runs it in CI:\n  kubectl -n {0} create serviceaccount {name}\n  kubectl -n {0} \
         create rolebinding {name} --role={name} --serviceaccount={0}:{name}",
        plan.namespace
    );
    Object::new("check.yaml", &about, &typed)
}

/// As the API names a collection of these.
fn plural(kind: &str) -> String {
    let lower = kind.to_ascii_lowercase();
    match lower.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if lower.ends_with('s') => format!("{lower}es"),
        None => format!("{lower}s"),
    }
}
