//! What can go wrong with a broker, and what to do about it.

/// Why a queue cannot be sampled.
#[derive(Debug, thiserror::Error)]
pub enum JobsError {
    /// The plan makes no sense.
    #[error("`{key}` {problem}")]
    Plan {
        /// Which field.
        key: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The URL is none.
    #[error("the URL of the broker cannot be used")]
    Url {
        /// Why; its words hold no password.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nobody answers.
    #[error("cannot connect to {broker} at {place}")]
    Connect {
        /// What it should be.
        broker: &'static str,
        /// Host and port.
        place: String,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The broker refused, or went away in the middle.
    #[error("{broker} at {place} did not {doing}")]
    Ask {
        /// What it is.
        broker: &'static str,
        /// Host and port.
        place: String,
        /// What was asked of it.
        doing: &'static str,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A broker of a sort that cannot be sampled.
    #[error("{broker} at {place} {problem}")]
    Unsuited {
        /// What it is.
        broker: &'static str,
        /// Host and port.
        place: String,
        /// What it lacks.
        problem: &'static str,
        /// What to do.
        hint: &'static str,
    },
}

impl JobsError {
    /// What to do next, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            JobsError::Plan { .. } => None,
            JobsError::Url { .. } => Some(
                "write it like redis://127.0.0.1:6379/0, nats://127.0.0.1:4222 or postgres://user@127.0.0.1/app"
                    .to_owned(),
            ),
            JobsError::Connect { broker, .. } => {
                Some(format!("check that {broker} runs there, and that `url` names it"))
            }
            JobsError::Ask { cause, .. } => is_forbidden(&cause.to_string()).then(|| {
                "give the user of `url` the rights that docs/jobs.md names".to_owned()
            }),
            JobsError::Unsuited { hint, .. } => Some((*hint).to_owned()),
        }
    }

    /// Whether it may go well the next time: a broker that is restarted, or a line that broke.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, JobsError::Connect { .. } | JobsError::Ask { .. })
    }
}

/// Whether a broker's words mean that somebody may not.
fn is_forbidden(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    ["permission", "noperm", "access_refused", "not allowed"].iter().any(|word| said.contains(word))
}
