//! What the steps need: commands with Go on PATH, and whatever is missing installed where that is
//! allowed (as root on a Debian-like system; elsewhere we say what to do).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::steps::run;
use photofinish_testkit::{Error, Toolchain, target_dir, try_go_toolchain, workspace_root};

/// As the Go module proxy has it, checked against Go's checksum database.
const NATS_SERVER: &str = "github.com/nats-io/nats-server/v2@v2.15.2";

/// A command in the root of the workspace, with the Go toolchain first on PATH.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Result<Command, String> {
    let toolchain = go()?;
    let mut command = Command::new(program);
    command.current_dir(workspace_root()).env("PATH", toolchain.path()).stdin(Stdio::null());
    if std::env::var_os("GOTOOLCHAIN").is_none() {
        // No other version is fetched behind our back.
        command.env("GOTOOLCHAIN", "local");
    }
    Ok(command)
}

/// Cargo, the one that runs us.
pub(crate) fn cargo() -> Result<Command, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = command(cargo)?;
    // Set for us by `cargo run`; a build that saw them would build again what looks at them (ring, and all
    // that needs it), and so would the next one without them.
    let set = std::env::vars_os().map(|(name, _)| name);
    let ours = |name: &std::ffi::OsString| {
        let name = name.to_string_lossy();
        name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
    };
    set.filter(ours).for_each(|name| {
        command.env_remove(name);
    });
    Ok(command)
}

/// A release build of photofinish: the one that `$PHOTOFINISH` names, else one made now; none when it does not build.
pub(crate) fn photofinish() -> Result<Option<PathBuf>, String> {
    if let Some(path) = std::env::var_os("PHOTOFINISH").map(PathBuf::from) {
        let path = path.canonicalize();
        return path.map(Some).map_err(|cause| format!("PHOTOFINISH names no program: {cause}"));
    }
    let is_built = run(cargo()?.args(["build", "--release", "--package", "photofinish"]))?;
    Ok(is_built.then(|| target_dir().join("release/photofinish")))
}

/// The Go toolchain, fetched if need be, with the C compiler and the pip it needs.
pub(crate) fn go() -> Result<&'static Toolchain, String> {
    match try_go_toolchain() {
        Ok(toolchain) => return Ok(toolchain),
        Err(Error::NoPip) => install_debian(&["python3", "python3-pip"]),
        Err(error) => return Err(story(&error)),
    }
    try_go_toolchain().map_err(|error| story(&error))
}

/// The brokers that tests of `jobs` run against, installed if need be; a test whose broker is not to be
/// had says so.
pub(crate) fn brokers() {
    let mut missing = Vec::new();
    if !on_path("redis-server") && !on_path("valkey-server") {
        missing.push("redis-server");
    }
    if !on_path("postgres") && !Path::new("/usr/lib/postgresql").is_dir() {
        missing.push("postgresql");
    }
    if !on_path("rabbitmq-server") && !Path::new("/usr/lib/rabbitmq").is_dir() {
        missing.push("rabbitmq-server");
    }
    let has_nats = nats_server();
    if !has_nats {
        missing.push("nats-server");
    }
    if !missing.is_empty() {
        install_debian(&missing);
    }
}

/// The browser that tests of the page drive, installed if need be; without one they say so.
pub(crate) fn browser() {
    if !on_path("chromium") && !on_path("google-chrome") {
        // Letters too: a machine without any shows boxes.
        install_debian(&["chromium", "fonts-dejavu-core"]);
    }
}

/// The OpenTelemetry Collector that tests of `serve` send to, built if need be (a minute and a half); without it they say so.
pub(crate) fn collector() {
    let program = target_dir().join("servers/bin/otel-collector");
    if program.is_file() || on_path("otel-collector") {
        return;
    }
    println!("building an OpenTelemetry Collector");
    let source = workspace_root().join("crates/testkit/otel");
    // Whole or not at all: a build that is cut off leaves nothing by that name.
    let unborn = program.with_extension("part");
    let built = command("go").is_ok_and(|mut go| {
        go.args(["build", "-buildvcs=false", "-ldflags=-s -w", "-o"]).arg(&unborn).arg(".");
        go.current_dir(source).status().is_ok_and(|status| status.success())
    });
    if built && let Err(cause) = std::fs::rename(&unborn, &program) {
        println!("cannot name {}: {cause}", program.display());
    }
}

/// The NATS server that teams run now, built if need be (about a minute); what Debian has is years older.
fn nats_server() -> bool {
    let folder = target_dir().join("servers/bin");
    if on_path("nats-server") || folder.join("nats-server").is_file() {
        return true;
    }
    println!("building {NATS_SERVER}");
    command("go").is_ok_and(|mut go| {
        go.args(["install", NATS_SERVER]).env("GOBIN", &folder).env("GOFLAGS", "");
        go.status().is_ok_and(|status| status.success())
    })
}

/// An error, its cause and its hint, a line each.
pub(crate) fn story(error: &Error) -> String {
    let mut story = error.to_string();
    if let Some(cause) = std::error::Error::source(error) {
        story.push_str(&format!("\n  because: {cause}"));
    }
    if let Some(hint) = error.hint() {
        story.push_str(&format!("\n  try: {hint}"));
    }
    story
}

/// Whether a program is on PATH.
pub(crate) fn on_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    })
}

/// Installs Debian packages if we may. Whether it worked is seen by what is there afterwards.
pub(crate) fn install_debian(packages: &[&str]) {
    if !on_path("apt-get") || !is_root() {
        return;
    }
    println!("installing {}", packages.join(" "));
    for arguments in [&["update", "-qq"][..], &["install", "-qq", "-y", "--no-install-recommends"]]
    {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        // No server that comes with a package is started.
        command.env("RUNLEVEL", "1");
        if arguments[0] == "install" {
            command.args(packages);
        }
        if let Err(cause) = command.status() {
            println!("apt-get cannot be started: {cause}");
        }
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    // /proc/self belongs to whoever we are.
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// Removes a folder that may not be there.
pub(crate) fn remove_folder(folder: &Path) -> Result<(), String> {
    match std::fs::remove_dir_all(folder) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {cause}", folder.display()))
        }
        _ => Ok(()),
    }
}
