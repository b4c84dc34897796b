//! The flags of `photofinish load` that send recorded traffic again.

use super::args::Amount;
use crate::output::error::hinted;
use photofinish_load::{HostHeader, Pace, Replay};
use photofinish_recording::Index;
use std::path::PathBuf;

/// Recorded traffic.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Recorded traffic")]
pub(super) struct ReplayArgs {
    /// Send what `photofinish proxy` recorded, to the server of URL: each request when it is due;
    /// those of one connection do not overtake each other
    #[arg(long = "replay", value_name = "FILE", requires = "url",
          conflicts_with_all = ["targets", "method", "body", "body_file", "stages",
                                "twice_production", "think_time", "warm_up"])]
    pub(super) file: Option<PathBuf>,
    /// How fast: 2x halves the time, max keeps --concurrency requests in flight [default: 1x;
    /// --rate spaces requests evenly]
    #[arg(long, value_name = "S", value_parser = speed, requires = "file", conflicts_with = "rate")]
    speed: Option<Speed>,
    /// Begin again when all is sent, until --for or --requests
    #[arg(long = "loop", requires = "file")]
    repeat: bool,
    /// Which host requests name
    #[arg(long, value_enum, value_name = "WHICH", requires = "file", default_value_t = Host::Target)]
    host_header: Host,
}

/// What `--speed` says.
#[derive(Clone, Copy, Debug)]
enum Speed {
    Times(f64),
    Max,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Host {
    /// The one in URL
    Target,
    /// The one that was recorded
    Recorded,
}

impl ReplayArgs {
    /// The replay that is asked for, if one is.
    pub(super) fn plan(&self, amount: &Amount) -> anyhow::Result<Option<Replay>> {
        let Some(file) = &self.file else { return Ok(None) };
        let index = Index::read(file).map_err(|error| {
            let hint = error.hint();
            hinted(error, hint)
        })?;
        let mut replay = Replay::new(index);
        replay.pace = match (self.speed, amount.rate) {
            (_, Some(rate)) => Pace::Rate(rate),
            (Some(Speed::Max), _) => {
                Pace::Max { workers: amount.concurrency.unwrap_or(10) as usize }
            }
            (Some(Speed::Times(speed)), _) => Pace::Recorded { speed },
            (None, None) => Pace::Recorded { speed: 1.0 },
        };
        replay.host = match self.host_header {
            Host::Target => HostHeader::Target,
            Host::Recorded => HostHeader::Recorded,
        };
        replay.repeat = self.repeat;
        replay.max_in_flight = amount.max_in_flight.map(|max| max as usize);
        Ok(Some(replay))
    }

    /// What the user should know about the recording.
    pub(super) fn notes(&self, replay: &Replay, headers: &[(String, String)]) -> Vec<String> {
        let index = &replay.index;
        let mut notes: Vec<String> = index
            .torn()
            .iter()
            .map(|torn| {
                let file = index.path().display();
                format!(
                    "{file}:{}: the line was not written to its end, and is left out",
                    torn.line
                )
            })
            .collect();
        let redacted = &index.head().redacted_headers;
        if !redacted.is_empty() && headers.is_empty() {
            notes.push(format!(
                "credentials were taken out when this was recorded ({}): -H 'NAME: VALUE' puts \
                 your own in their place",
                redacted.join(", ")
            ));
        }
        notes
    }
}

fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    let number = text.trim_end_matches(['x', 'X']).parse::<f64>().ok();
    number
        .filter(|speed| speed.is_finite() && *speed > 0.0)
        .map(Speed::Times)
        .ok_or_else(|| format!("{text:?} is no speed (write 2x, 0.5x or max)"))
}
