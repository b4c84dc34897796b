//! The user's own `-gcflags`, which a package that is left out must keep.
//!
//! `go build` takes all flags of a package from the last `-gcflags` that matches it, so ours would
//! hide the user's: they are looked up here, and repeated in ours.

use crate::build::BuildError;
use crate::build::flags::UserFlags;
use crate::build::go::Go;
use crate::build::packages;
use std::collections::HashSet;

/// The user's own gcflags: the last pattern that matches a package gives all its flags.
#[derive(Clone, Debug, Default)]
pub(super) struct UserGcflags(pub(super) Vec<(Option<HashSet<String>>, String)>);

impl UserGcflags {
    /// Asks `go list` which packages each pattern matches.
    pub(super) fn resolve(go: &Go, flags: &UserFlags) -> Result<UserGcflags, BuildError> {
        let mut resolved = Vec::new();
        for value in &flags.gcflags {
            // `-gcflags=FLAGS` without a pattern is for the named packages, which are never left out.
            let Some((pattern, flags_of)) =
                value.split_once('=').filter(|_| !value.starts_with('-'))
            else {
                continue;
            };
            let matched = match pattern {
                "all" => None,
                pattern => Some(packages::matching(go, flags, pattern)?.into_iter().collect()),
            };
            resolved.push((matched, flags_of.trim().to_owned()));
        }
        Ok(UserGcflags(resolved))
    }

    /// The user's flags for a package, if there are any.
    pub(super) fn of(&self, package: &str) -> Option<&str> {
        let matches = |matched: &Option<HashSet<String>>| {
            matched.as_ref().is_none_or(|matched| matched.contains(package))
        };
        let last = self.0.iter().rev().find(|(matched, _)| matches(matched));
        last.map(|(_, flags)| flags.as_str()).filter(|flags| !flags.is_empty())
    }
}
