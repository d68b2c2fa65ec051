//! Amounts of resources in their usual form: `0.5` is `500m`, and nothing is finer than `1m`.

use serde_json::Value;

use crate::api::quantity::Quantity;
use crate::api::refusal::Refusal;
use crate::api::validation::resources::quantity;

/// Fields that are maps from resources to amounts.
const LISTS: [&str; 13] = [
    "limits",
    "requests",
    "overhead",
    "capacity",
    "allocatable",
    "allocatedResources",
    "hard",
    "used",
    "max",
    "min",
    "default",
    "defaultRequest",
    "maxLimitRequestRatio",
];
/// Fields that are one amount.
const SINGLE: [&str; 4] = ["sizeLimit", "divisor", "averageValue", "tolerance"];
/// Fields whose keys are the user's own.
const OPAQUE: [&str; 9] = [
    "labels",
    "annotations",
    "matchLabels",
    "nodeSelector",
    "data",
    "binaryData",
    "stringData",
    "parameters",
    "volumeAttributes",
];

/// Kinds whose every field is the user's own, or that hold no amount.
const WITHOUT: [&str; 5] = ["CSINode", "ControllerRevision", "Event", "Lease", "StorageClass"];

/// Writes all amounts of an object as the apiserver stores them.
///
/// # Errors
///
/// A bad request that names the first amount that cannot be read.
///
/// Source: kubernetes v1.36 pkg/apis/core/v1/defaults.go, `SetDefaults_ResourceList`
pub fn canonical_amounts(kind: &str, object: &mut Value) -> Result<(), Refusal> {
    if WITHOUT.contains(&kind) {
        return Ok(());
    }
    walk(kind, object).map_err(|why| {
        let message = format!("{kind} in version cannot be handled as a {kind}: {why}");
        Refusal::bad_request(&message)
    })
}

fn walk(name: &str, value: &mut Value) -> Result<(), String> {
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| walk("", item)),
        Value::Object(fields) => {
            for (field, value) in fields.iter_mut() {
                // `value` is an amount in a metric's target, and something else elsewhere.
                let is_single = SINGLE.contains(&field.as_str())
                    || (field == "value" && ["target", "current"].contains(&name));
                match value {
                    _ if OPAQUE.contains(&field.as_str()) => {}
                    Value::Object(amounts) if LISTS.contains(&field.as_str()) => {
                        amounts.values_mut().try_for_each(|v| write(v, Finest::Milli))?;
                    }
                    Value::String(_) | Value::Number(_) if is_single => write(value, Finest::Any)?,
                    Value::Array(_) | Value::Object(_) => walk(field, value)?,
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
                }
            }
            Ok(())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Finest {
    Any,
    Milli,
}

fn write(value: &mut Value, finest: Finest) -> Result<(), String> {
    let Some(amount) = quantity(value) else {
        return Err(format!(
            "quantities must match the regular expression \
             '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$', found {value}"
        ));
    };
    let in_milli = Quantity::milli(amount.milli_value());
    let is_finer = finest == Finest::Milli && in_milli != amount;
    let written = if is_finer { in_milli } else { amount };
    *value = written.to_string().into();
    Ok(())
}
