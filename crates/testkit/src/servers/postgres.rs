//! A Postgres with an empty database, owned by a user of its own where we are root.

use super::{LONG, find, is_root, skipped, user};
use crate::{Lock, Running, free_port, target_dir, temp_dir, wait_for};
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A running server; killed and its folder removed when dropped.
#[derive(Debug)]
pub struct PostgresServer {
    running: Running,
    program: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    options: Vec<&'static str>,
}

impl PostgresServer {
    /// Starts one on a free port, if this machine has it; else says so on stderr.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn start() -> Option<PostgresServer> {
        PostgresServer::start_as(&[], &[])
    }

    /// One with the settings of a new installation: what is committed is on the disk, which tests do not wait for.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn start_durable() -> Option<PostgresServer> {
        PostgresServer::start_as(&[], &["-cfsync=on", "-cshared_buffers=128MB"])
    }

    /// One that also speaks TLS, with a certificate and its key in PEM.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn start_with_tls(certificate: &str, key: &str) -> Option<PostgresServer> {
        let files = [("cert.pem", certificate), ("key.pem", key)];
        let options = ["-cssl=on", "-cssl_cert_file=../cert.pem", "-cssl_key_file=../key.pem"];
        PostgresServer::start_as(&files, &options)
    }

    #[track_caller]
    fn start_as(files: &[(&str, &str)], options: &[&'static str]) -> Option<PostgresServer> {
        let folders = versions();
        let (Some(program), Some(initdb)) = (find("postgres", &folders), find("initdb", &folders))
        else {
            skipped("postgres", "postgresql");
            return None;
        };
        let (folder, port) = (owned_folder(), free_port());
        copy(&template(&initdb), folder.path());
        for (name, text) in files {
            write_owned(&folder.path().join(name), text);
        }
        let options = options.to_vec();
        let running = run(&program, folder.path(), port, &options);
        Some(PostgresServer { running, program, folder, port, options })
    }

    /// `postgres://postgres@127.0.0.1:PORT/postgres`.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Kills it (SIGKILL) and starts it again: it recovers from its log.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn crash_and_restart(&mut self) {
        self.stop();
        self.restart();
    }

    /// Kills it (SIGKILL).
    pub fn stop(&mut self) {
        self.running.kill();
    }

    /// Starts it again after [`PostgresServer::stop`].
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn restart(&mut self) {
        // Its children end when they notice; until then they keep a new one from starting.
        let _ = std::fs::remove_file(self.folder.path().join("data/postmaster.pid"));
        self.running = run(&self.program, self.folder.path(), self.port, &self.options);
    }
}

/// A database with nothing in it, made once: making one takes seconds, copying one does not.
#[track_caller]
fn template(initdb: &Path) -> PathBuf {
    let version = initdb.to_string_lossy().replace('/', "-");
    let home = target_dir().join("servers").join(format!("postgres{version}"));
    let lock = Lock::wait_for(&home.with_extension("lock"));
    let _lock = lock.unwrap_or_else(|error| panic!("{}", error.story()));
    if !home.join("data").is_dir() {
        let folder = owned_folder();
        let made = command(initdb, folder.path())
            .args(["--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8"])
            .args(["--locale=C", "--pgdata=data"])
            .output();
        let made = made.unwrap_or_else(|cause| panic!("cannot start initdb: {cause}"));
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let part = home.with_extension("part");
        // What a killed test left.
        let _ = std::fs::remove_dir_all(&part);
        let moved = std::fs::create_dir_all(&part).and_then(|()| {
            copy(&folder.path().join("data"), &part);
            std::fs::rename(&part, &home)
        });
        moved.unwrap_or_else(|cause| panic!("cannot make {}: {cause}", home.display()));
    }
    home.join("data")
}

/// A folder of the user that Postgres runs as.
#[track_caller]
fn owned_folder() -> tempfile::TempDir {
    let folder = temp_dir();
    if let Some(owner) = owner() {
        let owned = chown(folder.path(), Some(owner), None);
        owned.unwrap_or_else(|cause| panic!("cannot give a folder to user {owner}: {cause}"));
    }
    folder
}

/// Writes a file that nobody but that user reads.
#[track_caller]
fn write_owned(path: &Path, text: &str) {
    let written = std::fs::write(path, text)
        .and_then(|()| std::fs::set_permissions(path, Permissions::from_mode(0o600)))
        .and_then(|()| owner().map_or(Ok(()), |owner| chown(path, Some(owner), None)));
    written.unwrap_or_else(|cause| panic!("cannot write {}: {cause}", path.display()));
}

/// Copies a folder into another, with its owners.
#[track_caller]
fn copy(from: &Path, into: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(into).output();
    let copied = copied.unwrap_or_else(|cause| panic!("cannot start cp: {cause}"));
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
}

#[track_caller]
fn run(program: &Path, folder: &Path, port: u16, options: &[&str]) -> Running {
    let port = format!("-p{port}");
    wait_for(LONG, "Postgres to start", || {
        let mut command = command(program, folder);
        command.args(["-Ddata", &port]).args([
            "-clisten_addresses=127.0.0.1",
            "-cunix_socket_directories=",
            "-cfsync=off",
            "-cshared_buffers=16MB",
        ]);
        let running = Running::start(command.args(options));
        let ready = wait_for(LONG, "Postgres to be ready, or to end", || {
            let said = running.output();
            let ready = said.contains("ready to accept connections");
            // A client that comes too early hears of something fatal, too.
            let has_failed =
                |line: &str| line.contains("FATAL") && !line.contains("the database system is");
            (ready || said.lines().any(has_failed)).then_some(ready)
        });
        ready.then_some(running)
    })
}

fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env_remove("PGDATA");
    if let Some(owner) = owner() {
        command.uid(owner);
    }
    command
}

/// Whom Postgres runs as where we are root, which it refuses to be.
fn owner() -> Option<u32> {
    is_root().then(|| user("postgres").or_else(|| user("nobody")).unwrap_or(65534))
}

/// Where Debian has the versions of it, the newest first.
fn versions() -> Vec<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = folders.map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    folders
}
