//! kubectl and kubeconform, with CRDs turned into the schemas that kubeconform reads.

use photofinish_testkit::Kubernetes;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// API servers that manifests have to be right for: the oldest with all that we use, and the newest there are schemas of.
const SERVERS: [&str; 2] = ["1.30", "1.37"];

/// Kinds that we write, as their schemas are named; any other has none, and does not conform.
const KINDS: [&str; 9] = [
    "_definitions",
    "configmap-v1",
    "deployment-apps-v1",
    "ingress-networking-v1",
    "networkpolicy-networking-v1",
    "poddisruptionbudget-policy-v1",
    "priorityclass-scheduling-v1",
    "role-rbac-v1",
    "service-v1",
];

pub(crate) struct Judge {
    tools: Kubernetes,
    schemas: tempfile::TempDir,
}

impl Judge {
    /// The judge, or a word on stderr why there is none.
    pub(crate) fn get() -> Option<&'static Judge> {
        static JUDGE: OnceLock<Option<Judge>> = OnceLock::new();
        JUDGE.get_or_init(Judge::new).as_ref()
    }

    fn new() -> Option<Judge> {
        let tools = match Kubernetes::get() {
            Ok(tools) => tools,
            Err(error) => {
                let _ =
                    writeln!(std::io::stderr(), "skipped: no tools to judge manifests by: {error}");
                return None;
            }
        };
        let folder = photofinish_testkit::temp_dir();
        for file in &tools.crds {
            schemas(&std::fs::read_to_string(file).unwrap(), folder.path());
        }
        for server in SERVERS {
            let into = folder.path().join(server);
            std::fs::create_dir(&into).unwrap();
            for kind in KINDS {
                let name = format!("{kind}.json");
                local(&tools.schemas(server).join(&name), &into.join(&name));
            }
        }
        Some(Judge { tools, schemas: folder })
    }

    /// What `kubectl kustomize` makes of a folder.
    pub(crate) fn kustomize(&self, folder: &Path) -> Vec<Value> {
        let output =
            Command::new(&self.tools.kubectl).arg("kustomize").arg(folder).output().unwrap();
        assert!(output.status.success(), "{}", super::stderr(&output));
        assert!(output.stderr.is_empty(), "kubectl complains: {}", super::stderr(&output));
        documents(&String::from_utf8(output.stdout).unwrap())
    }

    /// Complains unless every object is right for every API server.
    pub(crate) fn conforms(&self, yaml: &str) {
        for server in SERVERS {
            let folder = self.schemas.path().display();
            let own = format!("{folder}/{server}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json");
            let theirs = format!(
                "{folder}/{{{{.Group}}}}_{{{{.ResourceKind}}}}_{{{{.ResourceAPIVersion}}}}.json"
            );
            let mut child = Command::new(&self.tools.kubeconform)
                .args([
                    "-strict",
                    "-summary",
                    "-schema-location",
                    &own,
                    "-schema-location",
                    &theirs,
                ])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(yaml.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{server}: {said}{}", super::stderr(&output));
            assert!(said.contains("Invalid: 0, Errors: 0, Skipped: 0"), "{server}: {said}");
        }
    }
}

/// A schema that refers to its neighbours, and not to addresses on the internet.
fn local(from: &Path, to: &Path) {
    let text = std::fs::read_to_string(from).unwrap();
    let mut schema: Value =
        serde_json::from_str(&text.replace("\"/api/_definitions.json#", "\"_definitions.json#"))
            .unwrap();
    schema.as_object_mut().unwrap().remove("$id");
    std::fs::write(to, schema.to_string()).unwrap();
}

/// All documents of a stream of YAML.
pub(crate) fn documents(yaml: &str) -> Vec<Value> {
    let documents = serde_yaml_ng::Deserializer::from_str(yaml);
    documents
        .map(|document| Value::deserialize(document).unwrap())
        .filter(|value| !value.is_null())
        .collect()
}

/// The schema of each version of each kind, strict.
fn schemas(crds: &str, into: &Path) {
    for crd in documents(crds) {
        let (spec, group) = (&crd["spec"], crd["spec"]["group"].as_str().unwrap());
        for version in spec["versions"].as_array().unwrap() {
            let mut schema = version["schema"]["openAPIV3Schema"].clone();
            strict(&mut schema);
            // What every object has, whether its CRD says so or not.
            for (field, kind) in
                [("apiVersion", "string"), ("kind", "string"), ("metadata", "object")]
            {
                schema["properties"][field] = json!({"type": kind});
            }
            let kind = spec["names"]["kind"].as_str().unwrap().to_lowercase();
            let name = format!("{group}_{kind}_{}.json", version["name"].as_str().unwrap());
            std::fs::write(into.join(name), schema.to_string()).unwrap();
        }
    }
}

/// Fields that are not known are refused, as `kubectl apply` does with `--validate=strict`.
fn strict(schema: &mut Value) {
    if let Value::Object(map) = schema {
        let keeps_unknown =
            map.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
        // `metadata` has no fields in a CRD: it is everybody's.
        if map.get("properties").is_some_and(Value::is_object)
            && map.contains_key("type")
            && !keeps_unknown
        {
            map.entry("additionalProperties").or_insert(Value::Bool(false));
        }
        map.values_mut().for_each(strict);
    } else if let Value::Array(list) = schema {
        list.iter_mut().for_each(strict);
    }
}
