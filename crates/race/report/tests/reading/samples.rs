//! Real reports, as the detectors printed them.

use crate::{cut, read};

/// The text of a sample.
pub(crate) fn sample(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/samples/{name}.txt", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Every sample's name, sorted.
pub(crate) fn names() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<_> =
        files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn samples_read_the_same_however_they_are_cut() {
    for name in names() {
        let text = sample(&name);
        for size in [1, 7, 100, 4096] {
            assert_eq!(read(&text), cut(&text, size), "{name} in pieces of {size}");
        }
    }
}
