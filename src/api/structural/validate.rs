//! What a schema has against a value.

use cel::Context;
use serde_json::Value;

use super::{flag, items, property, values};
use crate::api::expression;

/// What is wrong with a value, each mistake as the apiserver says it.
pub fn validate(value: &Value, old: Option<&Value>, schema: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    check(value, old, schema, "", &mut wrong);
    wrong
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_i64() || n.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn is_of(value: &Value, wanted: &str) -> bool {
    let found = type_of(value);
    let whole = || value.as_f64().is_some_and(|n| n.fract() == 0.0);
    found == wanted
        || wanted == "number" && found == "integer"
        || wanted == "integer" && found == "number" && whole()
}

/// The types that a schema allows; empty for all.
fn types(schema: &Value) -> Vec<&str> {
    if flag(schema, "x-kubernetes-int-or-string", "xIntOrString") {
        return vec!["integer", "string"];
    }
    schema["type"].as_str().filter(|t| !t.is_empty()).into_iter().collect()
}

fn check(value: &Value, old: Option<&Value>, schema: &Value, path: &str, wrong: &mut Vec<String>) {
    if value.is_null() && schema.get("nullable") == Some(&Value::Bool(true)) {
        return;
    }
    let types = types(schema);
    let typed = types.is_empty() || types.iter().any(|t| is_of(value, t));
    let untyped_null = value.is_null() && types.is_empty();
    if !typed || untyped_null && schema.get("properties").is_some() {
        let (found, wanted) = (type_of(value), types.join(","));
        wrong.push(format!(
            "{path}: Invalid value: \"{found}\": {path} in body must be of type {wanted}: \"{found}\""
        ));
    }
    members(value, schema, path, wrong);
    limits(value, schema, path, wrong);
    combined(value, old, schema, path, wrong);
    inner(value, old, schema, path, wrong);
    rules(value, old, schema, path, wrong);
}

/// `enum` and `required`.
fn members(value: &Value, schema: &Value, path: &str, wrong: &mut Vec<String>) {
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        let shown = |v: &Value| format!("\"{}\"", v.as_str().map_or(v.to_string(), str::to_owned));
        let all: Vec<String> = allowed.iter().map(shown).collect();
        wrong.push(format!(
            "{path}: Unsupported value: {value}: supported values: {}",
            all.join(", ")
        ));
    }
    if let (Some(map), Some(required)) = (value.as_object(), schema["required"].as_array()) {
        let missing = required.iter().filter_map(Value::as_str).filter(|k| !map.contains_key(*k));
        wrong.extend(missing.map(|key| format!("{}: Required value", below(path, key))));
    }
}

/// Lengths and bounds.
fn limits(value: &Value, schema: &Value, path: &str, wrong: &mut Vec<String>) {
    let limit = |name: &str| schema.get(name).and_then(Value::as_u64);
    if let Some(text) = value.as_str() {
        let length = text.chars().count() as u64;
        if let Some(most) = limit("maxLength").filter(|most| length > *most) {
            wrong.push(format!("{path}: Too long: may not be more than {most} bytes"));
        }
        if let Some(least) = limit("minLength").filter(|least| length < *least) {
            wrong.push(format!(
                "{path}: Invalid value: {value}: {path} in body should be at least {least} chars long"
            ));
        }
    }
    if let Some(list) = value.as_array() {
        let length = list.len() as u64;
        if let Some(most) = limit("maxItems").filter(|most| length > *most) {
            wrong.push(format!("{path}: Too many: {length}: must have at most {most} items"));
        }
        if let Some(least) = limit("minItems").filter(|least| length < *least) {
            wrong.push(format!(
                "{path}: Invalid value: {length}: {path} in body should have at least {least} items"
            ));
        }
    }
    if let Some(number) = value.as_f64() {
        let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
        if let Some(least) = bound("minimum").filter(|least| number < *least) {
            wrong.push(format!(
                "{path}: Invalid value: {value}: {path} in body should be greater than or equal to {least}"
            ));
        }
        if let Some(most) = bound("maximum").filter(|most| number > *most) {
            wrong.push(format!(
                "{path}: Invalid value: {value}: {path} in body should be less than or equal to {most}"
            ));
        }
    }
}

/// `anyOf`, `allOf`, `oneOf` and `not`.
fn combined(
    value: &Value,
    old: Option<&Value>,
    schema: &Value,
    path: &str,
    wrong: &mut Vec<String>,
) {
    let each = |name: &str| -> Vec<Vec<String>> {
        let all = schema[name].as_array().into_iter().flatten();
        all.map(|of| {
            let mut found = Vec::new();
            check(value, old, of, path, &mut found);
            found
        })
        .collect()
    };
    let any = each("anyOf");
    if !any.is_empty() && any.iter().all(|found| !found.is_empty()) {
        wrong.push(format!(
            "<nil>: Invalid value: \"\": \"{path}\" must validate at least one schema (anyOf)"
        ));
        wrong.extend(any.into_iter().next().unwrap_or_default());
    }
    let all = each("allOf");
    let failed = all.iter().filter(|found| !found.is_empty()).count();
    if failed > 0 {
        let none = if failed == all.len() { ". None validated" } else { "" };
        wrong.push(format!(
            "<nil>: Invalid value: \"\": \"{path}\" must validate all the schemas (allOf){none}"
        ));
        wrong.extend(all.into_iter().flatten());
    }
    let one = each("oneOf");
    if !one.is_empty() && one.iter().filter(|found| found.is_empty()).count() != 1 {
        wrong.push(format!(
            "<nil>: Invalid value: \"\": \"{path}\" must validate one and only one schema (oneOf)"
        ));
    }
    if schema.get("not").is_some_and(|of| validate(value, old, of).is_empty()) {
        wrong.push(format!(
            "<nil>: Invalid value: \"\": \"{path}\" must not validate the schema (not)"
        ));
    }
}

fn inner(value: &Value, old: Option<&Value>, schema: &Value, path: &str, wrong: &mut Vec<String>) {
    if let Some(map) = value.as_object() {
        for (key, inner) in map {
            let of = property(schema, key).or_else(|| values(schema).filter(|v| !v.is_null()));
            if let Some(of) = of {
                let old = old.and_then(|old| old.get(key));
                check(inner, old, of, &below(path, key), wrong);
            }
        }
    }
    if let (Some(list), Some(of)) = (value.as_array(), items(schema)) {
        for (n, inner) in list.iter().enumerate() {
            let old = old.and_then(|old| counterpart(inner, old, schema));
            check(inner, old, of, &format!("{path}[{n}]"), wrong);
        }
    }
}

/// The element of the list before that has the same keys, where the list is a map.
fn counterpart<'a>(inner: &Value, old: &'a Value, schema: &Value) -> Option<&'a Value> {
    let keys = schema.get("x-kubernetes-list-map-keys").or_else(|| schema.get("xListMapKeys"))?;
    let keys: Vec<&str> = keys.as_array()?.iter().filter_map(Value::as_str).collect();
    old.as_array()?.iter().find(|old| keys.iter().all(|key| old.get(key) == inner.get(key)))
}

/// Rules in CEL.
fn rules(value: &Value, old: Option<&Value>, schema: &Value, path: &str, wrong: &mut Vec<String>) {
    let rules = schema.get("x-kubernetes-validations").or_else(|| schema.get("xValidations"));
    for rule in rules.and_then(Value::as_array).into_iter().flatten() {
        let text = rule["rule"].as_str().unwrap_or_default();
        if text.contains("oldSelf") && old.is_none() {
            continue;
        }
        if holds(text, value, old) {
            continue;
        }
        let usual = format!("failed rule: {text}");
        let message = rule["message"].as_str().unwrap_or(&usual);
        wrong.push(format!("{path}: Invalid value: {value}: {message}"));
    }
}

fn holds(text: &str, value: &Value, old: Option<&Value>) -> bool {
    let Ok(rule) = expression::read(text) else { return false };
    let mut context = expression::context();
    let add = |context: &mut Context<'_, '_>, name: &str, value: &Value| {
        cel::to_value(value).ok().is_some_and(|v| context.add_variable(name, v).is_ok())
    };
    if !add(&mut context, "self", value) {
        return false;
    }
    if let Some(old) = old
        && !add(&mut context, "oldSelf", old)
    {
        return false;
    }
    matches!(context.resolve(&rule), Ok(cel::Value::Bool(true)))
}

/// What is wrong with lists that are sets or maps: each value or key that comes twice, once.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype/validation.go
pub fn lists(value: &Value, schema: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    lists_at(value, schema, "", &mut wrong);
    wrong
}

fn lists_at(value: &Value, schema: &Value, path: &str, wrong: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                if let Some(of) = property(schema, key).or_else(|| values(schema)) {
                    lists_at(inner, of, &below(path, key), wrong);
                }
            }
        }
        Value::Array(list) => {
            let kind = schema.get("x-kubernetes-list-type").or_else(|| schema.get("xListType"));
            match kind.and_then(Value::as_str) {
                Some("set") => twice(list, path, wrong),
                Some("map") => {
                    let keys: Vec<Value> = list.iter().map(|v| keys_of(v, schema)).collect();
                    twice(&keys, path, wrong);
                }
                Some(_) | None => {}
            }
            if let Some(of) = items(schema) {
                for (n, inner) in list.iter().enumerate() {
                    lists_at(inner, of, &format!("{path}[{n}]"), wrong);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The keys of an element of a map.
fn keys_of(value: &Value, schema: &Value) -> Value {
    let keys = schema.get("x-kubernetes-list-map-keys").or_else(|| schema.get("xListMapKeys"));
    let keys = keys.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    keys.map(|key| (key.to_owned(), value.get(key).cloned().unwrap_or_default())).collect()
}

fn twice(all: &[Value], path: &str, wrong: &mut Vec<String>) {
    let mut told: Vec<&Value> = Vec::new();
    for (n, value) in all.iter().enumerate() {
        if all[..n].contains(value) && !told.contains(&value) {
            told.push(value);
            wrong.push(format!("{path}[{n}]: Duplicate value: {value}"));
        }
    }
}
