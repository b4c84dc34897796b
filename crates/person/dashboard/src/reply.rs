//! Answers: HTML, JSON, text, and what goes wrong in either form.

use crate::page;
use crate::wire::ErrorJson;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use axum::http::{Response, StatusCode};
use maud::Markup;
use photofinish_store::StoreError;
use serde::Serialize;

/// What a handler ends with.
pub(crate) type Reply = Response<Body>;

/// What went wrong, to be told as a page or as JSON.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) status: StatusCode,
    pub(crate) told: ErrorJson,
}

impl Trouble {
    pub(crate) fn new(status: StatusCode, error: impl Into<String>) -> Trouble {
        Trouble { status, told: ErrorJson { error: error.into(), ..ErrorJson::default() } }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Trouble {
        self.told.hint = Some(hint.into());
        self
    }

    pub(crate) fn json(&self) -> Reply {
        let mut reply = json(self.status, &self.told);
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        reply
    }

    pub(crate) fn page(&self) -> Reply {
        html(self.status, page::trouble(self))
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Trouble {
        Trouble::from(&error)
    }
}

impl From<&StoreError> for Trouble {
    fn from(error: &StoreError) -> Trouble {
        let status = match error {
            StoreError::Unknown { .. } => StatusCode::NOT_FOUND,
            StoreError::Ambiguous { .. } => StatusCode::BAD_REQUEST,
            StoreError::Refused { .. } => StatusCode::CONFLICT,
            error if error.is_passing() => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let because = std::error::Error::source(error).map(ToString::to_string);
        // The hint names commands of the terminal; who asks for what is not there needs none.
        let hint = if status == StatusCode::NOT_FOUND { None } else { error.hint() };
        Trouble { status, told: ErrorJson { error: error.to_string(), because, hint } }
    }
}

pub(crate) fn html(status: StatusCode, markup: Markup) -> Reply {
    answer(status, "text/html; charset=utf-8", markup.into_string())
}

pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(bytes) => answer(status, "application/json", bytes),
        Err(error) => {
            tracing::error!("an answer cannot be written as JSON: {error}");
            answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "")
        }
    }
}

pub(crate) fn text(text: impl Into<Body>) -> Reply {
    answer(StatusCode::OK, "text/plain; charset=utf-8", text)
}

/// To be asked for next.
pub(crate) fn see_other(place: &str) -> Reply {
    let mut reply = answer(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", "");
    if let Ok(place) = HeaderValue::from_str(place) {
        reply.headers_mut().insert(LOCATION, place);
    }
    reply
}

pub(crate) fn answer(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Reply {
    let mut reply = Response::new(body.into());
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    reply
}
