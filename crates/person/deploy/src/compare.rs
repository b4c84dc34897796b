//! Objects of a cluster, held against those that the configuration asks for.
//!
//! The API server fills in defaults and status, and others may add labels: whatever is wanted has to be there, and what
//! is there besides is left in peace. Lists whose entries have names are compared by name.

use crate::object::Object;
use serde_json::Value;
use std::fmt;

/// How an object stands.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// As wanted.
    Same,
    /// Not there.
    Missing,
    /// There, and otherwise.
    Differs(Vec<Difference>),
    /// It may not be read.
    Unknown,
}

/// One place that is otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// `spec.replicas`.
    pub at: String,
    /// What the configuration asks for.
    pub wanted: Value,
    /// What is there; null for nothing.
    pub found: Value,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |value: &Value| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if text.chars().count() > 80 {
                text.chars().take(79).chain(['…']).collect()
            } else {
                text
            }
        };
        match &self.found {
            Value::Null => write!(f, "{} is missing; wanted is {}", self.at, short(&self.wanted)),
            found => {
                write!(f, "{} is {}; wanted is {}", self.at, short(found), short(&self.wanted))
            }
        }
    }
}

/// How `found` stands to what is `wanted`.
pub fn state(wanted: &Object, found: Option<&Value>) -> State {
    let Some(found) = found else { return State::Missing };
    let mut differences = Vec::new();
    look(&wanted.value, found, "", &mut differences);
    if differences.is_empty() { State::Same } else { State::Differs(differences) }
}

fn look(wanted: &Value, found: &Value, at: &str, differences: &mut Vec<Difference>) {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            for (key, value) in wanted {
                let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                look(value, found.get(key).unwrap_or(&Value::Null), &at, differences);
            }
        }
        (Value::Array(wanted), Value::Array(found)) if is_named(wanted) && is_named(found) => {
            for value in wanted {
                let other = found.iter().find(|other| other["name"] == value["name"]);
                let name = value["name"].as_str().unwrap_or_default();
                look(value, other.unwrap_or(&Value::Null), &format!("{at}[{name}]"), differences);
            }
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            for (place, (value, other)) in wanted.iter().zip(found).enumerate() {
                look(value, other, &format!("{at}[{place}]"), differences);
            }
        }
        _ if is_same(wanted, found) => {}
        _ => differences.push(Difference {
            at: at.to_owned(),
            wanted: wanted.clone(),
            found: found.clone(),
        }),
    }
}

/// Equal, or equal as quantities: `1000m` is `1`. Nothing, false, 0 and what is empty are the same to the API server.
fn is_same(wanted: &Value, found: &Value) -> bool {
    if wanted == found {
        return true;
    }
    let is_nothing = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Bool(true) => false,
    };
    if is_nothing(wanted) && is_nothing(found) {
        return true;
    }
    match (quantity(wanted), quantity(found)) {
        (Some(wanted), Some(found)) => (wanted - found).abs() <= wanted.abs() * 1e-9,
        _ => false,
    }
}

/// A number with a unit of Kubernetes. Source: `apimachinery/pkg/api/resource/quantity.go`.
fn quantity(value: &Value) -> Option<f64> {
    let text = match value {
        Value::Number(number) => return number.as_f64(),
        Value::String(text) => text,
        _ => return None,
    };
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..digits].parse().ok()?;
    let unit = match &text[digits..] {
        "" => 1.0,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "Ki" => f64::from(1 << 10),
        "Mi" => f64::from(1 << 20),
        "Gi" => f64::from(1 << 30),
        _ => return None,
    };
    Some(number * unit)
}

fn is_named(list: &[Value]) -> bool {
    list.iter().all(|value| value["name"].is_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn judged(found: Value) -> State {
        let wanted = json!({"kind": "Deployment", "metadata": {"name": "a"}, "spec": {
            "replicas": 2, "containers": [{"name": "race", "image": "r:1", "resources": {"limits": {"cpu": "2"}}}]}});
        state(&Object::new("a.yaml", "", &wanted), Some(&found))
    }

    #[test]
    fn what_the_api_server_adds_is_no_difference_and_what_somebody_changed_is() {
        let mut found = json!({"kind": "Deployment", "metadata": {"name": "a", "uid": "x"}, "status": {"replicas": 9}, "spec": {
            "replicas": 2, "revisionHistoryLimit": 10, "containers": [
                {"name": "istio-proxy", "image": "i:1"},
                {"name": "race", "image": "r:1", "imagePullPolicy": "Always", "resources": {"limits": {"cpu": "2000m"}}}]}});
        assert_eq!(judged(found.clone()), State::Same);
        found["spec"]["containers"][1]["image"] = "r:2".into();
        found["spec"]["replicas"] = Value::Null;
        let State::Differs(differences) = judged(found) else { panic!("it differs") };
        let told: Vec<String> = differences.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "spec.containers[race].image is r:2; wanted is r:1",
                "spec.replicas is missing; wanted is 2"
            ]
        );
    }
}
