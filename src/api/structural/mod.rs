//! Custom resources: what a structural OpenAPI v3 schema makes of an object.
//!
//! Source: kubernetes v1.36 staging/src/k8s.io/apiextensions-apiserver/pkg/apiserver/schema
//!
//! Differs: patterns and formats of texts are not checked.

mod shape;
mod validate;

use serde_json::Value;

pub use shape::{default, prune, prune_nulls};
pub use validate::{lists, validate};

/// Reads a new version of a custom resource as the apiserver does: nulls pruned, defaults filled
/// in, unknown fields pruned; then checked.
///
/// # Errors
/// What is wrong with it, each mistake a line.
pub fn admit(value: &mut Value, old: Option<&Value>, schema: &Value) -> Result<(), Vec<String>> {
    default(value, schema);
    prune_nulls(value, schema);
    prune(value, schema, true);
    let mut wrong = validate(value, old, schema);
    wrong.extend(lists(value, schema));
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// A member of a schema under its name or, in its internal form, the name in Go.
fn flag(schema: &Value, name: &str, internal: &str) -> bool {
    schema.get(name).or_else(|| schema.get(internal)) == Some(&Value::Bool(true))
}

/// The schema of the elements of a list.
fn items(schema: &Value) -> Option<&Value> {
    let items = schema.get("items")?;
    Some(items.get("schema").filter(|s| s.is_object()).unwrap_or(items))
}

/// The schema of a field.
fn property<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    schema.get("properties")?.get(name)
}

/// The schema of the values of a map; null where every value is allowed.
fn values(schema: &Value) -> Option<&Value> {
    let additional = schema.get("additionalProperties")?;
    Some(if additional.is_object() { additional } else { &Value::Null })
}
