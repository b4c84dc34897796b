//! `photofinish deploy`: what it writes, judged by the tools that clusters are run with.
//!
//! kubectl puts the overlays together, kubeconform holds every object against the API server's own schemas and the
//! CRDs', both as somebody who runs a cluster would. No cluster is needed.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod check;
mod cluster;
mod judge;
mod manifests;
mod meaning;
mod refused;

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// A configuration with everything in it.
const FULL: &str = r#"
[service]
name = "payments"
args = ["-addr", "127.0.0.1:{port}"]
url = "http://127.0.0.1:8081/"
ready = "/healthz"

[proxy.canary]
share = "2%"

[[proxy.mirror]]
share = "12.5%"
rules = [
    { methods = ["POST"], path = "/search", copy = true },
    { path = "/admin/*", copy = false },
]
schedule = ["0 22 * * 1-5 for 8h", "0 0 * * sat,sun for 24h"]
timezone = "Europe/Paris"

[jobs]
broker = "asynq"
url = "redis://10.0.0.7:6379/0"
source = "mail"
every = 20

[jobs.workers]
command = ["bin/mailer-race", "-redis={url}", "-queue={queue}"]
normal = 40
memory = "1GiB"

[deploy]
image = "registry.internal/shop/payments:1.4.2"
gateway = "infra/public"
hosts = "payments.example.com"
replicas = 20
cpu = "500m"
memory = "256MiB"
metrics = "/metrics"
secrets = ["payments-env"]
mirror_egress = ["10.0.4.0/24:5432", "app=orders-shadow:8080"]
"#;

/// The smallest one.
const SMALL: &str =
    "[service]\nname = \"orders\"\n[deploy]\nimage = \"orders:7\"\ngateway = \"public\"\n";

/// A folder with a `photofinish.toml`.
struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new(config: &str) -> Place {
        let root = photofinish_testkit::temp_dir();
        std::fs::write(root.path().join("photofinish.toml"), config).unwrap();
        Place { root }
    }

    fn path(&self) -> &Path {
        self.root.path()
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_photofinish"));
        command
            .arg("deploy")
            .args(args)
            .current_dir(self.path())
            .env_remove("KUBECONFIG")
            .env("HOME", self.path());
        command.output().unwrap()
    }

    /// The objects that are printed.
    fn objects(&self, args: &[&str]) -> Vec<Value> {
        let output = self.run(&[args, &["--format", "json"]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        let list: Value = serde_json::from_slice(&output.stdout).unwrap();
        list["items"].as_array().unwrap().clone()
    }

    fn write(&self) -> Output {
        let output = self.run(&["--out", "deploy"]);
        assert!(output.status.success(), "{}", stderr(&output));
        output
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The object of this kind and name.
fn named<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let is_it = |object: &&Value| object["kind"] == kind && object["metadata"]["name"] == name;
    objects.iter().find(is_it).unwrap_or_else(|| panic!("no {kind}/{name}"))
}
