//! One object of the cluster: its value, and what is said about it.

use crate::yaml::{self, Note};
use serde::Serialize;
use serde_json::{Map, Value};

/// An object, the file it belongs into, and its comments.
#[derive(Clone, Debug)]
pub struct Object {
    /// As the API server takes it.
    pub value: Value,
    /// Its file, without a folder.
    pub(crate) file: String,
    about: String,
    notes: Vec<Note>,
}

impl Object {
    /// `typed`, to stand in `file`, with `about` at its head.
    pub(crate) fn new(file: &str, about: &str, typed: &impl Serialize) -> Object {
        // Types of an API have string keys and finite numbers, which is all that serialization can fail at.
        let mut value = serde_json::to_value(typed).unwrap_or_default();
        tidy(&mut value);
        Object { value, file: file.to_owned(), about: about.to_owned(), notes: Vec::new() }
    }

    /// Says `text` above `place`, written `spec.ports[0].name`.
    pub(crate) fn note(mut self, place: &str, text: &str) -> Object {
        if !text.is_empty() {
            self.notes.push((place.to_owned(), text.to_owned()));
        }
        self
    }

    /// Its kind.
    pub fn kind(&self) -> &str {
        self.value["kind"].as_str().unwrap_or_default()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.value["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// Its namespace; nothing for what belongs to the whole cluster.
    pub fn namespace(&self) -> Option<&str> {
        self.value["metadata"]["namespace"].as_str()
    }

    /// What tells it from all others: `Deployment/payments`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.kind(), self.name())
    }

    /// As one YAML document.
    pub fn yaml(&self) -> String {
        yaml::document(&self.value, &self.about, &self.notes)
    }
}

/// Several documents in one stream.
pub fn stream(objects: &[Object]) -> String {
    let documents: Vec<String> = objects.iter().map(Object::yaml).collect();
    documents.join("---\n")
}

/// Takes out what nobody would write: nulls, the empty `status` and strategies that say nothing.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(tidy);
        }
        Value::Array(list) => list.iter_mut().for_each(tidy),
        _ => {}
    }
    if let Some(map) = value.as_object_mut()
        && map.get("status").and_then(Value::as_object).is_some_and(Map::is_empty)
    {
        map.remove("status");
    }
}
