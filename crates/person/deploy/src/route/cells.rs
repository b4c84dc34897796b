//! Rules of which the first that fits decides, for a route in which the most specific decides.
//!
//! Every path that a rule names, with every method that a rule names, is a cell; which rule decides for a cell is
//! the same for all requests that belong to no more specific cell. Cells that say what a wider one says are left out.

use crate::plan::{PlanError, Rule};
use std::collections::BTreeSet;

/// Paths that a route can tell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Paths {
    /// This one and all below it; `/` is all there are.
    Below(String),
    /// This one alone.
    One(String),
}

/// A path, with one method or all that no other cell of the path has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) paths: Paths,
    pub(super) method: Option<String>,
}

/// What is copied, and what is not.
#[derive(Debug, Default)]
pub(super) struct Cells {
    pub(super) copied: Vec<Cell>,
    pub(super) rest: Vec<Cell>,
}

/// Methods that a route can tell. Source: `HTTPMethod` of the Gateway API.
const METHODS: &[&str] =
    &["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

impl Paths {
    /// Reads `*`, `/search` or `/admin/*`.
    pub(super) fn read(path: &str) -> Option<Paths> {
        match path {
            "*" | "/*" => Some(Paths::Below("/".to_owned())),
            _ if !path.starts_with('/') => None,
            _ => match path.strip_suffix("/*") {
                Some(above) if !above.contains('*') => Some(Paths::Below(above.to_owned())),
                None if !path.contains('*') => Some(Paths::One(path.to_owned())),
                _ => None,
            },
        }
    }

    fn holds(&self, other: &Paths) -> bool {
        let (Paths::Below(path) | Paths::One(path)) = other;
        match self {
            Paths::One(_) => self == other,
            Paths::Below(above) if above == "/" || above == path => true,
            Paths::Below(above) => {
                path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
            }
        }
    }

    /// How specific it is.
    fn depth(&self) -> (bool, usize) {
        match self {
            Paths::Below(path) => (false, path.len()),
            Paths::One(path) => (true, path.len()),
        }
    }
}

/// Rules with their paths read.
pub(super) fn read(rules: &[Rule]) -> Result<Vec<(Paths, &Rule)>, PlanError> {
    let key = "proxy.mirror[0].rules";
    let mut read = Vec::new();
    for rule in rules {
        let paths = Paths::read(&rule.path).ok_or_else(|| {
            let problem = format!("have the path `{}`, which no route can tell", rule.path);
            PlanError::new(
                key,
                problem,
                "a route knows whole paths, /search, and all below one, /admin/*",
            )
        })?;
        if let Some(odd) = rule.methods.iter().find(|method| !METHODS.contains(&method.as_str())) {
            let problem = format!("have the method `{odd}`, which no route can tell");
            return Err(PlanError::new(
                key,
                problem,
                format!("a route knows {}", METHODS.join(", ")),
            ));
        }
        read.push((paths, rule));
    }
    Ok(read)
}

/// The cells of `rules`; what none fits is not copied.
pub(super) fn cells(rules: &[Rule]) -> Result<Cells, PlanError> {
    let rules = read(rules)?;
    let mut paths: BTreeSet<Paths> = rules.iter().map(|(paths, _)| paths.clone()).collect();
    paths.insert(Paths::Below("/".to_owned()));
    let methods: BTreeSet<&String> = rules.iter().flat_map(|(_, rule)| &rule.methods).collect();
    let decide = |at: &Paths, method: Option<&String>| {
        let fits = |(paths, rule): &&(Paths, &Rule)| {
            paths.holds(at)
                && (rule.methods.is_empty()
                    || method.is_some_and(|method| rule.methods.contains(method)))
        };
        rules.iter().find(fits).is_some_and(|(_, rule)| rule.copy)
    };
    let mut cells = Cells::default();
    for at in &paths {
        // The next wider path that has cells says the same: then this one needs none.
        let wider = paths
            .iter()
            .filter(|wider| *wider != at && wider.holds(at))
            .max_by_key(|wider| wider.depth());
        let every = || methods.iter().copied().map(Some).chain([None]);
        if wider
            .is_some_and(|wider| every().all(|method| decide(at, method) == decide(wider, method)))
        {
            continue;
        }
        let others = decide(at, None);
        for method in every() {
            let is_copied = decide(at, method);
            if method.is_none() || is_copied != others {
                let side = if is_copied { &mut cells.copied } else { &mut cells.rest };
                side.push(Cell { paths: at.clone(), method: method.cloned() });
            }
        }
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(methods: &[&str], path: &str, copy: bool) -> Rule {
        Rule {
            methods: methods.iter().map(|m| (*m).to_owned()).collect(),
            path: path.to_owned(),
            copy,
        }
    }

    /// What a route does with a request: the most specific cell has it.
    fn is_copied(cells: &Cells, path: &str, method: &str) -> bool {
        let fits = |cell: &&Cell| {
            cell.paths.holds(&Paths::One(path.to_owned()))
                || matches!(&cell.paths, Paths::One(one) if one == path)
        };
        let all =
            cells.copied.iter().map(|c| (c, true)).chain(cells.rest.iter().map(|c| (c, false)));
        all.filter(|(cell, _)| fits(cell) && cell.method.as_deref().is_none_or(|m| m == method))
            .max_by_key(|(cell, _)| (cell.paths.depth(), cell.method.is_some()))
            .unwrap()
            .1
    }

    #[test]
    fn a_route_copies_what_the_proxy_would() {
        let rules = [
            rule(&["POST"], "/search", true),
            rule(&[], "/admin/*", false),
            rule(&["GET"], "/admin/open/*", true),
            rule(&["DELETE", "GET"], "/orders/*", true),
            rule(&[], "/orders/secret", false),
            rule(&["GET", "HEAD", "OPTIONS"], "*", true),
        ];
        let cells = cells(&rules).unwrap();
        let first = |path: &str, method: &str| {
            let at = Paths::One(path.to_owned());
            let fits = |rule: &&Rule| {
                Paths::read(&rule.path).unwrap().holds(&at)
                    && (rule.methods.is_empty() || rule.methods.iter().any(|m| m == method))
            };
            rules.iter().find(fits).is_some_and(|rule| rule.copy)
        };
        for path in [
            "/",
            "/search",
            "/admin/x",
            "/admin/open/x",
            "/orders/1",
            "/orders/secret",
            "/else/where",
        ] {
            for method in ["GET", "HEAD", "OPTIONS", "POST", "DELETE", "PUT"] {
                assert_eq!(
                    is_copied(&cells, path, method),
                    first(path, method),
                    "{method} {path}: {cells:?}"
                );
            }
        }
    }

    #[test]
    fn without_rules_of_its_own_a_mirror_costs_two_rules() {
        let cells = cells(&[rule(&["GET", "HEAD", "OPTIONS"], "*", true)]).unwrap();
        assert_eq!((cells.copied.len(), cells.rest.len()), (3, 1));
    }

    #[test]
    fn what_a_route_cannot_tell_is_refused() {
        for odd in [rule(&[], "/a*b", true), rule(&[], "/*/x", true), rule(&["PURGE"], "*", true)] {
            assert!(cells(&[odd]).unwrap_err().hint().unwrap().contains("a route knows"));
        }
    }
}
