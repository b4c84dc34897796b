//! Real reports, as the detectors printed them.
use crate::{cut, read};
fn sample(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/samples/{name}.txt", env!("CARGO_MANIFEST_DIR"))).unwrap()
}
#[test]
fn dump() {
    let mut names: Vec<_> =
        std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples"))
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
    names.sort();
    for name in names {
        let text = std::fs::read(&name).unwrap();
        println!("#### {}\n{}", name.file_name().unwrap().to_string_lossy(), read(&text));
        for size in [1, 7, 100, 4096] {
            assert_eq!(read(&text), cut(&text, size));
        }
    }
    let _ = sample;
}
