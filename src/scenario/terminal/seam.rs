//! How objects are shown: the one place where commands ask for text about objects.

use serde_json::Value;

use crate::api::object::Object;
use crate::api::time::Time;
use crate::scenario::kubectl::{Events, Get, Output};
use crate::scenario::terminal::failure::Failure;
use crate::scenario::terminal::name;

/// What a description tells beside the object.
#[derive(Clone, Debug, Default)]
pub(super) struct Related {
    /// Events about it, oldest first.
    pub(super) events: Vec<Object>,
    /// Pods on it, or behind it.
    pub(super) pods: Vec<Object>,
    /// ReplicaSets or other objects that it owns.
    pub(super) owned: Vec<Object>,
}

/// Rows of a table, or the objects in another form; without headings for a later part of a watch.
///
/// Differs: until tables are drawn, the names of the objects stand for their rows.
pub(super) fn many(
    objects: &[Object],
    get: &Get,
    _with_headings: bool,
    now: Time,
) -> Result<String, Failure> {
    match &get.output {
        None | Some(Output::Wide) => {
            objects.iter().map(|object| one(object, &Output::Name, now)).collect()
        }
        Some(Output::Json) if !is_single(objects, get) => Ok(format!("{:#}\n", list(objects))),
        Some(Output::Yaml) if !is_single(objects, get) => Ok(format!("{:#}\n", list(objects))),
        Some(output) => objects.iter().map(|object| one(object, output, now)).collect(),
    }
}

fn is_single(objects: &[Object], get: &Get) -> bool {
    let targets = get.targets().unwrap_or_default();
    objects.len() == 1 && targets.len() == 1 && targets.iter().all(|t| t.name.is_some())
}

fn list(objects: &[Object]) -> Value {
    let items: Vec<Value> = objects.iter().map(Object::to_value).collect();
    serde_json::json!({
        "apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items
    })
}

/// One object in the form that `-o` asks for.
pub(super) fn one(object: &Object, output: &Output, _now: Time) -> Result<String, Failure> {
    match output {
        Output::Name => Ok(format!("{}/{}\n", name::singular(object.kind()), object.meta().name)),
        Output::Json | Output::Yaml => Ok(format!("{:#}\n", object.to_value())),
        Output::Wide | Output::CustomColumns(_) | Output::Jsonpath(_) => {
            Err(Failure::text("this output format is not supported here"))
        }
    }
}

/// All that is told about an object.
pub(super) fn description(object: &Object, _related: &Related, now: Time) -> String {
    one(object, &Output::Json, now).unwrap_or_default()
}

/// Events as a table.
pub(super) fn events(events: &[Object], _how: &Events, _now: Time) -> Result<String, Failure> {
    let row = |object: &Object| match object {
        Object::Event(event) => {
            format!("{} {} {}\n", event.body.kind, event.body.reason, event.body.message)
        }
        _ => String::new(),
    };
    Ok(events.iter().map(row).collect())
}
