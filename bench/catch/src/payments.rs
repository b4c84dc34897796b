//! The payment service under load: how soon its first race is caught, and what catch takes from it.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use photofinish_testkit::{BuildOptions, free_port, try_build_go, workspace_root};
use serde_json::Value;

use crate::catching::Catching;
use crate::stats::{change, median, spread, time};

/// Requests a second at which latency is measured: a quarter of what two cores do.
const RATE: &str = "1000";

/// A gateway that answers so quickly that the processors are the limit. With it the racy service dies in less than a tenth of a second,
/// by `fatal error: concurrent map …`, before anybody can look at it: there the gateway is the example's own.
const QUICK: [(&str, &str); 2] = [("GATEWAY_MIN", "1ms"), ("GATEWAY_MAX", "5ms")];

/// The most starts for one time to the first race.
const STARTS: usize = 12;

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Payments {
    /// Seconds from attaching to the first race; `None`: missed.
    pub(crate) first: Vec<Option<f64>>,
    /// With catch against without, pair by pair.
    pub(crate) throughput: Vec<f64>,
    pub(crate) p99: Vec<f64>,
    /// The race build against the normal one.
    race_throughput: Vec<f64>,
    race_p99: Vec<f64>,
    /// Without catch: requests a second, and p99 in ms.
    normal_rps: Vec<f64>,
    normal_p99: Vec<f64>,
    /// Requests that failed, and races reported of the repaired service.
    pub(crate) failed: u64,
    pub(crate) alarms: usize,
}

/// A running payment service; killed and reaped when dropped.
struct Service {
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

    /// A load on it that goes on.
    fn load(&self, arguments: &[&str]) -> anyhow::Result<Child> {
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
    let (n_first, n_pairs, each) = if quick { (5, 3, 2) } else { (10, 10, 4) };
    for attempt in 0..n_first {
        let caught = first()?;
        eprintln!("payments {attempt}: first race after {}", caught.map_or("-".into(), time));
        payments.first.push(caught);
    }
    let normal = Service::start(&BuildOptions::normal().tag("repaired"), &QUICK)?;
    let race = Service::start(&BuildOptions::race().tag("repaired"), &QUICK)?;
    let seconds = format!("{each}s");
    payments.pace(&normal, &seconds)?;
    payments.pace(&race, &seconds)?;
    for pair in 0..n_pairs {
        let mut without = (0.0, 0.0);
        let mut with = (0.0, 0.0);
        // Who is first has a younger heap: they take turns.
        for turn in 0..2 {
            if (pair + turn) % 2 == 0 {
                without = payments.pace(&normal, &seconds)?;
            } else {
                let time = Duration::from_secs(2 * each + 2);
                let mut catching = Catching::start(normal.child.id(), time, &[])?;
                catching.attached();
                with = payments.pace(&normal, &seconds)?;
                payments.alarms += catching.finish()?.races.len();
            }
        }
        payments.normal_rps.push(without.0);
        payments.normal_p99.push(without.1);
        payments.throughput.push(with.0 / without.0);
        payments.p99.push(with.1 / without.1);
        if pair < 3 {
            let instead = payments.pace(&race, &seconds)?;
            payments.race_throughput.push(instead.0 / without.0);
            payments.race_p99.push(instead.1 / without.1);
        }
        eprintln!(
            "payments pair {pair}: without {without:?}, with catch {with:?} (a second, p99 ms)"
        );
    }
    Ok(payments)
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
    /// Requests a second as fast as 50 clients go, and p99 in ms at a fixed rate.
    fn pace(&mut self, service: &Service, seconds: &str) -> anyhow::Result<(f64, f64)> {
        let closed = ["--concurrency", "50", "--for", seconds];
        let rps = service.loaded(&closed, &mut self.failed)?["rps"].as_f64();
        let open = ["--rate", RATE, "--for", seconds];
        let p99 = service.loaded(&open, &mut self.failed)?["latency_ms"]["p99"].as_f64();
        Ok((rps.context("load told no rps")?, p99.context("load told no p99")?))
    }

    /// Both parts, for the page.
    pub(crate) fn table(&self) -> String {
        let times: Vec<f64> = self.first.iter().flatten().copied().collect();
        let plain = |digits: usize| move |value: f64| format!("{value:.digits$}");
        let times = spread(&times, time);
        format!(
            "The payment service, racy, 100 clients: first race {times} after attaching, in {} of {} starts. \
             Repaired, {} pairs in turns, medians and quartiles:\n\n\
             | | normal build | with catch | as a -race build |\n|---|---:|---:|---:|\n\
             | requests a second, 50 clients | {} | {} | {} |\n\
             | p99 at {RATE} a second, ms | {} | {} | {} |\n",
            self.first.iter().flatten().count(),
            self.first.len(),
            self.throughput.len(),
            spread(&self.normal_rps, plain(0)),
            spread(&self.throughput, change),
            spread(&self.race_throughput, change),
            spread(&self.normal_p99, plain(2)),
            spread(&self.p99, change),
            spread(&self.race_p99, change),
        )
    }

    /// The median time to the first race, if more than half were caught.
    pub(crate) fn first_median(&self) -> Option<f64> {
        let times: Vec<f64> = self.first.iter().map(|first| first.unwrap_or(f64::MAX)).collect();
        median(&times).filter(|time| *time < 1e6)
    }
}
