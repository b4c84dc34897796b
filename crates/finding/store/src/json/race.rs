//! The shape of [`RaceJson`] and what it is made of, field by field.

use super::scalar::{GoroutineName, Hex};
use serde::{Deserialize, Serialize};

/// A race, as `report parse --format json` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RaceJson {
    /// The word of a [`Kind`](photofinish_model::Kind).
    pub kind: String,
    /// The word of a [`Detector`](photofinish_model::Detector).
    pub detector: String,
    /// What the detector called it.
    #[serde(default)]
    pub headline: String,
    /// The accesses, the one printed first (which the detector saw last) in front.
    #[serde(default)]
    pub accesses: Vec<AccessJson>,
    /// Other goroutines the report shows.
    #[serde(default)]
    pub others: Vec<GoroutineJson>,
    /// The object raced on.
    #[serde(default)]
    pub location: Option<LocationJson>,
    /// 16 hexadecimal digits, the same for every sighting of this race.
    #[serde(default)]
    pub fingerprint: String,
    /// The word of a [`Pattern`](photofinish_model::Pattern).
    #[serde(default)]
    pub pattern: String,
    /// What goes wrong, in one line.
    #[serde(default)]
    pub explanation: String,
    /// How it is usually repaired, in one line.
    #[serde(default)]
    pub hint: String,
    /// The report stops before its end.
    #[serde(default)]
    pub partial: bool,
    /// Found by a `--light` build.
    #[serde(default)]
    pub light: bool,
    /// The report as printed.
    #[serde(default)]
    pub raw: String,
    /// What differed, for the kind `answer-diff`; told from `raw`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_diff: Option<AnswerDiffJson>,
}

/// Two builds that answered one request differently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerDiffJson {
    /// `GET /orders/{}`.
    pub route: String,
    /// `$.items[*].total`, `status`, `header location`, `body`.
    pub place: String,
    /// What the primary answered.
    pub primary: AnsweredJson,
    /// What the mirror answered.
    pub mirror: AnsweredJson,
    /// The request; null where it may not be shown.
    #[serde(default)]
    pub request: Option<String>,
    /// Answers of this route compared by then.
    #[serde(default)]
    pub compared: u64,
    /// How many of them differed in this place.
    #[serde(default)]
    pub differed: u64,
}

/// One answer of an [`AnswerDiffJson`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnsweredJson {
    /// The status.
    pub status: u16,
    /// The media type; empty where there was none.
    #[serde(default)]
    pub content_type: String,
    /// An excerpt of what it said in this place.
    #[serde(default)]
    pub value: String,
}

/// One access of a [`RaceJson`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessJson {
    /// `read`, `write`, `atomic-read`, `atomic-write`.
    pub op: String,
    /// `0x00c000014088`.
    #[serde(default)]
    pub address: Option<Hex>,
    /// In bytes.
    #[serde(default)]
    pub size: Option<u32>,
    /// A number, `"main"`, or null.
    #[serde(default)]
    pub goroutine: Option<GoroutineName>,
    /// The thread, as printed.
    #[serde(default)]
    pub thread: Option<String>,
    /// Innermost frame first.
    #[serde(default)]
    pub stack: Vec<FrameJson>,
    /// Where the goroutine was created, innermost frame first.
    #[serde(default)]
    pub created_at: Vec<FrameJson>,
    /// `running` or `finished`.
    #[serde(default)]
    pub state: Option<String>,
}

/// A goroutine shown beside the accesses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoroutineJson {
    /// A number or `"main"`.
    pub id: GoroutineName,
    /// `chan receive, 2 minutes`.
    #[serde(default)]
    pub status: String,
    /// Innermost frame first.
    #[serde(default)]
    pub stack: Vec<FrameJson>,
    /// Where it was created.
    #[serde(default)]
    pub created_at: Vec<FrameJson>,
}

/// The object raced on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationJson {
    /// In words.
    pub description: String,
    /// Where it was allocated.
    #[serde(default)]
    pub stack: Vec<FrameJson>,
}

/// One frame of a stack. `column`, `offset` and `module` are left out where not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameJson {
    /// The symbol: `main.(*Cart).Add`.
    pub function: String,
    /// The source file as printed.
    #[serde(default)]
    pub file: Option<String>,
    /// From 1.
    #[serde(default)]
    pub line: Option<u32>,
    /// From 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// Bytes from the entry of the function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The module and offset behind an LLVM frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Known to be inlined into the next frame.
    #[serde(default)]
    pub inlined: bool,
}
