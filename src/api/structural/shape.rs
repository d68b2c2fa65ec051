//! Defaults, and what is pruned.

use serde_json::Value;

use super::{flag, items, property, values};

const META: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Takes out what the schema does not name; gives the paths of what went, in order.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning/algorithm.go,
/// `PruneWithOptions`
pub fn prune(value: &mut Value, schema: &Value, is_resource_root: bool) -> Vec<String> {
    let mut pruned = Vec::new();
    prune_at(value, schema, is_resource_root, "", &mut pruned);
    pruned.sort();
    pruned
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn prune_at(value: &mut Value, schema: &Value, root: bool, path: &str, out: &mut Vec<String>) {
    let preserves = flag(schema, "x-kubernetes-preserve-unknown-fields", "xPreserveUnknownFields");
    let embedded = root || flag(schema, "x-kubernetes-embedded-resource", "xEmbeddedResource");
    match value {
        Value::Object(map) => {
            let keys: Vec<String> = map.keys().cloned().collect();
            for key in keys {
                if embedded && META.contains(&key.as_str()) && property(schema, &key).is_none() {
                    continue;
                }
                let Some(inner) = map.get_mut(&key) else { continue };
                let path = below(path, &key);
                if let Some(of) = property(schema, &key).or_else(|| values(schema)) {
                    prune_at(inner, of, false, &path, out);
                } else if !preserves {
                    map.shift_remove(&key);
                    // The members of any object are not told.
                    if !META.contains(&path.as_str()) {
                        out.push(path);
                    }
                }
            }
        }
        Value::Array(list) => {
            let of = items(schema).unwrap_or(&Value::Null);
            if preserves && of.is_null() {
                return;
            }
            for (n, inner) in list.iter_mut().enumerate() {
                prune_at(inner, of, false, &format!("{path}[{n}]"), out);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A null where none is allowed.
fn is_wrong_null(value: &Value, schema: &Value) -> bool {
    value.is_null() && !schema.is_null() && schema.get("nullable") != Some(&Value::Bool(true))
}

fn default_of(schema: &Value) -> Option<&Value> {
    schema.get("default").filter(|default| !default.is_null())
}

/// Fills in the defaults; a null that is not allowed counts as absent.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting/algorithm.go,
/// `Default`
pub fn default(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(map) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            for (key, of) in properties.into_iter().flatten() {
                let Some(default) = default_of(of) else { continue };
                if map.get(key).is_none_or(|found| is_wrong_null(found, of)) {
                    map.insert(key.clone(), default.clone());
                }
            }
            for (key, inner) in map.iter_mut() {
                if let Some(of) = property(schema, key) {
                    self::default(inner, of);
                } else if let Some(of) = values(schema) {
                    if is_wrong_null(inner, of)
                        && let Some(default) = default_of(of)
                    {
                        *inner = default.clone();
                    }
                    self::default(inner, of);
                }
            }
        }
        Value::Array(list) => {
            let Some(of) = items(schema) else { return };
            for inner in list {
                if is_wrong_null(inner, of)
                    && let Some(default) = default_of(of)
                {
                    *inner = default.clone();
                }
                self::default(inner, of);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Takes out nulls that are not allowed.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting/prunenulls.go,
/// `PruneNonNullableNullsWithoutDefaults`
pub fn prune_nulls(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(map) => {
            let keys: Vec<String> = map.keys().cloned().collect();
            for key in keys {
                let of = property(schema, &key).or_else(|| values(schema));
                let (Some(of), Some(inner)) = (of, map.get_mut(&key)) else { continue };
                if is_wrong_null(inner, of) && default_of(of).is_none() {
                    map.shift_remove(&key);
                } else {
                    prune_nulls(inner, of);
                }
            }
        }
        Value::Array(list) => {
            let Some(of) = items(schema) else { return };
            list.iter_mut().for_each(|inner| prune_nulls(inner, of));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
