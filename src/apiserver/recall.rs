//! What was read lately: a thread remembers what new objects became when they were read, so that
//! one manifest is read, defaulted and validated once, in however many worlds it is applied.
//!
//! What an object becomes follows from what is compared here and nothing else, so no world can
//! tell whether it was remembered. It also shares what is found out about its pod template.

use std::cell::RefCell;
use std::collections::VecDeque;

use serde_json::Value;

use crate::api::Name;
use crate::api::gates::Gates;
use crate::api::object::{Kind, Object};
use crate::api::refusal::Refusal;

/// How many objects a thread remembers.
const MOST: usize = 64;

thread_local! {
    static LATELY: RefCell<VecDeque<Read>> = const { RefCell::new(VecDeque::new()) };
}

/// What was asked for, and what came of it.
struct Read {
    kind: Kind,
    namespace: Name,
    gates: Gates,
    value: Value,
    object: Object,
}

/// A new object in a namespace, as it was written, under an apiserver's feature gates.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) kind: Kind,
    pub(super) namespace: &'a str,
    pub(super) value: &'a Value,
    pub(super) gates: Gates,
}

impl Asked<'_> {
    fn is(&self, read: &Read) -> bool {
        self.kind == read.kind
            && self.gates == read.gates
            && self.namespace == read.namespace
            && same(self.value, &read.value)
    }
}

/// What a new object becomes: as it became lately, or as it is read now. Refusals are not
/// remembered, nor objects whose names are left to the apiserver.
pub(super) fn once(
    asked: Asked<'_>,
    read: impl FnOnce(Value) -> Result<Object, Refusal>,
) -> Result<Object, Refusal> {
    let named = asked.value["metadata"]["name"].as_str().is_some_and(|name| !name.is_empty());
    if !named {
        return read(asked.value.clone());
    }
    let find = |lately: &VecDeque<Read>| {
        lately.iter().find(|read| asked.is(read)).map(|read| read.object.clone())
    };
    if let Some(object) = LATELY.with_borrow(find) {
        return Ok(object);
    }
    let object = read(asked.value.clone())?;
    let Asked { kind, namespace, value, gates } = asked;
    let (namespace, value) = (namespace.into(), value.clone());
    let read = Read { kind, namespace, gates, value, object: object.clone() };
    LATELY.with_borrow_mut(|lately| {
        lately.truncate(MOST - 1);
        lately.push_front(read);
    });
    Ok(object)
}

/// Whether two values are the same in all, the order of fields among it.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let pairs = a.iter().zip(b);
            a.len() == b.len() && pairs.into_iter().all(|(a, b)| a.0 == b.0 && same(a.1, b.1))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(value: &Value) -> Asked<'_> {
        Asked { kind: Kind::CONFIG_MAP, namespace: "default", value, gates: Gates::DEFAULT }
    }

    fn read(value: Value) -> Result<Object, Refusal> {
        Object::from_value(Kind::CONFIG_MAP, value).map_err(|_| Refusal::bad_request("no object"))
    }

    #[test]
    fn what_was_read_is_read_once() {
        let value = json!({"metadata": {"name": "a"}, "data": {"x": "1", "y": "2"}});
        let first = once(asked(&value), read).expect("it can be read");
        let again = once(asked(&value), |_| panic!("it was read already"));
        assert_eq!(again, Ok(first));
    }

    #[test]
    fn what_differs_in_anything_is_read_anew() {
        let value = json!({"metadata": {"name": "b"}, "data": {"x": "1", "y": "2"}});
        once(asked(&value), read).expect("it can be read");
        let other = json!({"metadata": {"name": "b"}, "data": {"y": "2", "x": "1"}});
        let elsewhere = Asked { namespace: "other", ..asked(&value) };
        for asked in [asked(&other), elsewhere] {
            let refused = once(asked, |_| Err(Refusal::bad_request("it is asked for")));
            assert!(refused.is_err(), "the order of fields and the namespace count");
        }
    }

    #[test]
    fn what_has_no_name_yet_is_not_remembered() {
        let value = json!({"metadata": {"generateName": "c-"}});
        once(asked(&value), read).expect("it can be read");
        let refused = once(asked(&value), |_| Err(Refusal::bad_request("it is asked for")));
        assert!(refused.is_err());
    }
}
