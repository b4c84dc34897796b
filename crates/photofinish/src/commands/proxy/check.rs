//! `photofinish proxy --check`: what the configuration would do, and whether its files can be read.

use crate::exit::ExitStatus;
use crate::output;
use anyhow::Context;
use jiff::Timestamp;
use photofinish_proxy::plan::{Plan, Upstream};
use std::fs::File;
use std::io::Write;
use std::path::Path;

pub(super) fn check(plan: &Plan) -> anyhow::Result<ExitStatus> {
    for (what, file) in files(plan) {
        File::open(file).with_context(|| format!("cannot read the {what} {}", file.display()))?;
    }
    let width = output::style::terminal_width().unwrap_or(100);
    let text = output::proxy::plan::text(plan, Timestamp::now(), width);
    anstream::stdout().lock().write_all(text.as_bytes()).context("cannot write to stdout")?;
    Ok(ExitStatus::Success)
}

fn files(plan: &Plan) -> Vec<(&'static str, &Path)> {
    let certificates = plan.listen.iter().filter_map(|listener| listener.tls.as_ref());
    let mut files: Vec<(&str, &Path)> = certificates
        .flat_map(|tls| [("certificate", tls.certificate.as_path()), ("key", tls.key.as_path())])
        .collect();
    let canary = plan.canary.iter().map(|canary| &canary.to);
    let mirrors = plan.mirrors.iter().map(|mirror| &mirror.to);
    let upstreams = std::iter::once(&plan.stable).chain(canary).chain(mirrors);
    let authorities = upstreams.filter_map(|to: &Upstream| to.authorities.as_deref());
    files.extend(authorities.map(|file| ("authorities", file)));
    files
}
