//! Sightings in, findings out; what people decide; what a later build shows.

use crate::common::{Kept, at, by_mia, race, sighting};
use photofinish_model::{AnswerDiff, Fingerprint, Kind, Pattern, Race};
use photofinish_store::json::FindingJson;
use photofinish_store::{
    Action, CodeOwners, Filter, Job, NewSighting, OwnerRules, Repository, Source, State, Store,
    StoreError,
};

fn fix(build: Option<&str>) -> Action {
    Action::Fix { fixed_in: build.map(str::to_owned) }
}

fn record_fixed(store: &mut Store, race: &Race, build: Option<&str>) -> Fingerprint {
    let fingerprint = store.record(&sighting("first", race)).unwrap().fingerprint;
    store.change(std::slice::from_ref(&fingerprint), &fix(build), &by_mia(2_000)).unwrap();
    fingerprint
}

pub fn many_sightings_of_one_race_are_one_finding(mut kept: Kept) {
    let race = race("Cached");
    let first = kept.store.record(&sighting("a", &race)).unwrap();
    assert!(first.new && !first.duplicate && !first.regressed);
    let again = NewSighting {
        source: Source::Catch,
        build: Some("v2"),
        host: None,
        at: at(1_500),
        ..sighting("b", &race)
    };
    let second = kept.store.record(&again).unwrap();
    assert!(!second.new && !second.duplicate);
    let finding = kept.store.finding(&first.fingerprint).unwrap();
    assert_eq!(finding.title, "main.getCached ↔ main.setCached");
    assert_eq!((finding.count, finding.state), (2, State::New));
    assert_eq!((finding.first_seen, finding.last_seen), (at(1_000), at(1_500)));
    assert_eq!(
        finding.sources.into_iter().collect::<Vec<_>>(),
        [(Source::Canary, 1), (Source::Catch, 1)]
    );
    let builds: Vec<_> =
        finding.builds.iter().map(|seen| (seen.name.as_str(), seen.count)).collect();
    assert_eq!(builds, [("v1", 1), ("v2", 1)]);
    assert_eq!(finding.hosts.len(), 1);
    assert_eq!(finding.race, race);
}

pub fn the_same_key_counts_once_however_often_it_is_delivered(mut kept: Kept) {
    let (one, other) = (race("One"), race("Other"));
    let first = kept.store.record(&sighting("key", &one)).unwrap();
    for race in [&one, &other] {
        let again = kept.store.record(&sighting("key", race)).unwrap();
        assert!(again.duplicate && !again.new);
        assert_eq!(again.fingerprint, first.fingerprint);
    }
    let batch = [sighting("x", &one), sighting("x", &one), sighting("key", &one)];
    let recorded = kept.store.record_all(&batch).unwrap();
    assert_eq!(recorded.iter().map(|r| r.duplicate).collect::<Vec<_>>(), [false, true, true]);
    let findings = kept.store.findings(&Filter::default()).unwrap();
    assert_eq!(findings.iter().map(|f| f.count).collect::<Vec<_>>(), [2]);
}

pub fn the_race_that_tells_most_is_kept_and_the_first_and_latest_report(mut kept: Kept) {
    let whole = race("Cart");
    let cut = Race { partial: true, raw: "cut".into(), light: true, ..whole.clone() };
    let late = Race { raw: "early, delivered late".into(), ..whole.clone() };
    let fingerprint =
        kept.store.record(&NewSighting { at: at(10), ..sighting("a", &cut) }).unwrap().fingerprint;
    let finding = kept.store.finding(&fingerprint).unwrap();
    assert!(finding.race.partial && finding.light_only);
    kept.store.record(&NewSighting { at: at(20), ..sighting("b", &whole) }).unwrap();
    kept.store.record(&NewSighting { at: at(15), ..sighting("c", &cut) }).unwrap();
    kept.store.record(&NewSighting { at: at(5), ..sighting("d", &late) }).unwrap();
    let finding = kept.store.finding(&fingerprint).unwrap();
    assert_eq!(finding.race, whole);
    assert!(!finding.light_only, "a full build has seen it");
    assert_eq!(finding.first_raw, "early, delivered late");
    assert_eq!(finding.latest_raw, whole.raw);
    assert_eq!((finding.first_seen, finding.last_seen), (at(5), at(20)));
}

pub fn a_sighting_of_a_later_build_shows_that_the_repair_failed(mut kept: Kept) {
    let race = race("Cart");
    let fingerprint = record_fixed(&mut kept.store, &race, Some("v2"));
    let old = NewSighting { at: at(3_000), ..sighting("old pod still runs", &race) };
    assert!(!kept.store.record(&old).unwrap().regressed);
    let spooled = NewSighting { build: Some("v2"), at: at(1_900), ..sighting("spooled", &race) };
    assert!(!kept.store.record(&spooled).unwrap().regressed);
    assert_eq!(kept.store.state(&fingerprint).unwrap(), Some(State::Fixed));
    let later = NewSighting { build: Some("v3"), at: at(4_000), ..sighting("later", &race) };
    let recorded = kept.store.record(&later).unwrap();
    assert!(recorded.regressed && !recorded.new);
    let again = NewSighting { key: "again", ..later };
    assert!(!kept.store.record(&again).unwrap().regressed, "told once");
    let finding = kept.store.finding(&fingerprint).unwrap();
    assert_eq!(finding.state, State::Regressed);
    let last = finding.history.last().unwrap();
    assert_eq!(last.why, "seen again by canary of api in build v3 on pod-1");
    assert_eq!((last.by.as_deref(), last.from), (None, Some(State::Fixed)));
}

pub fn builds_named_by_commit_are_ordered_by_when_they_appeared(mut kept: Kept) {
    let race = race("Cart");
    kept.store.saw_build(Some("api"), "c0ffee", at(1_200)).unwrap();
    record_fixed(&mut kept.store, &race, Some("c0ffee"));
    kept.store.saw_build(Some("api"), "0ldie", at(1_100)).unwrap();
    let old = NewSighting { build: Some("0ldie"), at: at(5_000), ..sighting("o", &race) };
    assert!(!kept.store.record(&old).unwrap().regressed);
    let new = NewSighting { build: Some("beef"), at: at(5_001), ..sighting("n", &race) };
    assert!(kept.store.record(&new).unwrap().regressed);
}

pub fn where_no_build_is_known_the_time_of_the_sighting_decides(mut kept: Kept) {
    let race = race("Cart");
    record_fixed(&mut kept.store, &race, None);
    let spooled = NewSighting { build: None, at: at(1_999), ..sighting("spooled", &race) };
    assert!(!kept.store.record(&spooled).unwrap().regressed);
    let after = NewSighting { build: None, at: at(2_001), ..sighting("after", &race) };
    assert!(kept.store.record(&after).unwrap().regressed);
}

pub fn a_mute_keeps_a_finding_quiet_until_its_day(mut kept: Kept) {
    let race = race("Cart");
    let fingerprint = kept.store.record(&sighting("a", &race)).unwrap().fingerprint;
    let ids = [fingerprint.clone()];
    let far = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    kept.store.change(&ids, &Action::Mute { until: far }, &by_mia(1_100)).unwrap();
    assert_eq!(kept.store.state(&fingerprint).unwrap(), Some(State::Suppressed));
    let meanwhile = NewSighting { at: at(1_200), ..sighting("b", &race) };
    assert_eq!(kept.store.record(&meanwhile).unwrap().state, State::Suppressed);
    kept.store.change(&ids, &Action::Mute { until: at(1_300) }, &by_mia(1_250)).unwrap();
    assert_eq!(kept.store.state(&fingerprint).unwrap(), Some(State::New), "the day has come");
    let after = NewSighting { at: at(1_400), ..sighting("c", &race) };
    assert_eq!(kept.store.record(&after).unwrap().state, State::New);
    let finding = kept.store.finding(&fingerprint).unwrap();
    assert_eq!(finding.muted_until, None);
    assert_eq!(finding.history.last().unwrap().why, "the mute ended");
}

pub fn a_decision_is_made_for_all_or_for_none(mut kept: Kept) {
    let (a, b) = (race("A"), race("B"));
    let a = kept.store.record(&sighting("a", &a)).unwrap().fingerprint;
    let b = kept.store.record(&sighting("b", &b)).unwrap().fingerprint;
    kept.store.change(std::slice::from_ref(&b), &fix(None), &by_mia(2_000)).unwrap();
    let ids = [a.clone(), b];
    let error = kept.store.change(&ids, &Action::Acknowledge, &by_mia(2_001)).unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. }), "{error}");
    assert!(error.hint().unwrap().contains("reopen"));
    assert_eq!(kept.store.state(&a).unwrap(), Some(State::New));
    assert_eq!(kept.store.finding(&a).unwrap().history.len(), 1);
}

pub fn the_history_says_who_and_why(mut kept: Kept) {
    let race = race("Cart");
    let fingerprint = record_fixed(&mut kept.store, &race, Some("v2"));
    kept.store.change(std::slice::from_ref(&fingerprint), &Action::Reopen, &by_mia(3_000)).unwrap();
    let history = kept.store.finding(&fingerprint).unwrap().history;
    let lines: Vec<String> = history
        .iter()
        .map(|change| {
            let by = change.by.as_deref().unwrap_or("photofinish");
            format!("{} {} by {by}: {}", change.at, change.to, change.why)
        })
        .collect();
    assert_eq!(
        lines,
        [
            "1970-01-01T00:16:40Z new by photofinish: first seen by canary of api in build v1 on pod-1",
            "1970-01-01T00:33:20Z fixed by mia: fixed in v2: known",
            "1970-01-01T00:50:00Z new by mia: known",
        ]
    );
}

pub fn an_owner_named_by_a_person_stays(mut kept: Kept) {
    let race = race("Cart");
    let rules = |team: &str| {
        let repository = Repository { root: "/src".into(), ..Repository::default() };
        Some(OwnerRules::new(CodeOwners::parse(&format!("* {team}")), repository))
    };
    let fingerprint = kept.store.record(&sighting("a", &race)).unwrap().fingerprint;
    let owners = |store: &Store| store.finding(&fingerprint).unwrap().owners;
    assert_eq!(owners(&kept.store), [""; 0]);
    kept.store.set_owner_rules(rules("@carts"));
    kept.store.record(&sighting("b", &race)).unwrap();
    assert_eq!(owners(&kept.store), ["@carts"]);
    kept.store.set_owner_rules(rules("@shop"));
    kept.store.record(&sighting("c", &race)).unwrap();
    assert_eq!(owners(&kept.store), ["@shop"]);
    let to =
        |owners: &[&str]| Action::Assign { owners: owners.iter().map(|o| (*o).into()).collect() };
    let ids = [fingerprint.clone()];
    kept.store.change(&ids, &to(&["@mia"]), &by_mia(2_000)).unwrap();
    kept.store.record(&sighting("d", &race)).unwrap();
    assert_eq!(owners(&kept.store), ["@mia"]);
    kept.store.change(&ids, &to(&[]), &by_mia(2_000)).unwrap();
    kept.store.record(&sighting("e", &race)).unwrap();
    assert_eq!(owners(&kept.store), ["@shop"]);
}

pub fn findings_are_chosen_by_state_source_time_and_words(mut kept: Kept) {
    let (cart, pay) = (race("Cart"), race("Pay"));
    let cart_id = kept.store.record(&sighting("a", &cart)).unwrap().fingerprint;
    let later = NewSighting { source: Source::Load, at: at(9_000), ..sighting("b", &pay) };
    let pay_id = kept.store.record(&later).unwrap().fingerprint;
    kept.store.change(std::slice::from_ref(&pay_id), &Action::Acknowledge, &by_mia(9_001)).unwrap();
    let list = |filter: Filter| -> Vec<Fingerprint> {
        let findings = kept.store.findings(&filter).unwrap();
        findings.into_iter().map(|finding| finding.fingerprint).collect()
    };
    let both = [cart_id.clone(), pay_id.clone()];
    assert_eq!(list(Filter::default()), both, "what waits for a decision comes first");
    assert_eq!(list(Filter { states: vec![State::New], ..Filter::default() }), both[..1]);
    assert_eq!(list(Filter { sources: vec![Source::Load], ..Filter::default() }), both[1..]);
    assert_eq!(list(Filter { since: Some(at(5_000)), ..Filter::default() }), both[1..]);
    let words = |words: &[&str]| Filter {
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        ..Filter::default()
    };
    assert_eq!(list(words(&["getcart", "MAIN.GO"])), both[..1]);
    assert_eq!(list(words(&["getcart", "pay"])), []);
}

pub fn an_id_may_be_shortened_while_it_is_unique(mut kept: Kept) {
    let ids: Vec<Fingerprint> = (0..40)
        .map(|i| {
            let race = race(&format!("{i}"));
            kept.store.record(&sighting(&format!("{i}"), &race)).unwrap().fingerprint
        })
        .collect();
    for id in &ids {
        assert_eq!(kept.store.resolve(id.as_str()).unwrap(), *id);
    }
    let error = ids
        .iter()
        .find_map(|id| kept.store.resolve(&id.as_str()[..1]).err())
        .expect("40 ids share their first of 16 digits");
    assert!(matches!(error, StoreError::Ambiguous { .. }), "{error}");
    assert!(error.hint().unwrap().contains("main.get"), "{:?}", error.hint());
    for nobody in ["", "zzz", "%", "_"] {
        let error = kept.store.resolve(nobody).unwrap_err();
        assert!(matches!(error, StoreError::Unknown { .. }), "{nobody}: {error}");
    }
}

pub fn the_json_of_a_finding_has_what_scripts_were_promised(mut kept: Kept) {
    let race = race("Cart");
    let fingerprint = record_fixed(&mut kept.store, &race, Some("v2"));
    let finding = kept.store.finding(&fingerprint).unwrap();
    assert_eq!(finding.kind(), Kind::DataRace);
    let json = FindingJson::from(&finding);
    let value = serde_json::to_value(&json).unwrap();
    for field in [
        "id",
        "fingerprint",
        "state",
        "kind",
        "pattern",
        "explanation",
        "hint",
        "title",
        "count",
        "sources",
        "builds",
        "hosts",
        "owners",
        "first_seen",
        "last_seen",
        "race",
        "history",
    ] {
        assert!(value.get(field).is_some(), "{field} is promised");
    }
    assert_eq!(value["sources"]["canary"], 1);
    assert_eq!(value["builds"]["v1"], 1);
    assert_eq!(value["first_seen"], "1970-01-01T00:16:40Z");
    assert_eq!(value["fixed_in"], "v2");
    assert_eq!(value["race"]["accesses"][0]["op"], "read");
    assert_eq!(value["history"][1]["by"], "mia");
    assert_eq!(serde_json::from_value::<FindingJson>(value).unwrap(), json);
}

pub fn answers_that_differ_in_one_place_are_one_finding_with_the_counts_of_the_latest(
    mut kept: Kept,
) {
    let diff = |compared, differed| AnswerDiff {
        route: "GET /orders/{}".into(),
        place: "$.total".into(),
        request: Some(format!("GET /orders/{compared}")),
        compared,
        differed,
        ..AnswerDiff::default()
    };
    let (first, later) = (diff(27, 1).to_race(), diff(5214, 3).to_race());
    let other = AnswerDiff { place: "$.tax".into(), ..diff(5300, 1) }.to_race();
    let id = kept.store.record(&sighting("a", &first)).unwrap().fingerprint;
    let again = NewSighting { at: at(1_100), source: Source::Mirror, ..sighting("b", &later) };
    assert_eq!(kept.store.record(&again).unwrap().fingerprint, id);
    assert!(kept.store.record(&sighting("c", &other)).unwrap().new);
    let finding = kept.store.finding(&id).unwrap();
    assert_eq!(finding.title, "GET /orders/{} answers differently at $.total");
    assert_eq!((finding.count, finding.pattern), (2, Pattern::AnswerDiff));
    assert_eq!(AnswerDiff::read(&finding.race.raw), Some(diff(5214, 3)));
    assert_eq!(AnswerDiff::read(&finding.first_raw), Some(diff(27, 1)));
    let json = serde_json::to_value(FindingJson::from(&finding)).unwrap();
    assert_eq!(json["race"]["answer_diff"]["differed"], 3);
}

pub fn a_finding_knows_the_jobs_that_were_under_way_once_each_and_the_latest_of_them(
    mut kept: Kept,
) {
    let race = crate::common::race("Job");
    let job =
        |id: u32| Job { queue: "q_race".into(), id: id.to_string(), kind: Some("mail".into()) };
    let mut fingerprint = None;
    for n in 0..15 {
        let key = format!("key-{n}");
        let sighting =
            NewSighting { at: crate::common::at(n.into()), ..crate::common::sighting(&key, &race) };
        fingerprint = Some(kept.store.record(&sighting).unwrap().fingerprint);
        for _ in 0..2 {
            kept.store.link_jobs(&key, &[job(2 * n), job(2 * n + 1)]).unwrap();
        }
    }
    kept.store.link_jobs("nobody's", &[job(77)]).unwrap();
    let finding = kept.store.finding(&fingerprint.unwrap()).unwrap();
    let ids: Vec<&str> = finding.jobs.iter().map(|linked| linked.job.id.as_str()).collect();
    assert_eq!((ids.len(), &ids[..2], ids[19]), (20, &["28", "29"][..], "11"));
    assert_eq!((finding.jobs[0].among, finding.jobs[0].at), (2, crate::common::at(14)));
}
