//! Expressions in CEL about the state of the store.
//!
//! `objects('Pod')` is the list of all objects of a kind, `object('Pod', 'web')` one of the
//! scenario's namespace or null, `now` the instant of the run in seconds.

use cel::{Context, Program, Value};

use crate::api::Name;
use crate::api::object::ObjectKey;
use crate::etcd::store::Store;
use crate::sim::time::SimTime;

/// Whether an expression is true in the store, and what it is when it is not.
///
/// # Errors
/// What the expression gives when that is not true, or why it cannot be evaluated.
pub fn holds(text: &str, store: &Store, namespace: &Name, now: SimTime) -> Result<(), String> {
    let program = Program::compile(text).map_err(|e| e.to_string())?;
    let mut context = Context::default();
    let lists: std::collections::BTreeMap<String, Value> = store
        .kinds()
        .filter(|k| !k.row().aggregated)
        .filter(|k| text.contains(k.name()))
        .filter_map(|k| {
            let all: Vec<serde_json::Value> =
                store.list(k).iter().map(crate::api::object::Object::to_value).collect();
            cel::to_value(all).ok().map(|v| (k.name().to_owned(), v))
        })
        .collect();
    let objects = move |kind: std::sync::Arc<String>| {
        lists.get(kind.as_str()).cloned().unwrap_or(Value::List(Vec::new().into()))
    };
    context.add_function("objects", objects).map_err(|e| e.to_string())?;
    let one: std::collections::BTreeMap<(String, String), Value> = store
        .kinds()
        .filter(|k| !k.row().aggregated)
        .filter(|k| text.contains(k.name()))
        .flat_map(|k| store.list(k).into_iter().map(move |o| (k, o)))
        .filter(|(k, o)| !k.row().namespaced || o.meta().namespace == *namespace)
        .filter_map(|(k, o)| {
            let key: ObjectKey = o.key();
            cel::to_value(o.to_value())
                .ok()
                .map(|v| ((k.name().to_owned(), key.name.to_string()), v))
        })
        .collect();
    let object = move |kind: std::sync::Arc<String>, name: std::sync::Arc<String>| {
        one.get(&(kind.to_string(), name.to_string())).cloned().unwrap_or(Value::Null)
    };
    context.add_function("object", object).map_err(|e| e.to_string())?;
    let seconds = i64::try_from(now.0 / 1_000_000_000).unwrap_or(i64::MAX);
    context.add_variable("now", seconds).map_err(|e| e.to_string())?;
    match program.execute(&context) {
        Ok(Value::Bool(true)) => Ok(()),
        Ok(other) => Err(format!("it is {other:?}")),
        Err(error) => Err(error.to_string()),
    }
}
