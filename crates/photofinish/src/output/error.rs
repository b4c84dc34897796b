//! How a failure is told: what failed, because of what, and what to try.

use std::io::Write;

/// Something to do about an error, found anywhere in its chain.
#[derive(Debug)]
pub(crate) struct Hint(pub(crate) String);

impl std::fmt::Display for Hint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// `error`, with its hint (the `hint()` of whatever library made it) for the last line.
pub(crate) fn hinted(error: impl Into<anyhow::Error>, hint: Option<String>) -> anyhow::Error {
    match hint {
        Some(hint) => error.into().context(Hint(hint)),
        None => error.into(),
    }
}

/// Prints the chain of `error` to stderr, and its [`Hint`] if one was attached as context.
pub(crate) fn print(error: &anyhow::Error) {
    let mut err = anstream::stderr().lock();
    let hint = error.downcast_ref::<Hint>();
    let mut chain =
        error.chain().filter(|cause| hint.is_none_or(|hint| cause.to_string() != hint.0));
    if let Some(first) = chain.next() {
        let _ = writeln!(err, "error: {first}");
    }
    for cause in chain {
        let _ = writeln!(err, "  because: {cause}");
    }
    if let Some(hint) = hint {
        let _ = writeln!(err, "  try: {hint}");
    }
}
