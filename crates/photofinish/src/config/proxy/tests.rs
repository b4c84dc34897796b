//! The table `[proxy]`: what is written, what it comes to, and what is said about mistakes.

use crate::config::{Config, line};
use photofinish_proxy::plan::{Bodies, CopyHost, Forwarded, Plan, Protocol, Share, Sticky};
use std::path::PathBuf;
use std::time::Duration;

fn read(text: &str) -> Result<Plan, String> {
    let mut config: Config = toml::from_str(text).map_err(|error| error.to_string())?;
    config.base = PathBuf::from("/etc/photofinish");
    config.source = Some((PathBuf::from("photofinish.toml"), text.to_owned()));
    config.proxy_plan().map_err(|error| {
        let hint = error.hint().map(|hint| format!(" try: {hint}")).unwrap_or_default();
        format!("{error}{hint}")
    })
}

fn documented() -> &'static str {
    let page = include_str!("../../../../../docs/configuration.md");
    page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap()
}

#[test]
fn the_documented_table_comes_to_what_it_says() {
    let plan = read(documented()).unwrap();
    assert_eq!(plan.listen[0].address.to_string(), "127.0.0.1:8080");
    let tls = plan.listen[0].tls.as_ref().unwrap();
    assert_eq!(tls.key, PathBuf::from("/etc/photofinish/tls/key.pem"));
    let canary = plan.canary.unwrap();
    assert_eq!(canary.share, Share::ppm(20_000));
    assert_eq!(canary.sticky[0], Sticky::Cookie("session".to_owned()));
    assert_eq!(canary.sticky[2], Sticky::Address);
    assert_eq!(canary.breaker.path.as_deref(), Some("/healthz"));
    let mirror = &plan.mirrors[0];
    assert_eq!((mirror.name.as_str(), mirror.share), ("shadow", Share::ppm(250_000)));
    assert_eq!((mirror.rules.len(), mirror.rules[1].copy), (2, false));
    assert_eq!(mirror.schedule.windows().count(), 2);
    assert_eq!(mirror.schedule.zone().iana_name(), Some("Europe/Paris"));
    assert_eq!(mirror.host, CopyHost::Rewritten("shadow.internal".parse().unwrap()));
    assert_eq!(mirror.headers.replace[0].0, "authorization");
    let compare = mirror.compare.as_ref().unwrap();
    assert!(compare.rules.wants("GET", "/orders/7") && !compare.rules.wants("GET", "/users"));
    assert_eq!(compare.answer_bytes, 1 << 20);
    assert_eq!(plan.limits.body_bytes, Some(1 << 30));
    let recording = plan.recording.unwrap();
    assert_eq!(recording.file.path, PathBuf::from("/etc/photofinish/traffic.jsonl"));
    assert!(recording.file.redaction.headers.contains(&"cookie".to_owned()), "{recording:?}");
    assert!(recording.file.redaction.headers.contains(&"x-session".to_owned()));
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    let short = "[proxy]\nstable = \"http://127.0.0.1:9001\"\n[proxy.canary]\nto = \"http://127.0.0.1:9002\"\n\
                 [[proxy.mirror]]\nto = \"http://127.0.0.1:9003\"\n";
    let (short, long) = (read(short).unwrap(), read(documented()).unwrap());
    assert_eq!(short.timeouts, long.timeouts);
    assert_eq!(short.forwarded, long.forwarded);
    assert_eq!(short.listen[0].address, long.listen[0].address);
    let (ours, theirs) = (short.canary.unwrap(), long.canary.unwrap());
    assert_eq!(
        (ours.share, ours.patience, ours.answer),
        (theirs.share, theirs.patience, theirs.answer)
    );
    assert_eq!(
        (ours.hold_bytes, ours.hold_answer_bytes),
        (theirs.hold_bytes, theirs.hold_answer_bytes)
    );
    assert_eq!((ours.failed, ours.hold_answer), (theirs.failed, theirs.hold_answer));
    assert_eq!((ours.tester, ours.idempotency_header), (theirs.tester, theirs.idempotency_header));
    let (mut theirs, ours) = (theirs.breaker, ours.breaker);
    theirs.path = None;
    assert_eq!(ours, theirs);
    let (ours, theirs) = (&short.mirrors[0], &long.mirrors[0]);
    assert_eq!((ours.bodies, ours.body_bytes), (theirs.bodies, theirs.body_bytes));
    assert_eq!((ours.budget_bytes, ours.in_flight), (theirs.budget_bytes, theirs.in_flight));
    assert_eq!((ours.deadline, &ours.marker), (theirs.deadline, &theirs.marker));
    assert_eq!(ours.name, "mirror");
    let limits = photofinish_proxy::plan::Limits { body_bytes: Some(1 << 30), ..short.limits };
    assert_eq!(limits, long.limits);
}

/// serde lists the keys of a table when it meets one that is not known.
#[test]
fn every_key_is_documented() {
    for (table, before) in [
        ("[proxy]", "proxy."),
        ("[proxy.canary]", "proxy.canary."),
        ("[proxy.canary.breaker]", "proxy.canary.breaker."),
        ("[[proxy.mirror]]", "proxy.mirror[0]."),
        ("[proxy.mirror.headers]", "proxy.mirror[0].headers."),
        ("[proxy.mirror.compare]", "proxy.mirror[0].compare."),
        ("[proxy.recording]", "proxy.recording."),
        ("[proxy.recording.redact]", "proxy.recording.redact."),
        ("[proxy.limits]", "proxy.limits."),
        ("[proxy.timeouts]", "proxy.timeouts."),
    ] {
        let above = if table.starts_with("[proxy.mirror.") { "[[proxy.mirror]]\n" } else { "" };
        let error = read(&format!("{above}{table}\nzzz = 1\n")).unwrap_err();
        let keys: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
        assert!(keys.len() > 2, "{error}");
        for key in keys {
            let found = line::line_of(documented(), &format!("{before}{key}"));
            let line = found.and_then(|line| documented().lines().nth(line - 1)).unwrap_or("");
            assert!(line.contains(key), "`{key}` of {table} is not documented, only {line:?}");
        }
    }
}

#[test]
fn values_may_be_written_short_or_long() {
    let plan = read(
        r#"[proxy]
        listen = "127.0.0.1:0"
        stable = { url = "https://api.internal", protocol = "http2", authorities = "ca.pem" }
        forwarded = "replace"
        canary = { to = "127.0.0.1:9002", share = 0.001, sticky = "header:X-User" }
        [[proxy.mirror]]
        to = "127.0.0.1:9003"
        schedule = "0 22 * * * for 8h"
        bodies = "streamed"
        body = 1024
        "#,
    )
    .unwrap();
    assert_eq!(plan.stable.protocol, Protocol::Http2);
    assert_eq!(plan.stable.authorities, Some(PathBuf::from("/etc/photofinish/ca.pem")));
    assert_eq!(plan.forwarded, Forwarded::Replace);
    assert_eq!(plan.canary.unwrap().share, Share::ppm(1000));
    assert_eq!((plan.mirrors[0].bodies, plan.mirrors[0].body_bytes), (Bodies::Streamed, 1024));
}

#[test]
fn an_address_may_have_a_certificate_of_its_own() {
    let plan = read(
        r#"[proxy]
        listen = ["127.0.0.1:0", { address = "127.0.0.1:8443", tls = { certificate = "c", key = "k" } }]
        stable = "127.0.0.1:9001"
        timeouts = { drain = "5s" }
        "#,
    )
    .unwrap();
    assert!(plan.listen[0].tls.is_none() && plan.listen[1].tls.is_some());
    assert_eq!(plan.timeouts.drain, Duration::from_secs(5));
}

#[test]
fn a_mistake_is_refused_with_its_line_its_key_and_what_is_understood() {
    let proxy = "[proxy]\nstable = \"127.0.0.1:9001\"\n";
    for (text, said) in [
        ("listn = \"127.0.0.1:80\"", &["line 3", "`listn`", "`listen`"][..]),
        ("listen = \":8080\"", &["line 3", "`:8080` is no address", "0.0.0.0:8080"]),
        ("listen = [\"127.0.0.1:1\", \"localhost\"]", &["line 3", "`localhost` is no address"]),
        ("forwarded = \"on\"", &["line 3", "append, replace, off"]),
        ("forwarded = true", &["line 3", "one of append, replace, off"]),
        ("[proxy.timeouts]\nidle = \"75\"", &["line 4", "`75` is no length of time", "30s"]),
        ("[proxy.limits]\nbody = \"1 mile\"", &["line 4", "`1 mile`", "512MiB"]),
        (
            "[proxy.canary]\nshare = \"2%\"",
            &["line 3", "`proxy.canary.to` is missing", "try: say where"],
        ),
        (
            "[proxy.canary]\nto = \"127.0.0.1:1\"\nshare = \"20%\"",
            &["line 5", "`proxy.canary.share` is 20%, more than the 5%", "large_share = true"],
        ),
        ("[proxy.canary]\nto = \"127.0.0.1:1\"\nshare = 2", &["line 5", "`2` is no share", "2%"]),
        ("[proxy.canary]\nto = \"127.0.0.1:1\"\nsticky = \"cookie\"", &["line 5", "cookie:NAME"]),
        (
            "[proxy.canary]\nto = { url = \"127.0.0.1:1\", protocol = \"h3\" }",
            &["line 4", "auto, http1"],
        ),
        (
            "[[proxy.mirror]]\nto = \"127.0.0.1:1\"\nschedule = [\"0 25 * * * for 8h\"]",
            &["line 5", "`proxy.mirror[0].schedule`", "the hour `25`", "it takes 0 to 23"],
        ),
        (
            "[[proxy.mirror]]\nto = \"127.0.0.1:1\"\n[proxy.mirror.compare]\nignore = [\"id\"]",
            &["line 5", "`proxy.mirror[0].compare` is wrong", "`id` in `ignore`", "$..id"],
        ),
        (
            "[[proxy.mirror]]\nto = \"127.0.0.1:1\"\nrules = [{ methods = [\"post\"] }]",
            &["line 5", "`post` is no method"],
        ),
        (
            "[[proxy.mirror]]\nto = \"127.0.0.1:1\"\nheaders = { set = { \"a b\" = \"c\" } }",
            &["line 5", "`a b` cannot be a header's name"],
        ),
    ] {
        let error = read(&format!("{proxy}{text}\n")).unwrap_err();
        for part in said {
            assert!(error.contains(part), "{text}\n  says: {error}\n  not: {part}");
        }
    }
    let error = read("[proxy]\nlisten = \"127.0.0.1:80\"\n").unwrap_err();
    assert!(error.contains("line 1: `proxy.stable` is missing"), "{error}");
}

#[test]
fn a_secret_is_not_shown_by_the_debugger() {
    let plan = read(
        "[proxy]\nstable = \"127.0.0.1:1\"\n[[proxy.mirror]]\nto = \"127.0.0.1:2\"\n\
         headers = { replace = { authorization = \"Bearer secret-word\" } }\n",
    );
    assert!(!format!("{plan:?}").contains("secret-word"));
}
