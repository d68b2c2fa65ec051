//! Jobs.

use serde_json::Value;

use crate::api::names;
use crate::api::validation::errors::Errors;
use crate::api::validation::format;
use crate::api::validation::job_policy;
use crate::api::validation::path::Path;
use crate::api::validation::pod;
use crate::api::validation::read::{at, flag, get, int, same, text};
use crate::api::validation::rule::{immutable, known_value, not_negative};
use crate::api::validation::selector;

const MOST_PARALLEL_INDEXED: i64 = 100_000;
const MOST_FAILED_INDEXES: i64 = 100_000;
const MANY_COMPLETIONS: i64 = 100_000;
const MOST_WHEN_MANY: i64 = 10_000;
const MOST_MANAGED_BY: usize = 63;

/// The labels that tie a job's pods to it, and where their value comes from.
pub const UID_LABEL: &str = "batch.kubernetes.io/controller-uid";
/// The label with the job's name.
pub const NAME_LABEL: &str = "batch.kubernetes.io/job-name";
/// The older form of the label with the job's uid.
pub const LEGACY_UID_LABEL: &str = "controller-uid";
/// The older form of the label with the job's name.
pub const LEGACY_NAME_LABEL: &str = "job-name";

/// A new Job.
///
/// Source: kubernetes v1.36 pkg/apis/batch/validation/validation.go, `ValidateJob`
pub fn create(job: &Value, errors: &mut Errors) {
    generated_selector(job, errors);
    whole_spec(job, errors);
    let spec = at(job, "spec");
    let name = text(at(job, "metadata"), "name");
    let completions = int(spec, "completions").unwrap_or_default();
    if text(spec, "completionMode") != "Indexed" || completions <= 0 {
        return;
    }
    let host = format!("{name}-{}", completions - 1);
    if !names::dns1123_label(&host).is_empty() {
        let detail = format!("will not able to create pod with invalid DNS label: {host}");
        errors.invalid(&Path::new("metadata").child("name"), name, detail);
    }
}

/// Unless the user chose the selector, it and the template's labels are the generated ones.
///
/// Source: kubernetes v1.36 pkg/apis/batch/validation/validation.go, `validateGeneratedSelector`
fn generated_selector(job: &Value, errors: &mut Errors) {
    let spec = at(job, "spec");
    let chosen = at(spec, "selector");
    if flag(spec, "manualSelector") || chosen.is_null() {
        return;
    }
    let metadata = at(job, "metadata");
    let (uid, name) = (text(metadata, "uid"), text(metadata, "name"));
    if uid.is_empty() {
        errors.required(&Path::new("metadata").child("uid"), "");
    }
    let expected =
        [(LEGACY_UID_LABEL, uid), (LEGACY_NAME_LABEL, name), (UID_LABEL, uid), (NAME_LABEL, name)];
    let labels = at(at(at(spec, "template"), "metadata"), "labels");
    let path = Path::new("spec");
    for (key, value) in expected {
        has_label(&path.child("template.metadata.labels"), labels, key, value, errors);
    }
    let expected: serde_json::Map<String, Value> =
        expected.iter().map(|(k, v)| ((*k).to_owned(), (*v).into())).collect();
    if selector::is_well_formed(chosen) && !selector::matches(chosen, &expected.into()) {
        errors.invalid(&path.child("selector"), chosen.clone(), "`selector` not auto-generated");
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidateHasLabel`
fn has_label(path: &Path<'_>, labels: &Value, key: &str, value: &str, errors: &mut Errors) {
    match get(labels, key).and_then(Value::as_str) {
        None => errors.required(&path.key(key), format!("must be '{value}'")),
        Some(found) if found != value => {
            errors.invalid(&path.key(key), labels.clone(), format!("must be '{value}'"));
        }
        Some(_) => {}
    }
}

/// Source: kubernetes v1.36 pkg/apis/batch/validation/validation.go, `ValidateJobSpec`
fn whole_spec(job: &Value, errors: &mut Errors) {
    let path = Path::new("spec");
    let spec = at(job, "spec");
    job_spec(&path, spec, errors);
    let chosen = at(spec, "selector");
    if chosen.is_null() {
        errors.required(&path.child("selector"), "");
    } else {
        selector::label_selector(&path.child("selector"), chosen, errors);
    }
    if selector::is_well_formed(chosen) {
        selector::matches_template(&path, spec, errors);
    }
}

/// The spec of a Job, in a Job or in a `CronJob`'s template.
///
/// Source: kubernetes v1.36 pkg/apis/batch/validation/validation.go, `validateJobSpec`
pub fn job_spec(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    let counts = [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ];
    for field in counts {
        not_negative(path, spec, field, errors);
    }
    if get(spec, "maxFailedIndexes").is_some() && get(spec, "backoffLimitPerIndex").is_none() {
        let path = path.child("backoffLimitPerIndex");
        errors.required(&path, "when maxFailedIndexes is specified");
    }
    managed_by(&path.child("managedBy"), spec, errors);
    completion_mode(path, spec, errors);
    job_policy::failure(&path.child("podFailurePolicy"), spec, errors);
    job_policy::success(&path.child("successPolicy"), spec, errors);
    replacement(&path.child("podReplacementPolicy"), spec, errors);
    pod::template(&path.child("template"), at(spec, "template"), errors);
    restart_policy(&path.child("template.spec.restartPolicy"), spec, errors);
}

fn managed_by(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    let Some(manager) = get(spec, "managedBy").and_then(Value::as_str) else { return };
    errors.invalid_for(path, manager, format::domain_prefixed_path(manager));
    if manager.len() > MOST_MANAGED_BY {
        errors.too_long(path, MOST_MANAGED_BY);
    }
}

fn completion_mode(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    match get(spec, "completionMode").and_then(Value::as_str) {
        Some("Indexed") => indexed(path, spec, errors),
        None | Some("NonIndexed") => {
            for field in ["backoffLimitPerIndex", "maxFailedIndexes"] {
                if let Some(value) = get(spec, field) {
                    let detail = "requires indexed completion mode";
                    errors.invalid(&path.child(field), value.clone(), detail);
                }
            }
        }
        Some(other) => {
            errors.not_supported(&path.child("completionMode"), other, &["NonIndexed", "Indexed"]);
        }
    }
}

fn indexed(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    let completions = int(spec, "completions");
    let parallelism = int(spec, "parallelism").unwrap_or_default();
    let failed = int(spec, "maxFailedIndexes");
    let (parallel_path, failed_path) = (path.child("parallelism"), path.child("maxFailedIndexes"));
    if completions.is_none() {
        errors.required(&path.child("completions"), "when completion mode is Indexed");
    }
    if parallelism > MOST_PARALLEL_INDEXED {
        let detail = "must be less than or equal to 100000 when completion mode is Indexed";
        errors.invalid(&parallel_path, parallelism, detail);
    }
    if let (Some(failed), Some(completions)) = (failed, completions)
        && failed > completions
    {
        errors.invalid(&failed_path, failed, "must be less than or equal to completions");
    }
    if let Some(failed) = failed.filter(|f| *f > MOST_FAILED_INDEXES) {
        errors.invalid(&failed_path, failed, "must be less than or equal to 100000");
    }
    let is_per_index = get(spec, "backoffLimitPerIndex").is_some();
    if !is_per_index || completions.is_none_or(|c| c <= MANY_COMPLETIONS) {
        return;
    }
    let detail = "must be less than or equal to 10000 when completions are above 100000 and used \
                  with backoff limit per index";
    if failed.is_none() {
        errors.required(&failed_path, "must be specified when completions is above 100000");
    }
    if parallelism > MOST_WHEN_MANY {
        errors.invalid(&parallel_path, parallelism, detail);
    }
    if let Some(failed) = failed.filter(|f| *f > MOST_WHEN_MANY) {
        errors.invalid(&failed_path, failed, detail);
    }
}

/// Source: kubernetes v1.36 pkg/apis/batch/validation/validation.go,
/// `validatePodReplacementPolicy`
fn replacement(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    let Some(policy) = get(spec, "podReplacementPolicy").and_then(Value::as_str) else { return };
    let known: &[&str] = match get(spec, "podFailurePolicy") {
        Some(_) => &["Failed"],
        None => &["Failed", "TerminatingOrFailed"],
    };
    known_value(path, policy, known, errors);
}

fn restart_policy(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    let policy = text(at(at(spec, "template"), "spec"), "restartPolicy");
    match policy {
        "" | "Always" => {
            errors.required(path, "valid values: \"OnFailure\", \"Never\"");
        }
        "OnFailure" if get(spec, "podFailurePolicy").is_some() => {
            let detail = "only \"Never\" is supported when podFailurePolicy is specified";
            errors.invalid(path, policy, detail);
        }
        "OnFailure" | "Never" => {}
        other => errors.not_supported(path, other, &["OnFailure", "Never"]),
    }
}

/// A changed Job.
///
/// Source: kubernetes v1.36 pkg/apis/batch/validation/validation.go, `ValidateJobSpecUpdate`
pub fn update(new: &Value, old: &Value, errors: &mut Errors) {
    whole_spec(new, errors);
    let path = Path::new("spec");
    let (spec, before) = (at(new, "spec"), at(old, "spec"));
    completions(&path.child("completions"), spec, before, errors);
    immutable(&path.child("selector"), at(spec, "selector"), at(before, "selector"), errors);
    template(&path.child("template"), new, old, errors);
    let fixed = [
        "completionMode",
        "podFailurePolicy",
        "backoffLimitPerIndex",
        "managedBy",
        "successPolicy",
    ];
    for field in fixed {
        immutable(&path.child(field), at(spec, field), at(before, field), errors);
    }
}

/// An indexed job grows and shrinks with its parallelism.
///
/// Source: kubernetes v1.36 pkg/apis/batch/validation/validation.go, `validateCompletions`
fn completions(path: &Path<'_>, spec: &Value, before: &Value, errors: &mut Errors) {
    let (new, old) = (at(spec, "completions"), at(before, "completions"));
    if text(spec, "completionMode") != "Indexed" {
        immutable(path, new, old, errors);
    } else if !same(new, old) && !new.is_null() && new != at(spec, "parallelism") {
        let detail = "can only be modified in tandem with spec.parallelism";
        errors.invalid(path, new.clone(), detail);
    }
}

/// A job that is suspended and has no pods may still be directed elsewhere.
///
/// Source: kubernetes v1.36 pkg/registry/batch/job/strategy.go, `validationOptionsForJob`
fn template(path: &Path<'_>, new: &Value, old: &Value, errors: &mut Errors) {
    let (spec, before) = (at(new, "spec"), at(old, "spec"));
    let (template, old_template) = (at(spec, "template"), at(before, "template"));
    if may_redirect(old) {
        pod::template_but_scheduling(path, template, old_template, errors);
    } else {
        immutable(path, template, old_template, errors);
    }
}

fn may_redirect(old: &Value) -> bool {
    let active = int(at(old, "status"), "active").unwrap_or_default();
    flag(at(old, "spec"), "suspend") && active == 0
}
