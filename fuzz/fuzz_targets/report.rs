//! Any bytes: no panic, and what comes out reads back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use photofinish_report::{read_all, write};

fuzz_target!(|text: &[u8]| {
    for race in read_all(text) {
        let _ = read_all(write(&race).as_bytes());
        let _ = read_all(race.raw.as_bytes());
    }
});
