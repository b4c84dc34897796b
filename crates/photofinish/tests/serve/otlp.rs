//! What OpenTelemetry is told: findings and figures, to a receiver of our own and to a real collector.

use crate::notify::{Receiver, configure, header, see};
use crate::support::{LONG, Served, Service};
use photofinish_testkit::servers::OtelCollector;
use photofinish_testkit::{free_port, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// The value of an attribute of a log record or a resource.
fn attribute(of: &Value, key: &str) -> String {
    let attributes = of["attributes"].as_array().unwrap();
    let known = attributes.iter().find(|one| one["key"] == key);
    let value = &known.unwrap_or_else(|| panic!("no {key} in {of}"))["value"]["stringValue"];
    value.as_str().unwrap().to_owned()
}

/// The metrics of a message as lines of Prometheus, by the rules that OpenTelemetry has for that: dots become
/// underscores, the unit and `_total` are put behind.
fn as_prometheus(message: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for metric in message["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap() {
        let mut name = metric["name"].as_str().unwrap().replace('.', "_");
        if metric["unit"] == "By" {
            name.push_str("_bytes");
        }
        let is_counter = metric["sum"]["isMonotonic"] == true;
        if is_counter {
            assert_eq!(metric["sum"]["aggregationTemporality"], 2, "{metric}");
            name.push_str("_total");
        }
        let points = &metric[if is_counter { "sum" } else { "gauge" }]["dataPoints"];
        for point in points.as_array().unwrap() {
            let labels = point["attributes"].as_array().into_iter().flatten();
            let labels: Vec<String> = labels
                .map(|one| {
                    format!("{{{}={}}}", one["key"].as_str().unwrap(), one["value"]["stringValue"])
                })
                .collect();
            lines.push(format!("{name}{} {}", labels.concat(), point["asInt"].as_str().unwrap()));
        }
    }
    lines
}

/// What does not depend on who asks how often: figures of findings and sightings.
fn of_findings(lines: impl IntoIterator<Item = String>) -> Vec<String> {
    let wanted = ["photofinish_findings", "photofinish_sightings", "photofinish_collector_s"];
    let is_one = |line: &String| wanted.iter().any(|name| line.starts_with(name));
    lines.into_iter().filter(is_one).collect()
}

fn metrics_page(served: &Served) -> Vec<String> {
    of_findings(served.get("/metrics").body.lines().map(str::to_owned))
}

#[test]
fn opentelemetry_gets_a_log_record_of_the_service_that_raced() {
    let service = Service::new();
    let port = free_port();
    configure(&service, &format!("kind = \"otlp\"\nurl = \"http://127.0.0.1:{port}/v1/logs\""));
    let receiver = Receiver::start(port, 1);
    let _served = service.serve(&[]);
    see(&service, "Fresh", "v1");
    let (head, told) = receiver.wait_for_one_to("/v1/logs");
    assert_eq!(header(&head, "content-type"), "application/json");
    let of = &told["resourceLogs"][0];
    assert_eq!(attribute(&of["resource"], "service.name"), "payments");
    assert_eq!(attribute(&of["resource"], "service.version"), "v1");
    let record = &of["scopeLogs"][0]["logRecords"][0];
    assert_eq!(record["eventName"], "photofinish.finding.new");
    assert_eq!(record["body"]["stringValue"], "main.getFresh ↔ main.setFresh");
    assert!(record["timeUnixNano"].as_str().unwrap().parse::<u64>().is_ok(), "{record}");
    let link = attribute(record, "url.full");
    assert!(link.starts_with("https://findings.example/findings/"), "{link}");
    let is_metrics = |(head, _): &(String, Value)| head.starts_with("POST /v1/metrics");
    assert!(!receiver.wait_for(1).iter().any(is_metrics), "its address says that it takes logs");
}

#[test]
fn opentelemetry_gets_the_figures_of_the_metrics_page_now_and_then_and_at_the_end() {
    let service = Service::new().with_findings(2);
    let port = free_port();
    configure(&service, &format!("kind = \"otlp\"\nurl = \"http://127.0.0.1:{port}\""));
    // Refused once: the next message has everything that the first one had.
    let receiver = Receiver::start(port, 1);
    let mut served = service.serve(&[]);
    let page = metrics_page(&served);
    let (_, told) = receiver.wait_for_one_to("/v1/metrics");
    assert_eq!(of_findings(as_prometheus(&told)), page, "{told}");
    assert!(page.contains(&"photofinish_findings{state=\"new\"} 3".to_owned()), "{page:?}");
    let resource = &told["resourceMetrics"][0]["resource"];
    assert_eq!(attribute(resource, "service.name"), "photofinish");
    let instance = attribute(resource, "service.instance.id");
    assert!(instance.ends_with(served.address.rsplit(':').next().unwrap()), "{instance}");
    let metrics = &told["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
    let point = |name: &str| {
        let metric = metrics.as_array().unwrap().iter().find(|one| one["name"] == name);
        metric.unwrap_or_else(|| panic!("no {name}: {metrics}"))["sum"]["dataPoints"][0].clone()
    };
    assert!(point("photofinish.http.requests")["startTimeUnixNano"].is_string());
    assert!(point("photofinish.sightings")["startTimeUnixNano"].is_null(), "it outlives us");

    see(&service, "Last", "v1");
    let pid = Pid::from_raw(served.program.pid().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    served.program.wait_for_end(LONG);
    let heard = receiver.wait_for(1);
    let last = heard.iter().rev().find(|(head, _)| head.starts_with("POST /v1/metrics")).unwrap();
    let lines = as_prometheus(&last.1);
    assert!(lines.contains(&"photofinish_findings{state=\"new\"} 4".to_owned()), "{lines:?}");
}

#[test]
fn a_real_collector_takes_findings_and_figures_and_after_its_absence_what_it_missed() {
    let Some(mut collector) = OtelCollector::start() else { return };
    let service = Service::new().with_findings(1);
    configure(&service, &format!("kind = \"otlp\"\nurl = \"{}\"", collector.url()));
    let mut served = service.serve(&[]);
    let page = metrics_page(&served);
    let is_page = |told: &Value| of_findings(as_prometheus(told)) == page;
    let told = took(&collector, "metrics", &is_page);
    assert_eq!(attribute(&told["resourceMetrics"][0]["resource"], "service.name"), "photofinish");
    see(&service, "Fresh", "v1");
    let told = took(&collector, "logs", &is_of("Fresh"));
    assert_eq!(attribute(&told["resourceLogs"][0]["resource"], "service.name"), "payments");
    assert_eq!(record(&told)["severityText"], "WARN");
    assert_eq!(attribute(&record(&told), "photofinish.finding.state"), "new");

    collector.stop();
    see(&service, "Away", "v1");
    served.program.wait_for_line(LONG, "was not told, trying again");
    served.program.kill();
    served = Served::start(&service, &[]);
    collector.restart();
    took(&collector, "logs", &is_of("Away"));
    let now = "photofinish_findings{state=\"new\"} 4".to_owned();
    took(&collector, "metrics", &|told| as_prometheus(told).contains(&now));
    assert!(!collector.said().contains("error"), "{}", collector.said());
    drop(served);
}

/// The first message that is wanted, once the collector took it.
fn took(collector: &OtelCollector, signal: &str, is_wanted: &dyn Fn(&Value) -> bool) -> Value {
    wait_for(LONG, &format!("{signal} to be taken"), || {
        let messages = collector.took(signal);
        messages.iter().map(|line| serde_json::from_str(line).unwrap()).find(is_wanted)
    })
}

fn record(told: &Value) -> Value {
    told["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0].clone()
}

fn is_of(name: &'static str) -> impl Fn(&Value) -> bool {
    move |told| record(told)["body"]["stringValue"].as_str().unwrap().contains(name)
}
