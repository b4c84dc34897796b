//! SARIF 2.1.0 (OASIS standard), for code scanning.
//!
//! A race is a result: the rule is its pattern, the primary location the marked frame of one access,
//! the other access a related location, and each goroutine a thread flow from its creation to
//! its access. Which access a report prints first is chance, so the primary location is the one
//! whose function sorts first: results keep their place between uploads. GitHub groups by
//! `partialFingerprints.primaryLocationLineHash`, which is our fingerprint.
//!
//! Start at [`sarif_of_findings`] or [`sarif_of_races`].

use super::stack::is_about_memory;
use photofinish_model::{
    Access, AnswerDiff, Fingerprint, Frame, Kind, Pattern, Race, Stack, short_function, user_frame,
};
use photofinish_store::{Finding, Repository, State, title_of};
use serde_json::{Value, json};

/// Findings as a SARIF log of one run. Paths become relative to `repository` where they can.
pub(crate) fn sarif_of_findings(findings: &[Finding], repository: Option<&Repository>) -> Value {
    let results = findings.iter().map(|finding| {
        let mut result =
            result(&finding.race, finding.fingerprint.as_str(), finding.pattern, repository);
        result["properties"] = json!({
            "state": finding.state.word(),
            "owners": finding.owners,
            "firstSeen": finding.first_seen.to_string(),
            "lastSeen": finding.last_seen.to_string(),
            "lightOnly": finding.light_only,
        });
        result["occurrenceCount"] = json!(finding.count.max(1));
        if finding.state == State::Suppressed {
            let why = finding.history.last().map(|change| change.why.as_str()).unwrap_or_default();
            result["suppressions"] =
                json!([{"kind": "external", "status": "accepted", "justification": why}]);
        }
        (finding.pattern, result)
    });
    log(results.collect())
}

/// Races straight from a log, each fingerprint once.
pub(crate) fn sarif_of_races(races: &[Race], repository: Option<&Repository>) -> Value {
    let mut results: Vec<(Pattern, Value)> = Vec::new();
    let mut seen = Vec::new();
    for race in races {
        let fingerprint = Fingerprint::of(race);
        if let Some(index) = seen.iter().position(|earlier| *earlier == fingerprint) {
            let count = results[index].1["occurrenceCount"].as_u64().unwrap_or(1);
            results[index].1["occurrenceCount"] = json!(count + 1);
            continue;
        }
        let pattern = Pattern::of(race);
        let mut result = result(race, fingerprint.as_str(), pattern, repository);
        result["occurrenceCount"] = json!(1);
        results.push((pattern, result));
        seen.push(fingerprint);
    }
    log(results)
}

fn log(results: Vec<(Pattern, Value)>) -> Value {
    let mut patterns: Vec<Pattern> = results.iter().map(|(pattern, _)| *pattern).collect();
    patterns.sort_unstable();
    patterns.dedup();
    let rules: Vec<Value> = patterns.iter().map(|pattern| rule(*pattern)).collect();
    let results: Vec<Value> = results
        .into_iter()
        .map(|(pattern, mut result)| {
            let index = patterns.iter().position(|other| *other == pattern);
            result["ruleIndex"] = json!(index);
            result
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "photofinish",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(pattern: Pattern) -> Value {
    let name: String = pattern
        .word()
        .split('-')
        .map(|part| {
            let mut letters = part.chars();
            letters
                .next()
                .map(|c| c.to_ascii_uppercase())
                .into_iter()
                .chain(letters)
                .collect::<String>()
        })
        .collect();
    // A differing answer is a symptom, everything else a proof.
    let precision = if pattern == Pattern::AnswerDiff { "medium" } else { "very-high" };
    json!({
        "id": pattern.word(),
        "name": name,
        "shortDescription": {"text": pattern.explanation()},
        "fullDescription": {"text": pattern.explanation()},
        "help": {"text": pattern.hint()},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["concurrency", "data-race"], "precision": precision},
    })
}

fn result(
    race: &Race,
    fingerprint: &str,
    pattern: Pattern,
    repository: Option<&Repository>,
) -> Value {
    let paths = Paths { repository };
    let mut accesses: Vec<&Access> = race.accesses.iter().collect();
    accesses.sort_by_key(|access| marked(&access.stack).map(|frame| frame.function.clone()));
    // A deadlock has no access: then it is where the first goroutine waits.
    let mut ends = accesses
        .iter()
        .map(|access| &access.stack)
        .chain(race.others.iter().map(|goroutine| &goroutine.stack))
        .filter_map(marked);
    let here = ends.next().map(|frame| paths.location(frame, None)).or_else(|| route(race));
    let locations = [in_some_file(here.unwrap_or_else(|| json!({})))];
    let mut related: Vec<Value> = Vec::new();
    for (access, frame) in
        accesses.iter().filter_map(|access| Some((access, marked(&access.stack)?))).skip(1)
    {
        related.push(paths.location(frame, Some(&describe(race.kind, access))));
    }
    for access in &accesses {
        if let Some(frame) = marked(&access.created_at) {
            let message =
                format!("its goroutine was created here: {}", describe(race.kind, access));
            related.push(paths.location(frame, Some(&message)));
        }
    }
    for (id, location) in related.iter_mut().enumerate() {
        location["id"] = json!(id + 1);
    }
    let flows: Vec<Value> = accesses
        .iter()
        .enumerate()
        .filter(|(_, access)| !access.stack.frames.is_empty())
        .map(|(index, access)| paths.thread_flow(race.kind, index, access))
        .collect();
    let is_sure = !race.partial && !race.light && race.kind != Kind::AnswerDiff;
    let mut result = json!({
        "ruleId": pattern.word(),
        "level": if is_sure { "error" } else { "warning" },
        "message": {"text": message(race, pattern)},
        "locations": locations,
        "partialFingerprints": {
            "primaryLocationLineHash": fingerprint,
            "photofinish/v1": fingerprint,
        },
    });
    if !related.is_empty() {
        result["relatedLocations"] = json!(related);
    }
    if !flows.is_empty() {
        result["codeFlows"] = json!([{"threadFlows": flows}]);
    }
    result
}

fn message(race: &Race, pattern: Pattern) -> String {
    let light = if race.light { " Seen by a light build: confirm in a full build." } else { "" };
    let title = title_of(race);
    let what = match (AnswerDiff::read(&race.raw), race.headline == title) {
        (Some(diff), _) => format!(
            "{title}: {} instead of {} ({} of {} compared answers)",
            diff.mirror.value, diff.primary.value, diff.differed, diff.compared
        ),
        (None, true) => title,
        (None, false) => format!("{}: {title}", race.headline),
    };
    format!("{what}. {} {}{light}", pattern.explanation(), pattern.hint())
}

/// GitHub refuses a whole upload for one result without a file (`locationFromSarifResult: expected a
/// physical location`): where none is known, it is the module's.
fn in_some_file(mut location: Value) -> Value {
    if location.get("physicalLocation").is_none() {
        let module = json!({"uri": "go.mod", "uriBaseId": "%SRCROOT%"});
        location["physicalLocation"] = json!({"artifactLocation": module});
    }
    location
}

/// Where an answer differs: no place in the source, but a route of the service.
fn route(race: &Race) -> Option<Value> {
    let diff = AnswerDiff::read(&race.raw)?;
    let name = json!({"fullyQualifiedName": diff.route, "kind": "resource"});
    Some(json!({"logicalLocations": [name], "message": {"text": format!("at {}", diff.place)}}))
}

fn describe(kind: Kind, access: &Access) -> String {
    let (what, by) =
        if is_about_memory(kind) { (access.op.word(), "by") } else { ("happened", "in") };
    match access.goroutine {
        Some(id) => format!("{what} {by} goroutine {id}"),
        None => what.to_owned(),
    }
}

fn marked(stack: &Stack) -> Option<&Frame> {
    stack.frames.get(user_frame(stack).unwrap_or(0))
}

/// How files are named.
struct Paths<'a> {
    repository: Option<&'a Repository>,
}

impl Paths<'_> {
    /// From the creation of the goroutine to its access, outermost first.
    fn thread_flow(&self, kind: Kind, index: usize, access: &Access) -> Value {
        let created = access.created_at.frames.iter().rev().map(|frame| (frame, "creates it"));
        let mut steps: Vec<Value> = created
            .chain(access.stack.frames.iter().rev().map(|frame| (frame, "")))
            .map(|(frame, words)| {
                let message = format!("{} {words}", short_function(&frame.function));
                json!({"location": self.location(frame, Some(message.trim()))})
            })
            .collect();
        if let (Some(last), Some(frame)) = (steps.last_mut(), access.stack.frames.first()) {
            last["location"] = self.location(frame, Some(&describe(kind, access)));
            last["importance"] = json!("essential");
        }
        let id = access.goroutine.map_or(format!("access {index}"), |id| format!("goroutine {id}"));
        json!({"id": id, "message": {"text": describe(kind, access)}, "locations": steps})
    }

    fn location(&self, frame: &Frame, message: Option<&str>) -> Value {
        let mut location = json!({
            "logicalLocations": [{"fullyQualifiedName": frame.function, "kind": "function"}],
        });
        if let Some(file) = frame.file.as_deref().filter(|file| !file.is_empty()) {
            let mut physical = json!({"artifactLocation": self.artifact(frame, file)});
            if let Some(line) = frame.line.filter(|line| *line > 0) {
                physical["region"] = json!({"startLine": line});
                if let Some(column) = frame.column.filter(|column| *column > 0) {
                    physical["region"]["startColumn"] = json!(column);
                }
            }
            location["physicalLocation"] = physical;
        }
        if let Some(message) = message {
            location["message"] = json!({"text": message});
        }
        location
    }

    fn artifact(&self, frame: &Frame, file: &str) -> Value {
        let own = photofinish_model::CodeOrigin::of(frame) == photofinish_model::CodeOrigin::Own;
        let relative = self.repository.filter(|_| own).and_then(|known| known.relative(frame));
        match relative {
            Some(path) => json!({"uri": encode(&path), "uriBaseId": "%SRCROOT%"}),
            None if file.starts_with('/') => json!({"uri": format!("file://{}", encode(file))}),
            None => json!({"uri": encode(file.trim_start_matches("./"))}),
        }
    }
}

/// Percent-encoding of what a URI path may not hold (RFC 3986).
fn encode(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.replace('\\', "/").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(byte)),
            b'/' | b'-' | b'.' | b'_' | b'~' | b'@' | b'+' | b'=' | b',' | b'(' | b')' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests;
