//! Requests kept in a file.

use super::Share;

/// Which requests are kept, and where.
#[derive(Clone, Debug)]
pub struct Recording {
    /// How many of the requests are kept.
    pub share: Share,
    /// The file, its limits, and what never reaches the disk.
    pub file: photofinish_recording::Plan,
}
