//! When a Job fails early, and when it is done early.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::api::names;
use crate::api::validation::errors::Errors;
use crate::api::validation::path::Path;
use crate::api::validation::read::{at, get, int, list, text};
use crate::api::validation::rule::{not_negative, one_of};

const MOST_RULES: usize = 20;
const MOST_PATTERNS: usize = 20;
const MOST_CODES: usize = 255;
const MOST_INDEXES_BYTES: usize = 64 * 1024;

/// What the failures of pods mean to the Job.
///
/// Source: kubernetes v1.36 pkg/apis/batch/validation/validation.go, `validatePodFailurePolicy`
pub(super) fn failure(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    let Some(policy) = get(spec, "podFailurePolicy") else { return };
    let path = path.child("rules");
    let rules = list(policy, "rules");
    if rules.len() > MOST_RULES {
        errors.too_many(&path, rules.len(), MOST_RULES);
    }
    for (i, rule) in rules.iter().enumerate() {
        failure_rule(&path.index(i), spec, rule, errors);
    }
}

fn failure_rule(path: &Path<'_>, spec: &Value, rule: &Value, errors: &mut Errors) {
    let action = path.child("action");
    if text(rule, "action") == "FailIndex" {
        if get(spec, "backoffLimitPerIndex").is_none() {
            errors.invalid(&action, "FailIndex", "requires the backoffLimitPerIndex to be set");
        }
    } else {
        one_of(path, rule, "action", &["Count", "FailIndex", "FailJob", "Ignore"], errors);
    }
    let codes = get(rule, "onExitCodes");
    let conditions = list(rule, "onPodConditions");
    if let Some(codes) = codes {
        exit_codes(&path.child("onExitCodes"), spec, codes, errors);
    }
    pod_conditions(&path.child("onPodConditions"), conditions, errors);
    if codes.is_some() && !conditions.is_empty() {
        let detail = "specifying both OnExitCodes and OnPodConditions is not supported";
        errors.invalid(path, Value::Null, detail);
    }
    if codes.is_none() && conditions.is_empty() {
        let detail = "specifying one of OnExitCodes and OnPodConditions is required";
        errors.invalid(path, Value::Null, detail);
    }
}

fn pod_conditions(path: &Path<'_>, patterns: &[Value], errors: &mut Errors) {
    if patterns.len() > MOST_PATTERNS {
        errors.too_many(path, patterns.len(), MOST_PATTERNS);
    }
    for (i, pattern) in patterns.iter().enumerate() {
        let path = path.index(i);
        let kind = text(pattern, "type");
        errors.invalid_for(&path.child("type"), kind, names::qualified_name(kind));
        one_of(&path, pattern, "status", &["False", "True", "Unknown"], errors);
    }
}

fn exit_codes(path: &Path<'_>, spec: &Value, codes: &Value, errors: &mut Errors) {
    one_of(path, codes, "operator", &["In", "NotIn"], errors);
    if let Some(name) = get(codes, "containerName").and_then(Value::as_str) {
        let pod = at(at(spec, "template"), "spec");
        let is_known = ["containers", "initContainers"]
            .iter()
            .flat_map(|field| list(pod, field))
            .any(|c| text(c, "name") == name);
        if !is_known {
            let detail = "must be one of the container or initContainer names in the pod template";
            errors.invalid(&path.child("containerName"), name, detail);
        }
    }
    let path = path.child("values");
    let values: Vec<i64> = list(codes, "values").iter().filter_map(Value::as_i64).collect();
    if values.is_empty() {
        errors.invalid(&path, at(codes, "values").clone(), "at least one value is required");
    } else if values.len() > MOST_CODES {
        errors.too_many(&path, values.len(), MOST_CODES);
    }
    let mut seen = BTreeSet::new();
    for (i, code) in values.iter().enumerate() {
        if text(codes, "operator") == "In" && *code == 0 {
            errors.invalid(&path.index(i), 0, "must not be 0 for the In operator");
        }
        if !seen.insert(code) {
            errors.duplicate(&path.index(i), *code);
        }
    }
    if !values.is_sorted() {
        errors.invalid(&path, values, "must be ordered");
    }
}

/// Which successes are enough.
///
/// Source: kubernetes v1.36 pkg/apis/batch/validation/validation.go, `validateSuccessPolicy`
pub(super) fn success(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    let Some(policy) = get(spec, "successPolicy") else { return };
    if text(spec, "completionMode") != "Indexed" {
        errors.invalid(path, policy.clone(), "requires indexed completion mode");
        return;
    }
    let path = path.child("rules");
    let rules = list(policy, "rules");
    if rules.is_empty() {
        let detail = "at least one rules must be specified when the successPolicy is specified";
        errors.required(&path, detail);
    }
    if rules.len() > MOST_RULES {
        errors.too_many(&path, rules.len(), MOST_RULES);
    }
    let completions = int(spec, "completions").unwrap_or_default();
    for (i, rule) in rules.iter().enumerate() {
        success_rule(&path.index(i), rule, completions, errors);
    }
}

fn success_rule(path: &Path<'_>, rule: &Value, completions: i64, errors: &mut Errors) {
    let indexes = get(rule, "succeededIndexes").and_then(Value::as_str);
    let count = int(rule, "succeededCount");
    if indexes.is_none() && count.is_none() {
        let detail = "at least one of succeededCount or succeededIndexes must be specified";
        errors.required(path, detail);
    }
    let mut total = 0;
    if let Some(indexes) = indexes {
        let path = path.child("succeededIndexes");
        if indexes.len() > MOST_INDEXES_BYTES {
            errors.too_long(&path, MOST_INDEXES_BYTES);
        }
        match count_indexes(indexes, completions) {
            Ok(sum) => total = sum,
            Err(why) => {
                errors.invalid(&path, indexes, format!("error parsing succeededIndexes: {why}"));
            }
        }
    }
    not_negative(path, rule, "succeededCount", errors);
    let path = path.child("succeededCount");
    let Some(count) = count else { return };
    if count > completions {
        let detail = format!(
            "must be less than or equal to {completions} (the number of specified completions)"
        );
        errors.invalid(&path, count, detail);
    }
    if indexes.is_some() && count > total {
        let detail = format!(
            "must be less than or equal to {total} (the number of indexes in the specified \
             succeededIndexes field)"
        );
        errors.invalid(&path, count, detail);
    }
}

/// How many indexes `1,3-5` names: four.
///
/// Source: kubernetes v1.36 pkg/apis/batch/validation/validation.go, `validateIndexesFormat`
fn count_indexes(text: &str, completions: i64) -> Result<i64, String> {
    let mut last = None;
    let mut total = 0;
    for interval in text.split(',').filter(|_| !text.is_empty()) {
        let (first, end) = index_interval(interval, completions)?;
        if let Some(last) = last.filter(|l| *l >= first) {
            return Err(format!("non-increasing order, previous: {last}, current: {first}"));
        }
        total += end - first + 1;
        last = Some(end);
    }
    Ok(total)
}

fn index_interval(text: &str, completions: i64) -> Result<(i64, i64), String> {
    let index = |part: &str| {
        let number = part
            .parse::<i64>()
            .map_err(|_| format!("cannot convert string to integer for index: {part:?}"))?;
        if number >= completions { Err(format!("too large index: {part:?}")) } else { Ok(number) }
    };
    let parts: Vec<&str> = text.split('-').collect();
    match parts.as_slice() {
        [one] => index(one).map(|i| (i, i)),
        [first, last] => match (index(first)?, index(last)?) {
            (x, y) if x >= y => Err(format!("non-increasing order, previous: {x}, current: {y}")),
            interval => Ok(interval),
        },
        _ => Err(format!(
            "the fragment {text:?} violates the requirement that an index interval can have at \
             most two parts separated by '-'"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::count_indexes;

    #[test]
    fn indexes_are_counted_when_they_rise_and_are_in_range() {
        assert_eq!(count_indexes("1,3-5", 6), Ok(4));
        assert_eq!(count_indexes("", 6), Ok(0));
        assert!(count_indexes("5,3", 6).is_err());
        assert!(count_indexes("6", 6).is_err());
        assert!(count_indexes("1-2-3", 6).is_err());
    }
}
