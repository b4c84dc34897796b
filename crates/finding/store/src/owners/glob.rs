//! The path patterns of CODEOWNERS: `*` and `?` within a name, `**` across folders.
//!
//! Matching is by backtracking to the last wildcard only, so no pattern takes more than
//! |pattern| x |path| steps.

/// Whose idea of relative patterns and of folders counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    /// As in a .gitignore: a slash inside ties a pattern to the root, and a pattern that matches a folder
    /// matches what is in it (except `folder/*`).
    GitHub,
    /// Only a leading slash ties a pattern to the root, and only a trailing one makes it a folder.
    GitLab,
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(super) struct Glob {
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// `**`: any number of names, none included.
    Any,
    /// At least one name.
    Some,
    /// One name, with `*` and `?`.
    Name(Vec<char>),
}

impl Glob {
    pub(super) fn new(pattern: &str, anchor: Anchor) -> Glob {
        let is_folder = pattern.ends_with('/');
        let body = pattern.trim_matches('/');
        let tied = pattern.starts_with('/') || (anchor == Anchor::GitHub && body.contains('/'));
        let mut segments = Vec::new();
        if !tied {
            segments.push(Segment::Any);
        }
        segments.extend(body.split('/').filter(|name| !name.is_empty()).map(|name| match name {
            "**" => Segment::Any,
            name => Segment::Name(name.chars().collect()),
        }));
        let names_a_folder_s_files = body.ends_with("/*") || (tied && body == "*");
        if is_folder || segments.last() == Some(&Segment::Any) {
            segments.push(Segment::Some);
        } else if anchor == Anchor::GitHub && !names_a_folder_s_files {
            segments.push(Segment::Any);
        }
        Glob { segments }
    }

    /// Whether the pattern matches `path`, which has no leading slash.
    pub(super) fn matches(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        let (mut s, mut n) = (0, 0);
        let mut retry = None;
        loop {
            match self.segments.get(s) {
                None if n == names.len() => return true,
                Some(Segment::Any) => {
                    retry = Some((s + 1, n));
                    s += 1;
                    continue;
                }
                Some(Segment::Some) if n < names.len() => {
                    retry = Some((s + 1, n + 1));
                    (s, n) = (s + 1, n + 1);
                    continue;
                }
                Some(Segment::Name(pattern))
                    if n < names.len() && name_matches(pattern, names[n]) =>
                {
                    (s, n) = (s + 1, n + 1);
                    continue;
                }
                _ => {}
            }
            match retry {
                Some((after, taken)) if taken < names.len() => {
                    retry = Some((after, taken + 1));
                    (s, n) = (after, taken + 1);
                }
                _ => return false,
            }
        }
    }
}

fn name_matches(pattern: &[char], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    let mut retry = None;
    loop {
        match pattern.get(p) {
            None if n == name.len() => return true,
            Some('*') => {
                retry = Some((p + 1, n));
                p += 1;
                continue;
            }
            Some('?') if n < name.len() => {
                (p, n) = (p + 1, n + 1);
                continue;
            }
            Some(c) if n < name.len() && *c == name[n] => {
                (p, n) = (p + 1, n + 1);
                continue;
            }
            _ => {}
        }
        match retry {
            Some((after, taken)) if taken < name.len() => {
                retry = Some((after, taken + 1));
                (p, n) = (after, taken + 1);
            }
            _ => return false,
        }
    }
}
