//! Load driven at a build or at the proxy.

use crate::front::RESEND;
use crate::{HuntError, Place};
use photofinish_load::{End, Plan, Snapshot, Stop, Summary};
use std::time::Duration;

/// Drives `load`, written for `place`, there for `duration`.
pub(crate) fn drive(
    load: &Plan,
    place: &Place,
    duration: Duration,
    stop: &Stop,
    on_tick: impl FnMut(&Snapshot<'_>),
) -> Result<Summary, HuntError> {
    let plan = Plan { end: End::After(duration), ..load.clone() };
    photofinish_load::run(&plan, stop, on_tick)
        .map_err(|source| HuntError::Load { url: place.url(""), source: Box::new(source) })
}

/// `load`, written for `from`, at `to`.
pub fn moved(load: &Plan, from: &Place, to: &Place) -> Plan {
    let mut load = load.clone();
    for request in &mut load.requests {
        let path = request.url.strip_prefix(&from.url(""));
        if let Some(path) = path.filter(|path| path.starts_with(['/', '?'])) {
            request.url = to.url(path);
        }
    }
    load
}

/// `load`, every request marked as one that may be sent twice.
pub(crate) fn resendable(load: &Plan) -> Plan {
    let mut load = load.clone();
    for request in &mut load.requests {
        if !matches!(&*request.method, "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE" | "TRACE") {
            request.headers.push((RESEND.to_owned(), "1".to_owned()));
        }
    }
    load
}

#[cfg(test)]
mod tests {
    use super::*;
    use photofinish_load::{Load, Request};

    #[test]
    fn load_for_one_place_is_driven_at_another_with_its_paths() {
        let from = Place::parse("http://127.0.0.1:8080/").unwrap();
        let to = Place::parse("http://127.0.0.1:9001/").unwrap();
        let urls = ["http://127.0.0.1:8080/a?b={{ counter }}", "http://127.0.0.1:80801/a"];
        let plan = Plan::new(urls.map(Request::get).to_vec(), Load::closed(1));
        let moved = moved(&plan, &from, &to);
        let paths: Vec<&str> = moved.requests.iter().map(|r| r.url.as_str()).collect();
        assert_eq!(paths, ["http://127.0.0.1:9001/a?b={{ counter }}", urls[1]]);
    }

    #[test]
    fn only_requests_that_may_not_be_sent_twice_by_themselves_are_marked() {
        let requests = ["GET", "POST", "PUT"].map(|method| Request::new(method, "http://a/"));
        let marked = resendable(&Plan::new(requests.to_vec(), Load::closed(1)));
        let n: Vec<usize> = marked.requests.iter().map(|r| r.headers.len()).collect();
        assert_eq!(n, [0, 1, 0]);
    }
}
