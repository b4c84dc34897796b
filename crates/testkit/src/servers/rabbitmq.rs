//! A RabbitMQ of its own, with the name service of Erlang that it needs beside it.

use super::{LONG, find, skipped};
use crate::{Lock, Running, free_port, target_dir, temp_dir, wait_until};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// As long as it takes to start on a machine that has much else to do.
const VERY_LONG: Duration = Duration::from_secs(400);

/// Its name, as all of them have.
const NODE: &str = "photofinish@localhost";

/// Longer than RabbitMQ keeps the name of a new queue in memory only.
const FORGETFUL: Duration = Duration::from_secs(10);

/// A running server; killed and its folder removed when dropped.
#[derive(Debug)]
pub struct RabbitServer {
    // Before the name service, which it would miss.
    running: Running,
    _names: Running,
    program: PathBuf,
    folder: tempfile::TempDir,
    ports: Ports,
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    clients: u16,
    tls: u16,
    nodes: u16,
    names: u16,
}

impl RabbitServer {
    /// Starts one on free ports, if this machine has it; else says so on stderr.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn start() -> Option<RabbitServer> {
        RabbitServer::start_with("")
    }

    /// One with `lines` in its configuration.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn start_with(lines: &str) -> Option<RabbitServer> {
        // Not the one on PATH, which is a wrapper that insists on a user of its own.
        let folders = [PathBuf::from("/usr/lib/rabbitmq/bin")];
        let program = folders.iter().map(|folder| folder.join("rabbitmq-server"));
        let program = program.into_iter().find(|program| program.is_file());
        let program = program.or_else(|| find("rabbitmq-server", &[]));
        let (Some(program), Some(epmd)) = (program, find("epmd", &[])) else {
            skipped("rabbitmq-server", "rabbitmq-server");
            return None;
        };
        let folder = temp_dir();
        copy(&template(&program, &epmd), folder.path());
        let (names, ports) = name_service(&epmd);
        configure(folder.path(), lines, ports);
        let running = run(&program, folder.path(), ports);
        Some(RabbitServer { running, _names: names, program, folder, ports })
    }

    /// `amqp://127.0.0.1:PORT/%2f`, for the user `guest`.
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.ports.clients)
    }

    /// Kills it (SIGKILL) and starts it again, with what it had written down.
    ///
    /// Waits first until the names of all quorum queues are on disk. They are some seconds after a queue is made; one
    /// that RabbitMQ forgets has no leader afterwards, and its jobs are gone
    /// (<https://github.com/rabbitmq/rabbitmq-server/issues/15725>, 3.10.8 here).
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn crash_and_restart(&mut self) {
        let begun = Instant::now();
        while !knows_its_queues(self.folder.path()) && begun.elapsed() < FORGETFUL {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.running.kill();
        self.running = run(&self.program, self.folder.path(), self.ports);
    }

    /// Runs `rabbitmqctl WORDS` for this server.
    ///
    /// # Panics
    /// When that fails.
    #[track_caller]
    pub fn control(&self, words: &[&str]) {
        let mut command = Command::new(self.program.with_file_name("rabbitmqctl"));
        surround(&mut command, self.folder.path(), self.ports);
        let output = command.args(words).output();
        let output = output.unwrap_or_else(|cause| panic!("cannot start rabbitmqctl: {cause}"));
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&said));
    }

    /// Where clients that speak TLS connect, if [`RabbitServer::start_with`] was told so for port
    /// `{tls_port}`.
    pub fn tls_url(&self) -> String {
        format!("amqps://guest:guest@127.0.0.1:{}/%2f", self.ports.tls)
    }
}

/// Whether each quorum queue that has a folder has its name in the file of names, too.
fn knows_its_queues(folder: &Path) -> bool {
    let home = folder.join(format!("db/{NODE}/quorum/{NODE}"));
    let names = std::fs::read(home.join("names.dets")).unwrap_or_default();
    let Ok(entries) = std::fs::read_dir(&home) else { return true };
    let mut folders = entries.flatten().filter(|entry| entry.path().is_dir());
    folders.all(|queue| {
        let name = queue.file_name();
        let name = name.as_encoded_bytes();
        names.windows(name.len()).any(|part| part == name)
    })
}

#[track_caller]
fn configure(folder: &Path, lines: &str, ports: Ports) {
    let lines = lines.replace("{tls_port}", &ports.tls.to_string());
    let configured = std::fs::write(folder.join("rabbitmq.conf"), lines);
    configured.unwrap_or_else(|cause| panic!("cannot write the configuration: {cause}"));
}

/// A node's database with nothing in it, made once: making one takes several times as long as copying one.
#[track_caller]
fn template(program: &Path, epmd: &Path) -> PathBuf {
    let home = target_dir().join("servers/rabbitmq");
    let lock = Lock::wait_for(&home.with_extension("lock"));
    let _lock = lock.unwrap_or_else(|error| panic!("{}", error.story()));
    if !home.join("db").is_dir() {
        let folder = temp_dir();
        let (_names, ports) = name_service(epmd);
        let mut running = run(program, folder.path(), ports);
        running.kill();
        let part = home.with_extension("part");
        // What a killed test left.
        let _ = std::fs::remove_dir_all(&part);
        let moved = std::fs::create_dir_all(&part).and_then(|()| {
            copy(folder.path(), &part);
            std::fs::rename(&part, &home)
        });
        moved.unwrap_or_else(|cause| panic!("cannot make {}: {cause}", home.display()));
    }
    home
}

/// Copies what is in a folder into another.
#[track_caller]
fn copy(from: &Path, into: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from.join(".")).arg(into).output();
    let copied = copied.unwrap_or_else(|cause| panic!("cannot start cp: {cause}"));
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
}

/// The name service, whose nodes all have the same name and do not see each other.
#[track_caller]
fn name_service(epmd: &Path) -> (Running, Ports) {
    let ports =
        Ports { clients: free_port(), tls: free_port(), nodes: free_port(), names: free_port() };
    let names = ports.names.to_string();
    let names = Running::start(Command::new(epmd).args(["-port", &names, "-address", "127.0.0.1"]));
    wait_until(LONG, "epmd to listen", || {
        std::net::TcpStream::connect(("127.0.0.1", ports.names)).is_ok()
    });
    (names, ports)
}

#[track_caller]
fn run(program: &Path, folder: &Path, ports: Ports) -> Running {
    let mut command = Command::new(program);
    surround(&mut command, folder, ports);
    // The script becomes the server itself, rather than its parent.
    command.env("RABBITMQ_ALLOW_INPUT", "1");
    let erlang = "-noshell -noinput -kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none";
    command.env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", erlang);
    let running = Running::start(&mut command);
    let begun = Instant::now();
    loop {
        let output = running.output();
        if output.contains("Server startup complete") || output.contains("completed with") {
            return running;
        }
        let is_hopeless = output.contains("BOOT FAILED") || begun.elapsed() > VERY_LONG;
        assert!(!is_hopeless, "RabbitMQ did not start; all it said:\n{output}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What its programs must know of a server that is not the machine's.
fn surround(command: &mut Command, folder: &Path, ports: Ports) {
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", folder).current_dir(folder);
    for (name, value) in [
        ("ERL_EPMD_PORT", ports.names.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ("RABBITMQ_NODENAME", NODE.to_owned()),
        ("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1".to_owned()),
        ("RABBITMQ_NODE_PORT", ports.clients.to_string()),
        ("RABBITMQ_DIST_PORT", ports.nodes.to_string()),
        ("RABBITMQ_LOGS", "-".to_owned()),
        ("RABBITMQ_CONF_ENV_FILE", "/dev/null".to_owned()),
        ("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf").display().to_string()),
        ("RABBITMQ_MNESIA_BASE", folder.join("db").display().to_string()),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("plugins").display().to_string()),
        ("RABBITMQ_LOG_BASE", folder.join("log").display().to_string()),
    ] {
        command.env(name, value);
    }
}
