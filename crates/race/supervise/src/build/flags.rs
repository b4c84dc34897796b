//! The user's build flags, merged where `go build` would let one hide another.
//!
//! `go build -tags x` drops the tags in `GOFLAGS`, and so does `-gcflags`; a race build adds a tag
//! and a light one adds gcflags, so both are merged here. Everything else is passed through.

use super::{BuildError, Plan, RACE_TAG, Variant};

/// Flags that are ours to give, and what the user gives instead.
const OURS: &[(&str, &str)] = &[
    ("o", "give -o to photofinish build itself"),
    ("C", "give -C to photofinish build itself"),
    ("race", "leave it out: both builds are made, one of them with -race"),
    ("msan", "leave it out: it excludes -race"),
    ("asan", "leave it out: it excludes -race"),
    ("n", "run go build -n yourself to see its commands"),
    ("json", "use --format json of photofinish build"),
];

/// What the user asked of `go build`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct UserFlags {
    pub(super) tags: Vec<String>,
    pub(super) ldflags: Vec<String>,
    pub(super) gcflags: Vec<String>,
    rest: Vec<String>,
    racecanary_on_both: bool,
    pie: bool,
}

impl UserFlags {
    /// Takes the flags of `plan`, those in `extra` included.
    pub(super) fn of(plan: &Plan) -> Result<UserFlags, BuildError> {
        let mut flags = UserFlags {
            tags: plan.tags.iter().flat_map(|tags| split_tags(tags)).collect(),
            ldflags: plan.ldflags.clone(),
            gcflags: plan.gcflags.clone(),
            rest: Vec::new(),
            racecanary_on_both: plan.racecanary_on_both,
            pie: false,
        };
        let mut extra = plan.extra.iter();
        while let Some(arg) = extra.next() {
            let Some((name, value)) = name_and_value(arg) else {
                flags.rest.push(arg.clone());
                continue;
            };
            if let Some((_, instead)) = OURS.iter().find(|(ours, _)| *ours == name) {
                return Err(BuildError::Flag { flag: arg.clone(), instead });
            }
            let mut value = || value.map(str::to_owned).or_else(|| extra.next().cloned());
            match name {
                "tags" => flags.tags.extend(value().iter().flat_map(|tags| split_tags(tags))),
                "ldflags" => flags.ldflags.extend(value()),
                "gcflags" => flags.gcflags.extend(value()),
                "v" => {}
                "buildmode" => {
                    let mode = value().unwrap_or_default();
                    flags.pie = mode == "pie";
                    flags.rest.push(format!("-buildmode={mode}"));
                }
                _ => flags.rest.push(arg.clone()),
            }
        }
        Ok(flags)
    }

    /// Adds what `GOFLAGS` has and a flag of ours would hide.
    pub(super) fn merged_with(mut self, goflags: &str) -> UserFlags {
        let (mut tags, mut gcflags) = (Vec::new(), Vec::new());
        for field in split_quoted(goflags) {
            match name_and_value(&field) {
                // As in `go build`, the last -tags of GOFLAGS is the one that counts.
                Some(("tags", Some(value))) => tags = split_tags(value),
                Some(("gcflags", Some(value))) => gcflags.push(value.to_owned()),
                Some(("buildmode", Some(value))) => self.pie |= value == "pie",
                _ => {}
            }
        }
        for tag in std::mem::take(&mut self.tags) {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        self.tags = tags;
        if self.gcflags.is_empty() {
            self.gcflags = gcflags;
        }
        self
    }

    /// Whether a position-independent executable was asked for, which `-race` refuses on Linux.
    pub(super) fn pie(&self) -> bool {
        self.pie
    }

    /// Whether a profile was named.
    pub(super) fn has_profile(&self) -> bool {
        self.rest.iter().any(|arg| name_and_value(arg).is_some_and(|(name, _)| name == "pgo"))
    }

    /// The tags of a variant.
    pub(super) fn tags_of(&self, variant: Variant) -> Vec<String> {
        let mut tags = self.tags.clone();
        let wanted = variant == Variant::Race || self.racecanary_on_both;
        if wanted && !tags.iter().any(|tag| tag == RACE_TAG) {
            tags.push(RACE_TAG.to_owned());
        }
        tags
    }

    /// The flags of a variant for `go build` and `go list`, with `gcflags` of ours behind the user's.
    pub(super) fn args(&self, variant: Variant, gcflags: &[String]) -> Vec<String> {
        let mut args = vec![format!("-race={}", variant == Variant::Race)];
        let tags = self.tags_of(variant);
        if !tags.is_empty() {
            args.push(format!("-tags={}", tags.join(",")));
        }
        args.extend(self.ldflags.iter().map(|value| format!("-ldflags={value}")));
        args.extend(self.gcflags.iter().chain(gcflags).map(|value| format!("-gcflags={value}")));
        args.extend(self.rest.iter().cloned());
        if self.pie && variant == Variant::Race {
            args.push("-buildmode=exe".into());
        }
        args
    }
}

/// Splits `-name=value`, `--name=value` or `-name`; `None` for anything that is no flag.
fn name_and_value(arg: &str) -> Option<(&str, Option<&str>)> {
    let flag = arg.strip_prefix('-')?;
    let flag = flag.strip_prefix('-').unwrap_or(flag);
    match flag.split_once('=') {
        Some((name, value)) => Some((name, Some(value))),
        None => Some((flag, None)).filter(|(name, _)| !name.is_empty()),
    }
}

/// Splits a `-tags` value: by commas, or by spaces as before Go 1.13.
fn split_tags(tags: &str) -> Vec<String> {
    let tags = tags.split([',', ' ', '\t']).map(str::trim).filter(|tag| !tag.is_empty());
    tags.map(str::to_owned).collect()
}

/// Splits `GOFLAGS` as `cmd/go` does: by spaces, a field may stand in single or double quotes
/// (`cmd/internal/quoted`, Go 1.21 to 1.27: no escapes, quotes only around whole fields).
pub(super) fn split_quoted(text: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (field, after) = match first {
            '\'' | '"' => rest[1..].split_once(first).unwrap_or((&rest[1..], "")),
            _ => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        fields.push(field.to_owned());
        rest = after.trim_start();
    }
    fields
}
