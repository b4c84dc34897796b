//! Bytes fed in pieces give what they give whole; so does reading again from a safe offset.
#![no_main]

use libfuzzer_sys::fuzz_target;
use photofinish_report::{Reader, Report};

fuzz_target!(|input: (u8, u16, &[u8])| {
    let (size, restart, text) = input;
    let whole = read(text, 0, text.len().max(1));
    assert_eq!(whole, read(text, 0, usize::from(size).max(1)));

    let restart = usize::from(restart).min(text.len());
    let mut reader = Reader::new();
    let mut reports = Vec::new();
    reader.feed(&text[..restart], &mut |report| reports.push(report));
    let safe = reader.safe_offset();
    assert!(safe <= restart as u64);
    // The encoding is told by the first bytes of a stream.
    if !text.contains(&0) && !text.starts_with(&[0xfe]) && !text.starts_with(&[0xff]) {
        reports.extend(read(&text[safe as usize..], safe, 4096));
        reports.sort_by_key(|report| report.range.start);
        reports.dedup_by_key(|report| report.range.start);
        assert_eq!(starts(&whole), starts(&reports));
    }
});

fn read(text: &[u8], offset: u64, size: usize) -> Vec<Report> {
    let mut reader = Reader::starting_at(offset);
    let mut reports = Vec::new();
    for piece in text.chunks(size) {
        reader.feed(piece, &mut |report| reports.push(report));
    }
    reader.finish(&mut |report| reports.push(report));
    reports.sort_by_key(|report| report.range.start);
    reports
}

fn starts(reports: &[Report]) -> Vec<u64> {
    reports.iter().map(|report| report.range.start).collect()
}
