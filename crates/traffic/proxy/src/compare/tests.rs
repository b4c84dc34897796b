use super::*;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::io::Write;
use std::time::Duration;

fn answer(content_type: &str, body: impl AsRef<[u8]>) -> Answer {
    let mut answer = Answer { body: Bytes::copy_from_slice(body.as_ref()), ..Answer::default() };
    if !content_type.is_empty() {
        answer.headers.insert("content-type", HeaderValue::from_str(content_type).unwrap());
    }
    answer
}

fn json(body: &str) -> Answer {
    answer("application/json; charset=utf-8", body)
}

fn with(mut answer: Answer, header: &'static str, value: &str) -> Answer {
    let value = HeaderValue::from_str(value).unwrap();
    answer.headers.append(HeaderName::from_static(header), value);
    answer
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut pack = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    pack.write_all(text).unwrap();
    pack.finish().unwrap()
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn ignoring(paths: &[&str]) -> Rules {
    Rules::new(&RuleTexts { ignore: strings(paths), ..RuleTexts::default() }).unwrap()
}

fn usual() -> Rules {
    ignoring(&[])
}

/// One line per difference: `place: primary | mirror`.
fn told(rules: &Rules, primary: &Answer, mirror: &Answer) -> String {
    match compare(rules, primary, mirror) {
        Comparison::Same => "same".to_owned(),
        Comparison::Skipped(skip) => format!("skipped: {skip}"),
        Comparison::Different(differences) => {
            let line = |d: &Difference| {
                let times = if d.times > 1 { format!(" x{}", d.times) } else { String::new() };
                format!("{}: {} | {}{times}", d.at, d.primary, d.mirror)
            };
            differences.iter().map(line).collect::<Vec<_>>().join("\n")
        }
    }
}

fn bodies(rules: &Rules, primary: &str, mirror: &str) -> String {
    told(rules, &json(primary), &json(mirror))
}

#[test]
fn a_corrupted_total_is_told_with_both_values() {
    let text = bodies(&usual(), r#"{"id":17,"total":1999}"#, r#"{"total":2998,"id":17}"#);
    assert_eq!(text, "$.total: 1999 | 2998");
}

#[test]
fn how_json_is_written_does_not_matter() {
    let rules = usual();
    assert_eq!(bodies(&rules, r#"{"a":1,"b":[1,2]}"#, "{ \"b\": [1.0, 2],\n \"a\": 1e0 }"), "same");
    assert_eq!(bodies(&rules, r#"{"a":"\u00e9"}"#, r#"{"a":"é"}"#), "same");
    assert_eq!(bodies(&rules, "-0.0", "0"), "same");
    assert_eq!(
        bodies(&rules, "18446744073709551615", "18446744073709551614"),
        "$: 18446744073709551615 | 18446744073709551614"
    );
}

#[test]
fn what_only_one_side_has_is_absent_on_the_other() {
    let text = bodies(&usual(), r#"{"a":1,"b":{"c":null}}"#, r#"{"b":{"d":[1,"x"]}}"#);
    assert_eq!(text, "$.a: 1 | (absent)\n$.b.c: null | (absent)\n$.b.d: (absent) | [1,\"x\"]");
}

#[test]
fn repeated_keys_are_compared_one_by_one() {
    let rules = usual();
    assert_eq!(bodies(&rules, r#"{"a":1,"a":2}"#, r#"{"a":1,"a":3}"#), "$.a: 2 | 3");
    assert_eq!(bodies(&rules, r#"{"a":1,"a":2}"#, r#"{"a":2}"#), "$.a: 1 | 2 x2");
}

#[test]
fn elements_of_an_array_share_one_place_and_keys_that_are_ids_do_too() {
    let rules = usual();
    let text = bodies(
        &rules,
        r#"{"items":[{"n":1},{"n":2},{"n":3}],"by_cart":{"4711":{"sum":5},"cart-90210":{"sum":6}}}"#,
        r#"{"items":[{"n":9},{"n":8},{"n":3}],"by_cart":{"4711":{"sum":7},"cart-90210":{"sum":6}}}"#,
    );
    assert_eq!(text, "$.by_cart.{}.sum: 5 | 7\n$.items[*].n: 1 | 9 x2");
    assert_eq!(bodies(&rules, r#"{"a b":{"":1}}"#, r#"{"a b":{"":2}}"#), r#"$["a b"][""]: 1 | 2"#);
}

#[test]
fn arrays_of_different_lengths_differ_as_arrays() {
    assert_eq!(bodies(&usual(), "[1,2,3]", "[2,3]"), "$: array of 3 | array of 2");
}

#[test]
fn the_order_of_an_unordered_array_does_not_matter_but_its_elements_do() {
    let rules = Rules::new(&RuleTexts {
        unordered: strings(&["$.tags", "$..rows"]),
        ignore: strings(&["$..at"]),
        ..RuleTexts::default()
    })
    .unwrap();
    assert_eq!(bodies(&rules, r#"{"tags":["a","b",1]}"#, r#"{"tags":[1.0,"b","a"]}"#), "same");
    assert_eq!(
        bodies(&rules, r#"{"tags":["a","b","b"]}"#, r#"{"tags":["b","a","a"]}"#),
        "$.tags[*]: \"b\" | \"a\""
    );
    assert_eq!(
        bodies(
            &rules,
            r#"{"rows":[{"n":1,"at":1,"rows":[1,2]},{"n":2,"at":2}]}"#,
            r#"{"rows":[{"n":2,"at":9},{"at":8,"n":1,"rows":[2,1]}]}"#
        ),
        "same"
    );
    assert_eq!(bodies(&rules, "[1,2]", "[2,1]"), "$[*]: 1 | 2 x2", "others keep their order");
}

#[test]
fn ignored_paths_hide_exactly_themselves() {
    let (one, other) = (
        r#"{"meta":{"timestamp":"a","host":"x"},"items":[{"id":1,"n":1},{"id":2,"n":2}],"id":7}"#,
        r#"{"meta":{"timestamp":"b","host":"y"},"items":[{"id":3,"n":1},{"id":4,"n":5}],"id":8}"#,
    );
    let places = |paths: &[&str]| -> Vec<String> {
        let lines = bodies(&ignoring(paths), one, other);
        lines.lines().map(|line| line.split(": ").next().unwrap().to_owned()).collect()
    };
    let all = ["$.id", "$.items[*].id", "$.items[*].n", "$.meta.host", "$.meta.timestamp"];
    assert_eq!(places(&[]), all);
    assert_eq!(places(&["$.meta.timestamp"]), all[..4]);
    assert_eq!(places(&["$..id"]), all[2..]);
    assert_eq!(places(&["$.items[*].id"]), [all[0], all[2], all[3], all[4]]);
    assert_eq!(places(&["$['items'][1]", "$.meta.*"]), [all[0], all[1]]);
    assert_eq!(places(&["$..*", "$.none"]), ["same"]);
    assert_eq!(places(&["$"]), ["same"]);
    assert_eq!(bodies(&ignoring(&["$.at"]), r#"{"at":1,"n":1}"#, r#"{"n":1}"#), "same");
}

#[test]
fn numbers_may_be_a_share_apart_and_times_a_minute() {
    let rules =
        Rules::new(&RuleTexts { numbers_within: Some(0.01), ..RuleTexts::default() }).unwrap();
    assert_eq!(bodies(&rules, "[100,1]", "[100.9,1.02]"), "$[*]: 1 | 1.02");
    let rules = usual();
    let near = r#"["2026-11-22T02:00:00Z","2026-11-22T03:00:59.5+01:00",1795312800,1795312800123]"#;
    let later = r#"["2026-11-22T02:00:01Z","2026-11-22T02:00:00Z",1795312801,1795312801099]"#;
    assert_eq!(bodies(&rules, near, later), "same");
    assert_eq!(
        bodies(&rules, r#""2026-11-22T02:00:00Z""#, r#""2026-11-22T02:01:01Z""#).lines().count(),
        1
    );
    assert_eq!(bodies(&rules, "1795312800", "1795312861"), "$: 1795312800 | 1795312861");
    assert_eq!(bodies(&rules, "17", "18"), "$: 17 | 18", "small numbers are no times");
    let exact =
        Rules::new(&RuleTexts { times_within: Duration::ZERO, ..RuleTexts::default() }).unwrap();
    assert_ne!(bodies(&exact, near, later), "same");
}

#[test]
fn a_differing_status_or_type_ends_the_comparison() {
    let mut failed = json(r#"{"error":"x"}"#);
    failed.status = StatusCode::INTERNAL_SERVER_ERROR;
    assert_eq!(told(&usual(), &json("{}"), &failed), "status: 200 | 500");
    let text = told(&usual(), &json("{}"), &answer("text/html", "<p>"));
    assert_eq!(text, "header content-type: application/json; charset=utf-8 | text/html");
}

#[test]
fn headers_of_the_moment_are_not_compared_even_if_all_are() {
    let one = with(with(json("{}"), "date", "Sun"), "x-shard", "3");
    let other = with(with(json("{}"), "x-request-id", "77"), "x-shard", "4");
    assert_eq!(told(&usual(), &one, &other), "same");
    let texts = RuleTexts { headers: strings(&["*"]), ..RuleTexts::default() };
    let all = Rules::new(&texts).unwrap();
    assert_eq!(told(&all, &one, &other), "header x-shard: 3 | 4");
    let but = RuleTexts { ignore_headers: strings(&["X-Shard"]), ..texts };
    assert_eq!(told(&Rules::new(&but).unwrap(), &one, &other), "same");
    let moved = with(json("{}"), "location", "/orders/18");
    assert_eq!(told(&usual(), &json("{}"), &moved), "header location: (absent) | /orders/18");
}

#[test]
fn torn_json_is_shown_where_it_tears() {
    let text = bodies(&usual(), r#"{"name":"Ada","sum":12}"#, r#"{"name":"Ad{"name":"Bob"}"#);
    assert_eq!(
        text,
        r#"body: from byte 12 of 23: {"name":"Ada","sum":12} | from byte 12 of 25: {"name":"Ad{"name":"Bob"}"#
    );
}

#[test]
fn bytes_differ_at_a_position() {
    let rules = usual();
    let plain = |body: &[u8]| answer("text/plain", body);
    assert_eq!(
        told(&rules, &plain(b"abc"), &plain(b"abcd")),
        "body: ends after 3 bytes | from byte 4 of 4: abcd"
    );
    assert_eq!(
        told(&rules, &plain(b"\x00\xffa"), &plain(b"\x00\xfe\x1b")),
        "body: from byte 2 of 3: \\u{0}\\xffa | from byte 2 of 3: \\u{0}\\xfe\\u{1b}"
    );
    let long = format!("{}ä{}", "ö".repeat(100), "z".repeat(500));
    let text = told(&rules, &plain(long.as_bytes()), &plain(&long.as_bytes()[..300]));
    assert!(
        text.contains("from byte 301 of 702: …zzzz") && text.ends_with("| ends after 300 bytes"),
        "{text}"
    );
    assert!(text.lines().all(|line| line.chars().count() < 200), "{text}");
}

#[test]
fn gzip_is_undone_within_bounds_and_nothing_else_is() {
    let packed = |body: &[u8]| with(answer("application/json", body), "content-encoding", "gzip");
    let rules = usual();
    let (one, other) = (gzip(br#"{"n":1}"#), gzip(br#"{"n":2}"#));
    assert_eq!(told(&rules, &packed(&one), &packed(&other)), "$.n: 1 | 2");
    assert_eq!(told(&rules, &packed(&one), &answer("application/json", r#"{"n": 1}"#)), "same");
    assert_eq!(told(&rules, &packed(&one), &packed(&one[..9])), "skipped: encoding");
    let bomb = gzip(&vec![b' '; 32 << 20]);
    assert!(bomb.len() < 1 << 18);
    assert_eq!(told(&rules, &packed(&bomb), &packed(&one)), "skipped: too-large");
    let brotli = |body: &str| with(json(body), "content-encoding", "br");
    assert_eq!(told(&rules, &brotli("x"), &brotli("y")), "skipped: encoding");
    assert_eq!(told(&rules, &brotli("x"), &brotli("x")), "same");
}

#[test]
fn what_cannot_be_compared_says_why() {
    let rules = usual();
    let cut = Answer { truncated: true, ..json("{") };
    assert_eq!(told(&rules, &cut, &json("{}")), "skipped: truncated");
    let deep = |leaf: &str| format!("{}{leaf}{}", "[".repeat(200), "]".repeat(200));
    assert_eq!(bodies(&rules, &deep("1"), &deep("2")), "skipped: too-deep");
    let stream = |body: &str| answer("text/event-stream", body);
    assert_eq!(told(&rules, &stream("data: 1"), &stream("data: 2")), "skipped: stream");
    let lines = |body: &str| answer("application/x-ndjson", body);
    assert_eq!(told(&rules, &lines("{}"), &lines("{}\n{}")), "skipped: stream");
    let small = Rules::new(&RuleTexts { max_body: 3, ..RuleTexts::default() }).unwrap();
    assert_eq!(told(&small, &json("[1,2]"), &json("[1,3]")), "skipped: too-large");
    assert_eq!(told(&small, &json("[1,2]"), &json("[1,2]")), "same");
    let mut busy = json("{}");
    busy.status = StatusCode::SERVICE_UNAVAILABLE;
    assert_eq!(told(&rules, &json("{}"), &busy), "skipped: unavailable");
    assert_eq!(told(&rules, &busy, &busy), "same");
    let mut moved = cut.clone();
    moved.status = StatusCode::FOUND;
    assert_eq!(told(&rules, &cut, &moved), "status: 200 | 302", "what is known is still told");
}

#[test]
fn a_grpc_answer_is_its_status_and_its_messages() {
    let call = |status: &'static str, body: &[u8]| {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static(status));
        Answer { trailers, ..answer("application/grpc+proto", body) }
    };
    let rules = usual();
    assert_eq!(told(&rules, &call("0", b"\0\0\0\0\x01a"), &call("0", b"\0\0\0\0\x01a")), "same");
    assert_eq!(told(&rules, &call("0", b""), &call("13", b"")), "header grpc-status: 0 | 13");
    let text = told(&rules, &call("0", b"\0\0\0\0\x01a"), &call("0", b"\0\0\0\0\x01b"));
    assert!(text.starts_with("body: from byte 6 of 6:"), "{text}");
}

#[test]
fn hidden_values_show_types_and_lengths_only() {
    let rules = Rules::new(&RuleTexts { values: Values::Hidden, ..RuleTexts::default() }).unwrap();
    let text = bodies(
        &rules,
        r#"{"name":"Ada Lovelace","ok":true,"n":170017}"#,
        r#"{"name":"Bob","ok":false,"n":180018}"#,
    );
    for secret in ["Ada", "Bob", "170017", "180018", "true"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(text.contains("$.name: text of 12 characters #"), "{text}");
    assert!(text.contains("$.ok: a boolean | a boolean"), "{text}");
    let bytes = told(&rules, &answer("text/plain", "secret a"), &answer("text/plain", "secret b"));
    assert!(!bytes.contains("secret") && bytes.contains("from byte 8 of 8 #"), "{bytes}");
    let place = with(json("{}"), "location", "/users/ada");
    let text = told(&rules, &place, &json("{}"));
    assert!(text.contains("10 bytes #") && !text.contains("ada"), "{text}");
    let mark = |text: &str| text.split('#').nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let again = bodies(&rules, r#"{"name":"Ada Lovelace"}"#, r#"{"name":"Eve"}"#);
    let first = bodies(&rules, r#"{"name":"Ada Lovelace"}"#, r#"{"name":"Bob"}"#);
    assert_eq!(mark(&again), mark(&first), "equal values are told to be equal");
}

#[test]
fn thousands_of_differences_are_a_few_places() {
    let many = |n: u32| {
        let members: Vec<String> =
            (0..5000).map(|i| format!("\"k{}x{}\":{}", i % 100, i / 100, n)).collect();
        format!("{{{}}}", members.join(","))
    };
    let Comparison::Different(differences) = compare(&usual(), &json(&many(1)), &json(&many(2)))
    else {
        panic!("they differ");
    };
    assert_eq!(differences.len(), MOST_PLACES);
}

#[test]
fn a_rule_that_cannot_be_read_says_where() {
    let error = |texts: RuleTexts| Rules::new(&texts).unwrap_err();
    let path = |text: &str| {
        error(RuleTexts { ignore: strings(&[text]), ..RuleTexts::default() }).to_string()
    };
    assert_eq!(
        path("meta.x"),
        "`meta.x` in `ignore` is not a path: at character 1, expected `$`, the whole body"
    );
    assert_eq!(
        path("$.a["),
        "`$.a[` in `ignore` is not a path: at character 5, expected `*`, a number or a quoted name"
    );
    assert_eq!(path("$.a[1"), "`$.a[1` in `ignore` is not a path: at character 6, expected `]`");
    assert_eq!(
        path("$.ä..[\"b"),
        "`$.ä..[\"b` in `ignore` is not a path: at character 9, expected the closing quote"
    );
    assert_eq!(
        path("$.a b"),
        "`$.a b` in `ignore` is not a path: at character 4, expected `.` or `[`"
    );
    assert_eq!(
        path("$."),
        "`$.` in `ignore` is not a path: at character 3, expected a name or `*`"
    );
    let route = |text: &str| error(RuleTexts { only: strings(&[text]), ..RuleTexts::default() });
    assert_eq!(
        route("get /x").to_string(),
        "`get /x` in `only` is not a route: at character 1, expected a method in capitals, or `/`"
    );
    assert_eq!(
        route("/a/**/b").to_string(),
        "`/a/**/b` in `only` is not a route: at character 7, expected nothing behind `**`"
    );
    assert_eq!(
        route("GET orders").to_string(),
        "`GET orders` in `only` is not a route: at character 5, expected a path that begins with `/`"
    );
    assert!(route("/a*").hint().is_some());
    let header = error(RuleTexts { ignore_headers: strings(&["a b"]), ..RuleTexts::default() });
    assert_eq!(header.to_string(), "`a b` in `ignore_headers` is not the name of a header");
    let number = error(RuleTexts { numbers_within: Some(f64::NAN), ..RuleTexts::default() });
    assert_eq!(number.to_string(), "`numbers_within` is NaN, which is no share");
}

#[test]
fn only_and_except_choose_routes() {
    let rules = Rules::new(&RuleTexts {
        only: strings(&["/api/**", "GET /orders/*"]),
        except: strings(&["/api/health", "/api/{tenant}/random"]),
        ..RuleTexts::default()
    })
    .unwrap();
    for (method, path, wanted) in [
        ("GET", "/api/orders/17?x=1", true),
        ("POST", "/api/", true),
        ("GET", "/api/health", false),
        ("GET", "/api/acme/random", false),
        ("GET", "/orders/17", true),
        ("POST", "/orders/17", false),
        ("GET", "/orders/17/lines", false),
        ("GET", "/orders/", false),
    ] {
        assert_eq!(rules.wants(method, path), wanted, "{method} {path}");
    }
    assert!(usual().wants("GET", "/anything"));
}

#[test]
fn requests_of_one_route_have_ids_in_the_same_places() {
    for (path, route) in [
        ("/orders/17?x=1", "/orders/{}"),
        ("/orders/", "/orders/"),
        ("/", "/"),
        ("/v2/users/3f2a91c0-d4e5-4f60-8a7b-91c0d4e5f607/carts", "/v2/users/{}/carts"),
        ("/users/ada@example.com", "/users/{}"),
        ("/reports/2026-11-22", "/reports/{}"),
        ("/o/ord_8f3k2j1x9", "/o/{}"),
        ("/blob/deadbeefcafe0", "/blob/{}"),
        ("/top-10/oauth2/feedback/facade", "/top-10/oauth2/feedback/facade"),
        ("/t/aGVsbG8gd29ybGQgaGVsbG8x", "/t/{}"),
    ] {
        assert_eq!(Route::of("GET", path).as_str(), format!("GET {route}"), "{path}");
    }
    let long = Route::of("GET", &"/a".repeat(5000));
    assert!(long.as_str().len() < 60, "{long}");
}

/// Shows a learner `answers` of one route, one after the other.
fn learn(
    learner: &mut Learner,
    answers: impl IntoIterator<Item = (String, String)>,
) -> Vec<Differing> {
    let rules = usual();
    let mut told = Vec::new();
    for (index, (primary, mirror)) in answers.into_iter().enumerate() {
        let (primary, mirror) = (json(&primary), json(&mirror));
        let comparison = compare(&rules, &primary, &mirror);
        let path = format!("/orders/{index}");
        let route = Route::of("GET", &path);
        told.extend(learner.note(
            &rules,
            &route,
            &format!("GET {path}"),
            (&primary, &mirror),
            &comparison,
        ));
    }
    told
}

fn pair(primary: impl Into<String>, mirror: impl Into<String>) -> (String, String) {
    (primary.into(), mirror.into())
}

#[test]
fn a_place_that_always_differs_is_noisy_and_one_that_rarely_does_is_told() {
    let mut learner = Learner::default();
    let answers = (0..500).map(|n| {
        let total = if n % 100 == 7 { 2998 } else { 1999 };
        pair(
            format!(r#"{{"total":1999,"nonce":"a{n}"}}"#),
            format!(r#"{{"total":{total},"nonce":"b{n}"}}"#),
        )
    });
    let told = learn(&mut learner, answers);
    assert_eq!(told.len(), 5);
    assert!(told.iter().all(|differing| differing.difference.at == Place::Json("$.total".into())));
    let first = &told[0];
    assert_eq!(first.request, "GET /orders/7", "the first is kept until it can be told");
    assert_eq!(
        (first.differed, first.compared),
        (1, 27),
        "20 comparisons of a place that differed"
    );
    assert_eq!((told[4].differed, told[4].compared), (5, 408));
    assert_eq!(first.route.as_str(), "GET /orders/{}");
    assert_eq!(first.primary, Head { status: 200, content_type: "application/json".into() });
    let figures = learner.figures();
    assert_eq!((figures.compared, figures.different, figures.told), (500, 500, 5));
    assert_eq!((figures.noisy_places, figures.held), (1, 0));
    assert_eq!(learner.noisy().len(), 1);
}

#[test]
fn a_difference_is_held_back_until_its_place_was_compared_often_enough() {
    let mut learner = Learner::default();
    let same = || pair(r#"{"n":1}"#, r#"{"n":1}"#);
    assert_eq!(learn(&mut learner, [pair(r#"{"n":1}"#, r#"{"n":2}"#)]), []);
    assert_eq!(learn(&mut learner, (0..18).map(|_| same())), []);
    assert_eq!(learner.figures().held, 1);
    let told = learn(&mut learner, [same()]);
    assert_eq!(told.len(), 1, "told with the 20th");
    assert_eq!(told[0].difference.mirror, "2");
}

#[test]
fn a_field_that_few_answers_have_and_that_differs_in_each_is_noisy() {
    let mut learner = Learner::default();
    let answers = (0..1000).map(|n| match n % 10 {
        0 => pair(
            format!(r#"{{"error":{{"trace":"a{n}"}}}}"#),
            format!(r#"{{"error":{{"trace":"b{n}"}}}}"#),
        ),
        _ => pair("{}", "{}"),
    });
    assert_eq!(learn(&mut learner, answers), []);
    assert_eq!(learner.figures().noisy_places, 1);
}

#[test]
fn two_elements_in_random_order_are_noise() {
    let mut learner = Learner::default();
    let answers = (0..200).map(|n| match (n * 7 + n / 3) % 2 {
        0 => pair(r#"["a","b"]"#, r#"["b","a"]"#),
        _ => pair(r#"["a","b"]"#, r#"["a","b"]"#),
    });
    assert_eq!(learn(&mut learner, answers), []);
}

#[test]
fn more_noise_than_can_be_named_is_still_noise() {
    let mut learner = Learner::default();
    let answers = (0..600).map(|n| {
        let fields = |side: char| -> String {
            // All 60 differ always, but for the first ten now and then: then ten others are named.
            let value = |field: usize| if n % 10 == 0 && field < 10 { 'x' } else { side };
            let fields: Vec<String> =
                (0..60).map(|field| format!("\"f{field:02}\":\"{}\"", value(field))).collect();
            format!("{{{}}}", fields.join(","))
        };
        pair(fields('a'), fields('b'))
    });
    assert_eq!(learn(&mut learner, answers), []);
    assert!(learner.figures().noisy_places > 30, "{:?}", learner.figures());
}

#[test]
fn a_noisy_place_that_falls_quiet_is_believed_again() {
    let mut learner = Learner::default();
    let noisy =
        (0..100).map(|n| pair(format!("{{\"n\":\"a{n}\"}}"), format!("{{\"n\":\"b{n}\"}}")));
    assert_eq!(learn(&mut learner, noisy), []);
    let quiet = (0..4000).map(|_| pair(r#"{"n":"x"}"#, r#"{"n":"x"}"#));
    assert_eq!(learn(&mut learner, quiet), []);
    let told = learn(&mut learner, [pair(r#"{"n":"x"}"#, r#"{"n":"y"}"#)]);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].differed, 101);
}

#[test]
fn what_a_learner_remembers_is_bounded_and_the_rest_is_counted() {
    let limits = Limits { routes: 2, places: 3, ..Limits::default() };
    let mut learner = Learner::new(limits);
    let rules = usual();
    for name in ["a", "b", "c"] {
        let (one, other) =
            (json(r#"{"p":1,"q":1,"r":1,"s":1}"#), json(r#"{"p":2,"q":2,"r":2,"s":2}"#));
        let comparison = compare(&rules, &one, &other);
        let route = Route::of("GET", &format!("/{name}"));
        learner.note(&rules, &route, "", (&one, &other), &comparison);
    }
    let figures = learner.figures();
    assert_eq!((figures.held, figures.overflow), (6, 6));
    let mut learner = Learner::new(Limits { routes: 2, ..Limits::default() });
    let (one, other) = (json("1"), json("2"));
    for (name, comparison) in
        [("x", compare(&rules, &one, &one)), ("y", compare(&rules, &one, &one))]
    {
        learner.note(&rules, &Route::of("GET", name), "", (&one, &one), &comparison);
    }
    let comparison = compare(&rules, &one, &other);
    learner.note(&rules, &Route::of("GET", "/a"), "", (&one, &other), &comparison);
    assert_eq!(
        learner.figures().held,
        1,
        "a route that differs is worth more than one that does not"
    );
    let comparison = Comparison::Skipped(Skip::Stream);
    learner.note(&rules, &Route::of("GET", "/a"), "", (&json(""), &json("")), &comparison);
    assert_eq!(learner.figures().skipped[&Skip::Stream], 1);
}

#[test]
#[ignore = "a measurement: cargo test --release -p photofinish-proxy -- --ignored --nocapture"]
fn what_a_comparison_costs() {
    let rules = ignoring(&["$..at", "$.meta.id"]);
    for n in [10, 700] {
        let body = |last: usize| {
            let item = |i: usize| {
                let price = if i + 1 == n { last } else { i };
                format!(
                    r#"{{"id":"item-{i}","name":"a thing to buy","price":{price},"at":"2026-11-22T02:00:00Z"}}"#
                )
            };
            let items: Vec<String> = (0..n).map(item).collect();
            json(&format!(r#"{{"meta":{{"id":1}},"items":[{}]}}"#, items.join(",")))
        };
        let (one, other) = (body(1), body(2));
        for (what, mirror) in [("equal", &one), ("different", &other)] {
            let started = std::time::Instant::now();
            let rounds = 2_000_000 / (n * 10);
            let differing =
                (0..rounds).filter(|_| compare(&rules, &one, mirror) != Comparison::Same);
            let n_differing = differing.count();
            assert_eq!(n_differing > 0, what == "different");
            let each = started.elapsed() / u32::try_from(rounds).unwrap();
            println!("{what}, {} bytes: {each:?}", one.body.len());
        }
    }
}
