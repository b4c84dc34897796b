//! Many sightings in one transaction.

use crate::common::{Kept, at, by_mia, empty_store, race, sighting};
use photofinish_model::Race;
use photofinish_store::{Action, Filter, NewSighting, Source, Store};
use std::collections::BTreeMap;

/// The same number for the same number, and nothing else to be seen in it.
fn scattered(number: usize) -> usize {
    let mut x = (number as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    usize::try_from((x ^ (x >> 27)) >> 33).unwrap()
}

fn totals_add_up(store: &Store) {
    let mut by_source: BTreeMap<Source, u64> = BTreeMap::new();
    for finding in store.findings(&Filter::default()).unwrap() {
        for (source, count) in finding.sources {
            *by_source.entry(source).or_default() += count;
        }
    }
    assert_eq!(store.totals().unwrap().sightings, by_source);
}

/// One store gets them in batches, the other, a file, one at a time.
pub fn a_batch_does_what_its_sightings_do_one_by_one(kept: Kept) {
    let (mut many, single) = (kept.store, empty_store());
    let mut single = single.store;
    let races: Vec<Race> = (0..24)
        .map(|number| {
            let mut race = race(&format!("R{}", number % 6));
            race.partial = number % 4 == 1;
            race.light = number % 3 == 1;
            race.raw = format!("report {number}");
            race
        })
        .collect();
    // Some are delivered twice, in one batch and in another.
    let keys: Vec<String> = (0..300).map(|n| format!("k{}", n - scattered(n) % 9 / 8)).collect();
    let builds = ["v1", "v2", "1f0c", "77ab", "e901"];
    let all: Vec<NewSighting<'_>> = (0..300)
        .map(|n| NewSighting {
            source: [Source::Canary, Source::Jobs, Source::Catch][scattered(n * 5) % 3],
            service: [Some("api"), Some("mail"), None][scattered(n * 7) % 3],
            build: builds.get(scattered(n * 3) % 6).copied(),
            host: [Some("pod-1"), None][scattered(n * 2) % 2],
            // Late ones among them.
            at: at((n * 10 + scattered(n * 11) % 2000).try_into().unwrap()),
            ..sighting(&keys[n], &races[scattered(n * 13) % 24])
        })
        .collect();
    let mut rest = &all[..];
    for size in [1, 3, 40, 2, 200, 54] {
        let (some, more) = rest.split_at(size);
        rest = more;
        let recorded = many.record_all(some).unwrap();
        let one_by_one: Vec<_> = some.iter().map(|one| single.record(one).unwrap()).collect();
        assert_eq!(recorded, one_by_one);
        let ids: Vec<_> = single.findings(&Filter::default()).unwrap();
        let mut ids: Vec<_> = ids.into_iter().map(|finding| finding.fingerprint).collect();
        ids.sort();
        let when = (all.len() - rest.len()) * 10;
        let by = by_mia(when.try_into().unwrap());
        let until = at((when + 700).try_into().unwrap());
        for store in [&mut many, &mut single] {
            let actions = [
                Action::Fix { fixed_in: Some("77ab".into()) },
                Action::Fix { fixed_in: None },
                Action::Mute { until },
            ];
            for (id, action) in ids.iter().zip(actions) {
                // What makes no sense as it stands is refused by both.
                let _ = store.change(std::slice::from_ref(id), &action, &by);
            }
        }
    }
    assert!(rest.is_empty());
    let (many_found, single_found) =
        (many.findings(&Filter::default()).unwrap(), single.findings(&Filter::default()).unwrap());
    assert_eq!(many_found.len(), 6);
    assert_eq!(many_found, single_found);
    let n_changes: usize = many_found.iter().map(|finding| finding.history.len()).sum();
    assert!(n_changes > 6 + 3, "some came back, or were heard of again");
    assert_eq!(many.totals().unwrap(), single.totals().unwrap());
    totals_add_up(&many);
}

/// Postgres keeps one letter as another, and finds it again.
pub fn letters_of_any_sort_are_counted_where_they_belong(kept: Kept) {
    let mut store = kept.store;
    let race = race("Odd");
    let hosts =
        ["a\0b", "a\u{2400}b", "'); DROP TABLE tally; --", "ü", "?1", "$1", "excluded.host"];
    let keys: Vec<String> = hosts.iter().map(|host| format!("key {host} {}", host.len())).collect();
    let odd: Vec<NewSighting<'_>> = hosts
        .iter()
        .zip(&keys)
        .map(|(host, key)| NewSighting { host: Some(host), ..sighting(key, &race) })
        .collect();
    assert!(store.record_all(&odd).unwrap().iter().all(|one| !one.duplicate));
    assert!(store.record_all(&odd).unwrap().iter().all(|one| one.duplicate));
    let finding = &store.findings(&Filter::default()).unwrap()[0];
    assert_eq!(finding.count, 7);
    assert_eq!(finding.hosts.iter().map(|host| host.count).sum::<u64>(), 7);
    totals_add_up(&store);
}
