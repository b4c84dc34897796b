//! Headers: few of them are part of what a service has to say.

use super::rules::HeaderRule;
use super::{Answer, Difference, Place, Rules};
use http::{HeaderMap, HeaderName};
use std::collections::BTreeSet;

/// What is not compared even where all headers are: what belongs to the connection (RFC 9110,
/// section 7.6.1), to the moment or to the machine, and the length, since the body is compared.
const IGNORED: &[&str] = &[
    "age",
    "alt-svc",
    "connection",
    "content-length",
    "date",
    "expires",
    "keep-alive",
    "last-modified",
    "proxy-connection",
    "server",
    "server-timing",
    "set-cookie",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-amzn-trace-id",
    "x-correlation-id",
    "x-envoy-upstream-service-time",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-request-id",
    "x-response-time",
    "x-runtime",
    "x-trace-id",
];

/// The differing headers, in the order of their names, `content-type` among them.
pub(super) fn compare(rules: &Rules, primary: &Answer, mirror: &Answer) -> Vec<Difference> {
    let names: BTreeSet<&str> = match &rules.headers {
        HeaderRule::Only(names) => names.iter().map(HeaderName::as_str).collect(),
        HeaderRule::All => {
            let both = primary.headers.keys().chain(mirror.headers.keys());
            both.map(HeaderName::as_str).filter(|name| !IGNORED.contains(name)).collect()
        }
    };
    let mut differences = Vec::new();
    for name in names {
        let is_ignored = rules.ignored_headers.iter().any(|ignored| ignored == name);
        if let (false, Ok(name)) = (is_ignored, HeaderName::try_from(name)) {
            differences.extend(one(rules, &name, &primary.headers, &mirror.headers));
        }
    }
    differences
}

/// The difference in the header `name`, all its lines together.
fn one(
    rules: &Rules,
    name: &HeaderName,
    primary: &HeaderMap,
    mirror: &HeaderMap,
) -> Option<Difference> {
    let (ours, theirs) = (primary.get_all(name), mirror.get_all(name));
    if ours.iter().eq(theirs.iter()) {
        return None;
    }
    let shown = |headers: &HeaderMap| {
        let lines: Vec<&[u8]> = headers.get_all(name).iter().map(|line| line.as_bytes()).collect();
        match lines.is_empty() {
            true => "(absent)".to_owned(),
            false => rules.redaction.text(&lines.join(&b", "[..])),
        }
    };
    let (primary, mirror) = (shown(primary), shown(mirror));
    Some(Difference { at: Place::Header(name.clone()), primary, mirror, times: 1 })
}
