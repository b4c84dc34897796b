//! Which goroutines to show: `--with user --without label=tenant=eu-7`.

use std::str::FromStr;

use photofinish_goprocess::{Goroutine, Status};

use crate::Look;

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// `user`: not one of the runtime's own.
    User,
    /// `running`: on a thread, in a system call too.
    Running,
    /// `waitreason=chan receive`: its wait reason, or its status, contains the text.
    WaitReason(String),
    /// `label=tenant` or `label=tenant=eu-7`.
    Label(String, Option<String>),
    /// `function=Cart`: a function on its stack, or its start function, contains the text.
    Function(String),
}

/// A text that is no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{word}` is no filter; one of: user, running, waitreason=TEXT, label=NAME[=VALUE], function=TEXT"
)]
pub struct BadFilter {
    /// What came.
    pub word: String,
}

impl Filter {
    /// Whether `goroutine` meets the condition.
    pub fn fits(&self, look: &Look, goroutine: &Goroutine) -> bool {
        match self {
            Filter::User => !look.is_system(goroutine),
            Filter::Running => matches!(goroutine.status, Status::Running | Status::Syscall),
            Filter::WaitReason(text) => {
                look.state(goroutine).contains(text.as_str())
                    || goroutine.status.word() == text.as_str()
            }
            Filter::Label(name, value) => goroutine.labels.iter().any(|(known, its)| {
                known == name && value.as_ref().is_none_or(|value| value == its)
            }),
            Filter::Function(text) => {
                look.start_function(goroutine).contains(text.as_str())
                    || look
                        .every_line(goroutine)
                        .any(|line| line.frame.function.contains(text.as_str()))
            }
        }
    }
}

impl FromStr for Filter {
    type Err = BadFilter;

    fn from_str(word: &str) -> Result<Filter, BadFilter> {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) if !value.is_empty() => (name, Some(value.to_owned())),
            _ => (word, None),
        };
        match (name, value) {
            ("user", None) => Ok(Filter::User),
            ("running", None) => Ok(Filter::Running),
            ("waitreason", Some(text)) => Ok(Filter::WaitReason(text)),
            ("function", Some(text)) => Ok(Filter::Function(text)),
            ("label", Some(label)) => Ok(match label.split_once('=') {
                Some((name, value)) => Filter::Label(name.to_owned(), Some(value.to_owned())),
                None => Filter::Label(label, None),
            }),
            _ => Err(BadFilter { word: word.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_as_they_are_typed() {
        let read = |word: &str| word.parse::<Filter>();
        assert_eq!(read("user"), Ok(Filter::User));
        assert_eq!(
            read("waitreason=chan receive"),
            Ok(Filter::WaitReason("chan receive".to_owned()))
        );
        assert_eq!(
            read("label=tenant=eu=7"),
            Ok(Filter::Label("tenant".to_owned(), Some("eu=7".to_owned())))
        );
        for bad in ["", "user=1", "label", "label=", "function=", "nonsense"] {
            assert!(read(bad).unwrap_err().to_string().contains("waitreason=TEXT"), "{bad}");
        }
    }
}
