//! Proxies and the queue whose figures `serve` shows: how each is asked.

use crate::commands::proxy;
use crate::config::Config;
use crate::config::jobs::JobsFlags;
use crate::output;
use photofinish_dashboard::{Watched, WatchedKind};
use std::net::SocketAddr;
use std::sync::Arc;

/// The proxies at these admin addresses, and the queue of `config` if it names one.
pub(super) fn watched(proxies: &[SocketAddr], config: &Config) -> Vec<Watched> {
    let mut watched: Vec<Watched> = proxies.iter().copied().map(proxy_at).collect();
    watched.extend(queue(config));
    watched
}

fn proxy_at(address: SocketAddr) -> Watched {
    let ask = move || proxy::ask(address).map_err(|error| told(&error));
    Watched { name: address.to_string(), kind: WatchedKind::Proxy, ask: Arc::new(ask) }
}

fn queue(config: &Config) -> Option<Watched> {
    let url = std::env::var("PHOTOFINISH_JOBS_URL").ok();
    // A configuration without a queue makes no plan.
    let plan = config.jobs_plan(&JobsFlags { url, ..JobsFlags::default() }).ok()?;
    let name = format!("{} at {}", plan.kind.word(), plan.place());
    let ask = move || {
        let asked = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let look = runtime.block_on(photofinish_jobs::status(&plan))?;
            anyhow::Ok(output::jobs::json(&plan, &look))
        };
        asked().map_err(|error| told(&error))
    };
    Some(Watched { name, kind: WatchedKind::Queue, ask: Arc::new(ask) })
}

/// What went wrong in one line, without what to do about it.
fn told(error: &anyhow::Error) -> String {
    error.root_cause().to_string()
}
