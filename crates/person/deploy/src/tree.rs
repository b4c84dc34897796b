//! The same objects as a folder for Kustomize: a base, parts, and an overlay for each way to put them together.
//!
//! A part is a Kustomize component: objects of its own, and a JSON patch for each object of the base that it changes.
//! Patches are the difference between the object with and without the part, so they cannot say anything else than
//! what [`crate::objects`] does.

use crate::object::{Object, stream};
use crate::plan::{Part, Plan, PlanError};
use crate::{catching, docker, objects, rbac, yaml};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A file of the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Below the folder: `base/stable.yaml`.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// What several parts have in common.
const SHARED: &str = "race";
/// The overlay with all parts.
pub(crate) const ALL: &str = "all";

/// All files.
///
/// # Errors
/// As [`crate::objects`].
pub fn tree(plan: &Plan) -> Result<Vec<File>, PlanError> {
    let base = objects(plan, &[])?;
    let parts = plan.parts();
    let mut files = layer(
        "base",
        &base,
        Vec::new(),
        "Kustomization",
        "The service as it runs without photofinish.",
    );
    let mut shared: Vec<Object> = Vec::new();
    for part in &parts {
        let with = objects(plan, &[*part])?;
        let mut own = Vec::new();
        let mut patches = Vec::new();
        for object in with {
            match base.iter().find(|known| known.id() == object.id()) {
                Some(known) => patches.extend(Patch::between(known, &object, *part)),
                None if matches!(object.file.as_str(), "priorityclass.yaml" | "monitor.yaml") => {
                    if !shared.iter().any(|known| known.id() == object.id()) {
                        shared.push(object);
                    }
                }
                None => own.push(object),
            }
        }
        let about = about(*part);
        files.extend(layer(&format!("parts/{}", part.name()), &own, patches, "Component", about));
    }
    let about = "What race builds have in common, whichever parts they belong to.";
    files.extend(layer(&format!("parts/{SHARED}"), &shared, Vec::new(), "Component", about));
    for part in &parts {
        files.push(overlay(part.name(), &[*part]));
    }
    files.push(overlay(ALL, &parts));
    files.extend(beside(plan)?);
    Ok(files)
}

/// What is no object of an overlay.
fn beside(plan: &Plan) -> Result<Vec<File>, PlanError> {
    let file = |path: &str, text: String| File { path: path.to_owned(), text };
    let everything = objects(plan, &plan.parts())?;
    let mut files = vec![
        file("Dockerfile", docker::service(plan)),
        file("Dockerfile.photofinish", docker::photofinish(plan)),
        file("check-role.yaml", rbac::reading(plan, &everything).yaml()),
        file("catch-ephemeral.json", catching::custom(plan)),
    ];
    files.extend(docker::worker(plan).map(|text| file("Dockerfile.worker", text)));
    Ok(files)
}

fn about(part: Part) -> &'static str {
    match part {
        Part::Canary => "A race build answers a share of the requests.",
        Part::Mirror => "A race build gets copies of requests; its answers are dropped.",
        Part::Jobs => "Race-built workers get one of each N jobs.",
        Part::Catch => "catch looks at the normal build, in its pods.",
        Part::Serve => "The page with what was found, and the collector.",
    }
}

/// Objects by file, patches, and the kustomization that names them.
fn layer(
    folder: &str,
    objects: &[Object],
    patches: Vec<Patch>,
    kind: &str,
    about: &str,
) -> Vec<File> {
    let mut by_file: BTreeMap<&str, Vec<Object>> = BTreeMap::new();
    for object in objects {
        by_file.entry(&object.file).or_default().push(object.clone());
    }
    let version = if kind == "Component" { "v1alpha1" } else { "v1beta1" };
    let mut kustomization = json!({
        "apiVersion": format!("kustomize.config.k8s.io/{version}"),
        "kind": kind,
    });
    if !by_file.is_empty() {
        kustomization["resources"] = by_file.keys().copied().collect();
    }
    if !patches.is_empty() {
        kustomization["patches"] = patches
            .iter()
            .map(|patch| json!({"target": patch.target, "path": patch.file}))
            .collect();
    }
    let mut files = vec![File {
        path: format!("{folder}/kustomization.yaml"),
        text: yaml::document(&kustomization, about, &[]),
    }];
    let texts = by_file.into_iter().map(|(file, objects)| (file.to_owned(), stream(&objects)));
    let patches = patches.into_iter().map(|patch| (patch.file.clone(), patch.text()));
    files.extend(
        texts.chain(patches).map(|(file, text)| File { path: format!("{folder}/{file}"), text }),
    );
    files
}

fn overlay(name: &str, parts: &[Part]) -> File {
    let shared = parts.iter().any(|part| part.has_race_build()).then_some(SHARED);
    let components = shared.into_iter().chain(parts.iter().map(|part| part.name()));
    let kustomization = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["../../base"],
        "components": components.map(|part| format!("../../parts/{part}")).collect::<Vec<_>>(),
    });
    let about = match parts {
        [part] => about(*part),
        _ => "Everything. Copy this file, and leave out the parts that you do not want.",
    };
    File {
        path: format!("overlays/{name}/kustomization.yaml"),
        text: yaml::document(&kustomization, about, &[]),
    }
}

/// How a part changes an object of the base.
struct Patch {
    target: Value,
    file: String,
    about: String,
    operations: Vec<Value>,
}

impl Patch {
    fn between(before: &Object, after: &Object, part: Part) -> Option<Patch> {
        let mut operations = Vec::new();
        difference(&before.value, &after.value, "", &mut operations);
        let about = match part {
            Part::Catch => {
                "Puts catch beside the normal build, in one process namespace. It is root without any capability but three, since \
                 added capabilities are given to root alone; a namespace that enforces the baseline or restricted pod security \
                 refuses it. Where the container runtime's profile keeps perf_event_open or bpf from it, catch says so by name; then \
                 it takes seccompProfile: {type: Unconfined}."
            }
            Part::Mirror => "Copies of what may be copied go to the mirror.",
            Part::Canary => "The canary gets its share.",
            Part::Jobs | Part::Serve => "",
        };
        (!operations.is_empty()).then(|| Patch {
            target: json!({"kind": before.kind(), "name": before.name()}),
            file: format!("{}.patch.yaml", before.kind().to_ascii_lowercase()),
            about: about.to_owned(),
            operations,
        })
    }

    fn text(&self) -> String {
        yaml::document(&Value::Array(self.operations.clone()), &self.about, &[])
    }
}

/// The operations (RFC 6902) that make `after` of `before`.
fn difference(before: &Value, after: &Value, at: &str, operations: &mut Vec<Value>) {
    match (before, after) {
        _ if before == after => {}
        (Value::Object(old), Value::Object(new)) => {
            let path = |key: &str| format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
            for key in old.keys().filter(|key| !new.contains_key(*key)) {
                operations.push(json!({"op": "remove", "path": path(key)}));
            }
            for (key, value) in new {
                match old.get(key) {
                    Some(was) => difference(was, value, &path(key), operations),
                    None => {
                        operations.push(json!({"op": "add", "path": path(key), "value": value}))
                    }
                }
            }
        }
        (Value::Array(old), Value::Array(new)) if new.starts_with(old) => {
            for value in &new[old.len()..] {
                operations.push(json!({"op": "add", "path": format!("{at}/-"), "value": value}));
            }
        }
        // Backends and matches are read as a whole.
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() && is_rules(at) => {
            for (place, (was, value)) in old.iter().zip(new).enumerate() {
                difference(was, value, &format!("{at}/{place}"), operations);
            }
        }
        _ => operations.push(json!({"op": "replace", "path": at, "value": after})),
    }
}

/// Lists whose entries the parts change one by one, so that two parts may change the same entry.
fn is_rules(at: &str) -> bool {
    at == "/spec/rules" || at == "/spec/http"
}
