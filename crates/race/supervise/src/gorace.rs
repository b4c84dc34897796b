//! `GORACE`: the user's options merged with ours, refused before the race runtime would.
//!
//! The runtime ends the process with status 66 on a value it cannot parse and ignores a name it
//! does not know without a word, so both are found here, where somebody reads what is said.
//! Ours always wins for `log_path`: a report in a file of the spool survives everybody's death.
//! What the user meant by it is kept as [`Copy`]: the same bytes are copied to where they wanted
//! them. Everything else that the user set stays.
//!
//! Source: `GORACE=help=1` of Go 1.26, and LLVM's `sanitizer_flag_parser.cpp`, which reads the
//! variable (separators, quotes, types). Start at [`Gorace::decide`].

mod options;

use options::{check, type_of};
use std::fmt;
use std::path::{Path, PathBuf};

/// The decided options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gorace {
    options: Vec<(String, String)>,
    /// Where the user wanted reports to go, besides the spool.
    pub copy: Copy,
    /// Names that the race runtime will ignore.
    pub unknown: Vec<String>,
    /// What was taken from the user's own variable, for the talk.
    pub kept: Vec<String>,
}

/// Where else the bytes of the reports go, because the user's own `log_path` said so.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Copy {
    /// Nowhere.
    #[default]
    None,
    /// Our stderr (`log_path=stderr`).
    Stderr,
    /// Our stdout (`log_path=stdout`).
    Stdout,
    /// `PATH.PID`, at the same offsets as in the spool.
    Path(PathBuf),
}

/// A `GORACE` that would end the program before its first line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GoraceError {
    /// A word without `=`.
    #[error("GORACE: `{word}` has no value")]
    NoValue {
        /// The word.
        word: String,
    },
    /// A quote that is never closed.
    #[error("GORACE: the quote of `{name}` is never closed")]
    OpenQuote {
        /// The option.
        name: String,
    },
    /// A value that the runtime would refuse.
    #[error("GORACE: {name}={value}: {name} takes {expected}")]
    BadValue {
        /// The option.
        name: String,
        /// What was given.
        value: String,
        /// What it takes.
        expected: &'static str,
    },
}

impl GoraceError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            GoraceError::NoValue { word } => format!("write {word}=VALUE, or leave it out"),
            GoraceError::OpenQuote { .. } => "close the quote".to_owned(),
            GoraceError::BadValue { .. } => {
                "correct GORACE; the race runtime would end the program with status 66".to_owned()
            }
        })
    }
}

impl Gorace {
    /// Merges `user` (the value of the environment variable) with what supervision needs: the
    /// reports in files `log_path.PID`, no halt unless the user asked for it.
    pub fn decide(user: &str, log_path: &Path) -> Result<Gorace, GoraceError> {
        let mut gorace =
            Gorace { options: Vec::new(), copy: Copy::None, unknown: Vec::new(), kept: Vec::new() };
        for (name, value) in parse(user)? {
            match type_of(&name) {
                None => gorace.unknown.push(name.clone()),
                Some(kind) => check(&name, &value, kind)?,
            }
            match name.as_str() {
                "log_path" => gorace.copy = copy_of(&value),
                // They would change the name of the file that we follow.
                "log_exe_name" | "log_suffix" => {}
                _ => {
                    gorace.kept.push(format!("{name}={value}"));
                    gorace.set(&name, value);
                }
            }
        }
        gorace.set("log_path", log_path.to_string_lossy().into_owned());
        if gorace.get("halt_on_error").is_none() {
            gorace.set("halt_on_error", "0".to_owned());
        }
        Ok(gorace)
    }

    /// The value of an option.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Sets an option.
    pub fn set(&mut self, name: &str, value: String) {
        match self.options.iter_mut().find(|(known, _)| known == name) {
            Some(option) => option.1 = value,
            None => self.options.push((name.to_owned(), value)),
        }
    }

    /// The status of an orderly end with races.
    pub fn exit_code(&self) -> i32 {
        self.get("exitcode").and_then(|code| code.parse().ok()).unwrap_or(66)
    }

    /// Whether the first report ends the process.
    pub fn halts(&self) -> bool {
        self.get("halt_on_error").is_some_and(|value| matches!(value, "1" | "yes" | "true"))
    }
}

impl fmt::Display for Gorace {
    /// The value of the environment variable, quoted where it must be.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (name, value)) in self.options.iter().enumerate() {
            let space = if n == 0 { "" } else { " " };
            if value.contains(is_separator) || value.is_empty() {
                let quote = if value.contains('"') { '\'' } else { '"' };
                write!(f, "{space}{name}={quote}{value}{quote}")?;
            } else {
                write!(f, "{space}{name}={value}")?;
            }
        }
        Ok(())
    }
}

fn copy_of(log_path: &str) -> Copy {
    match log_path {
        "" => Copy::None,
        "stderr" => Copy::Stderr,
        "stdout" => Copy::Stdout,
        path => Copy::Path(PathBuf::from(path)),
    }
}

fn is_separator(c: char) -> bool {
    matches!(c, ' ' | ',' | ':' | '\n' | '\t' | '\r')
}

fn parse(text: &str) -> Result<Vec<(String, String)>, GoraceError> {
    let mut options = Vec::new();
    let mut rest = text.trim_start_matches(is_separator);
    while !rest.is_empty() {
        let end = rest.find(|c| is_separator(c) || c == '=').unwrap_or(rest.len());
        let name = rest[..end].to_owned();
        let Some(value) = rest[end..].strip_prefix('=') else {
            return Err(GoraceError::NoValue { word: name });
        };
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (value, after) = match quote {
            Some(quote) => match value[1..].split_once(quote) {
                Some(parts) => parts,
                None => return Err(GoraceError::OpenQuote { name }),
            },
            None => value.split_at(value.find(is_separator).unwrap_or(value.len())),
        };
        options.push((name, value.to_owned()));
        rest = after.trim_start_matches(is_separator);
    }
    Ok(options)
}

#[cfg(test)]
mod tests;
