//! Expressions in CEL about the state of the store.
//!
//! `objects('Pod')` is the list of all objects of a kind, `object('Pod', 'web')` one of the
//! scenario's namespace or null, `now` the instant of the run in seconds.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use cel::Value;

use crate::api::Name;
use crate::api::expression;
use crate::api::object::{Kind, Object};
use crate::etcd::store::Store;
use crate::sim::time::SimTime;

/// An object, and what it is in CEL once that is asked for.
struct Shown {
    object: Object,
    value: OnceLock<Option<Value>>,
}

impl Shown {
    fn value(&self) -> Option<Value> {
        self.value.get_or_init(|| cel::to_value(self.object.to_value()).ok()).clone()
    }
}

/// The objects of a kind, and their list once that is asked for.
struct OfKind {
    namespaced: bool,
    shown: Vec<Shown>,
    list: OnceLock<Value>,
}

impl OfKind {
    fn new(store: &Store, kind: Kind) -> OfKind {
        let show = |object| Shown { object, value: OnceLock::new() };
        let shown = store.list(kind).into_iter().map(show).collect();
        OfKind { namespaced: kind.row().namespaced, shown, list: OnceLock::new() }
    }

    fn list(&self) -> Value {
        let all = || {
            let values: Option<Vec<Value>> = self.shown.iter().map(Shown::value).collect();
            Value::List(values.unwrap_or_default().into())
        };
        self.list.get_or_init(all).clone()
    }

    /// The last of a name: of kinds of the whole cluster there is one at most.
    fn one(&self, namespace: &Name, name: &str) -> Option<Value> {
        let is_it = |shown: &&Shown| {
            let meta = shown.object.meta();
            meta.name == name && (!self.namespaced || meta.namespace == *namespace)
        };
        self.shown.iter().rfind(is_it)?.value()
    }
}

/// Whether an expression is true in the store, and what it is when it is not.
///
/// # Errors
/// What the expression gives when that is not true, or why it cannot be evaluated.
pub fn holds(text: &str, store: &Store, namespace: &Name, now: SimTime) -> Result<(), String> {
    let read = expression::read(text).map_err(|e| e.to_string())?;
    let mut context = expression::context();
    let named = store.kinds().filter(|k| !k.row().aggregated && text.contains(k.name()));
    let kinds: BTreeMap<&'static str, OfKind> =
        named.map(|kind| (kind.name(), OfKind::new(store, kind))).collect();
    let kinds = Arc::new(kinds);
    let of_kind = kinds.clone();
    let objects = move |kind: Arc<String>| {
        let listed = of_kind.get(kind.as_str()).map(OfKind::list);
        listed.unwrap_or_else(|| Value::List(Vec::new().into()))
    };
    context.add_function("objects", objects).map_err(|e| e.to_string())?;
    let namespace = namespace.clone();
    let object = move |kind: Arc<String>, name: Arc<String>| {
        let found = kinds.get(kind.as_str()).and_then(|of| of.one(&namespace, &name));
        found.unwrap_or(Value::Null)
    };
    context.add_function("object", object).map_err(|e| e.to_string())?;
    let seconds = i64::try_from(now.0 / 1_000_000_000).unwrap_or(i64::MAX);
    context.add_variable("now", seconds).map_err(|e| e.to_string())?;
    match context.resolve(&read) {
        Ok(Value::Bool(true)) => Ok(()),
        Ok(other) => Err(format!("it is {other:?}")),
        Err(error) => Err(error.to_string()),
    }
}
