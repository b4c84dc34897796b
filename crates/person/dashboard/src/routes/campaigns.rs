//! `/api/v1/campaigns`: what hunts and catches of other machines came to, and all of them.

use super::body;
use crate::app::App;
use crate::reply::{Reply, Trouble, json};
use crate::wire::CampaignJson;
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode};
use photofinish_store::Campaign;
use std::sync::Arc;

/// Campaigns on a page.
pub(super) const PER_PAGE: usize = 50;
/// Bytes of one at most.
const LARGEST: usize = 1 << 20;

pub(super) async fn list(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Reply {
    let offset = (page_of(query) - 1).saturating_mul(PER_PAGE);
    match app.shelf.with(move |store| store.campaigns(offset, PER_PAGE)).await {
        Ok((total, campaigns)) => {
            let campaigns: Vec<CampaignJson> = campaigns.into_iter().map(Into::into).collect();
            json(StatusCode::OK, &serde_json::json!({"total": total, "campaigns": campaigns}))
        }
        Err(error) => Trouble::from(error).json(),
    }
}

pub(super) async fn record(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    request: Request,
) -> Reply {
    let recorded = async {
        body::expect_json(&headers)?;
        let bytes = body::read(request.into_body(), LARGEST, &app.limits).await?;
        let campaign = Campaign::from(body::json::<CampaignJson>(&bytes)?);
        Ok::<(), Trouble>(app.shelf.with(move |store| store.record_campaign(&campaign)).await?)
    };
    match recorded.await {
        Ok(()) => json(StatusCode::OK, &serde_json::json!({})),
        Err(trouble) => trouble.json(),
    }
}

/// The page asked for, from 1.
pub(super) fn page_of(query: Option<String>) -> usize {
    let query = query.unwrap_or_default();
    let page = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "page");
    page.and_then(|(_, page)| page.parse().ok()).unwrap_or(1).clamp(1, 1_000_000)
}
