//! Bodies: equal bytes are equal; else unpacked, and compared by what they are.

use super::answer::Form;
use super::json::Walk;
use super::show::Redaction;
use super::tree::{Tree, TreeError};
use super::{Answer, Difference, Place, Rules, Skip};
use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use http::HeaderName;
use std::io::Read;

/// gRPC over HTTP/2, "Responses": the status is a trailer, or a header where there is no body.
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Adds the differences between the bodies, or says why they cannot be compared.
pub(super) fn compare(
    rules: &Rules,
    primary: &Answer,
    mirror: &Answer,
    differences: &mut Vec<Difference>,
) -> Result<(), Skip> {
    let form = match (primary.form(), mirror.form()) {
        (Form::Stream, _) | (_, Form::Stream) => return Err(Skip::Stream),
        (ours, theirs) if ours == theirs => ours,
        _ => Form::Bytes,
    };
    if form == Form::Grpc {
        compare_grpc_status(primary, mirror, differences);
    }
    if primary.truncated || mirror.truncated {
        return Err(Skip::Truncated);
    }
    if primary.body == mirror.body && primary.encoding() == mirror.encoding() {
        return Ok(());
    }
    let (ours, theirs) = (unpacked(rules, primary)?, unpacked(rules, mirror)?);
    if ours == theirs {
        return Ok(());
    }
    if form == Form::Json
        && let (Some(ours), Some(theirs)) = (parsed(&ours)?, parsed(&theirs)?)
    {
        Walk::new(rules, differences).compare(&ours, &theirs);
        return Ok(());
    }
    if !rules.ignores_body() {
        differences.push(by_bytes(rules, &ours, &theirs));
    }
    Ok(())
}

/// The JSON of an answer; `None` where it is none, or may not be compared.
pub(super) fn json_of(rules: &Rules, answer: &Answer) -> Option<Tree> {
    if answer.truncated || answer.form() != Form::Json {
        return None;
    }
    Tree::parse(&unpacked(rules, answer).ok()?).ok()
}

fn compare_grpc_status(primary: &Answer, mirror: &Answer, differences: &mut Vec<Difference>) {
    let side = |answer: &Answer| {
        let status = answer.trailers.get(&GRPC_STATUS).or(answer.headers.get(&GRPC_STATUS));
        status.map(|status| status.as_bytes().to_vec())
    };
    let (ours, theirs) = (side(primary), side(mirror));
    let is_known = differences
        .iter()
        .any(|difference| matches!(&difference.at, Place::Header(name) if *name == GRPC_STATUS));
    if ours != theirs && !is_known {
        let shown = |status: Option<Vec<u8>>| match status {
            // A number of the protocol, never personal data.
            Some(status) => Redaction::none().text(&status),
            None => "(absent)".to_owned(),
        };
        let at = Place::Header(GRPC_STATUS);
        differences.push(Difference { at, primary: shown(ours), mirror: shown(theirs), times: 1 });
    }
}

/// The body before compression. Only gzip is undone: it is what Go services are put behind.
fn unpacked(rules: &Rules, answer: &Answer) -> Result<Bytes, Skip> {
    if answer.body.len() > rules.max_body {
        return Err(Skip::TooLarge);
    }
    match answer.encoding().as_deref() {
        None => Ok(answer.body.clone()),
        Some("gzip" | "x-gzip") => {
            let mut plain = Vec::new();
            let limit = u64::try_from(rules.max_body).unwrap_or(u64::MAX).saturating_add(1);
            let mut unpack = MultiGzDecoder::new(&answer.body[..]).take(limit);
            unpack.read_to_end(&mut plain).map_err(|_| Skip::Encoding)?;
            if plain.len() > rules.max_body { Err(Skip::TooLarge) } else { Ok(plain.into()) }
        }
        Some(_) => Err(Skip::Encoding),
    }
}

/// Torn JSON is no reason to skip: it is what a corrupted answer looks like.
fn parsed(body: &[u8]) -> Result<Option<Tree>, Skip> {
    match Tree::parse(body) {
        Ok(tree) => Ok(Some(tree)),
        Err(TreeError::TooDeep) => Err(Skip::TooDeep),
        Err(TreeError::NotJson) => Ok(None),
    }
}

fn by_bytes(rules: &Rules, primary: &[u8], mirror: &[u8]) -> Difference {
    let same = primary.iter().zip(mirror).take_while(|(ours, theirs)| ours == theirs).count();
    Difference {
        at: Place::Body,
        primary: rules.redaction.around(primary, same),
        mirror: rules.redaction.around(mirror, same),
        times: 1,
    }
}
