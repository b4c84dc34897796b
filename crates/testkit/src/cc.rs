//! Is there a C compiler that links? Go needs one for `-race`, which is C++ inside.
//!
//! Asked once per process, by compiling a line: a `cc` without libc headers, as slim container images
//! have, is worse than none. Installing one is the business of `xtask`, which may be allowed to.

use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::folders;

/// No C compiler that links a program.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no working C compiler: `{compiler}` {complaint}")]
pub struct CompilerError {
    /// What was tried: `$CC`, or `cc`.
    pub compiler: String,
    /// `is not there`, or what it said.
    pub complaint: String,
}

impl CompilerError {
    /// What to do next.
    pub fn hint(&self) -> String {
        "install a C compiler (on Debian: apt-get install gcc libc6-dev), or set CC to one"
            .to_owned()
    }
}

/// The C compiler that Go will use: `$CC`, or else `cc`, or else `gcc`.
///
/// # Errors
/// When none of them is there and links a program.
pub fn c_compiler() -> Result<String, CompilerError> {
    static COMPILER: OnceLock<Result<String, CompilerError>> = OnceLock::new();
    COMPILER.get_or_init(find).clone()
}

fn find() -> Result<String, CompilerError> {
    if let Some(chosen) = std::env::var("CC").ok().filter(|chosen| !chosen.trim().is_empty()) {
        return check(&chosen);
    }
    check("cc").or_else(|missing| check("gcc").map_err(|_| missing))
}

fn check(compiler: &str) -> Result<String, CompilerError> {
    let no = |complaint: String| CompilerError { compiler: compiler.to_owned(), complaint };
    let folder = folders::temp_dir();
    let source = folder.path().join("check.c");
    std::fs::write(&source, "#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n")
        .map_err(|cause| no(format!("cannot be tried: {cause}")))?;
    // `CC` may hold flags too: `clang -m64`.
    let mut words = compiler.split_whitespace();
    let output = Command::new(words.next().unwrap_or("cc"))
        .args(words)
        .arg("-o")
        .arg(folder.path().join("check"))
        .arg(&source)
        .stdin(Stdio::null())
        .output();
    match output {
        Ok(output) if output.status.success() => Ok(compiler.to_owned()),
        Ok(output) => Err(no(format!(
            "cannot link a program: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ))),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            Err(no("is not there".to_owned()))
        }
        Err(cause) => Err(no(format!("cannot be started: {cause}"))),
    }
}
