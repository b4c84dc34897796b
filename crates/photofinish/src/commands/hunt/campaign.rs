//! What a hunt came to, for the page of campaigns.

use crate::sink::StoreSink;
use jiff::Timestamp;
use photofinish_hunt::Outcome;
use photofinish_store::{Campaign, CampaignFound};

/// Keeps it. A hunt whose findings are known is not spoilt by a page that does not hear of it.
pub(super) fn keep(sink: &mut StoreSink, service: &str, started: Timestamp, outcome: &Outcome) {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let campaign = Campaign {
        id: format!("hunt/{host}/{}/{}", std::process::id(), started.as_nanosecond()),
        kind: "hunt".to_owned(),
        service: service.to_owned(),
        host,
        started,
        ended: Timestamp::now(),
        found: outcome
            .findings
            .iter()
            .map(|seen| CampaignFound {
                id: seen.fingerprint.to_string(),
                new: seen.new,
                regressed: seen.regressed,
            })
            .collect(),
        figures: figures(outcome),
    };
    if let Err(error) = sink.campaign(&campaign) {
        tracing::warn!("the page of campaigns will not show this hunt: {error:#}");
    }
}

fn figures(outcome: &Outcome) -> Vec<(String, String)> {
    let mut figures = Vec::new();
    let mut figure = |name: &str, value: String| figures.push((name.to_owned(), value));
    let ways: Vec<String> =
        outcome.variants.iter().map(|one| one.variant.word().to_owned()).collect();
    figure("ran", ways.join(", "));
    let straight = outcome.variants.iter().filter_map(|one| one.load.as_ref());
    let through = outcome.through.as_ref().map(|through| &through.load);
    let sent: u64 = straight.chain(through).map(|load| load.sent).sum();
    figure("requests", sent.to_string());
    figure("reports", outcome.variants.iter().map(|one| one.reports).sum::<u64>().to_string());
    figure("go", outcome.go_version.clone());
    figures
}
