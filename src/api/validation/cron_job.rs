//! `CronJobs`: schedule, time zone, and the template of their Jobs.

use serde_json::Value;

use crate::api::schedule::{Schedule, is_known_zone};
use crate::api::validation::errors::Errors;
use crate::api::validation::job::job_spec;
use crate::api::validation::path::Path;
use crate::api::validation::read::{at, flag, get, text};
use crate::api::validation::rule::{not_negative, one_of};

/// The longest name that leaves room for the end of a Job's name.
const MOST_NAME: usize = 52;

/// A new `CronJob`.
///
/// Source: kubernetes v1.36 pkg/apis/batch/validation/validation.go, `ValidateCronJobCreate`
pub(super) fn create(object: &Value, errors: &mut Errors) {
    cron_job(object, &Value::Null, errors);
    let name = text(at(object, "metadata"), "name");
    if name.len() > MOST_NAME {
        let path = Path::new("metadata");
        errors.invalid(&path.child("name"), name, "must be no more than 52 characters");
    }
}

/// A changed `CronJob`; its name may be longer than that of a new one.
pub(super) fn update(new: &Value, old: &Value, errors: &mut Errors) {
    cron_job(new, at(old, "spec"), errors);
}

/// Source: kubernetes v1.36 pkg/apis/batch/validation/validation.go, `validateCronJobSpec`
fn cron_job(object: &Value, before: &Value, errors: &mut Errors) {
    let path = Path::new("spec");
    let spec = at(object, "spec");
    schedule_text(&path.child("schedule"), spec, before, errors);
    not_negative(&path, spec, "startingDeadlineSeconds", errors);
    if before.is_null() || at(before, "timeZone") != at(spec, "timeZone") {
        time_zone(&path.child("timeZone"), spec, errors);
    }
    one_of(&path, spec, "concurrencyPolicy", &["Allow", "Forbid", "Replace"], errors);
    job_template(&path.child("jobTemplate.spec"), at(at(spec, "jobTemplate"), "spec"), errors);
    not_negative(&path, spec, "successfulJobsHistoryLimit", errors);
    not_negative(&path, spec, "failedJobsHistoryLimit", errors);
}

/// Source: kubernetes v1.36 pkg/apis/batch/validation/validation.go, `validateScheduleFormat`
fn schedule_text(path: &Path<'_>, spec: &Value, before: &Value, errors: &mut Errors) {
    let schedule = text(spec, "schedule");
    if schedule.is_empty() {
        errors.required(path, "");
        return;
    }
    if let Err(why) = Schedule::parse(schedule) {
        errors.invalid(path, schedule, why);
    }
    let had_zone = text(before, "schedule").contains("TZ");
    if !schedule.contains("TZ") {
        return;
    }
    if !had_zone {
        let detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
        errors.invalid(path, schedule, detail);
    } else if get(spec, "timeZone").is_some() {
        let detail = "cannot use both timeZone field and TZ or CRON_TZ in schedule";
        errors.invalid(path, schedule, detail);
    }
}

/// Source: kubernetes v1.36 pkg/apis/batch/validation/validation.go, `validateTimeZone`
fn time_zone(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    let Some(zone) = get(spec, "timeZone").and_then(Value::as_str) else { return };
    if zone.is_empty() {
        errors.invalid(path, zone, "timeZone must be nil or non-empty string");
    } else if !zone.split('/').all(is_zone_part) || !is_known_zone(zone) {
        errors.invalid(path, zone, format!("unknown time zone {zone}"));
    } else if zone.eq_ignore_ascii_case("local") {
        let detail = "timeZone must be an explicit time zone as defined in \
                      https://www.iana.org/time-zones";
        errors.invalid(path, zone, detail);
        if zone != "Local" {
            errors.invalid(path, zone, format!("unknown time zone {zone}"));
        }
    }
}

fn is_zone_part(part: &str) -> bool {
    (1..=14).contains(&part.len())
        && part != "."
        && part != ".."
        && !part.starts_with('-')
        && part.chars().all(|c| c.is_ascii_alphanumeric() || ".-_+".contains(c))
}

/// Source: kubernetes v1.36 pkg/apis/batch/validation/validation.go, `ValidateJobTemplateSpec`
fn job_template(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    job_spec(path, spec, errors);
    if let Some(selector) = get(spec, "selector") {
        let detail = "`selector` will be auto-generated";
        errors.invalid(&path.child("selector"), selector.clone(), detail);
    }
    if flag(spec, "manualSelector") {
        errors.not_supported(&path.child("manualSelector"), true, &["nil", "false"]);
    }
}
