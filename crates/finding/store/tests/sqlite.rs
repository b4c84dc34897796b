//! What findings do, kept in a file.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod cases;
mod common;

macro_rules! tests {
    ($($group:ident $case:ident,)*) => {
        $(
            #[test]
            fn $case() {
                cases::$group::$case(common::empty_store());
            }
        )*
    };
}

cases::with_all_cases!(tests);

#[test]
fn a_file_of_an_older_photofinish_is_searched_and_plotted_like_a_new_one() {
    let mut kept = common::empty_store();
    cases::list::fill(&mut kept.store);
    let before: Vec<_> = cases::list::filters()
        .iter()
        .map(|(filter, _)| kept.store.list(filter, &cases::list::ALL).unwrap().findings)
        .collect();
    let totals = kept.store.totals().unwrap();
    assert!(!totals.sightings.is_empty());
    let path = kept.store.place().file().unwrap().to_owned();
    drop(kept.store);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "DROP TABLE search; DROP TABLE activity; DROP TABLE job; DROP TABLE cursor; DROP TABLE campaign; DROP TABLE total;
             DROP INDEX tally_service;
             PRAGMA user_version = 1;",
        )
        .unwrap();
    drop(connection);
    let store = photofinish_store::Store::open(&path).unwrap();
    let after: Vec<_> = cases::list::filters()
        .iter()
        .map(|(filter, _)| store.list(filter, &cases::list::ALL).unwrap().findings)
        .collect();
    let titles = |pages: &[Vec<photofinish_store::Summary>]| -> Vec<Vec<String>> {
        pages.iter().map(|page| page.iter().map(|one| one.title.clone()).collect()).collect()
    };
    assert_eq!(titles(&after), titles(&before));
    assert!(after == before, "the same in every field");
    assert_eq!(store.totals().unwrap(), totals);
}
