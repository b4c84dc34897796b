//! Any bytes as a core file: notes, segments, threads. The first part is the program, the rest the core.
#![no_main]

use libfuzzer_sys::fuzz_target;
use photofinish_goprocess::Process;

fuzz_target!(|input: (&[u8], &[u8])| {
    let (program, core) = input;
    let folder = std::env::temp_dir();
    let program_path = folder.join(format!("photofinish-fuzz-program-{}", std::process::id()));
    let core_path = folder.join(format!("photofinish-fuzz-core-{}", std::process::id()));
    if std::fs::write(&program_path, program).is_err() || std::fs::write(&core_path, core).is_err() {
        return;
    }
    for program in [Some(program_path.as_path()), None] {
        if let Ok(process) = Process::open_core(&core_path, program) {
            let _ = process.snapshot();
        }
    }
});
