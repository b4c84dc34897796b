//! The proxy in front of the builds: what it is asked to do in a hunt, and what it tells.
//!
//! A hunt is a test rig, not production, so much is set otherwise than `photofinish proxy` has it: the canary
//! has a large share and comes back within a second, unsafe requests are copied (the mirror is a process
//! of its own and the traffic is ours), answers of the canary are held for long, so that its end costs nobody one.
//!
//! Start at [`Front::start`].

use crate::{Compared, HuntError, Place, Plan, Proxied, Tell};
use http::HeaderName;
use photofinish_load::{Load, Ramp};
use photofinish_proxy::compare::{Differing, Place as DifferingAt, RuleTexts, Rules};
use photofinish_proxy::plan::{self as proxy, Breaker, Canary, Forwarded, Listener, Mirror, Share};
use photofinish_proxy::{Event, Hooks, Proxy, StartError, Status};
use std::cell::RefCell;
use std::collections::HashSet;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// On our requests that may be sent twice, whatever their method.
pub(crate) const RESEND: &str = "x-photofinish-resend";

/// Longest that a request waits for the canary before the normal build is asked.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most of a request, and of an answer of the canary, that is held so that it can be had twice.
const HELD: usize = 1 << 20;

/// The builds behind the proxy.
pub(crate) struct Builds<'a> {
    pub(crate) stable: &'a Place,
    pub(crate) canary: Option<&'a Place>,
    pub(crate) mirror: Option<&'a Place>,
}

/// A proxy that runs.
pub(crate) struct Front {
    proxy: Proxy,
    news: mpsc::Receiver<News>,
    differences: Arc<AtomicU64>,
}

/// Something worth a line.
pub(crate) enum News {
    /// The proxy says so.
    Proxy(Event),
    /// A place where answers differ, for the first time.
    Differs(String),
}

impl Front {
    /// Starts the proxy where callers expect the service.
    pub(crate) fn start(
        plan: &Plan,
        proxied: &Proxied,
        builds: &Builds<'_>,
        tell: Tell,
    ) -> Result<Front, HuntError> {
        let (told, news) = mpsc::channel();
        let differences = Arc::new(AtomicU64::new(0));
        let (counter, first_told) = (Arc::clone(&differences), told.clone());
        let (compare, places) = (proxied.compare, RefCell::new(HashSet::new()));
        let hooks = Hooks {
            // Nobody listens any more only when the hunt itself is over.
            event: Box::new(move |event| drop(told.send(News::Proxy(event)))),
            difference: Box::new(move |_, differing, values| {
                if !compare.is_some_and(|compared| compared.means(differing)) {
                    return;
                }
                counter.fetch_add(1, Ordering::Relaxed);
                let place = (differing.route.clone(), differing.difference.at.clone());
                if places.borrow_mut().insert(place) {
                    let (route, at) = (&differing.route, &differing.difference.at);
                    let line = format!("{route} answers differently at {at}");
                    drop(first_told.send(News::Differs(line)));
                }
                tell(differing, values);
            }),
            inherited: Vec::new(),
        };
        let proxy = Proxy::start(proxy_plan(plan, proxied, builds)?, hooks)
            .map_err(|source| cannot(plan, source))?;
        Ok(Front { proxy, news, differences })
    }

    /// What it counted so far.
    pub(crate) fn status(&self) -> Status {
        self.proxy.status()
    }

    /// What it told since the last call.
    pub(crate) fn news(&self) -> Vec<News> {
        self.news.try_iter().collect()
    }

    /// Ends it; with the number of differences told. Those that waited have been when this returns.
    pub(crate) fn finish(self) -> (Status, u64) {
        let status = self.proxy.drain(|| false);
        (status, self.differences.load(Ordering::Relaxed))
    }
}

impl Compared {
    /// Whether a difference is worth telling.
    fn means(self, differing: &Differing) -> bool {
        let is_json = |kind: &str| kind.ends_with("/json") || kind.ends_with("+json");
        match self {
            Compared::Values => true,
            // Both said that it is JSON, and it could not be compared as such.
            Compared::Shape => {
                differing.difference.at == DifferingAt::Body
                    && is_json(&differing.primary.content_type)
                    && is_json(&differing.mirror.content_type)
            }
        }
    }
}

fn cannot(plan: &Plan, source: StartError) -> HuntError {
    HuntError::Proxy { service: plan.service.name.clone(), source: Box::new(source) }
}

fn proxy_plan(
    plan: &Plan,
    proxied: &Proxied,
    builds: &Builds<'_>,
) -> Result<proxy::Plan, HuntError> {
    // `localhost` may be an address that this machine does not have, too. To ask by listening would leave the port taken
    // for a moment: a child that is being started just then has the socket as well, until it is another program.
    let addresses = plan.service.place.addresses()?;
    let usable = addresses.iter().filter(|address| UdpSocket::bind((address.ip(), 0)).is_ok());
    let listen = usable.map(|address| Listener { address: *address, tls: None }).collect();
    let first = std::net::SocketAddr::from(([127, 0, 0, 1], plan.service.place.port));
    let defaults = proxy::Plan::new(first, upstream(builds.stable));
    let timeout = plan.load.timeout;
    Ok(proxy::Plan {
        listen,
        canary: builds.canary.map(|place| canary(plan, proxied, place)),
        mirrors: builds.mirror.iter().map(|place| mirror(plan, proxied, place)).collect(),
        timeouts: proxy::Timeouts {
            answer: defaults.timeouts.answer.max(timeout),
            drain: Duration::from_secs(2),
            ..defaults.timeouts.clone()
        },
        // The service shall see the requests as they were written down.
        forwarded: Forwarded::Off,
        ..defaults
    })
}

fn upstream(place: &Place) -> proxy::Upstream {
    proxy::Upstream {
        scheme: proxy::Scheme::Http,
        host: place.host.trim_matches(['[', ']']).to_owned(),
        port: place.port,
        protocol: proxy::Protocol::Auto,
        authorities: None,
    }
}

fn canary(plan: &Plan, proxied: &Proxied, place: &Place) -> Canary {
    Canary {
        share: proxied.canary,
        confirmed: true,
        patience: (plan.load.timeout / 3).min(PATIENCE),
        answer: plan.load.timeout,
        hold_bytes: HELD,
        hold_answer_bytes: HELD,
        hold_answer: plan.load.timeout / 3,
        idempotency_header: HeaderName::from_static(RESEND),
        breaker: Breaker {
            path: plan.service.ready.clone(),
            interval: Duration::from_millis(100),
            ramp: Duration::from_millis(500),
            ..Breaker::default()
        },
        ..Canary::new(upstream(place))
    }
}

fn mirror(plan: &Plan, proxied: &Proxied, place: &Place) -> Mirror {
    let everything = proxy::Rule { methods: Vec::new(), path: "*".to_owned(), copy: true };
    let compare = proxied.compare.and_then(|_| Rules::new(&RuleTexts::default()).ok());
    Mirror {
        share: proxied.mirror.max(Share::ppm(1)),
        rules: vec![everything],
        // What the service itself would have under way: more would only be slower.
        in_flight: in_flight(&plan.load.load),
        deadline: plan.load.timeout,
        compare: compare.map(|rules| proxy::Compare { rules, answer_bytes: HELD }),
        ..Mirror::new("mirror", upstream(place))
    }
}

fn in_flight(load: &Load) -> usize {
    match load {
        Load::Closed { workers, .. } => (Ramp::peak(workers) as usize).max(1),
        Load::Open { max_in_flight, .. } => max_in_flight.unwrap_or(256),
        Load::Replay(_) => 256,
    }
}
