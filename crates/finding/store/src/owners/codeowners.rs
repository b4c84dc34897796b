//! CODEOWNERS as a function from a path to owners, by the rules of GitHub and of GitLab.
//!
//! Both: the last matching line wins, and one without owners clears. GitLab adds sections, each
//! of which has its say, default owners of a section, `!path` exclusions, and has other ideas of
//! relative paths and of folders. A file with a section header is read by GitLab's rules, any other
//! by GitHub's, where `!`, `[ ]` and `\#` mean nothing and such a line is skipped.
//! Sources: GitHub "About code owners", GitLab "Code Owners syntax and error handling".

use super::glob::{Anchor, Glob};

/// A CODEOWNERS file.
#[derive(Clone, Debug, Default)]
pub struct CodeOwners {
    /// GitHub's file is one section.
    sections: Vec<Section>,
}

#[derive(Clone, Debug, Default)]
struct Section {
    name: String,
    default_owners: Vec<String>,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    glob: Glob,
    exclude: bool,
    owners: Vec<String>,
}

impl CodeOwners {
    /// Reads the text of a CODEOWNERS file. Lines that mean nothing are skipped, as the forges do.
    pub fn parse(text: &str) -> CodeOwners {
        let lines = || text.lines().map(str::trim);
        if lines().any(|line| section_header(line).is_some()) {
            CodeOwners { sections: gitlab(lines()) }
        } else {
            let rules = lines().filter_map(github_rule).collect();
            CodeOwners { sections: vec![Section { rules, ..Section::default() }] }
        }
    }

    /// The owners of the file at `path`, which is relative to the root of the repository.
    pub fn of(&self, path: &str) -> Vec<String> {
        let mut owners = Vec::new();
        for owner in self.sections.iter().flat_map(|section| section.of(path)) {
            if !owners.contains(owner) {
                owners.push(owner.clone());
            }
        }
        owners
    }
}

impl Section {
    fn of(&self, path: &str) -> &[String] {
        if self.rules.iter().any(|rule| rule.exclude && rule.glob.matches(path)) {
            return &[];
        }
        let last = self.rules.iter().rev().find(|rule| !rule.exclude && rule.glob.matches(path));
        last.map_or(&[], |rule| &rule.owners)
    }
}

fn github_rule(line: &str) -> Option<Rule> {
    if line.starts_with(['#', '!', '\\']) || line.contains(['[', ']']) {
        return None;
    }
    let (pattern, rest) = split_pattern(line)?;
    let owners = before_comment(rest).map(owner).collect::<Option<Vec<_>>>()?;
    let glob = Glob::new(&pattern, Anchor::GitHub);
    Some(Rule { glob, exclude: false, owners })
}

fn gitlab<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Section> {
    let mut sections = vec![Section::default()];
    let mut current = 0;
    for line in lines.filter(|line| !line.starts_with('#')) {
        if let Some((name, default_owners)) = section_header(line) {
            // A section may be taken up again further down; case does not matter.
            current = sections.iter().position(|s| s.name == name).unwrap_or(sections.len());
            if current == sections.len() {
                sections.push(Section { name, default_owners, rules: Vec::new() });
            }
        } else if let Some((pattern, rest)) = split_pattern(line) {
            let (exclude, pattern) = match pattern.strip_prefix('!') {
                Some(pattern) => (true, pattern),
                None => (false, pattern.as_str()),
            };
            let mut owners: Vec<String> = before_comment(rest).filter_map(owner).collect();
            if owners.is_empty() {
                owners.clone_from(&sections[current].default_owners);
            }
            let glob = Glob::new(pattern, Anchor::GitLab);
            sections[current].rules.push(Rule { glob, exclude, owners });
        }
    }
    sections
}

/// `[Name]`, `^[Optional]`, `[Name][2] @default`: the name in lower case and the default owners.
fn section_header(line: &str) -> Option<(String, Vec<String>)> {
    let inside = line.strip_prefix('^').unwrap_or(line).strip_prefix('[')?;
    let (name, mut rest) = inside.split_once(']')?;
    if let Some((_approvals, after)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
        rest = after;
    }
    if name.trim().is_empty() || !(rest.is_empty() || rest.starts_with(char::is_whitespace)) {
        return None;
    }
    Some((name.trim().to_lowercase(), before_comment(rest).filter_map(owner).collect()))
}

/// The pattern at the head of a line, its escaped spaces and `#` undone, and what follows.
fn split_pattern(line: &str) -> Option<(String, &str)> {
    let mut pattern = String::new();
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if matches!(chars.peek(), Some((_, ' ' | '#'))) => {
                pattern.extend(chars.next().map(|(_, escaped)| escaped));
            }
            c if c.is_whitespace() => return Some((pattern, &line[at..])),
            c => pattern.push(c),
        }
    }
    (!pattern.is_empty()).then_some((pattern, ""))
}

fn before_comment(rest: &str) -> impl Iterator<Item = &str> {
    rest.split_whitespace().take_while(|word| !word.starts_with('#'))
}

/// `@user`, `@org/team`, `@@role` or an e-mail address.
fn owner(word: &str) -> Option<String> {
    let is_name = word.len() > 1 && word.starts_with('@');
    let is_mail = word
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@'));
    (is_name || is_mail).then(|| word.to_owned())
}
