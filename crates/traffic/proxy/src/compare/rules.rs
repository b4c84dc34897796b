//! What is compared and what is not: read once from text, checked whole before it is used.

use super::path::{PathError, PathPattern};
use super::route::RoutePattern;
use super::show::Redaction;
use http::HeaderName;
use std::time::Duration;

/// Rules as somebody writes them.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleTexts {
    /// The headers compared, by name; `*` is all but those of the connection, the moment and the machine.
    /// As a rule only what tells a caller what it got: `content-type`, `location`, `cache-control`.
    pub headers: Vec<String>,
    /// Headers not compared, whatever `headers` says.
    pub ignore_headers: Vec<String>,
    /// JSON values not compared: `$.meta.timestamp`, `$..id`, `$.items[*].updated_at`; `$` is any body.
    pub ignore: Vec<String>,
    /// JSON arrays whose order means nothing.
    pub unordered: Vec<String>,
    /// How far two numbers may be apart, as a share of the larger: 0.01 is one in a hundred.
    pub numbers_within: Option<f64>,
    /// How far two times may be apart: RFC 3339 text, and numbers that are seconds, milli-, micro- or
    /// nanoseconds since 1970. Both builds answer one request, one a little later; zero compares exactly.
    pub times_within: Duration,
    /// Only these routes are compared: `/orders/**`, `GET /orders/*`. None named: all.
    pub only: Vec<String>,
    /// These routes are not.
    pub except: Vec<String>,
    /// Whether values are shown in differences.
    pub values: Values,
    /// Bytes of the largest body compared, before and after unpacking.
    pub max_body: usize,
}

/// Whether a difference shows what the answers said, which may be personal data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Values {
    /// Excerpts.
    #[default]
    Shown,
    /// Types, lengths, and a hash that tells equal from unequal while this process lives.
    Hidden,
}

/// Rules ready for use.
#[derive(Clone, Debug)]
pub struct Rules {
    pub(super) headers: HeaderRule,
    pub(super) ignored_headers: Vec<HeaderName>,
    pub(super) ignored: Vec<PathPattern>,
    pub(super) unordered: Vec<PathPattern>,
    pub(super) numbers_within: f64,
    pub(super) times_within: Duration,
    pub(super) redaction: Redaction,
    pub(super) max_body: usize,
    only: Vec<RoutePattern>,
    except: Vec<RoutePattern>,
}

/// Which headers are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HeaderRule {
    Only(Vec<HeaderName>),
    All,
}

/// What is wrong with rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// Not a path.
    #[error("`{text}` in `{list}` is not a path: at character {at}, expected {expected}")]
    Path {
        /// The list it stands in.
        list: &'static str,
        /// The path.
        text: String,
        /// The character, from 1.
        at: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// Not a route.
    #[error("`{text}` in `{list}` is not a route: at character {at}, expected {expected}")]
    Route {
        /// The list it stands in.
        list: &'static str,
        /// The route.
        text: String,
        /// The character, from 1.
        at: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// Not the name of a header.
    #[error("`{text}` in `{list}` is not the name of a header")]
    Header {
        /// The list it stands in.
        list: &'static str,
        /// What stands there.
        text: String,
    },
    /// Not a share.
    #[error("`numbers_within` is {value}, which is no share")]
    Number {
        /// What was given.
        value: String,
    },
}

impl RulesError {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            RulesError::Path { .. } => {
                "write paths as $.meta.timestamp, $..id, $.items[*].updated_at or $[\"a name\"]"
                    .to_owned()
            }
            RulesError::Route { .. } => {
                "write routes as /orders/*, /internal/** or GET /orders/*".to_owned()
            }
            RulesError::Header { .. } => "write names as content-type, or * for all".to_owned(),
            RulesError::Number { .. } => {
                "it is a share, from 0 (exactly equal) to 1: 0.01 is one in a hundred".to_owned()
            }
        })
    }
}

impl Default for RuleTexts {
    fn default() -> Self {
        RuleTexts {
            headers: ["content-type", "location", "cache-control"].map(str::to_owned).to_vec(),
            ignore_headers: Vec::new(),
            ignore: Vec::new(),
            unordered: Vec::new(),
            numbers_within: None,
            times_within: Duration::from_secs(60),
            only: Vec::new(),
            except: Vec::new(),
            values: Values::Shown,
            max_body: 1 << 20,
        }
    }
}

impl Rules {
    /// Reads and checks `texts`.
    ///
    /// # Errors
    /// One of them cannot be read: which, and where in it.
    pub fn new(texts: &RuleTexts) -> Result<Rules, RulesError> {
        let headers = match texts.headers.iter().any(|name| name == "*") {
            true => HeaderRule::All,
            false => HeaderRule::Only(header_names("headers", &texts.headers)?),
        };
        let numbers_within = texts.numbers_within.unwrap_or(0.0);
        if !(0.0..=1.0).contains(&numbers_within) {
            return Err(RulesError::Number { value: numbers_within.to_string() });
        }
        Ok(Rules {
            headers,
            ignored_headers: header_names("ignore_headers", &texts.ignore_headers)?,
            ignored: paths("ignore", &texts.ignore)?,
            unordered: paths("unordered", &texts.unordered)?,
            numbers_within,
            times_within: texts.times_within,
            redaction: Redaction::new(texts.values),
            max_body: texts.max_body,
            only: routes("only", &texts.only)?,
            except: routes("except", &texts.except)?,
        })
    }

    /// Whether answers to `method` `path` are to be compared.
    pub fn wants(&self, method: &str, path: &str) -> bool {
        let any = |patterns: &[RoutePattern]| patterns.iter().any(|p| p.takes(method, path));
        (self.only.is_empty() || any(&self.only)) && !any(&self.except)
    }

    /// Whether differences show values.
    pub fn values(&self) -> Values {
        self.redaction.values()
    }

    pub(super) fn ignores_body(&self) -> bool {
        self.ignored.iter().any(PathPattern::is_root)
    }
}

fn header_names(list: &'static str, texts: &[String]) -> Result<Vec<HeaderName>, RulesError> {
    let name =
        |text: &String| text.parse().map_err(|_| RulesError::Header { list, text: text.clone() });
    texts.iter().map(name).collect()
}

fn paths(list: &'static str, texts: &[String]) -> Result<Vec<PathPattern>, RulesError> {
    let path = |text: &String| {
        PathPattern::parse(text).map_err(|PathError { at, expected }| RulesError::Path {
            list,
            text: text.clone(),
            at,
            expected,
        })
    };
    texts.iter().map(path).collect()
}

fn routes(list: &'static str, texts: &[String]) -> Result<Vec<RoutePattern>, RulesError> {
    let route = |text: &String| {
        RoutePattern::parse(text).map_err(|(at, expected)| RulesError::Route {
            list,
            text: text.clone(),
            at,
            expected,
        })
    };
    texts.iter().map(route).collect()
}
