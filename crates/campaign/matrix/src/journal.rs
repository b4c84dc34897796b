//! Every trial as one line of JSON, written when it is over, so that a matrix that was ended goes on where it was.
//!
//! A line is one write at the end of a file that one process has locked; whatever kills us tears the last line only, and a torn last
//! line is cut off by whoever opens the file next. The first line says what is asked, and trials of another question are refused: a
//! matrix made of two loads or two states of the source would look as good as any.

use crate::trial::Trial;
use crate::{MatrixError, Plan};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The name of the file in the folder of the matrix.
const NAME: &str = "journal.jsonl";

/// A journal, open and locked.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    /// Versions that words stood for when the matrix began.
    pub(crate) versions: BTreeMap<String, String>,
    /// Digests of the binaries that were tried.
    built: BTreeMap<String, String>,
    /// What was measured.
    pub(crate) trials: Vec<Trial>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Matrix { version: u32, service: String, question: String },
    Toolchain { asked: String, version: String },
    Built { what: String, sha256: String },
    Trial(Trial),
}

impl Journal {
    /// Opens the journal of `plan`, or begins one.
    pub(crate) fn open(plan: &Plan) -> Result<Journal, MatrixError> {
        let path = plan.state.join(NAME);
        let file = |doing| {
            let path = path.clone();
            move |source| MatrixError::File { doing, path, source }
        };
        std::fs::create_dir_all(&plan.state).map_err(file("write"))?;
        if plan.fresh && path.exists() {
            std::fs::rename(&path, path.with_extension("jsonl.old")).map_err(file("rename"))?;
        }
        let open = OpenOptions::new().read(true).append(true).create(true).open(&path);
        let mut handle = open.map_err(file("open"))?;
        if flock(&handle, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(MatrixError::Busy { path });
        }
        let mut bytes = Vec::new();
        handle.read_to_end(&mut bytes).map_err(file("read"))?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        handle.set_len(whole as u64).map_err(file("write"))?;
        let mut journal = Journal {
            file: handle,
            path,
            versions: BTreeMap::new(),
            built: BTreeMap::new(),
            trials: Vec::new(),
        };
        journal.read(&bytes[..whole], plan)?;
        Ok(journal)
    }

    fn read(&mut self, bytes: &[u8], plan: &Plan) -> Result<(), MatrixError> {
        let question = question(plan);
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let mut n = 0;
        for line in lines {
            n += 1;
            let read = serde_json::from_slice(line)
                .map_err(|_| MatrixError::NotAJournal { path: self.path.clone(), line: n });
            match read? {
                Line::Matrix { version: 1, question: theirs, .. } if n == 1 => {
                    if theirs != question {
                        return Err(self.other("another load, service or setting"));
                    }
                }
                _ if n == 1 => {
                    return Err(MatrixError::NotAJournal { path: self.path.clone(), line: n });
                }
                Line::Matrix { .. } => {}
                Line::Toolchain { asked, version } => drop(self.versions.insert(asked, version)),
                Line::Built { what, sha256 } => drop(self.built.insert(what, sha256)),
                Line::Trial(trial) => self.trials.push(trial),
            }
        }
        if n == 0 {
            let service = plan.service.name.clone();
            self.write(&Line::Matrix { version: 1, service, question })?;
        }
        Ok(())
    }

    /// Notes which version a word stands for.
    pub(crate) fn resolved(&mut self, asked: &str, version: &str) -> Result<(), MatrixError> {
        if self.versions.insert(asked.to_owned(), version.to_owned()).as_deref() == Some(version) {
            return Ok(());
        }
        self.write(&Line::Toolchain { asked: asked.to_owned(), version: version.to_owned() })
    }

    /// Notes which binary `what` is, and refuses another one than was tried before.
    pub(crate) fn built(&mut self, what: &str, binary: &Path) -> Result<(), MatrixError> {
        let bytes = std::fs::read(binary).map_err(|source| MatrixError::File {
            doing: "read",
            path: binary.to_owned(),
            source,
        })?;
        let sha256 = hex(&Sha256::digest(&bytes));
        match self.built.get(what) {
            Some(before) if *before == sha256 => return Ok(()),
            Some(_) if self.trials.iter().any(|trial| what.starts_with(&trial.what())) => {
                return Err(self.other(&format!(
                    "another state of the source ({what} is another binary now)"
                )));
            }
            _ => {}
        }
        self.built.insert(what.to_owned(), sha256.clone());
        self.write(&Line::Built { what: what.to_owned(), sha256 })
    }

    /// Keeps a trial.
    pub(crate) fn keep(&mut self, trial: Trial) -> Result<(), MatrixError> {
        let line = Line::Trial(trial);
        self.write(&line)?;
        if let Line::Trial(trial) = line {
            self.trials.push(trial);
        }
        Ok(())
    }

    fn write(&mut self, line: &Line) -> Result<(), MatrixError> {
        let mut text = serde_json::to_vec(line).unwrap_or_default();
        text.push(b'\n');
        // Even a machine that loses its power loses one trial only.
        self.file
            .write_all(&text)
            .and_then(|()| self.file.sync_data())
            .map_err(|source| MatrixError::File { doing: "write", path: self.path.clone(), source })
    }

    fn other(&self, what: &str) -> MatrixError {
        MatrixError::Other { path: self.path.clone(), what: what.to_owned() }
    }
}

/// A digest of everything that trials depend on, but for the source: toolchains, columns and the number of trials may grow.
fn question(plan: &Plan) -> String {
    let Plan { service, load, symptoms, test, gorace, memory, gomaxprocs, limit, catch, .. } = plan;
    let builds = [Some(&plan.build), plan.repaired.as_ref()].map(|build| {
        build.map(|build| {
            (&build.packages, &build.tags, &build.ldflags, &build.gcflags, &build.env, &build.light)
        })
    });
    let asked = format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {gorace:?} {memory:?} {gomaxprocs} {limit:?} {builds:?} {:?}",
        service.name,
        service.args,
        service.env,
        load,
        symptoms,
        test,
        // Which binary of ours looks is a matter of where it was installed.
        catch.iter().skip_while(|word| *word != "catch").collect::<Vec<_>>(),
    );
    // The port is another one each time.
    hex(&Sha256::digest(asked.replace(&service.place.url(""), "").as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
