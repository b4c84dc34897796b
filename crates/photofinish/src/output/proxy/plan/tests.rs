//! The page of `--check`, whole.

use crate::config::Config;

fn page(text: &str) -> String {
    let config: Config = toml::from_str(text).unwrap();
    let plan = config.proxy_plan().unwrap();
    let now = "2026-11-16T12:00:00Z".parse().unwrap();
    anstream::adapter::strip_str(&super::text(&plan, now, 100)).to_string()
}

#[test]
fn a_proxy_that_only_passes_on_says_so() {
    insta::assert_snapshot!(page("[proxy]\nstable = \"127.0.0.1:9001\"\nworkers = 2\n"), @r"
    listen    127.0.0.1:8080  HTTP/1.1 and h2c, plain text
    admin     none  no /metrics, no `photofinish proxy status`
    stable    http://127.0.0.1:9001  answers all that nothing else answers
    canary    none
    mirror    none
    limits    20,000 connections
              heads up to 64 KiB and 128 lines, bodies without limit, 250 streams a connection
              head 15s, idle 1m 15s, stalled 1m, connect 3s, answer 1m, drain 30s
              2 threads; X-Forwarded-* are added to
    ");
}

#[test]
fn a_canary_and_a_mirror_are_told_with_what_they_may_take_and_what_to_mind() {
    insta::assert_snapshot!(page(
        r#"[proxy]
        stable = { url = "https://api.internal", protocol = "http2" }
        workers = 2
        admin = "127.0.0.1:8081"
        tls = { certificate = "cert.pem", key = "key.pem" }
        [proxy.canary]
        to = "127.0.0.1:9002"
        share = "8%"
        large_share = true
        sticky = ["cookie:session", "address"]
        [[proxy.mirror]]
        name = "shadow"
        to = "127.0.0.1:9003"
        share = "25%"
        rules = [{ methods = ["POST"], path = "/search" }, { path = "/admin/*", copy = false }]
        schedule = ["0 22 * * 1-5 for 8h"]
        timezone = "Europe/Paris"
        headers = { remove = ["x-debug"], replace = { authorization = "secret" } }
        [[proxy.mirror]]
        to = "127.0.0.1:9004"
        "#
    ), @r"
    listen    127.0.0.1:8080  TLS, HTTP/1.1 and HTTP/2, cert.pem
    admin     127.0.0.1:8081  /metrics and /status
    stable    https://api.internal:443 (HTTP/2)  answers all that nothing else answers
    canary    http://127.0.0.1:9002  8% of the requests
              a caller stays on one side by cookie session, else address
              header x-photofinish-canary: always or never beats the share
              no first byte within 3s, a broken connection or 502, 503, 504: stable answers, if the
              request may be sent twice and its body is at most 64 KiB
              left alone after 5 failures in a row, or 50% of ten seconds; asked every 1s (a connection
              is enough); back after 2 good answers, over 10s
    mirror    shadow  http://127.0.0.1:9003  copies of 25% of what its rules allow
              POST /search copied; else every method on /admin/* not copied; else GET, HEAD, OPTIONS
              copied, others not
              0 22 * * 1-5 for 8h: closed now, opens Mon 2026-11-16 22:00 CET
              at most 256 copies at once, 64 MiB of bodies, 30s each; bodies up to 16 MiB, once whole
              marked by x-photofinish-mirror; Host kept; without x-debug; replaced: authorization
    mirror    mirror-2  http://127.0.0.1:9004  copies of what its rules allow
              GET, HEAD, OPTIONS copied, others not
              at any time
              at most 256 copies at once, 64 MiB of bodies, 30s each; bodies up to 16 MiB, once whole
              marked by x-photofinish-mirror; Host kept
    limits    20,000 connections
              heads up to 64 KiB and 128 lines, bodies without limit, 250 streams a connection
              head 15s, idle 1m 15s, stalled 1m, connect 3s, answer 1m, drain 30s
              2 threads; X-Forwarded-* are added to
    mind      mirror shadow gets copies of POST /search, which may change something: what it writes to
              must not be production's
    mind      mirror shadow gets the callers' own cookie: remove or replace them under
              [proxy.mirror.headers] if it may not act for them
    mind      mirror mirror-2 gets the callers' own authorization and cookie: remove or replace them
              under [proxy.mirror.headers] if it may not act for them
    mind      the canary gets 8%, more than the 5% advised: a race build takes 2-20 times the CPU and
              5-10 times the memory
    ");
}
