//! The payment service under load: how soon its first race is caught, and what catch takes from it.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use photofinish_testkit::{BuildOptions, free_port, try_build_go, workspace_root};
use serde_json::Value;

use crate::catching::Catching;
use crate::stats::{change, median, spread, time};
use crate::windows;

/// A gateway that answers so quickly that the processors are the limit, and that whatever is taken from the service shows in
/// its latency. With it the racy service dies in less than a tenth of a second, by `fatal error: concurrent map …`, before
/// anybody can look at it: there the gateway is the example's own.
const QUICK: [(&str, &str); 2] = [("GATEWAY_MIN", "1ms"), ("GATEWAY_MAX", "5ms")];

/// The most starts for one time to the first race.
const STARTS: usize = 12;

/// How long catch looks unless told otherwise (`--for`); loads and windows are as long.
const LOOK: Duration = Duration::from_secs(30);

/// Loads that need no pair: warming, and the race build.
const SHORT: Duration = Duration::from_secs(5);

/// The load runs for so long before catch comes.
const BEFORE: Duration = Duration::from_millis(300);

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Payments {
    /// Seconds from attaching to the first race; `None`: missed.
    pub(crate) first: Vec<Option<f64>>,
    pub(crate) figures: Vec<Figure>,
    /// Requests that failed, and races reported of the repaired service.
    pub(crate) failed: u64,
    pub(crate) alarms: usize,
}

/// One figure of the repaired service, taken in pairs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figure {
    pub(crate) what: &'static str,
    /// The ratio to the normal build alone that is still well: not less for requests a second, not more for latency.
    pub(crate) mark: f64,
    settings: &'static [(&'static str, &'static str)],
    load: [&'static str; 2],
    /// Where `load` tells it.
    pointer: &'static str,
    normal: Vec<f64>,
    /// Watched by catch, against not, pair by pair; and the race build against the normal one.
    pub(crate) with: Vec<f64>,
    race: Vec<f64>,
}

/// A running payment service; killed and reaped when dropped.
pub(crate) struct Service {
    child: Child,
    port: u16,
}

impl Service {
    fn start(options: &BuildOptions, settings: &[(&str, &str)]) -> anyhow::Result<Service> {
        let binary = try_build_go(&workspace_root().join("examples/payments"), options)?;
        let port = free_port();
        let mut command = Command::new(binary);
        command.env("ADDR", format!("127.0.0.1:{port}")).env("GATEWAY_FAILURE_RATE", "0");
        command.envs(settings.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let service = Service { child: command.spawn()?, port };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            anyhow::ensure!(began.elapsed().as_secs() < 20, "the payment service does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(service)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A load on it that goes on.
    pub(crate) fn load(&self, arguments: &[&str]) -> anyhow::Result<Child> {
        let photofinish = std::env::var_os("PHOTOFINISH").context("PHOTOFINISH names no build")?;
        let mut load = Command::new(photofinish);
        let url = format!("http://127.0.0.1:{}/process-payment", self.port);
        load.args(["load", &url, "--format", "json", "--method", "POST"]).args(arguments);
        load.args(["--header", "content-type: application/json"]);
        load.args([
            "--body",
            r#"{"user_id": "user-{{ random_int(1, 200) }}", "amount": {{ random_int(1, 50) }}}"#,
        ]);
        load.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        load.spawn().context("cannot start photofinish load")
    }

    /// A load until its end.
    fn loaded(&self, arguments: &[&str], failed: &mut u64) -> anyhow::Result<Value> {
        let output = self.load(arguments)?.wait_with_output()?;
        let told: Value = serde_json::from_slice(&output.stdout).context("load printed no JSON")?;
        *failed += told["errors"].as_u64().unwrap_or(0);
        Ok(told)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Either may fail only because it is over already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Both parts.
pub(crate) fn measure(quick: bool) -> anyhow::Result<Payments> {
    let mut payments = Payments::default();
    let (n_first, n_windows, n_pairs) = if quick { (5, 3, 3) } else { (10, 9, 4) };
    for attempt in 0..n_first {
        let caught = first()?;
        eprintln!("payments {attempt}: first race after {}", caught.map_or("-".into(), time));
        payments.first.push(caught);
    }
    for mut figure in figures() {
        let n = if figure.is_pace() { n_windows } else { n_pairs };
        figure.measure(n, if quick { LOOK / 3 } else { LOOK }, &mut payments)?;
        payments.figures.push(figure);
    }
    Ok(payments)
}

fn figures() -> [Figure; 3] {
    let closed = Figure {
        what: "requests a second, 50 clients, a gateway of 1 to 5 ms",
        mark: 0.99,
        settings: &QUICK,
        load: ["--concurrency", "50"],
        pointer: "/rps",
        ..Figure::default()
    };
    let quick = Figure {
        what: "p99 at 1000 a second, same gateway, ms",
        mark: 1.02,
        load: ["--rate", "1000"],
        pointer: "/latency_ms/p99",
        ..closed.clone()
    };
    let own = Figure {
        what: "p99 at 1000 a second, the example's own gateway, ms",
        settings: &[],
        ..quick.clone()
    };
    [closed, quick, own]
}

impl Figure {
    fn measure(&mut self, n: usize, time: Duration, payments: &mut Payments) -> anyhow::Result<()> {
        let normal = Service::start(&BuildOptions::normal().tag("repaired"), self.settings)?;
        let race = Service::start(&BuildOptions::race().tag("repaired"), self.settings)?;
        self.once(&normal, SHORT, payments)?;
        self.once(&race, SHORT, payments)?;
        if self.is_pace() {
            for _ in 0..3 {
                let alone = self.once(&normal, SHORT, payments)?;
                self.normal.push(alone);
                self.race.push(self.once(&race, SHORT, payments)? / alone);
            }
            self.with = windows::ratios(&normal, self.load, n, time, payments)?;
            return Ok(());
        }
        for pair in 0..n {
            let (mut without, mut with) = (0.0, 0.0);
            // Who is first has a younger heap: they take turns.
            for turn in 0..2 {
                if (pair + turn) % 2 == 0 {
                    without = self.once(&normal, time, payments)?;
                } else {
                    with = self.watched(&normal, time, payments)?;
                }
            }
            self.normal.push(without);
            self.with.push(with / without);
            if pair < 3 {
                self.race.push(self.once(&race, SHORT, payments)? / without);
            }
            eprintln!("{}, pair {pair}: {without:.2}, with catch {with:.2}", self.what);
        }
        Ok(())
    }

    /// The same with catch, which comes when the load is there, as in production.
    fn watched(
        &self,
        service: &Service,
        time: Duration,
        all: &mut Payments,
    ) -> anyhow::Result<f64> {
        std::thread::scope(|scope| {
            let catching = scope.spawn(|| {
                std::thread::sleep(BEFORE);
                Catching::start(service.child.id(), time.saturating_sub(BEFORE), &[])?.finish()
            });
            let figure = self.once(service, time, all)?;
            let caught =
                catching.join().map_err(|_| anyhow::anyhow!("catch was not awaited"))??;
            all.alarms += caught.races.len();
            Ok(figure)
        })
    }

    fn once(&self, service: &Service, time: Duration, all: &mut Payments) -> anyhow::Result<f64> {
        let time = format!("{}s", time.as_secs());
        let told =
            service.loaded(&[self.load[0], self.load[1], "--for", &time], &mut all.failed)?;
        told.pointer(self.pointer).and_then(Value::as_f64).context("load told no such figure")
    }

    /// More is better; of latency, less.
    fn is_pace(&self) -> bool {
        self.mark < 1.0
    }

    /// Whether the median of the pairs is within the mark.
    pub(crate) fn is_well(&self) -> bool {
        let median = median(&self.with).unwrap_or(f64::NAN);
        if self.is_pace() { median >= self.mark } else { median <= self.mark }
    }
}

/// The first race of the racy service under 100 clients, in seconds from attaching. The runtime may end such a
/// service before that (`fatal error: concurrent map …`): then it is another start.
fn first() -> anyhow::Result<Option<f64>> {
    for _ in 0..STARTS {
        let mut service = Service::start(&BuildOptions::normal(), &[])?;
        let mut load = service.load(&["--concurrency", "100", "--for", "30s"])?;
        std::thread::sleep(Duration::from_millis(150));
        let time = Duration::from_secs(20);
        let caught = Catching::start(service.child.id(), time, &["--until-first"])?.finish();
        // Either may fail only because it is over already.
        let _ = load.kill();
        let _ = load.wait();
        let is_alive = service.child.try_wait()?.is_none();
        match caught {
            Ok(caught) if caught.first.is_some() || is_alive => return Ok(caught.first),
            Ok(_) => {}
            Err(error) if is_alive => return Err(error),
            Err(error) => eprintln!("payments, again: {error:#}"),
        }
    }
    Ok(None)
}

impl Payments {
    /// Both parts, for the page.
    pub(crate) fn table(&self) -> String {
        let times: Vec<f64> = self.first.iter().flatten().copied().collect();
        let mut table = format!(
            "The payment service, racy, 100 clients: first race {} after attaching, in {} of {} starts. Repaired, in turns, medians and \
             quartiles of {} windows of the load, and of {} pairs of loads:\n\n\
             | | normal build | with catch | as a -race build |\n|---|---:|---:|---:|\n",
            spread(&times, time),
            times.len(),
            self.first.len(),
            self.figures.first().map_or(0, |figure| figure.with.len()),
            self.figures.last().map_or(0, |figure| figure.with.len()),
        );
        for figure in &self.figures {
            let plain = |value: f64| format!("{value:.*}", if figure.is_pace() { 0 } else { 2 });
            let (what, normal) = (figure.what, spread(&figure.normal, plain));
            let (with, race) = (spread(&figure.with, change), spread(&figure.race, change));
            table += &format!("| {what} | {normal} | {with} | {race} |\n");
        }
        table
    }

    /// The median time to the first race, if more than half were caught.
    pub(crate) fn first_median(&self) -> Option<f64> {
        let times: Vec<f64> = self.first.iter().map(|first| first.unwrap_or(f64::MAX)).collect();
        median(&times).filter(|time| *time < 1e6)
    }
}
