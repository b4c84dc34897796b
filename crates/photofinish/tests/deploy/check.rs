//! What `deploy check` says of a cluster, by a stand-in for kubectl that answers from files: a real API server takes many
//! minutes to build, and has the same test (`cluster`).

use super::{Place, SMALL, stderr};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

struct Cluster {
    place: Place,
    kubectl: PathBuf,
}

impl Cluster {
    /// One in which everything runs as configured.
    fn new() -> Cluster {
        let place = Place::new(SMALL);
        let folder = place.path().join("cluster");
        std::fs::create_dir(&folder).unwrap();
        let kubectl = place.path().join("kubectl");
        let script = format!(
            "#!/bin/sh\nshift\n[ \"$1\" = diff ] && {{ cat > /dev/null; exit 1; }}\n[ \"$2\" = --raw ] && exit 0\n\
             file={}/$(echo \"$2\" | tr / _)\n\
             [ -e \"$file.refused\" ] && {{ cat \"$file.refused\" >&2; exit 1; }}\n[ -e \"$file\" ] && cat \"$file\"\nexit 0\n",
            folder.display()
        );
        std::fs::write(&kubectl, script).unwrap();
        std::fs::set_permissions(&kubectl, std::fs::Permissions::from_mode(0o755)).unwrap();
        let cluster = Cluster { place, kubectl };
        for mut object in cluster.place.objects(&[]) {
            if object["kind"] == "Deployment" {
                object["status"] = json!({"readyReplicas": object["spec"]["replicas"]});
            }
            cluster.put(&object);
        }
        cluster
    }

    fn file(&self, object: &Value) -> PathBuf {
        let version = object["apiVersion"].as_str().unwrap();
        let kind = object["kind"].as_str().unwrap();
        let kind = match version.split_once('/') {
            Some((group, version)) => format!("{kind}.{version}.{group}"),
            None => kind.to_owned(),
        };
        let name = object["metadata"]["name"].as_str().unwrap();
        self.place.path().join("cluster").join(format!("{kind}_{name}"))
    }

    fn put(&self, object: &Value) {
        std::fs::write(self.file(object), object.to_string()).unwrap();
    }

    fn check(&self) -> (Option<i32>, String, Value) {
        let kubectl = self.kubectl.to_str().unwrap();
        let output = self.place.run(&["check", "--kubectl", kubectl]);
        let json = self.place.run(&["check", "--kubectl", kubectl, "--format", "json"]);
        assert_eq!(output.status.code(), json.status.code());
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &stderr(&output);
        (output.status.code(), text, serde_json::from_slice(&json.stdout).unwrap())
    }

    fn object(&self, kind: &str, name: &str) -> Value {
        let objects = self.place.objects(&[]);
        super::named(&objects, kind, name).clone()
    }
}

#[test]
fn what_runs_as_configured_is_said_to() {
    let (status, text, json) = Cluster::new().check();
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("What runs is what the configuration says"), "{text}");
    assert_eq!(json["as_configured"], true);
}

#[test]
fn what_differs_is_missing_or_not_ready_is_named() {
    let cluster = Cluster::new();
    let mut route = cluster.object("HTTPRoute", "orders");
    route["spec"]["rules"][0]["backendRefs"][1]["weight"] = 50.into();
    cluster.put(&route);
    std::fs::remove_file(cluster.file(&cluster.object("Service", "orders-race"))).unwrap();
    let mut deployment = cluster.object("Deployment", "orders-race");
    deployment["status"] = json!({"readyReplicas": 1});
    cluster.put(&deployment);
    let (status, text, json) = cluster.check();
    assert_eq!(status, Some(1), "{text}");
    assert!(
        text.contains("spec.rules[0].backendRefs[orders-race].weight is 50; wanted is 2"),
        "{text}"
    );
    assert!(
        text.contains("missing    Service/orders-race") && text.contains("1 of 2 pods ready"),
        "{text}"
    );
    assert!(text.contains("3 of "), "{text}");
    assert_eq!(json["as_configured"], false);
}

#[test]
fn what_may_not_be_read_proves_nothing() {
    let cluster = Cluster::new();
    let refuse = |object: &Value, why: &str| {
        let mut file = cluster.file(object).into_os_string();
        file.push(".refused");
        std::fs::write(file, why).unwrap();
    };
    let forbidden = "Error from server (Forbidden): no\n";
    refuse(&cluster.object("PriorityClass", "photofinish-race"), forbidden);
    let (status, text, _) = cluster.check();
    assert!(
        status == Some(0) && text.contains("1 of ") && text.contains("could not be looked at"),
        "{text}"
    );
    // A kind that nobody there knows is missing.
    refuse(
        &cluster.object("HTTPRoute", "orders"),
        "error: the server doesn't have a resource type \"HTTPRoute\"\n",
    );
    let (status, text, _) = cluster.check();
    assert!(status == Some(1) && text.contains("CRDs are not installed"), "{text}");
    for object in cluster.place.objects(&[]) {
        refuse(&object, forbidden);
    }
    let (status, text, _) = cluster.check();
    assert!(status == Some(2) && !text.contains("What runs is"), "{text}");
}
