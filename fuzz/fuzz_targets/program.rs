//! Any bytes as a Go program and as its memory: sections, function table, runtime structures, debug information.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use photofinish_goprocess::{
    Binary, Limits, LoadBias, Memory, Origin, Process, Range, ReadError, Values,
};

/// The program's own bytes, at the addresses they have in the file.
#[derive(Debug)]
struct Own(Vec<u8>);

impl Memory for Own {
    fn read_many(&self, ranges: &[Range], into: &mut [u8]) -> Result<Vec<bool>, ReadError> {
        let mut rest = into;
        let mut was_read = Vec::with_capacity(ranges.len());
        for range in ranges {
            let Some((part, behind)) = std::mem::take(&mut rest).split_at_mut_checked(range.len) else { break };
            rest = behind;
            let start = usize::try_from(range.address % (1 << 22)).unwrap_or(0);
            let found = self.0.get(start..start + range.len);
            if let Some(found) = found {
                part.copy_from_slice(found);
            }
            was_read.push(found.is_some());
        }
        Ok(was_read)
    }

    fn is_live(&self) -> bool {
        false
    }
}

fuzz_target!(|bytes: &[u8]| {
    let path = std::env::temp_dir().join(format!("photofinish-fuzz-{}", std::process::id()));
    if std::fs::write(&path, bytes).is_err() {
        return;
    }
    let Ok(binary) = Binary::open(&path, &path) else { return };
    let memory = Box::new(Own(bytes.to_vec()));
    let opened = Process::assemble(Origin::Core(Vec::new()), memory, Arc::new(binary), LoadBias(0));
    let Ok(process) = opened else { return };
    let values = Values::open(&process, Limits::default());
    for goroutine in process.snapshot().map(|it| it.goroutines).unwrap_or_default() {
        for pc in &goroutine.stack {
            let _ = process.frames(*pc);
        }
        let _ = values.of(&goroutine, |_| true);
    }
});
