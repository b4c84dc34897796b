//! What hunts and catches found, one by one.

use super::words::{ago, counted, number};
use super::{Frame, layout, plot};
use maud::{Markup, html};
use photofinish_store::{Campaign, CampaignFound};
use std::collections::HashMap;

/// Findings named in a row.
const NAMED: usize = 5;

/// A page of campaigns.
pub(crate) struct Campaigns {
    pub(crate) total: u64,
    /// From 1.
    pub(crate) page: usize,
    pub(crate) per_page: usize,
    pub(crate) campaigns: Vec<Campaign>,
    /// What findings are called.
    pub(crate) titles: HashMap<String, String>,
}

pub(crate) fn campaigns(frame: &Frame, shown: &Campaigns) -> Markup {
    let main = html! {
        h1 { "Campaigns" }
        div id="campaigns" data-live {
            @if shown.campaigns.is_empty() {
                div.nothing {
                    p { "No hunt and no catch has ended yet." }
                    p { "Start one: " code { "photofinish hunt" } ", " code { "photofinish catch NAME" } "." }
                }
            } @else {
                (history(shown))
                (table(frame, shown))
                (pages(shown))
            }
        }
    };
    layout("Campaigns", Some(frame), &main)
}

/// Findings by campaign, the last one on the right.
fn history(shown: &Campaigns) -> Markup {
    let found: Vec<u64> = shown.campaigns.iter().rev().map(|one| one.found.len() as u64).collect();
    let new: Vec<u64> = shown.campaigns.iter().rev().map(|one| n_new(one) as u64).collect();
    html! {
        (plot::pairs(&found, &new))
        p.help { "Findings by campaign; what stands out had not been seen before." }
    }
}

fn table(frame: &Frame, shown: &Campaigns) -> Markup {
    html! {
        table.findings {
            caption.sr { "Campaigns" }
            thead { tr {
                th scope="col" { "Found" } th.n scope="col" { "Findings" } th.n scope="col" { "New" }
                th scope="col" { "Ended" } th scope="col" { "Took" } th scope="col" { "Where" }
            } }
            tbody { @for campaign in &shown.campaigns {
                tr {
                    td.what {
                        strong { (campaign.kind) " of " (campaign.service) }
                        p.about { (figures(campaign)) }
                        @if !campaign.found.is_empty() { (found(campaign, shown)) }
                    }
                    td.n data-label="findings" { (number(campaign.found.len() as u64)) }
                    td.n data-label="new" { (number(n_new(campaign) as u64)) }
                    td.when data-label="ended" { (ago(campaign.ended, frame.now)) }
                    td.when data-label="took" { (length(campaign)) }
                    td.owner data-label="on" { (campaign.host) }
                }
            } }
        }
    }
}

fn found(campaign: &Campaign, shown: &Campaigns) -> Markup {
    let title = |found: &CampaignFound| {
        shown.titles.get(&found.id).cloned().unwrap_or_else(|| found.id.clone())
    };
    html! {
        ul.found {
            @for one in campaign.found.iter().take(NAMED) {
                li {
                    a href=(format!("/findings/{}", one.id)) { (title(one)) }
                    @if one.new { " " span.state.new { "new" } }
                    @if one.regressed { " " span.state.regressed { "regressed" } }
                }
            }
            @if campaign.found.len() > NAMED { li { "and " (campaign.found.len() - NAMED) " more" } }
        }
    }
}

fn pages(shown: &Campaigns) -> Markup {
    let n_pages = usize::try_from(shown.total).unwrap_or(usize::MAX).div_ceil(shown.per_page);
    html! {
        nav.pages aria-label="More campaigns" {
            @if shown.page > 1 { a rel="prev" href=(format!("/campaigns?page={}", shown.page - 1)) { "← Back" } }
            p { (counted(shown.total, "campaign")) }
            @if shown.page < n_pages { a rel="next" href=(format!("/campaigns?page={}", shown.page + 1)) { "More →" } }
        }
    }
}

fn n_new(campaign: &Campaign) -> usize {
    campaign.found.iter().filter(|found| found.new).count()
}

fn figures(campaign: &Campaign) -> String {
    let figures = campaign.figures.iter().map(|(name, value)| format!("{name} {value}"));
    figures.collect::<Vec<_>>().join(" · ")
}

/// `2 min 5 s`.
fn length(campaign: &Campaign) -> String {
    let seconds = (campaign.ended.as_second() - campaign.started.as_second()).max(0);
    match seconds {
        0..=59 => format!("{seconds} s"),
        60..=3_599 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}
