use super::*;
use photofinish_model::{Detector, Fingerprint, Kind, Pattern, Race};
use photofinish_store::Source;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn finding(id: &str, title: &str, state: State) -> Finding {
    Finding {
        fingerprint: Fingerprint::from_stored(id),
        state,
        title: title.into(),
        pattern: Pattern::ConcurrentMap,
        light_only: false,
        first_seen: at(0),
        last_seen: at(100),
        count: 12,
        sources: [(Source::Canary, 10), (Source::Catch, 2)].into(),
        services: vec![],
        builds: vec![],
        hosts: vec![],
        owners: vec!["@payments".into()],
        owners_assigned: false,
        fixed_in: None,
        muted_until: None,
        race: Race::new(Kind::DataRace, Detector::GoRace, "DATA RACE"),
        first_raw: String::new(),
        latest_raw: String::new(),
        jobs: Vec::new(),
        history: vec![],
    }
}

fn plain(width: Option<usize>) -> String {
    let findings = [
        finding("3f2a91c0d4e5f607", "main.getCached ↔ main.setCached", State::Regressed),
        finding("77", &"x".repeat(300), State::Fixed),
    ];
    anstream::adapter::strip_str(&table(&findings, width, at(220))).to_string()
}

#[test]
fn a_table_never_runs_over_the_edge_of_the_terminal() {
    for width in 40..220 {
        for line in plain(Some(width)).lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
    }
}

#[test]
fn nothing_is_cut_where_a_program_reads() {
    let text = plain(None);
    assert!(text.contains(&"x".repeat(300)));
    let line = text.lines().nth(1).unwrap();
    assert_eq!(
        line.split_whitespace().collect::<Vec<_>>().join(" "),
        "3f2a91c0 regressed concurrent-map main.getCached ↔ main.setCached 12 canary, catch 2 min ago @payments"
    );
    assert!(text.ends_with("\n2 findings: 1 regressed, 1 fixed\n"));
}

#[test]
fn no_findings_are_said_in_words() {
    assert_eq!(table(&[], None, at(0)), "no findings\n");
}
