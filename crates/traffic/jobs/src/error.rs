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
            JobsError::Connect { broker: "SQLite", .. } => Some(
                "check that its folder can be written; the file is made by the first `photofinish jobs`"
                    .to_owned(),
            ),
            JobsError::Connect { cause, .. } if words(cause.as_ref()).contains("certificate") => Some(
                "name a file with the authority that signed it: SSL_CERT_FILE=ca.pem (for Postgres also sslrootcert in `url`)"
                    .to_owned(),
            ),
            JobsError::Connect { broker, .. } => {
                Some(format!("check that {broker} runs there, and that `url` names it"))
            }
            JobsError::Ask { cause, .. } if is_forbidden(&words(cause.as_ref())) => {
                Some("give the user of `url` the rights that docs/jobs.md names".to_owned())
            }
            JobsError::Ask { broker, place, cause, .. } if is_full(&words(cause.as_ref())) => {
                Some(format!(
                    "make room at {broker} at {place} (memory or disk): jobs wait where they are, and go on by themselves"
                ))
            }
            JobsError::Ask { broker, place, .. } => Some(format!(
                "see what {broker} at {place} has in its log, and run it again: whatever was under way is whole or not begun"
            )),
            JobsError::Unsuited { hint, .. } => Some((*hint).to_owned()),
        }
    }

    /// Whether it may go well the next time: a broker that is restarted, or a line that broke.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, JobsError::Connect { .. } | JobsError::Ask { .. })
    }
}

/// An error and its causes, in small letters.
fn words(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words.to_ascii_lowercase()
}

/// Whether a broker's words mean that somebody may not.
fn is_forbidden(said: &str) -> bool {
    ["permission", "noperm", "access_refused", "not allowed to", "not_allowed"]
        .iter()
        .any(|word| said.contains(word))
}

/// Whether a broker's words mean that it has no room left: RabbitMQ's alarms as we tell them, Redis, SQLite, NATS and
/// Postgres as they do.
fn is_full(said: &str) -> bool {
    [
        "disk is full",
        "oom command",
        "insufficient resources",
        "insufficient storage",
        "no space left",
    ]
    .iter()
    .any(|word| said.contains(word))
}

#[cfg(test)]
mod tests {
    use super::JobsError;

    #[test]
    fn what_to_do_next_follows_from_what_went_wrong() {
        let place = || "db:1".to_owned();
        let connect = |cause: &str| JobsError::Connect {
            broker: "Redis",
            place: place(),
            cause: std::io::Error::other(cause.to_owned()).into(),
        };
        let ask = |cause: &str| JobsError::Ask {
            broker: "Redis",
            place: place(),
            doing: "move jobs",
            cause: cause.into(),
        };
        for (error, next) in [
            (connect("invalid peer certificate: UnknownIssuer"), "SSL_CERT_FILE"),
            (connect("Connection refused"), "check that Redis runs there"),
            (ask("NOPERM this user has no permissions"), "rights"),
            (
                ask("OOM command not allowed when used memory > 'maxmemory'"),
                "make room at Redis at db:1",
            ),
            (ask("ERR unknown command"), "see what Redis at db:1 has in its log"),
        ] {
            assert!(error.hint().unwrap().contains(next), "{error:?}: {:?}", error.hint());
        }
    }
}
