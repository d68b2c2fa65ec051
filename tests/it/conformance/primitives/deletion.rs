//! Deletion.

use serde::Deserialize;
use serde_json::{Value, json};
use wavetank::api::Name;
use wavetank::api::deletion::{self, BeforeDelete, DefaultPolicy, DeleteOptions, Deletion, Grace};
use wavetank::api::meta::Meta;
use wavetank::api::names;
use wavetank::api::refusal::GroupResource;
use wavetank::api::time::{EPOCH, Time};

use crate::conformance::{Case, same};

const SECOND: i64 = 1_000_000_000;

fn kind() -> GroupResource {
    GroupResource::new("", "pods")
}

fn seconds_from_now(time: Option<Time>) -> Option<i64> {
    time.map(|t| (t.0 - EPOCH.0) / SECOND)
}

pub(crate) fn graceful(case: &Case<'_>) -> Result<(), String> {
    let object = &case.input["object"];
    let ends = object["deletion_timestamp_ns"].as_i64().ok_or("no deletion_timestamp_ns")?;
    let mut meta = Meta {
        deletion: Some(Time(EPOCH.0 + ends)),
        deletion_grace_seconds: object["deletion_grace_period_s"].as_i64(),
        ..Meta::named("default", "a")
    };
    let mut options = read_options(&case.input["options"])?;
    let grace = Some(Grace::default());
    let before = deletion::before_delete(&mut meta, &mut options, &kind(), grace, EPOCH)
        .map_err(|e| e.to_string())?;
    let mut got = json!({
        "graceful": before == BeforeDelete::Graceful,
        "graceful_pending": before == BeforeDelete::Pending,
        "options_grace_s": options.grace_period_seconds,
        "object_grace_s": meta.deletion_grace_seconds,
    });
    if case.want.get("deletion_timestamp_ns").is_some() {
        got["deletion_timestamp_ns"] = meta.deletion.map(|t| t.0 - EPOCH.0).into();
    }
    same(&got, case.want)
}

pub(crate) fn pod(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    let (had, since) = (
        input["alreadyDeletingWithGracePeriod"].as_i64(),
        input["secondsSinceFirstDelete"].as_i64(),
    );
    let mut meta = Meta {
        deletion: had.zip(since).map(|(had, since)| Time(EPOCH.0 + (had - since) * SECOND)),
        deletion_grace_seconds: had,
        ..Meta::named("default", "a")
    };
    let mut options = DeleteOptions {
        grace_period_seconds: input["requestedGracePeriodSeconds"].as_i64(),
        ..DeleteOptions::default()
    };
    let is_finished = match input["phase"].as_str() {
        Some("Succeeded" | "Failed") => true,
        Some("Pending" | "Running" | "Unknown") => false,
        other => return Err(format!("unknown phase {other:?}")),
    };
    let grace = Grace {
        default_seconds: input["terminationGracePeriodSeconds"].as_i64(),
        is_idle: is_finished || input["nodeName"] == "",
    };
    let before = deletion::before_delete(&mut meta, &mut options, &kind(), Some(grace), EPOCH);
    let got = json!({
        "error": before.is_err(),
        "graceful": before == Ok(BeforeDelete::Graceful),
        "alreadyPending": before == Ok(BeforeDelete::Pending),
        "deletionTimestampSecondsFromNow": seconds_from_now(meta.deletion),
        "storedGracePeriodSeconds": meta.deletion_grace_seconds,
        "effectiveGracePeriodSeconds": options.grace_period_seconds,
    });
    same(&got, case.want)
}

pub(crate) fn propagation(case: &Case<'_>) -> Result<(), String> {
    let got = match case.whole["kind"].as_str().unwrap_or_default() {
        "policy-foreground" | "policy-background" | "policy-orphan" | "policy-default" => {
            policy(case.input)?
        }
        "finalizers" if case.input.get("steps").is_some() => steps(case)?,
        "finalizers" => update(case.input)?,
        "generate-name" => generate_name(case.input)?,
        "mark-deleting" => {
            let seconds = |v: &Value| v.as_i64().map(|s| Time(s * SECOND));
            let mut meta =
                Meta { deletion: seconds(&case.input["deletion_timestamp"]), ..Meta::default() };
            let now = seconds(&case.input["now"]).ok_or("no now")?;
            deletion::mark_as_deleting(&mut meta, now);
            json!({
                "deletion_timestamp": meta.deletion.map(|t| t.0 / SECOND),
                "deletion_grace_period_s": meta.deletion_grace_seconds,
            })
        }
        other => return Err(format!("unknown kind {other}")),
    };
    same(&got, case.want)
}

fn held(input: &Value) -> Result<Meta, String> {
    let mut meta = Meta::named("default", "a");
    meta.set_finalizers(read_names(&input["finalizers"])?);
    meta.generation = input["generation"].as_i64().unwrap_or(0);
    Ok(meta)
}

fn policy(input: &Value) -> Result<Value, String> {
    let mut meta = held(input)?;
    let default = match input["resource_default"].as_str() {
        Some("background") => DefaultPolicy::DeleteDependents,
        Some("orphan") => DefaultPolicy::OrphanDependents,
        other => return Err(format!("unknown default {other:?}")),
    };
    let mut options = read_options(&json!({ "propagationPolicy": input["propagation_policy"] }))?;
    let done = deletion::delete(&mut meta, &mut options, &kind(), (default, None), EPOCH)
        .map_err(|e| e.to_string())?;
    Ok(match done {
        Deletion::Remove | Deletion::MarkAndRemove => json!({ "deleted": true }),
        Deletion::Mark | Deletion::Pending => {
            json!({ "deleted": false, "finalizers": meta.finalizers() })
        }
    })
}

fn steps(case: &Case<'_>) -> Result<Value, String> {
    let mut meta = held(case.input)?;
    let asked = case.input["grace_s"].as_i64();
    let grace = asked.map(|s| Grace { default_seconds: Some(s), is_idle: false });
    let mut deleted = Vec::new();
    for step in case.input["steps"].as_array().ok_or("no steps")? {
        let mut new = meta.clone();
        let is_gone = match step.as_str() {
            Some("delete") => {
                let mut options =
                    DeleteOptions { grace_period_seconds: asked, ..DeleteOptions::default() };
                let default = (DefaultPolicy::DeleteDependents, grace);
                let done = deletion::delete(&mut new, &mut options, &kind(), default, EPOCH)
                    .map_err(|e| e.to_string())?;
                matches!(done, Deletion::Remove | Deletion::MarkAndRemove)
            }
            Some("update keeping the finalizer") => deletion::goes_with_update(&meta, &new),
            Some("update dropping the finalizer") => {
                new.set_finalizers(Vec::new());
                deletion::goes_with_update(&meta, &new)
            }
            other => return Err(format!("unknown step {other:?}")),
        };
        deleted.push(is_gone);
        meta = new;
    }
    if case.want.get("deleted_after_step").is_some() {
        return Ok(json!({ "deleted_after_step": deleted }));
    }
    Ok(json!({ "deleted": deleted.contains(&true), "generation": meta.generation }))
}

fn update(input: &Value) -> Result<Value, String> {
    let mut old = held(input)?;
    if input["deleting"].as_bool() == Some(true) {
        old.deletion = Some(EPOCH);
    }
    old.deletion_grace_seconds = input["deletion_grace_period_s"].as_i64();
    let mut new = old.clone();
    new.set_finalizers(read_names(&input["update_finalizers"])?);
    Ok(json!({ "deleted": deletion::goes_with_update(&old, &new) }))
}

fn generate_name(input: &Value) -> Result<Value, String> {
    let prefix = input["generateName"].as_str().ok_or("no generateName")?;
    let taken = read_names(&input["taken"])?;
    let mut next = 0..;
    let candidate = || Name::from(format!("{prefix}{}", next.next().unwrap_or(0)));
    Ok(match names::first_free(candidate, |name| taken.iter().any(|t| t == name)) {
        Ok(name) => json!({ "name": name }),
        Err(_) => json!({ "error": "AlreadyExists" }),
    })
}

pub(crate) fn finalizers(case: &Case<'_>) -> Result<(), String> {
    let have = read_names(&case.input["existingFinalizers"])?;
    let policy = match case.input["resourceDefaultPolicy"].as_str() {
        Some("DeleteDependents") => DefaultPolicy::DeleteDependents,
        Some("OrphanDependents") => DefaultPolicy::OrphanDependents,
        Some("Unsupported") => DefaultPolicy::Unsupported,
        other => return Err(format!("unknown policy {other:?}")),
    };
    let text = case.input["deleteOption"].as_str().unwrap_or_default();
    let options = match text.split_once('=') {
        None if text == "none" => json!({}),
        None => json!({ "propagationPolicy": text }),
        Some((field, "true")) => json!({ field: true }),
        Some((field, "false")) => json!({ field: false }),
        Some((field, value)) => json!({ field: value }),
    };
    let options = read_options(&options)?;
    let new = deletion::finalizers_for(&have, &options, policy);
    let got = json!({
        "finalizersChanged": new.is_some(),
        "finalizersAfter": new.unwrap_or(have),
    });
    same(&got, case.want)
}

fn read_options(value: &Value) -> Result<DeleteOptions, String> {
    let options = DeleteOptions::deserialize(value).map_err(|e| e.to_string())?;
    let known = json!(options);
    for (field, value) in value.as_object().ok_or("options are an object")? {
        if !value.is_null() && known.get(field).is_none() {
            return Err(format!("unknown option {field}"));
        }
    }
    Ok(options)
}

fn read_names(value: &Value) -> Result<Vec<Name>, String> {
    Ok(Option::<Vec<Name>>::deserialize(value).map_err(|e| e.to_string())?.unwrap_or_default())
}
