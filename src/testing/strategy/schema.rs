//! Values that a structural schema allows.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::string::string_regex;
use serde_json::{Map, Value, json};

use crate::api::structural;

/// Values that a schema allows. What its rules, formats and combined schemas forbid is drawn again,
/// so a schema whose rules few values keep to needs a strategy of its own.
pub fn values(schema: &Value) -> BoxedStrategy<Value> {
    let whole = schema.clone();
    let allowed = move |value: &Value| {
        let mut admitted = value.clone();
        structural::admit(&mut admitted, None, &whole).is_ok()
    };
    drawn(schema).prop_filter("the schema's rules forbid it", allowed).boxed()
}

fn drawn(schema: &Value) -> BoxedStrategy<Value> {
    let value = typed(schema);
    if schema["nullable"] == true {
        return prop_oneof![1 => Just(Value::Null), 4 => value].boxed();
    }
    value
}

fn typed(schema: &Value) -> BoxedStrategy<Value> {
    if let Some(allowed) = schema["enum"].as_array().filter(|allowed| !allowed.is_empty()) {
        return select(allowed.clone()).boxed();
    }
    if schema["x-kubernetes-int-or-string"] == true {
        let share = (0_u32..=100).prop_map(|n| json!(format!("{n}%")));
        return prop_oneof![(0_i64..=10).prop_map(|n| json!(n)), share].boxed();
    }
    match schema["type"].as_str().unwrap_or_default() {
        "boolean" => any::<bool>().prop_map(|b| json!(b)).boxed(),
        "integer" => span(schema).prop_map(|n| json!(n)).boxed(),
        "number" => span(schema).prop_map(|n| json!(n)).boxed(),
        "string" => text(schema),
        "array" => list(schema),
        _ => map(schema),
    }
}

/// How large a number or how long a list may be; what has no upper bound is kept small.
fn limits(schema: &Value, least: &str, most: &str, few: i64) -> RangeInclusive<i64> {
    let bound = |name: &str| schema[name].as_i64();
    let (low, high) = (bound(least), bound(most));
    let low = low.unwrap_or_else(|| high.map_or(0, |high| high.min(0)));
    let high = high.unwrap_or_else(|| low.saturating_add(few));
    low..=high.max(low)
}

/// Numbers within the bounds, the bounds themselves often.
fn span(schema: &Value) -> impl Strategy<Value = i64> + use<> {
    let all = limits(schema, "minimum", "maximum", 10);
    let (low, high) = (*all.start(), *all.end());
    prop_oneof![1 => Just(low), 1 => Just(high), 4 => all]
}

fn length(schema: &Value, least: &str, most: &str) -> RangeInclusive<usize> {
    let all = limits(schema, least, most, 4);
    let size = |n: i64| usize::try_from(n).unwrap_or(0);
    let low = size(*all.start());
    // Long ones show nothing more, and drown the rest.
    low..=size(*all.end()).min(low + 8)
}

fn text(schema: &Value) -> BoxedStrategy<Value> {
    let pattern =
        schema["pattern"].as_str().map(|p| p.trim_start_matches('^').trim_end_matches('$'));
    if let Some(texts) = pattern.and_then(|pattern| string_regex(pattern).ok()) {
        return texts.prop_map(Value::from).boxed();
    }
    let length = length(schema, "minLength", "maxLength");
    vec(select(('a'..='z').collect::<Vec<char>>()), length)
        .prop_map(|letters| Value::from(letters.into_iter().collect::<String>()))
        .boxed()
}

fn list(schema: &Value) -> BoxedStrategy<Value> {
    let length = length(schema, "minItems", "maxItems");
    vec(drawn(&schema["items"]), length).prop_map(Value::Array).boxed()
}

fn map(schema: &Value) -> BoxedStrategy<Value> {
    let required = schema["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|r| r == name));
    let mut members: BoxedStrategy<Map<String, Value>> = Just(Map::new()).boxed();
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let member = if is_required(name) {
            drawn(schema).prop_map(Some).boxed()
        } else {
            prop::option::weighted(0.7, drawn(schema)).boxed()
        };
        let name = name.clone();
        members = (members, member)
            .prop_map(move |(mut all, member)| {
                all.extend(member.map(|value| (name.clone(), value)));
                all
            })
            .boxed();
    }
    let values = &schema["additionalProperties"];
    if values.is_object() {
        let more = btree_map(
            "[a-z]{1,6}",
            drawn(values),
            length(schema, "minProperties", "maxProperties"),
        );
        members = (members, more)
            .prop_map(|(mut all, more): (_, BTreeMap<String, Value>)| {
                all.extend(more);
                all
            })
            .boxed();
    }
    members.prop_map(Value::Object).boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "required": ["host", "ports"],
            "properties": {
                "host": {"type": "string", "minLength": 1, "pattern": "^[a-z]{1,8}\\.example$"},
                "size": {"type": "integer", "minimum": 1, "maximum": 5, "default": 2},
                "mode": {"type": "string", "enum": ["fast", "safe"]},
                "share": {"x-kubernetes-int-or-string": true},
                "note": {"type": "string", "nullable": true},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "ports": {
                    "type": "array", "minItems": 1, "maxItems": 3,
                    "items": {"type": "integer", "minimum": 1, "maximum": 65535},
                },
                "least": {"type": "integer"},
                "most": {"type": "integer"},
            },
            "x-kubernetes-validations": [{"rule": "!has(self.least) || !has(self.most) || self.least <= self.most"}],
        })
    }

    proptest! {
        #[test]
        fn what_is_drawn_is_allowed(value in values(&schema())) {
            let mut admitted = value.clone();
            prop_assert_eq!(structural::admit(&mut admitted, None, &schema()), Ok(()));
            prop_assert!(value["host"].as_str().is_some_and(|host| host.ends_with(".example")));
            prop_assert!(value["ports"].as_array().is_some_and(|ports| (1..=3).contains(&ports.len())));
        }
    }

    #[test]
    fn what_is_allowed_is_drawn() {
        use proptest::strategy::ValueTree;
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let strategy = values(&schema());
        let all: Vec<Value> = (0..200)
            .map(|_| strategy.new_tree(&mut runner).expect("it can be drawn").current())
            .collect();
        for (name, pointer) in [("fast", "/mode"), ("safe", "/mode")] {
            assert!(all.iter().any(|v| v.pointer(pointer) == Some(&json!(name))), "{name}");
        }
        for n in [1, 5] {
            assert!(all.iter().any(|v| v["size"] == n), "the bound {n} is drawn");
        }
        for optional in ["size", "note", "labels", "share"] {
            assert!(all.iter().any(|v| v.get(optional).is_none()), "{optional} is left out");
            assert!(all.iter().any(|v| v.get(optional).is_some()), "{optional} is there");
        }
        assert!(all.iter().any(|v| v.get("note") == Some(&Value::Null)), "null is drawn");
    }
}
