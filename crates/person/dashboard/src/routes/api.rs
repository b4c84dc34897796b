//! JSON for programs. Fields may be added; those that are here stay.

use super::body;
use crate::app::App;
use crate::intake::IntakeError;
use crate::metrics;
use crate::query::ListQuery;
use crate::reply::{Reply, Trouble, answer, json};
use crate::wire::{BuildJson, RecordedJson, SightingJson, StateJson, Understood};
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use photofinish_model::Fingerprint;
use photofinish_store::json::FindingJson;
use photofinish_store::{Listing, Page, Summary};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A page of findings.
#[derive(Debug, Serialize)]
struct ListingJson {
    total: u64,
    by_state: BTreeMap<String, u64>,
    page: usize,
    findings: Vec<SummaryJson>,
}

/// A finding in one line.
#[derive(Debug, Serialize)]
struct SummaryJson {
    id: String,
    state: String,
    title: String,
    pattern: String,
    light_only: bool,
    count: u64,
    first_seen: Timestamp,
    last_seen: Timestamp,
    sources: BTreeMap<String, u64>,
    services: Vec<String>,
    owners: Vec<String>,
}

pub(super) async fn list(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Reply {
    let query = ListQuery::parse(&query.unwrap_or_default());
    let now = Timestamp::now();
    // Nobody draws here.
    let (filter, page) = (query.filter(now), Page { activity_since: None, ..query.page(now) });
    match app.shelf.with(move |store| store.list(&filter, &page)).await {
        Ok(listing) => json(StatusCode::OK, &ListingJson::new(listing, query.page)),
        Err(error) => Trouble::from(error).json(),
    }
}

pub(super) async fn finding(State(app): State<Arc<App>>, Path(id): Path<String>) -> Reply {
    let found = app.shelf.with(move |store| store.resolve(&id).and_then(|id| store.finding(&id)));
    match found.await {
        Ok(finding) => json(StatusCode::OK, &FindingJson::from(&finding)),
        Err(error) => Trouble::from(error).json(),
    }
}

pub(super) async fn state(State(app): State<Arc<App>>, Path(id): Path<String>) -> Reply {
    let id = Fingerprint::from_stored(id);
    match app.shelf.with(move |store| store.state(&id)).await {
        Ok(state) => json(
            StatusCode::OK,
            &StateJson {
                state: state.map(|state| state.to_string()),
                acknowledged: state.is_some_and(|state| !state.is_open()),
            },
        ),
        Err(error) => Trouble::from(error).json(),
    }
}

pub(super) async fn metrics(State(app): State<Arc<App>>) -> Reply {
    match app.shelf.with(|store| store.totals()).await {
        Ok(totals) => {
            let text = metrics::text(&app.figures(&totals));
            answer(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
        }
        Err(error) => Trouble::from(error).json(),
    }
}

pub(super) async fn sightings(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    request: Request,
) -> Reply {
    match record(&app, &headers, request).await {
        Ok(recorded) => json(StatusCode::OK, &recorded),
        Err(trouble) => {
            if trouble.status == StatusCode::SERVICE_UNAVAILABLE {
                app.metrics.pushed_back.fetch_add(1, Ordering::Relaxed);
            }
            trouble.json()
        }
    }
}

pub(super) async fn builds(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    request: Request,
) -> Reply {
    let recorded = async {
        body::expect_json(&headers)?;
        let bytes = body::read(request.into_body(), 64 << 10, &app.limits).await?;
        let build: BuildJson = body::json(&bytes)?;
        let saw = move |store: &mut photofinish_store::Store| {
            let service = Some(build.service.as_str()).filter(|service| !service.is_empty());
            store.saw_build(service, &build.build, build.at)
        };
        Ok::<(), Trouble>(app.shelf.with(saw).await?)
    };
    match recorded.await {
        Ok(()) => json(StatusCode::OK, &serde_json::json!({})),
        Err(trouble) => trouble.json(),
    }
}

async fn record(
    app: &App,
    headers: &HeaderMap,
    request: Request,
) -> Result<Vec<RecordedJson>, Trouble> {
    body::expect_json(headers)?;
    let length = body::length(headers, app.limits.body)?;
    // Room for the text, and for what is made of it.
    let room = match app.intake.reserve(length.saturating_mul(2)) {
        Ok(room) => room,
        Err(full) => {
            // Who still writes when we hang up would not hear why.
            body::discard(request.into_body(), &app.limits).await;
            return Err(full.into());
        }
    };
    let bytes = body::read(request.into_body(), app.limits.body, &app.limits).await?;
    let sightings: Vec<SightingJson> = body::json(&bytes)?;
    drop(bytes);
    let mut understood = Vec::with_capacity(sightings.len());
    for (index, sighting) in sightings.into_iter().enumerate() {
        let known = Understood::try_from(sighting).map_err(|cause| {
            let text = format!("sighting {index} is not understood");
            let mut trouble = Trouble::new(StatusCode::BAD_REQUEST, text);
            trouble.told.because = Some(cause.to_string());
            trouble
        })?;
        understood.push(known);
    }
    let recorded = app.intake.record(understood, room).await?;
    Ok(recorded.iter().map(RecordedJson::from).collect())
}

impl From<IntakeError> for Trouble {
    fn from(error: IntakeError) -> Trouble {
        match error {
            IntakeError::Store(error) => Trouble::from(&*error),
            IntakeError::Full | IntakeError::Ended => {
                Trouble::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
            }
        }
    }
}

impl ListingJson {
    fn new(listing: Listing, page: usize) -> ListingJson {
        ListingJson {
            total: listing.total,
            by_state: listing.by_state.iter().map(|(s, n)| (s.to_string(), *n)).collect(),
            page,
            findings: listing.findings.iter().map(SummaryJson::from).collect(),
        }
    }
}

impl From<&Summary> for SummaryJson {
    fn from(summary: &Summary) -> SummaryJson {
        SummaryJson {
            id: summary.fingerprint.to_string(),
            state: summary.state.to_string(),
            title: summary.title.clone(),
            pattern: summary.pattern.to_string(),
            light_only: summary.light_only,
            count: summary.count,
            first_seen: summary.first_seen,
            last_seen: summary.last_seen,
            sources: summary.sources.iter().map(|(s, n)| (s.to_string(), *n)).collect(),
            services: summary.services.clone(),
            owners: summary.owners.clone(),
        }
    }
}
