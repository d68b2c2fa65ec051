//! Expressions in CEL about the state of the store.
//!
//! `objects('Pod')` is the list of all objects of a kind, `object('Pod', 'web')` one of the
//! scenario's namespace or null, `now` the instant of the run in seconds.

use std::collections::BTreeMap;
use std::sync::Arc;

use cel::{Context, Program, Value};

use crate::api::Name;
use crate::api::object::Kind;
use crate::etcd::store::Store;
use crate::sim::time::SimTime;

/// An expression that was read.
pub(crate) struct Expression {
    text: String,
    program: Result<Program, String>,
}

impl Expression {
    /// Reads an expression; what is wrong with it is said when it is asked.
    pub(crate) fn new(text: &str) -> Expression {
        let program = Program::compile(text).map_err(|error| error.to_string());
        Expression { text: text.to_owned(), program }
    }

    /// The kinds that it may read: those that it names.
    fn kinds(&self, store: &Store) -> impl Iterator<Item = Kind> {
        let stored = store.kinds().filter(|kind| !kind.row().aggregated);
        stored.filter(|kind| self.text.contains(kind.name()))
    }

    /// Whether it is true in the store, and what it is when it is not.
    ///
    /// # Errors
    /// What the expression gives when that is not true, or why it cannot be evaluated.
    pub(crate) fn holds(
        &self,
        store: &Store,
        namespace: &Name,
        now: SimTime,
    ) -> Result<(), String> {
        let program = self.program.as_ref().map_err(Clone::clone)?;
        let mut lists: BTreeMap<String, Value> = BTreeMap::new();
        let mut one: BTreeMap<(String, String), Value> = BTreeMap::new();
        for kind in self.kinds(store) {
            let mut all = Vec::new();
            for object in store.list(kind) {
                let Ok(value) = cel::to_value(object.to_value()) else { continue };
                if !kind.row().namespaced || object.meta().namespace == *namespace {
                    let key = (kind.name().to_owned(), object.meta().name.to_string());
                    one.insert(key, value.clone());
                }
                all.push(value);
            }
            lists.insert(kind.name().to_owned(), Value::List(all.into()));
        }
        let mut context = Context::default();
        let objects = move |kind: Arc<String>| {
            lists.get(kind.as_str()).cloned().unwrap_or(Value::List(Vec::new().into()))
        };
        context.add_function("objects", objects).map_err(|e| e.to_string())?;
        let object = move |kind: Arc<String>, name: Arc<String>| {
            one.get(&(kind.to_string(), name.to_string())).cloned().unwrap_or(Value::Null)
        };
        context.add_function("object", object).map_err(|e| e.to_string())?;
        context.add_variable("now", second(now)).map_err(|e| e.to_string())?;
        match program.execute(&context) {
            Ok(Value::Bool(true)) => Ok(()),
            Ok(other) => Err(format!("it is {other:?}")),
            Err(error) => Err(error.to_string()),
        }
    }
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
    expression: Arc<Expression>,
    /// What it had read when it was evaluated last.
    read: Option<Read>,
    found: Result<(), String>,
}

impl Watched {
    pub(crate) fn new(text: &str) -> Watched {
        Watched { expression: Arc::new(Expression::new(text)), read: None, found: Ok(()) }
    }

    /// As [`Expression::holds`].
    ///
    /// # Errors
    /// As [`Expression::holds`].
    pub(crate) fn holds(
        &mut self,
        store: &Store,
        namespace: &Name,
        now: SimTime,
    ) -> Result<(), String> {
        let kinds = self.expression.kinds(store).map(|kind| (kind, store.touched(kind)));
        let time = self.expression.text.contains("now").then(|| second(now));
        let read = Some((kinds.collect(), time));
        if read != self.read {
            self.found = self.expression.holds(store, namespace, now);
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
    use crate::api::object::Object;

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
                let anew = Expression::new(text).holds(&store, &namespace, now);
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
