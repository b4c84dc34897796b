//! What a hunt sees, into the store.

use crate::job_sink::JobSink;
use crate::proxy_findings::{DiffFindings, Named, Pace};
use crate::sink::StoreSink;
use photofinish_hunt::{Keep, Sink, Sinks, Tell};
use std::time::Duration;

/// A store, for a hunt of one service.
pub(super) struct StoreKeep {
    pub(super) store: StoreSink,
    pub(super) service: String,
}

impl Keep for StoreKeep {
    fn sink(&mut self) -> Box<dyn Sink> {
        Box::new(self.store.another())
    }

    fn job_sinks(&mut self, queue: &photofinish_jobs::Plan) -> Sinks {
        let (store, queue) = (self.store.another(), queue.clone());
        Box::new(move || Box::new(JobSink::new(store.another(), queue.clone())))
    }

    fn differences(&mut self, sink: Box<dyn Sink>, build: Option<&str>) -> std::io::Result<Tell> {
        let named = Named {
            service: self.service.clone(),
            build: build.unwrap_or_default().to_owned(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        };
        // A hunt is short, and somebody watches.
        let pace = Pace { every: Duration::from_secs(1), ..Pace::default() };
        let findings = Finishing(Some(DiffFindings::start(sink, named, pace)?));
        Ok(Box::new(move |differing, values| {
            if let Some(findings) = &findings.0 {
                findings.tell(differing, values);
            }
        }))
    }
}

/// Records what waits when it is dropped.
struct Finishing(Option<DiffFindings>);

impl Drop for Finishing {
    fn drop(&mut self) {
        if let Some(findings) = self.0.take() {
            findings.finish();
        }
    }
}
