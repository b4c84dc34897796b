//! What schemas cannot say: who gets whose traffic, who may reach whom, and that commands are ones we understand.

use super::{FULL, Place, SMALL, named, stderr};
use serde_json::{Value, json};
use std::process::Command;

fn pods(objects: &[Value]) -> Vec<(String, Value)> {
    let deployments = objects.iter().filter(|object| object["kind"] == "Deployment");
    deployments
        .map(|object| {
            let labels = object["spec"]["template"]["metadata"]["labels"].clone();
            (object["metadata"]["name"].as_str().unwrap().to_owned(), labels)
        })
        .collect()
}

/// The Deployments whose pods a selector has.
fn selected(objects: &[Value], selector: &Value) -> Vec<String> {
    let wanted = selector.as_object().unwrap();
    let fits = |labels: &Value| wanted.iter().all(|(key, value)| labels[key] == *value);
    pods(objects).into_iter().filter(|(_, labels)| fits(labels)).map(|(name, _)| name).collect()
}

#[test]
fn each_deployment_and_each_service_has_its_own_pods_and_nobody_elses() {
    let place = Place::new(FULL);
    let objects = place.objects(&[]);
    for (name, _) in pods(&objects) {
        let deployment = named(&objects, "Deployment", &name);
        assert_eq!(
            selected(&objects, &deployment["spec"]["selector"]["matchLabels"]),
            [name.as_str()]
        );
    }
    for (service, deployment) in [
        ("payments", "payments"),
        ("payments-race", "payments-race"),
        ("payments-mirror", "payments-mirror"),
        ("payments-sampler", "payments-sampler"),
        ("photofinish-serve", "photofinish-serve"),
    ] {
        let service = named(&objects, "Service", service);
        assert_eq!(selected(&objects, &service["spec"]["selector"]), [deployment]);
    }
    // A mirror or worker is behind no Service of the normal build even by replicas.
    let place = Place::new(
        &FULL
            .replace("share = \"2%\"", "share = \"5%\"")
            .replace("[deploy]", "[deploy]\nsplit = \"replicas\""),
    );
    let objects = place.objects(&[]);
    let service = named(&objects, "Service", "payments");
    assert_eq!(selected(&objects, &service["spec"]["selector"]), ["payments", "payments-race"]);
}

#[test]
fn the_share_is_the_one_that_was_asked_for() {
    let place = Place::new(FULL);
    let objects = place.objects(&[]);
    let route = named(&objects, "HTTPRoute", "payments");
    for rule in route["spec"]["rules"].as_array().unwrap() {
        assert_eq!(
            rule["backendRefs"],
            json!([{"name": "payments", "port": 80, "weight": 98}, {"name": "payments-race", "port": 80, "weight": 2}])
        );
    }
    // A mirror without a share would get everything.
    let copied = &route["spec"]["rules"][0]["filters"][0]["requestMirror"];
    assert_eq!(copied["fraction"], json!({"numerator": 125, "denominator": 1000}));
    assert!(route["spec"]["rules"][1]["filters"].is_null());
    // Neither is there before its overlay is applied.
    let base = place.objects(&["--overlay", "base"]);
    let route = named(&base, "HTTPRoute", "payments").to_string();
    assert!(!route.contains("race") && !route.contains("requestMirror"), "{route}");
}

#[test]
fn the_mirror_reaches_what_is_named_and_has_no_secrets_of_production() {
    let place = Place::new(FULL);
    let objects = place.objects(&[]);
    let policy = &named(&objects, "NetworkPolicy", "payments-mirror")["spec"];
    assert_eq!(selected(&objects, &policy["podSelector"]["matchLabels"]), ["payments-mirror"]);
    let egress = policy["egress"].as_array().unwrap();
    assert_eq!(egress.len(), 4, "DNS, serve, two that are named");
    for rule in egress {
        assert!(
            !rule["to"].as_array().unwrap().is_empty()
                && !rule["ports"].as_array().unwrap().is_empty()
        );
        assert!(!rule.to_string().contains("0.0.0.0/0"));
    }
    let container = |name| {
        named(&objects, "Deployment", name)["spec"]["template"]["spec"]["containers"][0].clone()
    };
    assert_eq!(container("payments")["envFrom"][0]["secretRef"]["name"], "payments-env");
    assert!(container("payments-mirror")["envFrom"].is_null());
}

#[test]
fn the_hours_of_the_mirror_are_those_of_the_proxy() {
    let objects = Place::new(FULL).objects(&[]);
    let hours = &named(&objects, "ScaledObject", "payments-mirror")["spec"];
    assert_eq!(hours["minReplicaCount"], 0);
    let cron = |place: usize| hours["triggers"][place]["metadata"].clone();
    assert_eq!(
        (cron(0)["start"].clone(), cron(0)["end"].clone()),
        (json!("0 22 * * 1-5"), json!("0 6 * * 2-6"))
    );
    assert_eq!(cron(1)["timezone"], "Europe/Paris");
    // Who says how many there are, says it alone.
    assert!(named(&objects, "Deployment", "payments-mirror")["spec"]["replicas"].is_null());
}

#[test]
fn workers_are_scaled_by_the_numbers_of_the_local_pool() {
    let place = Place::new(FULL);
    let scaled =
        &named(&place.objects(&[]), "ScaledObject", "payments-race-worker")["spec"].clone();
    // 40 normal workers, one of 20 jobs, each four times as long: 8 keep busy.
    assert_eq!((&scaled["minReplicaCount"], &scaled["maxReplicaCount"]), (&json!(1), &json!(8)));
    assert_eq!(scaled["triggers"][0]["metadata"]["targetValue"], "6");
}

#[test]
fn no_pod_may_more_than_it_needs() {
    let objects = Place::new(FULL).objects(&[]);
    for (name, _) in pods(&objects) {
        let pod = &named(&objects, "Deployment", &name)["spec"]["template"]["spec"];
        assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
        for container in pod["containers"].as_array().unwrap() {
            let context = &container["securityContext"];
            assert_eq!(context["allowPrivilegeEscalation"], false, "{name}");
            assert_eq!(context["readOnlyRootFilesystem"], true, "{name}");
            assert_eq!(context["capabilities"]["drop"], json!(["ALL"]), "{name}");
            let is_catch = container["name"] == "catch";
            let added = &context["capabilities"]["add"];
            let expected =
                if is_catch { json!(["SYS_PTRACE", "PERFMON", "BPF"]) } else { Value::Null };
            assert_eq!(*added, expected, "{name}");
            assert!(container["resources"]["limits"]["memory"].is_string(), "{name}");
            assert!(container["resources"]["requests"]["cpu"].is_string(), "{name}");
        }
        let is_race = name.contains("race") || name.contains("mirror");
        assert_eq!(pod["priorityClassName"] == "photofinish-race", is_race, "{name}");
    }
    for role in objects.iter().filter(|object| object["kind"] == "Role") {
        assert!(!role.to_string().contains('*'), "{role}");
    }
}

/// The flags of a container are ones that this very photofinish takes.
#[test]
fn every_command_line_is_one_that_photofinish_understands() {
    let place = Place::new(FULL);
    let objects = place.objects(&[]);
    let mut n_seen = 0;
    for (name, _) in pods(&objects) {
        for container in
            named(&objects, "Deployment", &name)["spec"]["template"]["spec"]["containers"]
                .as_array()
                .unwrap()
        {
            if container["command"][0] != "photofinish" {
                continue;
            }
            let args: Vec<&str> = container["args"]
                .as_array()
                .unwrap()
                .iter()
                .map(|arg| arg.as_str().unwrap())
                .collect();
            // With --help in front of the program, flags are read and nothing is run.
            let own = args.iter().position(|arg| *arg == "--").unwrap_or(args.len());
            let understood = Command::new(env!("CARGO_BIN_EXE_photofinish"))
                .args(&args[..own])
                .arg("--help")
                .output()
                .unwrap();
            assert!(understood.status.success(), "{name}: {args:?}: {}", stderr(&understood));
            let mut wrong = args[..own].to_vec();
            wrong.push("--no-such-flag");
            let refused = Command::new(env!("CARGO_BIN_EXE_photofinish"))
                .args(&wrong)
                .arg("--")
                .arg("x")
                .output()
                .unwrap();
            assert!(stderr(&refused).contains("--no-such-flag"), "{name}: {}", stderr(&refused));
            n_seen += 1;
        }
    }
    assert_eq!(n_seen, 6, "canary, mirror, sampler, worker, catch, serve");
}

/// The sampler's part of the configuration, read back by `photofinish jobs`.
#[test]
fn the_configuration_of_the_sampler_is_one_that_jobs_reads() {
    let place = Place::new(FULL);
    let objects = place.objects(&[]);
    let map = objects.iter().find(|object| object["kind"] == "ConfigMap").unwrap();
    let text = map["data"]["photofinish.toml"].as_str().unwrap();
    let folder = photofinish_testkit::temp_dir();
    std::fs::write(folder.path().join("photofinish.toml"), text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_photofinish"))
        .args(["jobs", "status", "--url", "redis://127.0.0.1:1/"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = stderr(&output);
    // It is understood: what fails is that nobody is there.
    assert!(!said.contains("not a valid configuration") && !said.contains("`jobs."), "{said}");
    assert!(said.contains("127.0.0.1:1"), "{said}");
}

/// Metrics that alerts go by are there, of a `serve` that runs.
#[test]
fn alerts_go_by_metrics_that_serve_has() {
    let objects = Place::new(SMALL).objects(&["--overlay", "serve"]);
    let rules = named(&objects, "PrometheusRule", "photofinish-serve");
    let folder = photofinish_testkit::temp_dir();
    let port = photofinish_testkit::free_port();
    let address = format!("127.0.0.1:{port}");
    let mut serve = Command::new(env!("CARGO_BIN_EXE_photofinish"))
        .args(["serve", "--listen", &address, "--store", "findings.db", "--spool", "spool"])
        .current_dir(folder.path())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut metrics = String::new();
    photofinish_testkit::wait_until(std::time::Duration::from_secs(120), "serve answers", || {
        metrics = get(&address, "/metrics").unwrap_or_default();
        metrics.contains("photofinish_build_info")
    });
    serve.kill().unwrap();
    serve.wait().unwrap();
    for rule in rules["spec"]["groups"][0]["rules"].as_array().unwrap() {
        let expr = rule["expr"].as_str().unwrap();
        let from = expr.find("photofinish_").unwrap();
        let name: String =
            expr[from..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        assert!(metrics.contains(&format!("# TYPE {name} ")), "{name} is not in:\n{metrics}");
        for label in ["state", "outcome"] {
            let Some((_, rest)) = expr.split_once(&format!("{label}=")) else { continue };
            let value = rest.split('"').nth(1).unwrap();
            assert!(metrics.contains(&format!("{name}{{{label}=\"{value}\"}}")), "{expr}");
        }
    }
}

fn get(address: &str, path: &str) -> Option<String> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}
