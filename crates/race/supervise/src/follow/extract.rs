//! Bytes of one file in, reports with their place in it out.

use photofinish_model::{Detector, Kind, Race};

/// A report and where it begins.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) start: u64,
    pub(super) race: Race,
}

/// TEMPORARY: until the parser is there.
#[derive(Debug)]
pub(super) struct Extract {
    base: u64,
    text: Vec<u8>,
}

const HEAD: &[u8] = b"WARNING: DATA RACE\n";
const END: &[u8] = b"==================\n";
const FATAL: &[u8] = b"fatal error: ";

impl Extract {
    pub(super) fn at(offset: u64) -> Extract {
        Extract { base: offset, text: Vec::new() }
    }

    pub(super) fn feed(&mut self, bytes: &[u8], mut report: impl FnMut(Report)) {
        self.text.extend_from_slice(bytes);
        loop {
            let Some(at) = memchr::memmem::find(&self.text, HEAD) else {
                if memchr::memmem::find(&self.text, FATAL).is_none() {
                    let keep = self.text.len().min(64);
                    let drop = self.text.len() - keep;
                    self.text.drain(..drop);
                    self.base += drop as u64;
                }
                return;
            };
            let Some(end) = memchr::memmem::find(&self.text[at..], END) else { return };
            let end = at + end + END.len();
            let raw = String::from_utf8_lossy(&self.text[at..end]).into_owned();
            let mut race = Race::new(Kind::DataRace, Detector::GoRace, "DATA RACE");
            race.raw = raw;
            report(Report { start: self.base + at as u64, race });
            self.text.drain(..end);
            self.base += end as u64;
        }
    }

    pub(super) fn finish(&mut self, mut report: impl FnMut(Report)) {
        for (what, kind) in [(HEAD, Kind::DataRace), (FATAL, Kind::FatalError)] {
            if let Some(at) = memchr::memmem::find(&self.text, what) {
                let mut race = Race::new(kind, Detector::GoRace, "x");
                race.raw = String::from_utf8_lossy(&self.text[at..]).into_owned();
                race.partial = true;
                report(Report { start: self.base + at as u64, race });
            }
        }
        self.text.clear();
    }

    pub(super) fn safe_offset(&self) -> u64 {
        self.base
    }
}
