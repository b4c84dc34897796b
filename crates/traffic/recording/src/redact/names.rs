//! Names of fields, and when a field is one of them.
//!
//! A field is known by its path, `card.number`; a name matches the end of a path, so `number`
//! finds it at any depth. Case is folded as Go's `encoding/json` folds it (`foldName` in
//! `encoding/json/fold.go`, Go 1.26), which reads `paſſword` into a field called `password`.

use crate::error::StartError;

#[derive(Debug)]
pub(crate) struct Names {
    /// Folded.
    names: Vec<String>,
}

impl Names {
    /// `what` is how an error calls them.
    pub(crate) fn new(what: &'static str, names: &[String]) -> Result<Self, StartError> {
        let folded = names.iter().map(|name| match folded(&dotted(name.trim())) {
            empty if empty.is_empty() => Err(StartError::Plan {
                what,
                value: name.clone(),
                problem: "it is empty, and would match nothing",
            }),
            name => Ok(name),
        });
        Ok(Self { names: folded.collect::<Result<_, _>>()? })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether the field at `path` (folded, joined by dots) is one of them.
    pub(crate) fn match_path(&self, path: &str) -> bool {
        self.names.iter().any(|name| {
            path.strip_suffix(name.as_str())
                .is_some_and(|parent| parent.is_empty() || parent.ends_with('.'))
        })
    }

    /// Whether a form field or query parameter called `name`, or one that contains it
    /// (`card[number]` when `card` is named), is one of them.
    pub(crate) fn match_pair(&self, name: &str) -> bool {
        let path = folded(&dotted(name));
        self.match_path(&path)
            || path.match_indices('.').any(|(at, _)| self.match_path(&path[..at]))
    }
}

/// Without case.
pub(crate) fn folded(name: &str) -> String {
    name.chars().flat_map(char::to_lowercase).map(|c| if c == 'ſ' { 's' } else { c }).collect()
}

/// `card[number]` and `card[]`, as some services read them, as `card.number` and `card`.
fn dotted(name: &str) -> String {
    if !name.contains('[') {
        return name.to_owned();
    }
    let parts = name.split(['[', ']']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(".")
}
