//! Every address we answer to, and what answers there.
//!
//! `pages` makes HTML for people, `api` JSON for programs, `events` tells open pages that something
//! changed, `assets` has the few files the page loads, `login` lets people in. Nothing here touches a
//! file by a name from outside.

mod api;
mod assets;
mod body;
mod campaigns;
mod decide;
mod events;
mod login;
mod pages;

pub(crate) use decide::DecisionJson;
pub(crate) use pages::DAYS;

use crate::app::App;
use crate::guard::guard;
use crate::reply::{Reply, Trouble, see_other, text};
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use std::sync::Arc;

/// All of it.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(async || see_other("/findings")))
        .route("/findings", get(pages::list))
        .route("/findings/{id}", get(pages::finding))
        .route("/findings/{id}/raw", get(pages::raw))
        .route("/findings/{id}/actions", post(decide::by_form))
        .route("/campaigns", get(pages::campaigns))
        .route("/variants", get(pages::variants))
        .route("/login", get(login::form).post(login::login))
        .route("/logout", post(login::logout))
        .route("/events", get(events::events))
        .route("/assets/{name}", get(assets::asset))
        .route("/healthz", get(async || text("ok\n")))
        .route("/metrics", get(api::metrics))
        .route("/api/v1/findings", get(api::list))
        .route("/api/v1/findings/{id}", get(api::finding))
        .route("/api/v1/findings/{id}/state", get(api::state))
        .route("/api/v1/findings/{id}/actions", post(decide::by_json))
        .route("/api/v1/sightings", post(api::sightings))
        .route("/api/v1/builds", post(api::builds))
        .route("/api/v1/campaigns", get(campaigns::list).post(campaigns::record))
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_so)
        .layer(from_fn_with_state(Arc::clone(&app), guard))
        .with_state(app)
}

async fn nothing_here(request: Request) -> Reply {
    told(&request, &Trouble::new(StatusCode::NOT_FOUND, "there is nothing at this address"))
}

async fn not_so(request: Request) -> Reply {
    let text = format!("{} is not understood at this address", request.method());
    told(&request, &Trouble::new(StatusCode::METHOD_NOT_ALLOWED, text))
}

fn told(request: &Request, trouble: &Trouble) -> Reply {
    match request.uri().path().starts_with("/api/") {
        true => trouble.json(),
        false => trouble.page(),
    }
}
