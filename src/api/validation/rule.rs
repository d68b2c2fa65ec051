//! The small rules that many fields share: bounds, known values, name formats.
//!
//! Responsible for turning a broken rule into a mistake at a path; the formats themselves are
//! those of [`crate::api::names`].

use serde_json::Value;

use crate::api::validation::errors::Errors;
use crate::api::validation::format;
use crate::api::validation::path::Path;
use crate::api::validation::read::{int, same, text};

const NEGATIVE: &str = "must be greater than or equal to 0";

/// The field, if given, is not negative.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/validation/generic.go,
/// `ValidateNonnegativeField`
pub(super) fn not_negative(path: &Path<'_>, object: &Value, field: &str, errors: &mut Errors) {
    if let Some(value) = int(object, field).filter(|v| *v < 0) {
        errors.invalid(&path.child(field), value, NEGATIVE);
    }
}

/// The field's text is given and one of these.
pub(super) fn one_of(
    path: &Path<'_>,
    object: &Value,
    field: &str,
    known: &[&str],
    errors: &mut Errors,
) {
    let value = text(object, field);
    if value.is_empty() {
        errors.required(&path.child(field), "");
    } else {
        known_value(&path.child(field), value, known, errors);
    }
}

/// The field's text, if given, is one of these.
pub(super) fn one_of_if_given(
    path: &Path<'_>,
    object: &Value,
    field: &str,
    known: &[&str],
    errors: &mut Errors,
) {
    if let Some(value) = object.get(field).and_then(Value::as_str) {
        known_value(&path.child(field), value, known, errors);
    }
}

/// The value is one of these.
pub(super) fn known_value(path: &Path<'_>, value: &str, known: &[&str], errors: &mut Errors) {
    if !known.contains(&value) {
        errors.not_supported(path, value, known);
    }
}

/// The field's text is given.
pub(super) fn given(path: &Path<'_>, object: &Value, field: &str, errors: &mut Errors) {
    if text(object, field).is_empty() {
        errors.required(&path.child(field), "");
    }
}

/// The field's text is given and keeps to a format.
pub(super) fn given_as(
    path: &Path<'_>,
    object: &Value,
    field: &str,
    format: format::Format,
    errors: &mut Errors,
) {
    let value = text(object, field);
    if value.is_empty() {
        errors.required(&path.child(field), "");
    } else {
        errors.invalid_for(&path.child(field), value, format(value));
    }
}

/// The field's text, if not empty, keeps to a format.
pub(super) fn if_given_as(
    path: &Path<'_>,
    object: &Value,
    field: &str,
    format: format::Format,
    errors: &mut Errors,
) {
    let value = text(object, field);
    if !value.is_empty() {
        errors.invalid_for(&path.child(field), value, format(value));
    }
}

/// The field may not change.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/validation/objectmeta.go,
/// `ValidateImmutableField`
pub(super) fn immutable(path: &Path<'_>, new: &Value, old: &Value, errors: &mut Errors) {
    if !same(new, old) {
        errors.invalid(path, new.clone(), "field is immutable");
    }
}
