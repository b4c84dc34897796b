//! The files that the page loads, all of them in the program.

use crate::reply::{Reply, Trouble, answer};
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

const FILES: &[(&str, &str, &str)] = &[
    ("style.css", "text/css; charset=utf-8", include_str!("../assets/style.css")),
    ("app.js", "text/javascript; charset=utf-8", include_str!("../assets/app.js")),
    ("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")),
];

/// A file, or that the browser's copy is still good.
pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Reply {
    let Some((_, kind, text)) = FILES.iter().find(|(known, ..)| *known == name) else {
        return Trouble::new(StatusCode::NOT_FOUND, "there is no such file").page();
    };
    let digest = Sha256::digest(text.as_bytes());
    let tag: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let is_known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known == tag.as_str());
    let mut reply = match is_known {
        true => answer(StatusCode::NOT_MODIFIED, kind, ""),
        false => answer(StatusCode::OK, kind, *text),
    };
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        reply.headers_mut().insert(header::ETAG, tag);
    }
    reply
}
