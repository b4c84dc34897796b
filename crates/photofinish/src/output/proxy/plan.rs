//! What a plan would do, for somebody who is about to put it in front of production.

use super::called;
use super::units::{bytes, count, span};
use crate::output::style::{BOLD, DIM, YELLOW, paint, wrap};
use jiff::Timestamp;
use photofinish_proxy::plan::{
    Bodies, Canary, CopyHost, Forwarded, Mirror, Plan, Protocol, Recording, Rule, Share, Sticky,
    Upstream,
};
use photofinish_recording::WhenFull;

/// Where the second column begins.
const LABEL: usize = 10;

/// What `plan` would do, `now`.
pub(crate) fn text(plan: &Plan, now: Timestamp, width: usize) -> String {
    let mut page = Page { text: String::new(), width };
    for listener in &plan.listen {
        let speaks = match &listener.tls {
            Some(tls) => format!("TLS, HTTP/1.1 and HTTP/2, {}", tls.certificate.display()),
            None => "HTTP/1.1 and h2c, plain text".to_owned(),
        };
        page.row("listen", &listener.address.to_string(), &speaks);
    }
    match plan.admin {
        Some(address) => page.row("admin", &address.to_string(), "/metrics and /status"),
        None => page.row("admin", "none", "no /metrics, no `photofinish proxy status`"),
    }
    page.row("stable", &upstream(&plan.stable), "answers all that nothing else answers");
    match &plan.canary {
        Some(canary) => page.canary(canary),
        None => page.row("canary", "none", ""),
    }
    for mirror in &plan.mirrors {
        page.mirror(mirror, now);
    }
    if plan.mirrors.is_empty() {
        page.row("mirror", "none", "");
    }
    if let Some(recording) = &plan.recording {
        page.recording(recording);
    }
    page.bounds(plan);
    for note in notes(plan) {
        page.text += &format!("{}\n", indented(&paint(YELLOW, "mind"), 4, &note, width));
    }
    page.text
}

/// What somebody should think about twice.
pub(crate) fn notes(plan: &Plan) -> Vec<String> {
    let mut notes = Vec::new();
    for mirror in &plan.mirrors {
        for rule in mirror.rules.iter().filter(|rule| is_unsafe(rule)) {
            notes.push(format!(
                "{} gets copies of {}, which may change something: what it writes to must not be \
                 production's",
                called(mirror),
                rule_text(rule)
            ));
        }
        let changes = &mirror.headers;
        let replaced = changes.set.iter().chain(&changes.replace).map(|(name, _)| name);
        let changed: Vec<_> = changes.remove.iter().chain(replaced).collect();
        let kept = ["authorization", "cookie"]
            .into_iter()
            .filter(|name| !changed.iter().any(|own| own == name));
        let kept: Vec<&str> = kept.collect();
        if !kept.is_empty() {
            notes.push(format!(
                "{} gets the callers' own {}: remove or replace them under [proxy.mirror.headers] if it may \
                 not act for them",
                called(mirror),
                kept.join(" and ")
            ));
        }
    }
    if let Some(canary) = plan.canary.as_ref().filter(|canary| canary.share > Canary::ADVISED) {
        notes.push(format!(
            "the canary gets {}, more than the {} advised: a race build takes 2-20 times the CPU and 5-10 times \
             the memory",
            canary.share,
            Canary::ADVISED
        ));
    }
    notes
}

struct Page {
    text: String,
    width: usize,
}

impl Page {
    fn row(&mut self, label: &str, what: &str, more: &str) {
        let more = if more.is_empty() { String::new() } else { format!("  {more}") };
        self.text += &format!("{}{}{}\n", pad(label), paint(BOLD, what), paint(DIM, &more));
    }

    fn line(&mut self, text: &str) {
        self.text += &format!("{}\n", indented("", 0, text, self.width));
    }

    fn canary(&mut self, canary: &Canary) {
        self.row("canary", &upstream(&canary.to), &format!("{} of the requests", canary.share));
        let sticky: Vec<String> = canary.sticky.iter().map(sticky).collect();
        self.line(&match sticky.is_empty() {
            true => "a caller may meet both builds (sticky keeps one on a side)".to_owned(),
            false => format!("a caller stays on one side by {}", sticky.join(", else ")),
        });
        self.line(&format!("header {}: always or never beats the share", canary.tester));
        let failed: Vec<String> = canary.failed.iter().map(u16::to_string).collect();
        self.line(&format!(
            "no first byte within {}, a broken connection or {}: stable answers, if the request may be sent twice \
             and its body is at most {}",
            span(canary.patience),
            failed.join(", "),
            bytes(canary.hold_bytes as u64),
        ));
        let breaker = &canary.breaker;
        self.line(&format!(
            "left alone after {} failures in a row, or {:.0}% of ten seconds; asked every {} ({}); back after {} \
             good answers, over {}",
            breaker.failures,
            breaker.failure_rate * 100.0,
            span(breaker.interval),
            breaker.path.as_deref().unwrap_or("a connection is enough"),
            breaker.successes,
            span(breaker.ramp),
        ));
    }

    fn mirror(&mut self, mirror: &Mirror, now: Timestamp) {
        let share = match mirror.share {
            Share::ALL => String::new(),
            share => format!("{share} of "),
        };
        let what = format!("{}  {}", mirror.name, upstream(&mirror.to));
        self.row("mirror", &what, &format!("copies of {share}what its rules allow"));
        let mut rules: Vec<String> = mirror.rules.iter().map(rule_sentence).collect();
        rules.push("GET, HEAD, OPTIONS copied, others not".to_owned());
        self.line(&rules.join("; else "));
        self.line(&schedule(mirror, now));
        let bodies = match mirror.bodies {
            Bodies::Whole => "once whole",
            Bodies::Streamed => "as they arrive",
        };
        self.line(&format!(
            "at most {} copies at once, {} of bodies, {} each; bodies up to {}, {bodies}",
            count(mirror.in_flight as u64),
            bytes(mirror.budget_bytes as u64),
            span(mirror.deadline),
            bytes(mirror.body_bytes as u64),
        ));
        self.line(&copy_headers(mirror));
    }

    fn recording(&mut self, recording: &Recording) {
        let file = &recording.file;
        let more = format!("{} of the requests", recording.share);
        self.row("recording", &file.path.display().to_string(), &more);
        let full = match file.when_full {
            WhenFull::Stop => "then nothing more is kept".to_owned(),
            WhenFull::Rotate { files } => format!("{files} files are kept"),
        };
        self.line(&format!(
            "up to {} a file, {full}; bodies up to {}; {} headers, {} parameters and {} body fields redacted",
            bytes(file.max_bytes),
            bytes(file.max_body as u64),
            file.redaction.headers.len(),
            file.redaction.query.len(),
            file.redaction.body_fields.len(),
        ));
    }

    fn bounds(&mut self, plan: &Plan) {
        let limits = &plan.limits;
        let body =
            limits.body_bytes.map_or("without limit".to_owned(), |n| format!("up to {}", bytes(n)));
        self.row("limits", &format!("{} connections", count(limits.connections as u64)), "");
        self.line(&format!(
            "heads up to {} and {} lines, bodies {body}, {} streams a connection",
            bytes(limits.head_bytes as u64),
            limits.header_lines,
            limits.streams
        ));
        let times = &plan.timeouts;
        self.line(&format!(
            "head {}, idle {}, stalled {}, connect {}, answer {}, drain {}",
            span(times.head),
            span(times.idle),
            span(times.stalled),
            span(times.connect),
            span(times.answer),
            span(times.drain)
        ));
        let forwarded = match plan.forwarded {
            Forwarded::Append => "X-Forwarded-* are added to",
            Forwarded::Replace => "X-Forwarded-* of callers are replaced",
            Forwarded::Off => "X-Forwarded-* pass as they came",
        };
        self.line(&format!("{} threads; {forwarded}", plan.workers));
    }
}

fn pad(label: &str) -> String {
    format!("{label:<LABEL$}")
}

/// `text` wrapped behind a `label` of `width_of` columns.
fn indented(label: &str, width_of: usize, text: &str, width: usize) -> String {
    let lines = wrap(text, width.saturating_sub(LABEL).max(30));
    let first = format!("{label}{}", " ".repeat(LABEL.saturating_sub(width_of)));
    first + &lines.join(&format!("\n{}", " ".repeat(LABEL)))
}

fn upstream(upstream: &Upstream) -> String {
    match upstream.protocol {
        Protocol::Auto => upstream.to_string(),
        Protocol::Http1 => format!("{upstream} (HTTP/1.1)"),
        Protocol::Http2 => format!("{upstream} (HTTP/2)"),
    }
}

fn sticky(sticky: &Sticky) -> String {
    match sticky {
        Sticky::Cookie(name) => format!("cookie {name}"),
        Sticky::Header(name) => format!("header {name}"),
        Sticky::Address => "address".to_owned(),
    }
}

/// Whether requests that change something may be copied by it.
fn is_unsafe(rule: &Rule) -> bool {
    rule.copy && (rule.methods.is_empty() || rule.methods.iter().any(|method| !method.is_safe()))
}

fn rule_text(rule: &Rule) -> String {
    let methods: Vec<&str> = rule.methods.iter().map(http::Method::as_str).collect();
    match methods.is_empty() {
        true => format!("every method on {}", rule.path),
        false => format!("{} {}", methods.join(", "), rule.path),
    }
}

fn rule_sentence(rule: &Rule) -> String {
    format!("{} {}", rule_text(rule), if rule.copy { "copied" } else { "not copied" })
}

fn schedule(mirror: &Mirror, now: Timestamp) -> String {
    let schedule = &mirror.schedule;
    if schedule.is_always() {
        return "at any time".to_owned();
    }
    let windows: Vec<&str> = schedule.windows().collect();
    let zone = schedule.zone();
    let change = schedule
        .next_change(now)
        .map(|at| at.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M %Z").to_string());
    let state = match (schedule.holds(now), change) {
        (true, Some(change)) => format!("open now, until {change}"),
        (true, None) => "open now, without an end".to_owned(),
        (false, Some(change)) => format!("closed now, opens {change}"),
        (false, None) => "closed now, and never opens".to_owned(),
    };
    format!("{}: {state}", windows.join(", "))
}

fn copy_headers(mirror: &Mirror) -> String {
    let changes = &mirror.headers;
    let names = |pairs: &[(http::HeaderName, http::HeaderValue)]| {
        pairs.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>().join(", ")
    };
    let host = match &mirror.host {
        CopyHost::Kept => "Host kept".to_owned(),
        CopyHost::Rewritten(host) => format!("Host {}", String::from_utf8_lossy(host.as_bytes())),
    };
    let mut parts = vec![format!("marked by {}", mirror.marker), host];
    if !changes.remove.is_empty() {
        let removed: Vec<&str> = changes.remove.iter().map(http::HeaderName::as_str).collect();
        parts.push(format!("without {}", removed.join(", ")));
    }
    for (what, pairs) in [("set", &changes.set), ("replaced", &changes.replace)] {
        if !pairs.is_empty() {
            parts.push(format!("{what}: {}", names(pairs)));
        }
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests;
