//! Findings a page at a time are the same findings as all of them at once.
use crate::common::{Kept, at, by_mia, race, sighting};
use photofinish_store::{Action, Filter, NewSighting, Order, Page, Source, State, Store};

pub const ALL: Page = Page {
    order: Order::Urgent,
    offset: 0,
    limit: usize::MAX,
    activity_since: Some(jiff::Timestamp::UNIX_EPOCH),
};

/// 40 findings, seen by all sorts, some decided.
pub fn fill(store: &mut Store) {
    let sources = [Source::Canary, Source::Mirror, Source::Catch];
    for number in 0..40_u32 {
        let race = race(&format!("Thing{number}"));
        for again in 0..=number % 3 {
            let key = format!("{number}-{again}");
            let service = ["api", "worker"][number as usize % 2];
            store
                .record(&NewSighting {
                    source: sources[(number + again) as usize % 3],
                    service: Some(service),
                    at: at(i64::from(number * 600 + again * 4_000)),
                    ..sighting(&key, &race)
                })
                .unwrap();
        }
    }
    let ids: Vec<_> = store.findings(&Filter::default()).unwrap();
    let ids: Vec<_> = ids.into_iter().map(|finding| finding.fingerprint).collect();
    store.change(&ids[..5], &Action::Acknowledge, &by_mia(90_000)).unwrap();
    store.change(&ids[5..9], &Action::Fix { fixed_in: None }, &by_mia(90_000)).unwrap();
    let owners = vec!["@team-cart".to_owned(), "mia@example.com".to_owned()];
    store.change(&ids[3..7], &Action::Assign { owners }, &by_mia(90_000)).unwrap();
}

/// And how many findings each lets through.
pub fn filters() -> Vec<(Filter, usize)> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let all = Filter::default;
    vec![
        (all(), 40),
        (Filter { states: vec![State::Fixed, State::New], ..all() }, 35),
        (Filter { sources: vec![Source::Catch], ..all() }, 26),
        (Filter { services: vec!["worker".into()], ..all() }, 20),
        (Filter { owners: vec!["@Team-Cart".into()], ..all() }, 4),
        (Filter { patterns: vec!["unsynchronized-access".parse().unwrap()], ..all() }, 40),
        (Filter { since: Some(at(10_000)), ..all() }, 30),
        (Filter { words: words(&["GETthing1", "main.go"]), ..all() }, 11),
        (Filter { words: words(&["team-cart"]), ..all() }, 4),
        (Filter { words: words(&["no such thing"]), ..all() }, 0),
        (Filter { words: words(&["thing"]), sources: vec![Source::Mirror], ..all() }, 26),
    ]
}

pub fn a_list_has_the_findings_that_a_whole_reading_has_in_the_same_order(mut kept: Kept) {
    fill(&mut kept.store);
    for (filter, n_findings) in filters() {
        let whole = kept.store.findings(&filter).unwrap();
        assert_eq!(whole.len(), n_findings, "{filter:?}");
        let list = kept.store.list(&filter, &ALL).unwrap();
        assert_eq!(list.total, whole.len() as u64, "{filter:?}");
        for (summary, finding) in list.findings.iter().zip(&whole) {
            assert_eq!(summary.state, finding.state);
            assert_eq!((summary.count, summary.last_seen), (finding.count, finding.last_seen));
            let same = whole.iter().find(|one| one.fingerprint == summary.fingerprint).unwrap();
            assert_eq!((&summary.title, &summary.owners), (&same.title, &same.owners));
            assert_eq!(summary.sources, same.sources);
            let plotted: u64 = summary.activity.iter().map(|(_, count)| count).sum();
            assert_eq!(plotted, same.count, "every sighting has its hour");
        }
    }
}

pub fn who_saw_it_is_asked_together_with_where(mut kept: Kept) {
    let race = race("Cart");
    let seen = [(Source::Catch, "cart"), (Source::Canary, "checkout")];
    for (source, service) in seen {
        let sighting = sighting(service, &race);
        kept.store.record(&NewSighting { source, service: Some(service), ..sighting }).unwrap();
    }
    for source in [Source::Catch, Source::Canary, Source::Mirror] {
        for service in ["cart", "checkout", "stock"] {
            let services = vec![service.to_owned()];
            let filter = Filter { sources: vec![source], services, ..Filter::default() };
            let is_seen = u64::from(seen.contains(&(source, service)));
            assert_eq!(kept.store.list(&filter, &ALL).unwrap().total, is_seen, "{filter:?}");
            assert_eq!(kept.store.findings(&filter).unwrap().len() as u64, is_seen, "{filter:?}");
        }
    }
    assert_eq!(kept.store.choices().unwrap().services, ["cart", "checkout"]);
}

pub fn states_are_counted_whichever_of_them_are_shown(mut kept: Kept) {
    fill(&mut kept.store);
    let only_fixed = Filter { states: vec![State::Fixed], ..Filter::default() };
    let list = kept.store.list(&only_fixed, &ALL).unwrap();
    assert_eq!((list.total, list.findings.len()), (4, 4));
    let counts: Vec<_> = list.by_state.into_iter().collect();
    assert_eq!(counts, [(State::New, 31), (State::Acknowledged, 5), (State::Fixed, 4)]);
}

pub fn pages_follow_each_other_without_a_gap(mut kept: Kept) {
    fill(&mut kept.store);
    for order in [Order::Urgent, Order::LastSeen, Order::FirstSeen, Order::Count] {
        let read = |offset, limit| {
            let page = Page { order, offset, limit, ..ALL };
            kept.store.list(&Filter::default(), &page).unwrap().findings
        };
        let pages: Vec<_> = (0..5).flat_map(|page| read(page * 9, 9)).collect();
        assert_eq!(pages, read(0, 100), "{order:?}");
    }
}
