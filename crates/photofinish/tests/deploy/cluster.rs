//! A real API server (and etcd) takes what is written, and `deploy check` and `diff` read it back.
//!
//! Nothing runs in it: there are no nodes and no controllers, so the state of pods is written by the test. Built from
//! source in many minutes, so it is `cargo xtask soak deploy-apiserver`.

use super::{FULL, Place, stderr};
use photofinish_testkit::{Kubernetes, Running, free_port, temp_dir, wait_until};
use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(300);

struct Cluster {
    tools: Kubernetes,
    folder: tempfile::TempDir,
    _running: [Running; 2],
}

impl Cluster {
    fn start() -> Cluster {
        let tools = Kubernetes::get().unwrap();
        let (etcd, api_server) = Kubernetes::api_server().unwrap();
        let folder = temp_dir();
        let at = |name: &str| folder.path().join(name);
        let (client, peer, port) = (free_port(), free_port(), free_port());
        let keys = rcgen::KeyPair::generate().unwrap();
        std::fs::write(at("sa.key"), keys.serialize_pem()).unwrap();
        std::fs::write(at("sa.pub"), keys.public_key_pem()).unwrap();
        std::fs::write(at("tokens.csv"), "t-admin,admin,1,system:masters\nt-checker,checker,2\n")
            .unwrap();
        for who in ["admin", "checker"] {
            std::fs::write(at(who), kubeconfig(port, &format!("t-{who}"))).unwrap();
        }
        let [client, peer] = [client, peer].map(|port| format!("http://127.0.0.1:{port}"));
        let mut command = Command::new(etcd);
        command.arg("--data-dir").arg(at("etcd"));
        for flag in ["--listen-client-urls", "--advertise-client-urls"] {
            command.args([flag, &client]);
        }
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &format!("default={peer}")]);
        let etcd = Running::start(&mut command);
        let mut command = Command::new(api_server);
        command
            .args([
                "--etcd-servers",
                &client,
                "--bind-address=127.0.0.1",
                &format!("--secure-port={port}"),
            ])
            .args([
                "--service-cluster-ip-range=10.0.0.0/24",
                "--service-account-issuer=https://kube.example",
            ])
            .args(["--authorization-mode=RBAC", "--endpoint-reconciler-type=none"])
            .arg("--cert-dir")
            .arg(at("certificates"))
            .arg("--service-account-key-file")
            .arg(at("sa.pub"))
            .arg("--service-account-signing-key-file")
            .arg(at("sa.key"))
            .arg("--token-auth-file")
            .arg(at("tokens.csv"));
        let cluster = Cluster { tools, folder, _running: [etcd, Running::start(&mut command)] };
        wait_until(LONG, "the API server is ready", || {
            cluster.kubectl(&["get", "--raw", "/readyz"], "").status.success()
        });
        cluster
    }

    fn config(&self, who: &str) -> PathBuf {
        self.folder.path().join(who)
    }

    fn kubectl(&self, args: &[&str], input: &str) -> Output {
        let mut command = Command::new(&self.tools.kubectl);
        command.arg("--kubeconfig").arg(self.config("admin")).args(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    #[track_caller]
    fn does(&self, args: &[&str], input: &str) -> String {
        let output = self.kubectl(args, input);
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// `photofinish deploy check` or `diff`, as somebody.
    fn deploy(&self, place: &Place, who: &str, args: &[&str]) -> Output {
        let config = self.config(who).display().to_string();
        let kubectl = self.tools.kubectl.display().to_string();
        place.run(&[args, &["--kubeconfig", &config, "--kubectl", &kubectl]].concat())
    }

    /// Kinds of others' APIs.
    fn learn(&self) {
        for file in &self.tools.crds {
            self.does(&["apply", "--server-side", "--filename", &file.display().to_string()], "");
        }
        self.does(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=120s"], "");
        self.does(&["create", "namespace", "payments"], "");
    }

    /// What controllers would say of Deployments.
    fn ready_all(&self, objects: &[Value]) {
        for object in objects.iter().filter(|object| object["kind"] == "Deployment") {
            let name = object["metadata"]["name"].as_str().unwrap();
            let pods = object["spec"]["replicas"].as_u64().unwrap_or(1);
            let status = format!("{{\"status\":{{\"replicas\":{pods},\"readyReplicas\":{pods}}}}}");
            self.does(
                &[
                    "-n",
                    "payments",
                    "patch",
                    "deployment",
                    name,
                    "--subresource=status",
                    "--type=merge",
                    "-p",
                    &status,
                ],
                "",
            );
        }
    }
}

fn kubeconfig(port: u16, token: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts:\n- name: c\n  context: {{cluster: c, user: u}}\nclusters:\n\
         - name: c\n  cluster: {{server: 'https://127.0.0.1:{port}', insecure-skip-tls-verify: true}}\nusers:\n- name: u\n  user: \
         {{token: {token}}}\n"
    )
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
#[ignore = "builds an API server: cargo xtask soak deploy-apiserver"]
fn a_real_api_server_takes_what_is_written_and_check_reads_it_back() {
    let cluster = Cluster::start();
    cluster.learn();
    for target in ["gateway-api", "istio", "nginx-ingress"] {
        let place = Place::new(&super::manifests::for_target(target));
        let text = stdout(&place.run(&[]));
        cluster.does(
            &["apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename", "-"],
            &text,
        );
    }
    let place = Place::new(FULL);
    place.write();
    // Nothing is there.
    let output = cluster.deploy(&place, "admin", &["check"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stdout(&output).contains("missing    Deployment/payments"), "{}", stdout(&output));
    // It is there, and no pod is ready.
    let overlay = place.path().join("deploy/overlays/all").display().to_string();
    let said = cluster.kubectl(&["apply", "--validate=strict", "--kustomize", &overlay], "");
    assert!(said.status.success() && !stderr(&said).contains("Warning"), "{}", stderr(&said));
    let output = cluster.deploy(&place, "admin", &["check"]);
    assert!(
        output.status.code() == Some(1)
            && stdout(&output).contains("not ready  Deployment/payments"),
        "{}",
        stdout(&output)
    );
    // It runs as configured.
    let objects = place.objects(&[]);
    cluster.ready_all(&objects);
    let output = cluster.deploy(&place, "admin", &["check"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    let output = cluster.deploy(&place, "admin", &["diff"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    // Somebody turns a knob by hand.
    let weights = r#"[{"op":"replace","path":"/spec/rules/0/backendRefs/1/weight","value":50}]"#;
    cluster.does(
        &["-n", "payments", "patch", "httproute", "payments", "--type=json", "-p", weights],
        "",
    );
    cluster
        .does(&["-n", "payments", "set", "image", "deployment/payments-race", "race=other:1"], "");
    cluster.ready_all(&objects);
    let output = cluster.deploy(&place, "admin", &["check"]);
    let told = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("spec.rules[0].backendRefs[payments-race].weight is 50; wanted is 2"),
        "{told}"
    );
    assert!(
        told.contains("image is other:1; wanted is registry.internal/shop/payments-race:1.4.2"),
        "{told}"
    );
    let output = cluster.deploy(&place, "admin", &["diff"]);
    assert!(
        output.status.code() == Some(1) && stdout(&output).contains("other:1"),
        "{}{}",
        stdout(&output),
        stderr(&output)
    );
}

#[test]
#[ignore = "builds an API server: cargo xtask soak deploy-apiserver"]
fn a_real_api_server_lets_check_read_with_its_role_alone_and_takes_the_debug_container() {
    let cluster = Cluster::start();
    cluster.learn();
    let place = Place::new(FULL);
    place.write();
    let in_folder = |name: &str| place.path().join("deploy").join(name).display().to_string();
    cluster.does(&["apply", "--kustomize", &in_folder("overlays/all")], "");
    cluster.ready_all(&place.objects(&[]));
    // Without the role nothing may be read, which is said and proves nothing.
    let told = stdout(&cluster.deploy(&place, "checker", &["check"]));
    assert!(
        told.contains("unknown    Deployment/payments") && told.contains("may not be read"),
        "{told}"
    );
    cluster.does(&["apply", "--filename", &in_folder("check-role.yaml")], "");
    let role = "payments-deploy-check";
    cluster.does(
        &["-n", "payments", "create", "rolebinding", role, "--role", role, "--user=checker"],
        "",
    );
    wait_until(LONG, "the role is known", || {
        let told = stdout(&cluster.deploy(&place, "checker", &["check"]));
        told.contains("same       Deployment/payments") && told.matches("unknown").count() == 1
    });
    // The line that `deploy` prints, but for its waiting for a kubelet.
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: payments}\nspec: {automountServiceAccountToken: false, containers: [{name: payments, image: 'a:1'}]}\n";
    cluster.does(&["-n", "payments", "create", "serviceaccount", "default"], "");
    cluster.does(&["apply", "--filename", "-"], pod);
    let custom = format!("--custom={}", in_folder("catch-ephemeral.json"));
    let args = [
        "-n",
        "payments",
        "debug",
        "p",
        "--image=c:1",
        "--target=payments",
        &custom,
        "--attach=false",
        "--",
        "photofinish",
        "catch",
    ];
    cluster.does(&args, "");
    let found: Value = serde_json::from_str(
        &cluster.does(&["-n", "payments", "get", "pod", "p", "-o", "json"], ""),
    )
    .unwrap();
    let added = &found["spec"]["ephemeralContainers"][0];
    let capabilities = &added["securityContext"]["capabilities"];
    assert_eq!(capabilities["add"], serde_json::json!(["SYS_PTRACE", "PERFMON", "BPF"]), "{added}");
    assert_eq!(capabilities["drop"], serde_json::json!(["ALL"]), "{added}");
    assert_eq!(added["securityContext"]["runAsUser"], 0, "{added}");
    assert!(added["securityContext"]["privileged"].is_null(), "{added}");
}
