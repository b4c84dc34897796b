//! Reading what a request carries: so much, in so much time.

use crate::reply::Trouble;
use crate::settings::Limits;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::collections::HashMap;

/// Bytes of a form at most.
const FORM: usize = 64 << 10;

/// All of a body.
pub(super) async fn read(body: Body, limit: usize, limits: &Limits) -> Result<Bytes, Trouble> {
    let collected = Limited::new(body, limit).collect();
    match tokio::time::timeout(limits.body_time, collected).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => {
            Err(too_large(limit))
        }
        Ok(Err(error)) => {
            Err(Trouble::new(StatusCode::BAD_REQUEST, format!("the request broke off: {error}")))
        }
        Err(_) => Err(Trouble::new(StatusCode::REQUEST_TIMEOUT, "the request came too slowly")),
    }
}

/// Reads a body and forgets it.
pub(super) async fn discard(mut body: Body, limits: &Limits) {
    let read = async { while let Some(Ok(_)) = body.frame().await {} };
    let _ = tokio::time::timeout(limits.body_time, read).await;
}

/// How long a body says it is, if that is no more than `limit`.
pub(super) fn length(headers: &HeaderMap, limit: usize) -> Result<usize, Trouble> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length: Option<usize> = length.and_then(|length| length.parse().ok());
    match length {
        Some(length) if length > limit => Err(too_large(limit)),
        Some(length) => Ok(length),
        None => Err(Trouble::new(StatusCode::LENGTH_REQUIRED, "a Content-Length is needed")),
    }
}

/// The fields of a form, the last of each name.
pub(super) async fn form(body: Body, limits: &Limits) -> Result<HashMap<String, String>, Trouble> {
    let bytes = read(body, FORM, limits).await?;
    Ok(form_urlencoded::parse(&bytes).into_owned().collect())
}

/// A program's request says that it is JSON, which no foreign page can say without asking first.
pub(super) fn expect_json(headers: &HeaderMap) -> Result<(), Trouble> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    match kind.eq_ignore_ascii_case("application/json") {
        true => Ok(()),
        false => Err(Trouble::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "a Content-Type of application/json is needed",
        )),
    }
}

/// `bytes` as JSON.
pub(super) fn json<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Trouble> {
    serde_json::from_slice(bytes).map_err(|cause| {
        let mut trouble = Trouble::new(StatusCode::BAD_REQUEST, "the JSON is not understood");
        trouble.told.because = Some(cause.to_string());
        trouble
    })
}

fn too_large(limit: usize) -> Trouble {
    let text = format!("the request is larger than {} KiB", limit >> 10);
    Trouble::new(StatusCode::PAYLOAD_TOO_LARGE, text)
}
