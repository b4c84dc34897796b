//! What people do in a browser, with the mouse and without.

use crate::browser::Browser;
use crate::support::{LONG, Served, Service, record};
use photofinish_store::Source;
use serde_json::json;

/// Phone and desktop, bright and dark.
const SIZES: [(&str, u32, u32, bool); 4] = [
    ("desktop-light", 1280, 900, false),
    ("desktop-dark", 1280, 900, true),
    ("phone-light", 390, 844, false),
    ("phone-dark", 390, 844, true),
];

/// The page fits, can be used by everybody, and is looked at in all sizes.
fn inspect(browser: &mut Browser, name: &str) {
    for (size, width, height, dark) in SIZES {
        browser.size(width, height, dark);
        let too_wide = browser.value("document.documentElement.scrollWidth > innerWidth");
        assert_eq!(too_wide, json!(false), "{name} is wider than a {size}");
        assert_eq!(browser.violations(), [""; 0], "{name}, {size}");
        browser.screenshot(&format!("{name}-{size}"));
    }
    browser.size(1280, 900, false);
}

fn assert_no_complaints(browser: &mut Browser, served: &Served) {
    assert_eq!(browser.complaints(&served.url), [""; 0]);
}

#[test]
fn findings_are_searched_filtered_paged_and_opened() {
    let Some(mut browser) = Browser::start() else { return };
    let service = Service::new().with_findings(120);
    let served = service.serve(&[]);
    browser.open(&format!("{}/", served.url));
    browser.wait_for("location.pathname === '/findings'");
    browser.wait_for("document.querySelector('#live').innerText === 'Live'");
    assert_eq!(browser.value("document.querySelectorAll('tbody tr').length"), json!(50));
    assert!(browser.text(".pages").contains("1 to 50 of 121 findings"));
    inspect(&mut browser, "list");

    browser.and_arrive(|browser| browser.click("a[rel=next]"));
    assert!(browser.text(".pages").contains("51 to 100"));
    browser.and_arrive(|browser| {
        browser.value("document.querySelector('[name=source]').value = 'canary'");
        browser.value("document.querySelector('[name=q]').value = 'getcached cache.go'");
        browser.click(".search button");
    });
    assert_eq!(browser.value("document.querySelectorAll('tbody tr').length"), json!(1));
    let address = browser.value("location.search");
    assert_eq!(address, json!("?q=getcached+cache.go&source=canary"), "to be shared");
    browser.open(&format!("{}/findings?q=nothing+like+this", served.url));
    assert!(browser.text(".nothing").contains("No finding is like that"));
    inspect(&mut browser, "nothing");
    browser.open(&format!("{}/findings?owner=%40receipts", served.url));
    assert!(browser.text(".pages").contains("of 120 findings"));
    assert_no_complaints(&mut browser, &served);
}

#[test]
fn a_finding_shows_both_accesses_and_is_decided() {
    let Some(mut browser) = Browser::start() else { return };
    let service = Service::new().with_findings(0);
    let served = service.serve(&[]);
    browser.open(&format!("{}/findings", served.url));
    browser.and_arrive(|browser| browser.click("tbody a"));
    assert_eq!(browser.value("document.querySelectorAll('.access').length"), json!(2));
    let source = browser.text(".source .line.marked");
    assert!(source.contains("6") && source.contains("p, ok := cache[id]"), "{source}");
    let side_by_side =
        "(([a, b]) => a.getBoundingClientRect().top === b.getBoundingClientRect().top)
        (document.querySelectorAll('.access'))";
    assert_eq!(browser.value(side_by_side), json!(true));
    inspect(&mut browser, "finding");

    browser.value("document.querySelectorAll('details').forEach((one) => { one.open = true })");
    inspect(&mut browser, "finding-open");

    let decide = |browser: &mut Browser, fields: &[(&str, &str)], action: &str| {
        for (name, value) in fields {
            browser.value(&format!("document.querySelector('#{name}').value = {}", json!(value)));
        }
        browser.and_arrive(|browser| browser.click(&format!("button[value={action}]")));
    };
    // Muted without a reason: it says so, and keeps what was typed.
    decide(&mut browser, &[("by", "mia"), ("until", "2099-12-24")], "mute");
    assert!(browser.text(".said").contains("say why it is muted"));
    assert_eq!(browser.value("document.querySelector('#until').value"), json!("2099-12-24"));
    let refusals = browser.complaints(&served.url);
    assert!(refusals.iter().all(|line| line.contains("422")), "{refusals:?}");
    inspect(&mut browser, "refused");
    decide(&mut browser, &[("why", "until the release")], "mute");
    assert_eq!(browser.text("#facts .state"), "suppressed");
    assert!(browser.text("#changes").contains("until the release"));
    assert_eq!(browser.value("document.querySelector('#by').value"), json!("mia"), "remembered");
    decide(&mut browser, &[], "reopen");
    decide(&mut browser, &[], "acknowledge");
    assert_eq!(browser.text("#facts .state"), "acknowledged");
    decide(&mut browser, &[("owners", "@cart @mia")], "assign");
    assert!(browser.text("#facts").contains("@cart, @mia (assigned)"));
    decide(&mut browser, &[("fixed_in", "v2.0.0")], "fix");
    assert_eq!(browser.text("#facts .state"), "fixed");
    assert!(browser.text("#facts").contains("v2.0.0"));
    inspect(&mut browser, "fixed");
    assert_no_complaints(&mut browser, &served);
}

#[test]
fn everything_can_be_done_by_keys_alone() {
    let Some(mut browser) = Browser::start() else { return };
    let service = Service::new().with_findings(4);
    let served = service.serve(&[]);
    browser.open(&format!("{}/findings", served.url));
    browser.press("Tab");
    assert_eq!(browser.value("document.activeElement.innerText"), json!("To the content"));
    browser.press("/");
    browser.type_text("cache");
    browser.and_arrive(|browser| browser.press("Enter"));
    browser.press("j");
    let title = browser.value("document.activeElement.innerText");
    assert_eq!(title, json!("main.getCached ↔ main.setCached"));
    browser.and_arrive(|browser| browser.press("Enter"));
    browser.tab_to("e.tagName === 'SUMMARY' && e.innerText.includes('created')");
    browser.press("Enter");
    browser.wait_for("document.activeElement.parentElement.open");
    browser.tab_to("e.id === 'by'");
    browser.type_text("kay");
    browser.press("Tab");
    browser.type_text("seen by keys");
    browser.tab_to("e.value === 'acknowledge'");
    let ring = "getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(browser.value(ring), json!("solid"), "where one is can be seen");
    browser.and_arrive(|browser| browser.press("Enter"));
    assert_eq!(browser.text("#facts .state"), "acknowledged");
    assert!(browser.text("#changes").contains("kay"));
    browser.tab_to("e.innerText === 'Findings'");
    browser.and_arrive(|browser| browser.press("Enter"));
    browser.tab_to("e.innerText.startsWith('Acknowledged')");
    browser.and_arrive(|browser| browser.press("Enter"));
    assert_eq!(browser.value("document.querySelectorAll('tbody tr').length"), json!(1));
    assert_no_complaints(&mut browser, &served);
}

#[test]
fn new_findings_appear_by_themselves_and_leave_the_focus_where_it_is() {
    let Some(mut browser) = Browser::start() else { return };
    let service = Service::new().with_findings(1);
    let served = service.serve(&[]);
    browser.open(&format!("{}/findings", served.url));
    browser.wait_for("document.querySelector('#live').innerText === 'Live'");
    browser.press("j");
    let before = browser.value("document.activeElement.innerText");
    let race = service.race(["main.fresh", "main.newcomer"], "cache.go", [6, 11]);
    let now = jiff::Timestamp::now();
    record(&mut service.open(), "fresh", &race, Source::Catch, "v3", now);
    browser.wait_for("document.body.innerText.includes('main.newcomer')");
    assert_eq!(browser.text("#news"), "1 new finding");
    assert_eq!(browser.value("document.activeElement.innerText"), before);
    assert_no_complaints(&mut browser, &served);
}

#[test]
fn who_has_the_token_gets_in_and_out() {
    let Some(mut browser) = Browser::start() else { return };
    let service = Service::new().with_findings(0);
    std::fs::write(service.path("token"), "a-token-that-nobody-guesses").unwrap();
    let served = service.serve(&["--token-file", service.path("token").to_str().unwrap()]);
    let finding = format!("{}/findings/{}", served.url, service.cache_id());
    browser.open(&finding);
    browser.wait_for("location.pathname === '/login'");
    inspect(&mut browser, "login");
    browser.type_text("a wrong one");
    browser.and_arrive(|browser| browser.press("Enter"));
    assert!(browser.text("[role=alert]").contains("not the token"));
    let refusals = browser.complaints(&served.url);
    assert!(refusals.iter().all(|line| line.contains("401")), "{refusals:?}");
    browser.type_text("a-token-that-nobody-guesses");
    browser.and_arrive(|browser| browser.press("Enter"));
    browser.wait_for(&format!("location.href === {}", json!(finding)));
    assert!(browser.text("h1").contains("getCached"));
    assert_eq!(browser.value("document.cookie"), json!(""), "no script reads the cookie");
    // Decided with the cookie and the form's mark.
    browser.value("document.querySelector('#by').value = 'mia'");
    browser.and_arrive(|browser| browser.click("button[value=acknowledge]"));
    assert_eq!(browser.text("#facts .state"), "acknowledged");
    browser.and_arrive(|browser| browser.click("header form button"));
    browser.open(&finding);
    browser.wait_for("location.pathname === '/login'");
    assert_no_complaints(&mut browser, &served);
}

/// By keys alone, too.
#[test]
fn who_is_refused_or_finds_nothing_is_told_so_on_a_page_like_the_others() {
    let Some(mut browser) = Browser::start() else { return };
    let service = Service::new();
    std::fs::write(service.path("token"), "a-token-that-nobody-guesses").unwrap();
    let served = service.serve(&["--token-file", service.path("token").to_str().unwrap()]);
    let log_in = |browser: &mut Browser, token: &str| {
        browser.wait_for("document.activeElement.id === 'token'");
        browser.type_text(token);
        browser.press("Tab");
        assert_eq!(browser.value("document.activeElement.innerText"), json!("Log in"));
        browser.and_arrive(|browser| browser.press("Enter"));
    };
    browser.open(&format!("{}/", served.url));
    browser.wait_for("location.pathname === '/login'");
    log_in(&mut browser, "a wrong one");
    assert!(browser.text("[role=alert]").contains("not the token"));
    inspect(&mut browser, "login-wrong");
    log_in(&mut browser, "a-token-that-nobody-guesses");
    browser.wait_for("location.pathname === '/findings'");
    for (name, address, says) in [
        ("empty", "/findings", "No race has been seen"),
        ("no-variants", "/variants", "No proxy"),
        ("no-campaigns", "/campaigns", "No hunt"),
        ("unknown", "/findings/0123456789ab", "404"),
        ("nowhere", "/nowhere", "404"),
    ] {
        browser.open(&format!("{}{address}", served.url));
        let text = browser.text("main");
        assert!(text.contains(says), "{name}: {text}");
        inspect(&mut browser, name);
    }
    browser.tab_to("e.innerText === 'All findings'");
    browser.and_arrive(|browser| browser.press("Enter"));

    // The cookie runs out while a form is open.
    let race = service.race(["main.getCached", "main.setCached"], "cache.go", [6, 11]);
    let now = jiff::Timestamp::now();
    record(&mut service.open(), "cache", &race, Source::Canary, "v1", now);
    browser.open(&format!("{}/findings/{}", served.url, service.cache_id()));
    browser.forget_cookies();
    browser.value("document.querySelector('#by').value = 'mia'");
    browser.and_arrive(|browser| browser.click("button[value=acknowledge]"));
    let text = browser.text("main");
    assert!(text.contains("401") && text.contains("nothing was changed"), "{text}");
    inspect(&mut browser, "logged-out");
    browser.tab_to("e.innerText === 'Log in'");
    browser.and_arrive(|browser| browser.press("Enter"));
    log_in(&mut browser, "a-token-that-nobody-guesses");
    browser.wait_for("location.pathname === '/findings'");
    let refusals = browser.complaints(&served.url);
    let is_refusal = |line: &String| line.contains("401") || line.contains("404");
    assert!(refusals.iter().all(is_refusal), "{refusals:?}");
}

#[test]
fn the_variants_of_a_proxy_are_shown_as_they_do_now() {
    let Some(mut browser) = Browser::start() else { return };
    // Any service will do as stable, canary and mirror.
    let behind = Service::new();
    let behind = behind.serve(&[]);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_photofinish"));
    command.args(["proxy", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--store"]);
    let service = Service::new();
    command.arg(service.store()).args(["--stable", &behind.url, "--canary", &behind.url]);
    command.args(["--share", "50%", "--large-share", "--mirror", &behind.url]);
    let proxy = photofinish_testkit::Running::start(command.current_dir(service.dir.path()));
    let front = proxy.wait_for_line(LONG, "listening on http://");
    let admin = proxy.wait_for_line(LONG, "figures at http://");
    let admin = admin.split('/').next().unwrap();
    let served = service.serve(&["--proxy", admin, "--proxy", "127.0.0.1:1"]);
    browser.open(&format!("{}/variants", served.url));
    for _ in 0..40 {
        let mut stream = std::net::TcpStream::connect(&front).unwrap();
        let request =
            format!("GET /healthz HTTP/1.1\r\nhost: {front}\r\nconnection: close\r\n\r\n");
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
    }
    browser.wait_for("document.body.innerText.includes('gets 50.00% now')");
    browser.wait_for("document.querySelectorAll('polyline[points*=\" \"]').length >= 3");
    let text = browser.text("#variants");
    for word in ["Stable", "Canary", "Mirror", "not in the objective", "It does not answer"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    inspect(&mut browser, "variants");
    assert_no_complaints(&mut browser, &served);
}

#[test]
fn campaigns_are_shown_with_what_they_found() {
    let Some(mut browser) = Browser::start() else { return };
    let service = Service::new().with_findings(8);
    let served = service.serve(&["--proxy", "127.0.0.1:1"]);
    browser.open(&format!("{}/campaigns", served.url));
    assert!(browser.text(".nothing").contains("No hunt"));
    let mut store = service.open();
    let all = store.findings(&photofinish_store::Filter::default()).unwrap();
    let now = jiff::Timestamp::now();
    for number in 0..12_usize {
        let ended = now - jiff::SignedDuration::from_hours(30 - number as i64);
        let found = all.iter().take(number % 10).enumerate().map(|(index, finding)| {
            let id = finding.fingerprint.to_string();
            photofinish_store::CampaignFound { id, new: index < number % 4, regressed: false }
        });
        let campaign = photofinish_store::Campaign {
            id: format!("hunt/{number}"),
            kind: "hunt".to_owned(),
            service: "payments".to_owned(),
            host: "builder-1".to_owned(),
            started: ended - jiff::SignedDuration::from_secs(75),
            ended,
            found: found.collect(),
            figures: vec![("ran".to_owned(), "stable, canary, mirror".to_owned())],
        };
        store.record_campaign(&campaign).unwrap();
    }
    browser.wait_for("document.querySelectorAll('tbody tr').length === 12");
    let text = browser.text("#campaigns");
    assert!(text.contains("hunt of payments") && text.contains("1 min 15 s"), "{text}");
    inspect(&mut browser, "campaigns");
    browser.and_arrive(|browser| browser.click(".found a"));
    assert!(browser.text("h1").contains("↔"));
    let posted = serde_json::json!({"id": "catch/1", "kind": "catch", "service": "cart",
        "host": "h", "started": now, "ended": now, "found": []});
    assert_eq!(served.post_json("/api/v1/campaigns", &posted.to_string()).status, 200);
    assert_eq!(served.get("/api/v1/campaigns").json()["campaigns"][0]["service"], "cart");
    assert_no_complaints(&mut browser, &served);
}
