//! Offsets: what a report's place in the stream promises to somebody who reads it again.

use crate::samples::{names, sample};
use photofinish_report::{Reader, Report, write};

fn reports(text: &[u8], offset: u64, size: usize) -> Vec<Report> {
    let mut reports = Vec::new();
    let mut reader = Reader::starting_at(offset);
    for piece in text.chunks(size) {
        reader.feed(piece, &mut |report| reports.push(report));
    }
    reader.finish(&mut |report| reports.push(report));
    reports
}

/// All samples in one stream, with log lines between.
fn everything() -> Vec<u8> {
    let mut text = Vec::new();
    for name in names() {
        text.extend_from_slice(b"2026-11-21T10:00:00Z INFO request\n");
        text.extend_from_slice(&sample(&name));
    }
    text
}

/// Reads `text` in pieces, and after each piece again from where that is safe.
#[track_caller]
fn read_again(text: &[u8], size: usize) {
    let mut whole = reports(text, 0, 4096);
    whole.sort_by_key(|report| report.range.start);
    let mut reader = Reader::new();
    let mut seen = Vec::new();
    for (n, piece) in text.chunks(size).enumerate() {
        reader.feed(piece, &mut |report| seen.push(report));
        let safe = reader.safe_offset();
        assert!(safe <= ((n + 1) * size) as u64);
        let again = reports(&text[safe as usize..], safe, 1 << 20);
        let mut all: Vec<_> = seen.iter().chain(&again).cloned().collect();
        all.sort_by_key(|report| report.range.start);
        all.dedup_by_key(|report| report.range.start);
        assert_eq!(all, whole, "from {safe}");
    }
}

#[test]
fn reading_again_from_any_safe_offset_misses_and_invents_nothing() {
    let text = everything();
    assert!(reports(&text, 0, 4096).len() > 60);
    read_again(&text, 7919);
}

#[test]
fn reports_that_overlap_are_read_again_together() {
    let ours = String::from_utf8(sample("worker-halt-go1.24")).unwrap();
    let theirs = String::from_utf8(sample("method-go1.26")).unwrap();
    // Theirs stands in the middle of ours, and never ends.
    let (head, tail) = ours.split_at(ours.find("\nPrevious").unwrap());
    let (torn, _) = theirs.split_at(theirs.rfind("Goroutine").unwrap());
    read_again(format!("{head}{torn}{tail}Found 1 data race(s)\nbye\n").as_bytes(), 11);
    read_again(format!("{head}{theirs}{tail}").as_bytes(), 11);
}

#[test]
fn a_range_holds_its_report() {
    let text = everything();
    for report in reports(&text, 0, 1 << 20) {
        let range = report.range.start as usize..report.range.end as usize;
        let again = reports(&text[range], report.range.start, 1 << 20);
        assert!(again.iter().any(|other| other.race.kind == report.race.kind), "{report:?}");
    }
}

#[test]
fn starts_are_unique_even_in_one_line() {
    let one = String::from_utf8(sample("generic-go1.24")).unwrap().replace('\n', "\\n");
    let found = reports(format!("{{\"msg\":\"{one}\"}}\n").as_bytes(), 0, 64);
    let starts: Vec<_> = found.iter().map(|report| report.range.start).collect();
    assert_eq!(starts, [0, 1, 2]);
}

#[test]
fn nothing_is_held_back_when_nothing_is_open() {
    let mut reader = Reader::new();
    reader.feed(b"2026 INFO request\n2026 INFO requ", &mut |_| unreachable!());
    assert_eq!(reader.safe_offset(), 18);
    reader.feed(b"est\n==================\nWARNING: DATA RACE\nRead at", &mut |_| unreachable!());
    assert_eq!(reader.safe_offset(), 36 + 19);
    let rest: String = "an ordinary line\n".repeat(5000);
    reader.feed(rest.as_bytes(), &mut |_| unreachable!());
    assert!(reader.safe_offset() > 36 + 5000 * 10);
}

#[test]
fn the_raw_text_reads_as_the_report_did() {
    for name in names() {
        for report in reports(&sample(&name), 0, 1 << 20) {
            let again = reports(report.race.raw.as_bytes(), 0, 1 << 20);
            let [again] = &again[..] else {
                panic!("{name}: {} reports in\n{}", again.len(), report.race.raw)
            };
            assert_eq!(
                (&again.race.accesses, &again.race.others),
                (&report.race.accesses, &report.race.others),
                "{name}"
            );
        }
    }
}

#[test]
fn what_go_printed_is_printed_again() {
    for name in names() {
        for report in reports(&sample(&name), 0, 1 << 20) {
            if name.contains("tsan") || report.race.partial {
                continue;
            }
            let again = reports(write(&report.race).as_bytes(), 0, 1 << 20);
            assert_eq!(again.len(), 1, "{name}\n{}", write(&report.race));
            assert_eq!(again[0].race.accesses, report.race.accesses, "{name}");
            assert_eq!(again[0].race.kind, report.race.kind, "{name}");
            assert_eq!(again[0].race.headline, report.race.headline, "{name}");
        }
    }
    let text = String::from_utf8(sample("worker-halt-go1.24")).unwrap();
    assert_eq!(write(&reports(text.as_bytes(), 0, 64)[0].race), text);
}
