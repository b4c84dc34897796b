//! The pages that people read.

use super::campaigns::{PER_PAGE, page_of};
use super::decide::DecisionJson;
use crate::app::App;
use crate::guard::{form_mark, session};
use crate::page::{self, Frame};
use crate::query::{ListQuery, plot_since};
use crate::reply::{Reply, Trouble, html, text};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use photofinish_model::Fingerprint;
use photofinish_store::Finding;
use std::collections::HashMap;
use std::sync::Arc;

/// Days of the large plot.
pub(crate) const DAYS: i64 = 30;

pub(super) async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Reply {
    let query = ListQuery::parse(&query.unwrap_or_default());
    let now = Timestamp::now();
    let (filter, page) = (query.filter(now), query.page(now));
    let read = async {
        let choices = app.choices().await?;
        let listing = app.shelf.with(move |store| store.list(&filter, &page)).await?;
        Ok::<_, photofinish_store::StoreError>((listing, choices))
    };
    match read.await {
        Ok((listing, choices)) => {
            let markup = page::list(&frame(&app, &headers, now), &query, &listing, &choices);
            html(StatusCode::OK, markup)
        }
        Err(error) => Trouble::from(error).page(),
    }
}

pub(super) async fn finding(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Reply {
    let query = query.unwrap_or_default();
    let done = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "done");
    let said = page::Said::Done(done.map(|(_, word)| word.into_owned()).unwrap_or_default());
    show(&app, &headers, id, StatusCode::OK, said).await
}

pub(super) async fn variants(State(app): State<Arc<App>>, headers: HeaderMap) -> Reply {
    let known = app.watching.known();
    html(StatusCode::OK, page::variants(&frame(&app, &headers, Timestamp::now()), &known))
}

pub(super) async fn campaigns(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Reply {
    let page = page_of(query);
    let read = app.shelf.with(move |store| {
        let (total, campaigns) = store.campaigns((page - 1) * PER_PAGE, PER_PAGE)?;
        let mut titles = HashMap::new();
        for found in campaigns.iter().flat_map(|campaign| campaign.found.iter().take(5)) {
            if let Some(title) = store.title(&Fingerprint::from_stored(found.id.clone()))? {
                titles.insert(found.id.clone(), title);
            }
        }
        Ok(page::Campaigns { total, page, per_page: PER_PAGE, campaigns, titles })
    });
    match read.await {
        Ok(shown) => {
            html(StatusCode::OK, page::campaigns(&frame(&app, &headers, Timestamp::now()), &shown))
        }
        Err(error) => Trouble::from(error).page(),
    }
}

/// The finding again, with why what was asked for was not done.
pub(super) async fn refused(
    app: &Arc<App>,
    headers: &HeaderMap,
    id: String,
    trouble: &Trouble,
    decision: &DecisionJson,
) -> Reply {
    let why = match &trouble.told.because {
        Some(because) => format!("{}: {because}", trouble.told.error),
        None => trouble.told.error.clone(),
    };
    let said = page::Said::Refused { why, decision: Box::new(decision.clone()) };
    show(app, headers, id, trouble.status, said).await
}

/// The latest report as printed, as text.
pub(super) async fn raw(State(app): State<Arc<App>>, Path(id): Path<String>) -> Reply {
    let found = app.shelf.with(move |store| store.resolve(&id).and_then(|id| store.finding(&id)));
    match found.await {
        Ok(finding) => text(finding.latest_raw),
        Err(error) => Trouble::from(error).page(),
    }
}

async fn show(
    app: &Arc<App>,
    headers: &HeaderMap,
    id: String,
    status: StatusCode,
    said: page::Said,
) -> Reply {
    let now = Timestamp::now();
    let reading = Arc::clone(app);
    let read = app.shelf.with(move |store| {
        let finding: Finding = store.resolve(&id).and_then(|id| store.finding(&id))?;
        let activity = store.activity(&finding.fingerprint, plot_since(now, DAYS))?;
        let excerpts = reading.checkout.excerpts(&finding);
        Ok((finding, activity, excerpts))
    });
    match read.await {
        Ok((finding, activity, excerpts)) => {
            let shown = page::Shown { finding, activity, excerpts, said };
            html(status, page::finding(&frame(app, headers, now), &shown))
        }
        Err(error) => Trouble::from(error).page(),
    }
}

fn frame(app: &App, headers: &HeaderMap, now: Timestamp) -> Frame {
    Frame { now, mark: form_mark(app, headers), can_log_out: session(app, headers).is_some() }
}
