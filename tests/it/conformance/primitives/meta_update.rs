//! Rules of metadata.

use serde::Deserialize;
use serde_json::{Value, json};
use wavetank::api::field::{FieldError, Path};
use wavetank::api::meta::{Meta, OwnerReference};
use wavetank::api::meta_update::{match_namespace, restore, validate_owners, validate_update};
use wavetank::api::time::Time;

use crate::conformance::{Case, same};

pub(crate) fn rules(case: &Case<'_>) -> Result<(), String> {
    let at = Path::new("metadata");
    match case.whole["kind"].as_str().unwrap_or_default() {
        "finalizers" | "generation" | "deletion-fields" => {
            let (old, new) = (meta(&case.input["old"])?, meta(&case.input["new"])?);
            verdict(&validate_update(&new, &old, &at), case.want)?;
            match case.want.get("new_after") {
                Some(after) if meta(after)? != new => Err(format!("after is {new:?}")),
                _ => Ok(()),
            }
        }
        "owner-references" => {
            let owners = Vec::<OwnerReference>::deserialize(&case.input["ownerReferences"])
                .map_err(|e| e.to_string())?;
            verdict(&validate_owners(&owners, &at.child("ownerReferences")), case.want)
        }
        "namespace-match" => {
            let text = |field: &str| case.input[field].as_str().unwrap_or_default();
            let matched = match_namespace(text("request_namespace"), text("object_namespace"));
            match (matched, case.want.get("object_namespace")) {
                (Ok(namespace), Some(want)) => same(&json!(namespace), want),
                (Err(_), None) => Ok(()),
                (matched, want) => Err(format!("want {want:?}, got {matched:?}")),
            }
        }
        "update-request" => request(case, &at),
        other => Err(format!("unknown kind {other}")),
    }
}

fn request(case: &Case<'_>, at: &Path) -> Result<(), String> {
    let (old, mut new) = (meta(&case.input["old"])?, meta(&case.input["new"])?);
    restore(&mut new, &old);
    let errors = validate_update(&new, &old, at);
    if let Some(want) = case.want["error"].as_str() {
        let fields: Vec<&str> = errors.iter().map(|e| e.field.as_str()).collect();
        return same(&json!(format!("422 Invalid {}", fields.join(", "))), &json!(want));
    }
    if !errors.is_empty() {
        return Err(format!("refused: {errors:?}"));
    }
    for (field, want) in case.want["metadata_after"].as_object().ok_or("no metadata_after")? {
        let got = match field.as_str() {
            "uid" => json!(new.uid),
            "creationTimestamp" => json!(new.creation.map(Time::unix_seconds)),
            "deletionTimestamp" => json!(new.deletion.map(Time::unix_seconds)),
            "deletionGracePeriodSeconds" => json!(new.deletion_grace_seconds),
            "generation" => json!(new.generation),
            other => return Err(format!("unknown field {other}")),
        };
        same(&got, want)?;
    }
    Ok(())
}

/// Metadata whose instants are seconds, or an empty object for any instant.
fn meta(value: &Value) -> Result<Meta, String> {
    let mut value = value.clone();
    for field in ["creationTimestamp", "deletionTimestamp"] {
        let Some(instant) = value.get_mut(field) else { continue };
        let seconds = if instant.is_object() { 1 } else { instant.as_i64().ok_or("no instant")? };
        *instant = Time(seconds * 1_000_000_000).to_string().into();
    }
    Meta::deserialize(&value).map_err(|e| e.to_string())
}

fn verdict(errors: &[FieldError], want: &Value) -> Result<(), String> {
    same(&json!(errors.is_empty()), &want["valid"])?;
    let text = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    for mention in want["error_mentions"].as_array().into_iter().flatten() {
        let mention = mention.as_str().ok_or("a mention is a text")?;
        if !text.contains(mention) {
            return Err(format!("`{mention}` is not in `{text}`"));
        }
    }
    Ok(())
}
