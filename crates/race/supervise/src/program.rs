//! The program to be supervised, looked at before it starts: is it there, may it run, is it a
//! race build, and of what version.
//!
//! Go writes how a binary was built into the binary (`go version -m` prints it): a magic number,
//! the version of Go, then lines such as `build\t-race=true`. That survives `-ldflags='-s -w'`.
//! Something that is no Go program (a shell script that starts one) is no error: its children
//! inherit `GORACE` and are followed just the same.
//!
//! Source: Go 1.26 `src/debug/buildinfo`. Start at [`Program::find`].

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A program that can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Where it is.
    pub path: PathBuf,
    /// How it was built, if it is a Go program.
    pub go: Option<GoBuild>,
    /// Marked as a light race build by the file `PATH.photofinish.json` beside it.
    pub light: bool,
}

/// What a Go binary says about how it was built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoBuild {
    /// `go1.26.8`.
    pub go_version: String,
    /// Built with `-race`.
    pub race: bool,
    /// The path of the main package.
    pub package: String,
    /// The version of the main module, where it has one.
    pub version: Option<String>,
    /// The commit it was built from, where that was stamped.
    pub revision: Option<String>,
}

/// Why a program cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// No command was given.
    #[error("no command to run")]
    NoCommand,
    /// It does not exist.
    #[error("there is no program `{name}`")]
    Missing {
        /// As given.
        name: String,
    },
    /// It exists but cannot be executed.
    #[error("{} cannot be executed", path.display())]
    NotExecutable {
        /// Where it is.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Where it is.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
}

impl ProgramError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            ProgramError::NoCommand => Some("photofinish run -- ./bin/api-race".to_owned()),
            ProgramError::Missing { .. } => Some(
                "give its path, or build it: photofinish build ./cmd/api (go build -race -o bin/api-race ./cmd/api)"
                    .to_owned(),
            ),
            ProgramError::NotExecutable { path } if path.is_dir() => {
                Some("it is a folder; give the binary in it".to_owned())
            }
            ProgramError::NotExecutable { path } => Some(format!("chmod +x {}", path.display())),
            ProgramError::Read { .. } => None,
        }
    }

    /// The status a shell would return: 127 if it is not there, 126 if it cannot be executed.
    pub fn status(&self) -> u8 {
        match self {
            ProgramError::NotExecutable { .. } => 126,
            _ => 127,
        }
    }
}

impl Program {
    /// Finds the program `name`, as a shell would, and reads how it was built.
    pub fn find(name: &OsStr) -> Result<Program, ProgramError> {
        let path = locate(name)?;
        let read = |cause| ProgramError::Read { path: path.clone(), cause };
        // A program that may be executed but not read is none of our business.
        let go = match File::open(&path) {
            Ok(mut file) => build_info(&mut file).map_err(read)?,
            Err(_) => None,
        };
        let light = light_marker(&path);
        Ok(Program { path, go, light })
    }

    /// What its findings are filed under when nobody says: the version of the module, the commit,
    /// else a hash of the file.
    pub fn build_name(&self) -> String {
        let go = self.go.as_ref();
        go.and_then(|go| go.version.clone())
            .or_else(|| go.and_then(|go| go.revision.clone()).map(|r| r.chars().take(12).collect()))
            .unwrap_or_else(|| content_name(&self.path))
    }

    /// The service it is a build of when nobody says: `api` for `bin/api-race`.
    pub fn service_name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let short = ["-race-light", "-light", "-race", "_race", ".race"]
            .iter()
            .find_map(|end| name.strip_suffix(end));
        match short {
            Some(short) if !short.is_empty() => short.to_owned(),
            _ => name,
        }
    }

    /// What a person should know before it starts, if it does not look like a race build.
    pub fn doubt(&self) -> Option<String> {
        match &self.go {
            Some(go) if go.race => None,
            Some(go) => Some(format!(
                "{} is a Go program ({}) but no race build, so no race can be seen; build one: \
                 photofinish build {} (or: go build -race)",
                self.path.display(),
                go.go_version,
                if go.package.is_empty() { "./cmd/…" } else { &go.package },
            )),
            None => Some(format!(
                "{} is not a Go program; a race build that it starts will be followed",
                self.path.display()
            )),
        }
    }
}

fn locate(name: &OsStr) -> Result<PathBuf, ProgramError> {
    let missing = || ProgramError::Missing { name: name.to_string_lossy().into_owned() };
    let given = Path::new(name);
    if name.is_empty() {
        return Err(ProgramError::NoCommand);
    }
    if given.components().count() > 1 || name.as_encoded_bytes().contains(&b'/') {
        return match std::fs::metadata(given) {
            Ok(_) if executable(given) => Ok(given.to_owned()),
            Ok(_) => Err(ProgramError::NotExecutable { path: given.to_owned() }),
            Err(_) => Err(missing()),
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    std::env::split_paths(&path)
        .map(|folder| folder.join(given))
        .find(|candidate| executable(candidate))
        .ok_or_else(missing)
}

fn executable(path: &Path) -> bool {
    std::fs::metadata(path)
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn light_marker(path: &Path) -> bool {
    let mut marker = path.as_os_str().to_owned();
    marker.push(".photofinish.json");
    let text = std::fs::read(marker).unwrap_or_default();
    serde_json::from_slice::<serde_json::Value>(&text)
        .is_ok_and(|value| value.get("light").and_then(|light| light.as_bool()) == Some(true))
}

const MAGIC: &[u8] = b"\xff Go buildinf:";
const CHUNK: usize = 1 << 20;

/// Finds the build information anywhere in `file`: the magic, flags, then from offset 32 two
/// strings, each behind its length as a varint (inline since Go 1.18).
fn build_info(file: &mut impl Read) -> std::io::Result<Option<GoBuild>> {
    let finder = memchr::memmem::Finder::new(MAGIC);
    let mut window: Vec<u8> = Vec::with_capacity(2 * CHUNK);
    let mut start = [0u8; 4];
    let n = file.read(&mut start)?;
    if start.get(..n) != Some(b"\x7fELF") {
        return Ok(None);
    }
    loop {
        let n = file.take(CHUNK as u64).read_to_end(&mut window)?;
        for at in finder.find_iter(&window) {
            // One that is cut off here is found again in the next window.
            if let Some(build) = window.get(at..).and_then(parse_info) {
                return Ok(Some(build));
            }
        }
        if n == 0 {
            return Ok(None);
        }
        let keep = window.len().min(CHUNK);
        window.drain(..window.len() - keep);
    }
}

fn parse_info(bytes: &[u8]) -> Option<GoBuild> {
    let inline = bytes.get(15)? & 2 != 0;
    if !inline {
        return None;
    }
    let (version, rest) = varint_text(bytes.get(32..)?)?;
    let (info, _) = varint_text(rest)?;
    let mut build =
        GoBuild { go_version: String::from_utf8_lossy(version).into_owned(), ..GoBuild::default() };
    // The module text stands between two 16-byte marks.
    for line in String::from_utf8_lossy(info).lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields.as_slice() {
            ["build", "-race=true"] => build.race = true,
            ["build", setting] => {
                if let Some(revision) = setting.strip_prefix("vcs.revision=") {
                    build.revision = Some(revision.to_owned());
                }
            }
            ["mod", _, version, ..] if !version.is_empty() && *version != "(devel)" => {
                build.version = Some((*version).to_owned());
            }
            [path, package] if path.ends_with("path") => build.package = (*package).to_owned(),
            _ => {}
        }
    }
    build.go_version.starts_with("go").then_some(build)
}

fn varint_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0usize;
    for (n, byte) in bytes.iter().enumerate().take(4) {
        length |= usize::from(byte & 0x7f) << (7 * n);
        if byte & 0x80 == 0 {
            return bytes.get(n + 1..)?.split_at_checked(length);
        }
    }
    None
}

/// A name made of the bytes of the file (64-bit FNV-1a).
fn content_name(path: &Path) -> String {
    let Ok(mut file) = File::open(path) else { return "unknown".to_owned() };
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut buffer = vec![0; CHUNK];
    while let Ok(n @ 1..) = file.read(&mut buffer) {
        for byte in &buffer[..n] {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    format!("content-{hash:016x}")
}

#[cfg(test)]
mod tests;
