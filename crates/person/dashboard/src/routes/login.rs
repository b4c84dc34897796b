//! `/login`: the token once, for a cookie.

use super::body;
use crate::app::App;
use crate::guard::COOKIE;
use crate::page;
use crate::reply::{Reply, html, see_other};
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Seconds a cookie is good for.
const GOOD_FOR: i64 = 30 * 24 * 3600;
/// Whoever guesses waits.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) async fn form(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Reply {
    let query = query.unwrap_or_default();
    let next = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "next");
    let next = own_place(next.as_ref().map_or("", |(_, place)| place));
    match app.token {
        Some(_) => html(StatusCode::OK, page::login(next, false)),
        None => see_other(next),
    }
}

pub(super) async fn login(State(app): State<Arc<App>>, request: Request) -> Reply {
    let fields = match body::form(request.into_body(), &app.limits).await {
        Ok(fields) => fields,
        Err(trouble) => return trouble.page(),
    };
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let next = own_place(field("next"));
    let Some(token) = &app.token else { return see_other(next) };
    if !token.is(field("token").trim()) {
        tokio::time::sleep(PAUSE).await;
        return html(StatusCode::UNAUTHORIZED, page::login(next, true));
    }
    let expiry = Timestamp::now().as_second() + GOOD_FOR;
    with_cookie(&app, see_other(next), &app.signer.session(expiry), GOOD_FOR)
}

pub(super) async fn logout(State(app): State<Arc<App>>) -> Reply {
    with_cookie(&app, see_other("/login"), "", 0)
}

fn with_cookie(app: &App, mut reply: Reply, value: &str, seconds: i64) -> Reply {
    // `Lax`: a link in a chat opens the finding, and no other site can post as us.
    let secure = if app.is_secure { "; Secure" } else { "" };
    let cookie =
        format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        reply.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    reply
}

/// `place` if it is one of ours, or the beginning.
fn own_place(place: &str) -> &str {
    let is_plain = place.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if place.starts_with('/') && !place.starts_with("//") && is_plain { place } else { "/findings" }
}

#[cfg(test)]
mod tests {
    use super::own_place;

    #[test]
    fn nobody_is_sent_to_another_site_after_login() {
        assert_eq!(own_place("/findings/01?q=a%20b"), "/findings/01?q=a%20b");
        for place in ["", "//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nb"] {
            assert_eq!(own_place(place), "/findings", "{place}");
        }
    }
}
