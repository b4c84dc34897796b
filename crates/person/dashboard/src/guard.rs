//! Who may ask for what, and the headers that every answer carries.
//!
//! Without a token only this machine can reach us, but its browsers can be talked into asking on behalf
//! of any site: so the name asked for must be one of the loopback (a site that points its own name at
//! us is refused), and what changes something must come from our own page. With a token it is the
//! token, in a header or as a cookie got at `/login`. A reporter's token opens the collector only.
//!
//! Start at [`guard`].

use crate::app::App;
use crate::reply::{Reply, Trouble, see_other};
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use jiff::Timestamp;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The cookie's name.
pub(crate) const COOKIE: &str = "photofinish_session";

/// Nothing runs and nothing is loaded that is not ours; nobody frames the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    // Not `no-referrer`: it would make browsers hide from us that a form is our own.
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// Lets a request through, or answers in its place.
pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Reply {
    app.metrics.requests.fetch_add(1, Ordering::Relaxed);
    let mut reply = match admit(&app, &request) {
        Ok(()) => next.run(request).await,
        Err(reply) => {
            app.metrics.refused.fetch_add(1, Ordering::Relaxed);
            *reply
        }
    };
    for (name, value) in HEADERS {
        reply.headers_mut().insert(*name, HeaderValue::from_static(value));
    }
    reply
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    reply
}

/// The value of our cookie, if it is still good.
pub(crate) fn session<'a>(app: &App, headers: &'a HeaderMap) -> Option<&'a str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut cookies = values.flat_map(|value| value.split(';'));
    let value = cookies.find_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    })?;
    app.signer.is_session(value, Timestamp::now().as_second()).then_some(value)
}

/// What our own forms carry, so that nobody else's are believed.
pub(crate) fn form_mark(app: &App, headers: &HeaderMap) -> String {
    app.signer.sign("form", session(app, headers).unwrap_or_default())
}

/// Whether a form carries our mark.
pub(crate) fn is_marked(app: &App, headers: &HeaderMap, mark: &str) -> bool {
    app.signer.is_signed("form", session(app, headers).unwrap_or_default(), mark)
}

fn admit(app: &App, request: &Request) -> Result<(), Box<Reply>> {
    let path = request.uri().path();
    let is_api = path.starts_with("/api/") || path == "/metrics";
    let refuse =
        |trouble: Trouble| Err(Box::new(if is_api { trouble.json() } else { trouble.page() }));
    let headers = request.headers();
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    if changes && !is_own_site(headers) {
        return refuse(Trouble::new(StatusCode::FORBIDDEN, "this came from another site"));
    }
    if matches!(path, "/healthz" | "/login") || path.starts_with("/assets/") {
        return Ok(());
    }
    let Some(token) = &app.token else {
        return match asks_for_loopback(headers) {
            true => Ok(()),
            false => refuse(
                Trouble::new(StatusCode::FORBIDDEN, "this page answers to the loopback only")
                    .hint("open it as http://127.0.0.1, or start it with --token-file"),
            ),
        };
    };
    if let Some(bearer) = bearer(headers) {
        let reports = app.report_token.as_ref().is_some_and(|token| token.is(bearer));
        if token.is(bearer) || (reports && is_reporting(request)) {
            return Ok(());
        }
        return refuse(match reports {
            true => Trouble::new(StatusCode::FORBIDDEN, "this token may only send sightings"),
            false => Trouble::new(StatusCode::UNAUTHORIZED, "the token is a wrong one"),
        });
    }
    if session(app, headers).is_some() {
        return Ok(());
    }
    if is_api || changes {
        let trouble = |error: &str| Trouble::new(StatusCode::UNAUTHORIZED, error);
        let mut reply = match is_api {
            true => {
                trouble("a token is needed").hint("send it as `Authorization: Bearer …`").json()
            }
            // A person whose cookie has run out while a form was open.
            false => trouble("you are not logged in any more, so nothing was changed")
                .hint("log in and do it again")
                .page(),
        };
        let kind = HeaderValue::from_static("Bearer");
        reply.headers_mut().insert(header::WWW_AUTHENTICATE, kind);
        return Err(Box::new(reply));
    }
    let wanted = request.uri().path_and_query().map_or("/", |place| place.as_str());
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("next", wanted);
    Err(Box::new(see_other(&format!("/login?{}", query.finish()))))
}

/// The word behind `Bearer`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (kind, word) = value.split_once(' ')?;
    kind.eq_ignore_ascii_case("bearer").then(|| word.trim())
}

/// What a reporter's token is for.
fn is_reporting(request: &Request) -> bool {
    let path = request.uri().path();
    match *request.method() {
        Method::POST => {
            matches!(path, "/api/v1/sightings" | "/api/v1/builds" | "/api/v1/campaigns")
        }
        Method::GET => path.starts_with("/api/v1/findings/") && path.ends_with("/state"),
        _ => false,
    }
}

/// Browsers say where a request comes from; programs say nothing.
fn is_own_site(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text("sec-fetch-site")
        && !matches!(site, "same-origin" | "none")
    {
        return false;
    }
    let Some(origin) = text("origin") else { return true };
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    authority.is_some() && authority == text("host")
}

/// The name asked for is of this machine.
fn asks_for_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else {
        return false;
    };
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _port)) => address,
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

    use super::*;
    use axum::http::HeaderName;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        });
        pairs.collect()
    }

    #[test]
    fn a_name_that_somebody_points_at_us_is_not_the_loopback() {
        for host in ["127.0.0.1:7071", "localhost", "LOCALHOST:1", "[::1]:7071", "127.9.9.9"] {
            assert!(asks_for_loopback(&headers(&[("host", host)])), "{host}");
        }
        for host in ["evil.example:7071", "127.0.0.1.evil.example", "10.0.0.1", "", "[::2]:1"] {
            assert!(!asks_for_loopback(&headers(&[("host", host)])), "{host}");
        }
        assert!(!asks_for_loopback(&headers(&[])));
    }

    #[test]
    fn what_changes_something_comes_from_our_own_page_or_from_a_program() {
        let host = ("host", "127.0.0.1:7071");
        assert!(is_own_site(&headers(&[host])));
        assert!(is_own_site(&headers(&[host, ("origin", "http://127.0.0.1:7071")])));
        for origin in ["http://evil.example", "null", "http://127.0.0.1:7072", "127.0.0.1:7071"] {
            assert!(!is_own_site(&headers(&[host, ("origin", origin)])), "{origin}");
        }
        assert!(!is_own_site(&headers(&[host, ("sec-fetch-site", "cross-site")])));
        assert!(!is_own_site(&headers(&[host, ("sec-fetch-site", "same-site")])));
    }
}
