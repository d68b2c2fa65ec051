//! Texts, numbers, truths, durations, quantities, lists and maps.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

use crate::api::selector::Selector;
use crate::scenario::amount::Amount;
use crate::scenario::decode::Decode;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::duration;
use crate::scenario::duration::Rate;
use crate::scenario::schema::Schema;
use crate::scenario::source::Session;
use crate::scenario::yaml::Node;
use crate::sim::time::SimDuration;

impl Decode for String {
    fn shape(_: &mut Schema) -> Value {
        json!({ "type": "string" })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        if let Some(text) = node.text() {
            return Some(text.to_owned());
        }
        let mistake = Mistake::wrong_type("text", &node.describe());
        let quotable = node.scalar().filter(|_| !node.is_null());
        let mistake = match quotable {
            Some(scalar) => mistake.note(format!("in quotes it is text: \"{}\"", scalar.text)),
            None => mistake,
        };
        session.report(node.place, mistake);
        None
    }
}

impl Decode for bool {
    fn shape(_: &mut Schema) -> Value {
        json!({ "type": "boolean" })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let value = node.scalar().and_then(|scalar| scalar.value().as_bool());
        if value.is_none() {
            node.report_type("true or false", session);
        }
        value
    }
}

impl Decode for u64 {
    fn shape(_: &mut Schema) -> Value {
        json!({ "type": "integer", "minimum": 0 })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let value = node.scalar().and_then(|scalar| scalar.value().as_u64());
        if value.is_none() {
            node.report_type("a whole number that is not negative", session);
        }
        value
    }
}

impl Decode for u32 {
    fn shape(_: &mut Schema) -> Value {
        json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let value = u32::try_from(u64::decode(node, session)?).ok();
        if value.is_none() {
            node.report_type("a smaller number", session);
        }
        value
    }
}

impl Decode for i32 {
    fn shape(_: &mut Schema) -> Value {
        json!({ "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let value = node.scalar().and_then(|scalar| scalar.value().as_i64());
        let value = value.and_then(|value| i32::try_from(value).ok());
        if value.is_none() {
            node.report_type("a whole number", session);
        }
        value
    }
}

/// Reads a scalar by its text, whatever else it could mean.
fn by_text<T>(
    node: &Node,
    session: &mut Session,
    what: &str,
    read: impl FnOnce(&str) -> Option<T>,
    mistake: impl FnOnce(&str) -> Mistake,
) -> Option<T> {
    let Some(scalar) = node.scalar() else {
        node.report_type(what, session);
        return None;
    };
    let value = read(&scalar.text);
    if value.is_none() {
        session.report(node.place, mistake(&scalar.text));
    }
    value
}

impl Decode for SimDuration {
    fn shape(_: &mut Schema) -> Value {
        json!({
            "type": ["string", "integer"],
            "pattern": r"^\+?(0|([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$",
            "maximum": 0,
            "minimum": 0,
            "examples": ["400ms", "30s", "1h2m3s"],
        })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        by_text(node, session, "a duration", duration::parse, Mistake::bad_duration)
    }
}

impl Decode for Rate {
    fn shape(_: &mut Schema) -> Value {
        json!({ "type": "string", "pattern": "^[0-9]+ */", "examples": ["6/min", "1/10s"] })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        by_text(node, session, "a rate", duration::parse_rate, |found| {
            Mistake::bad_value("rate", found, "expected one such as `6/min` or `1/10s`")
        })
    }
}

impl Decode for Amount {
    fn shape(_: &mut Schema) -> Value {
        json!({
            "type": ["string", "number"],
            "pattern": r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?$",
            "minimum": 0,
            "examples": ["250m", "4", "8Gi"],
        })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        by_text(node, session, "a quantity", Amount::parse, Mistake::bad_quantity)
    }
}

impl Decode for Selector {
    fn shape(_: &mut Schema) -> Value {
        json!({ "type": "string", "examples": ["app=web", "tier in (a, b), !old"] })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let text = String::decode(node, session)?;
        let read: Result<Selector, _> = text.parse();
        if let Err(why) = &read {
            session.report(node.place, Mistake::bad_value("selector", &text, &why.to_string()));
        }
        read.ok()
    }
}

impl Decode for Value {
    fn shape(_: &mut Schema) -> Value {
        json!({})
    }

    fn decode(node: &Node, _: &mut Session) -> Option<Self> {
        Some(node.to_json())
    }
}

impl<T: Decode> Decode for Option<T> {
    fn shape(schema: &mut Schema) -> Value {
        T::shape(schema)
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        T::decode(node, session).map(Some)
    }
}

impl<T: Decode> Decode for Box<T> {
    fn shape(schema: &mut Schema) -> Value {
        T::shape(schema)
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        T::decode(node, session).map(Box::new)
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn shape(schema: &mut Schema) -> Value {
        json!({ "type": "array", "items": T::shape(schema) })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let Some(items) = node.items() else {
            node.report_type("a list", session);
            return None;
        };
        let read: Vec<Option<T>> = items.iter().map(|item| T::decode(item, session)).collect();
        read.into_iter().collect()
    }
}

impl<T: Decode> Decode for BTreeMap<String, T> {
    fn shape(schema: &mut Schema) -> Value {
        json!({ "type": "object", "additionalProperties": T::shape(schema) })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let Some(entries) = node.entries() else {
            node.report_type("a mapping", session);
            return None;
        };
        let read: Vec<Option<(String, T)>> = entries
            .iter()
            .map(|entry| Some((entry.key.to_string(), T::decode(&entry.value, session)?)))
            .collect();
        read.into_iter().collect()
    }
}
