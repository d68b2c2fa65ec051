//! Whole numbers or percentages in update strategies and disruption budgets.

use serde_json::Value;

use crate::api::names;
use crate::api::validation::errors::Errors;
use crate::api::validation::path::Path;

/// A number that is not negative, or a percentage.
///
/// Source: kubernetes v1.36 pkg/apis/apps/validation/validation.go, `ValidatePositiveIntOrPercent`
pub(super) fn share(path: &Path<'_>, value: &Value, errors: &mut Errors) {
    if let Some(text) = value.as_str() {
        errors.invalid_for(path, text, names::percent(text));
    } else if let Some(number) = value.as_i64().filter(|n| *n < 0) {
        errors.invalid(path, number, "must be greater than or equal to 0");
    }
}

/// A percentage is at most all of it.
///
/// Source: kubernetes v1.36 pkg/apis/apps/validation/validation.go, `IsNotMoreThan100Percent`
pub(super) fn at_most_all(path: &Path<'_>, value: &Value, errors: &mut Errors) {
    if percent(value).is_some_and(|p| p > 100) {
        errors.invalid(path, value.clone(), "must not be greater than 100%");
    }
}

/// Whether it is 0, 0%, or no number at all.
///
/// Source: kubernetes v1.36 pkg/apis/apps/validation/validation.go, `getIntOrPercentValue`
pub(super) fn is_zero(value: &Value) -> bool {
    let number = value.as_i64().or_else(|| value.as_str().and_then(|t| t.parse().ok()));
    percent(value).or(number).unwrap_or_default() == 0
}

fn percent(value: &Value) -> Option<i64> {
    let text = value.as_str().filter(|t| names::percent(t).is_empty())?;
    text.strip_suffix('%')?.parse().ok()
}
