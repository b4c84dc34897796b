//! Any bytes as a dump of inspect, and as what is packed in one: an error or a dump, never a panic.
#![no_main]

use std::path::Path;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use libfuzzer_sys::fuzz_target;
use photofinish_inspect::Dump;
use std::io::Write as _;

fuzz_target!(|bytes: &[u8]| {
    let _ = Dump::parse(bytes, Path::new("fuzz"));
    // With the head that belongs to them, the bytes get as far as the decoder.
    let mut sum = Crc::new();
    sum.update(bytes);
    let mut file = b"PFINSPCT".to_vec();
    file.extend(1_u32.to_le_bytes());
    file.extend((bytes.len() as u64).to_le_bytes());
    file.extend(sum.sum().to_le_bytes());
    let mut packer = ZlibEncoder::new(file, Compression::fast());
    if packer.write_all(bytes).is_ok()
        && let Ok(file) = packer.finish()
        && let Ok(dump) = Dump::parse(&file, Path::new("fuzz"))
    {
        for goroutine in &dump.look.goroutines {
            let _ = dump.look.user_frame(goroutine);
            let _ = dump.look.start_function(goroutine);
        }
    }
});
