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
pub(crate) fn holds(
    text: &str,
    store: &Store,
    namespace: &Name,
    now: SimTime,
) -> Result<(), String> {
    let read = expression::read(text).map_err(|e| e.to_string())?;
    let mut context = expression::context();
    let kinds: BTreeMap<&'static str, OfKind> =
        named(text, store).map(|kind| (kind.name(), OfKind::new(store, kind))).collect();
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
    context.add_variable("now", second(now)).map_err(|e| e.to_string())?;
    match context.resolve(&read) {
        Ok(Value::Bool(true)) => Ok(()),
        Ok(other) => Err(format!("it is {other:?}")),
        Err(error) => Err(error.to_string()),
    }
}

/// The kinds that an expression may read: those that it names.
fn named(text: &str, store: &Store) -> impl Iterator<Item = Kind> {
    let stored = store.kinds().filter(|kind| !kind.row().aggregated);
    stored.filter(|kind| text.contains(kind.name()))
}

fn second(now: SimTime) -> i64 {
    i64::try_from(now.0 / 1_000_000_000).unwrap_or(i64::MAX)
}

/// How often each kind that an expression names had changed, and the second, if it asks for it.
type Read = (Vec<(Kind, u64)>, Option<i64>);

/// An expression that is asked again and again. It is evaluated anew only when something that it
/// may read has changed.
#[derive(Clone)]
pub(crate) struct Watched {
    text: Arc<str>,
    /// What it had read when it was evaluated last.
    read: Option<Read>,
    found: Result<(), String>,
}

impl Watched {
    pub(crate) fn new(text: &str) -> Watched {
        Watched { text: text.into(), read: None, found: Ok(()) }
    }

    /// As [`holds`].
    ///
    /// # Errors
    /// As [`holds`].
    pub(crate) fn holds(
        &mut self,
        store: &Store,
        namespace: &Name,
        now: SimTime,
    ) -> Result<(), String> {
        let kinds = named(&self.text, store).map(|kind| (kind, store.touched(kind)));
        let time = self.text.contains("now").then(|| second(now));
        let read = Some((kinds.collect(), time));
        if read != self.read {
            self.found = holds(&self.text, store, namespace, now);
            self.read = read;
        }
        self.found.clone()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::message::Condition;

    fn put(store: &mut Store, kind: &str, name: &str) {
        let value = json!({
            "apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "default"},
        });
        let kind = Kind::named(kind).expect("a kind");
        let object = Object::from_value(kind, value).expect("an object");
        store.commit(&object.key(), Condition::Absent, Some(object), 0).expect("it is new");
    }

    #[test]
    fn an_expression_that_is_watched_says_what_it_would_say_anew() {
        let texts = [
            "objects('ConfigMap').size() == 2",
            "object('Secret', 's') != null",
            "now > 3",
            "objects('ConfigMap').size() + objects('Secret').size() > 1 && now < 5",
            "objects('ConfigMap'",
        ];
        let mut all: Vec<Watched> = texts.iter().map(|text| Watched::new(text)).collect();
        let mut store = Store::default();
        let namespace = Name::new("default");
        for turn in 0..8_u64 {
            match turn {
                2 | 5 => put(&mut store, "ConfigMap", &format!("c{turn}")),
                3 => put(&mut store, "Secret", "s"),
                7 => store.restore(3).expect("the history is there"),
                _ => {}
            }
            let now = SimTime(turn * 1_000_000_000);
            for (watched, text) in all.iter_mut().zip(texts) {
                let anew = holds(text, &store, &namespace, now);
                assert_eq!(watched.holds(&store, &namespace, now), anew, "{text} at {turn}");
            }
        }
    }

    #[test]
    fn an_expression_is_evaluated_anew_only_when_a_kind_that_it_names_has_changed() {
        let mut store = Store::default();
        let namespace = Name::new("default");
        put(&mut store, "ConfigMap", "c");
        let mut watched = Watched::new("objects('ConfigMap').size() == 1");
        assert_eq!(watched.holds(&store, &namespace, SimTime::ZERO), Ok(()));
        // Were it evaluated again, this would be overwritten.
        watched.found = Err("remembered".to_owned());
        put(&mut store, "Secret", "s");
        let remembered = watched.holds(&store, &namespace, SimTime(9_000_000_000));
        assert_eq!(remembered, Err("remembered".to_owned()));
        put(&mut store, "ConfigMap", "d");
        let anew = watched.holds(&store, &namespace, SimTime(9_000_000_000));
        assert!(anew.is_err_and(|why| why.contains("false")));
    }
}
