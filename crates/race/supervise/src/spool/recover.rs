//! What earlier runs left in the spool: delivered by whoever comes next.

use super::{Folder, Spool, SpoolError};
use crate::follow::{Collector, Found, Notice};
use crate::sink::{Sink, SinkError};

/// What [`recover`] did.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Reports that no earlier run had delivered.
    pub found: Vec<Found>,
    /// Folders that were emptied and removed.
    pub removed: usize,
    /// Folders that stay, because a program still writes there or the sink refused.
    pub kept: usize,
    /// The sink refused: everything it did not take is still in the spool.
    pub refused: Option<SinkError>,
    /// What could not be read.
    pub troubles: Vec<String>,
}

/// Delivers what dead runs left in `spool` and removes their folders, except where a program that
/// they started still lives: what that one has printed is delivered, and it may go on.
/// Runs that live are left alone.
pub fn recover(spool: &Spool, sink: &mut dyn Sink) -> Result<Recovered, SpoolError> {
    let mut recovered = Recovered::default();
    for folder in spool.left_over()? {
        recover_one(folder, sink, &mut recovered);
    }
    Ok(recovered)
}

fn recover_one(folder: Folder, sink: &mut dyn Sink, recovered: &mut Recovered) {
    let mut collector = Collector::new(folder, true, None);
    let mut tell = |notice| match notice {
        Notice::Found(found) => recovered.found.push(found),
        Notice::Trouble(text) => recovered.troubles.push(text),
        _ => {}
    };
    let settled = collector.settle(sink, &mut tell);
    match settled {
        Ok(true) => {
            collector.state_mut().gate.clear();
            collector.close(true);
            recovered.removed += 1;
        }
        Ok(false) => {
            collector.close(false);
            recovered.kept += 1;
        }
        Err(error) => {
            collector.close(false);
            recovered.kept += 1;
            recovered.refused = Some(error);
        }
    }
}
