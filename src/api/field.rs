//! Mistakes in fields: where, what was found, and why it is wrong, in Kubernetes' words.

use std::fmt;

use serde_json::Value;

use crate::api::Name;
use crate::api::refusal::Cause;

/// Where a field is: `spec.containers[0].ports[1]`, `metadata.labels[app]`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Path(String);

impl Path {
    /// The path of a field at the top.
    pub fn new(field: &str) -> Path {
        Path(field.to_owned())
    }

    /// The path of a field in this one.
    #[must_use]
    pub fn child(&self, field: &str) -> Path {
        if self.0.is_empty() { Path::new(field) } else { Path(format!("{}.{field}", self.0)) }
    }

    /// The path of an item of this list.
    #[must_use]
    pub fn index(&self, index: usize) -> Path {
        Path(format!("{}[{index}]", self.0))
    }

    /// The path of a value of this map.
    #[must_use]
    pub fn key(&self, key: &str) -> Path {
        Path(format!("{}[{key}]", self.0))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "<nil>" } else { &self.0 })
    }
}

/// What is wrong with a field.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FieldErrorKind {
    /// Something that is named is not there.
    NotFound,
    /// A value must be given.
    Required,
    /// The value must be unique and is not.
    Duplicate,
    /// The value is malformed or out of bounds.
    Invalid,
    /// The value is none of the allowed ones.
    NotSupported,
    /// The value is well-formed and not allowed now.
    Forbidden,
    /// The text is too long.
    TooLong,
    /// The list is too long.
    TooMany,
    /// Something went wrong inside.
    Internal,
    /// The value is of another type.
    TypeInvalid,
}

impl FieldErrorKind {
    /// The type of its cause in a Status.
    pub fn cause(self) -> &'static str {
        match self {
            FieldErrorKind::NotFound => "FieldValueNotFound",
            FieldErrorKind::Required => "FieldValueRequired",
            FieldErrorKind::Duplicate => "FieldValueDuplicate",
            FieldErrorKind::Invalid => "FieldValueInvalid",
            FieldErrorKind::NotSupported => "FieldValueNotSupported",
            FieldErrorKind::Forbidden => "FieldValueForbidden",
            FieldErrorKind::TooLong => "FieldValueTooLong",
            FieldErrorKind::TooMany => "FieldValueTooMany",
            FieldErrorKind::Internal => "InternalError",
            FieldErrorKind::TypeInvalid => "FieldValueTypeInvalid",
        }
    }

    fn text(self) -> &'static str {
        match self {
            FieldErrorKind::NotFound => "Not found",
            FieldErrorKind::Required => "Required value",
            FieldErrorKind::Duplicate => "Duplicate value",
            FieldErrorKind::Invalid | FieldErrorKind::TypeInvalid => "Invalid value",
            FieldErrorKind::NotSupported => "Unsupported value",
            FieldErrorKind::Forbidden => "Forbidden",
            FieldErrorKind::TooLong => "Too long",
            FieldErrorKind::TooMany => "Too many",
            FieldErrorKind::Internal => "Internal error",
        }
    }
}

/// One mistake in one field.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/validation/field/errors.go
#[derive(Clone, PartialEq, Debug)]
pub struct FieldError {
    /// What is wrong.
    pub kind: FieldErrorKind,
    /// Where.
    pub field: Name,
    /// What was found; none for kinds that do not show it.
    pub found: Option<Value>,
    /// Why it is wrong.
    pub detail: String,
}

impl FieldError {
    fn new(kind: FieldErrorKind, at: &Path, found: Option<Value>, detail: String) -> FieldError {
        FieldError { kind, field: at.to_string().into(), found, detail }
    }

    /// A value must be given.
    pub fn required(at: &Path, detail: &str) -> FieldError {
        FieldError::new(FieldErrorKind::Required, at, None, detail.to_owned())
    }

    /// The value is malformed or out of bounds.
    pub fn invalid(at: &Path, found: impl Into<Value>, detail: &str) -> FieldError {
        FieldError::new(FieldErrorKind::Invalid, at, Some(found.into()), detail.to_owned())
    }

    /// The value is of another type.
    pub fn type_invalid(at: &Path, found: impl Into<Value>, detail: &str) -> FieldError {
        FieldError::new(FieldErrorKind::TypeInvalid, at, Some(found.into()), detail.to_owned())
    }

    /// The value is none of the allowed ones, which are named in the order given.
    pub fn not_supported(at: &Path, found: impl Into<Value>, allowed: &[&str]) -> FieldError {
        let quoted: Vec<String> = allowed.iter().map(|a| format!("{a:?}")).collect();
        let detail = if quoted.is_empty() {
            String::new()
        } else {
            format!("supported values: {}", quoted.join(", "))
        };
        FieldError::new(FieldErrorKind::NotSupported, at, Some(found.into()), detail)
    }

    /// The value must be unique and is not.
    pub fn duplicate(at: &Path, found: impl Into<Value>) -> FieldError {
        FieldError::new(FieldErrorKind::Duplicate, at, Some(found.into()), String::new())
    }

    /// Something that is named is not there.
    pub fn not_found(at: &Path, found: impl Into<Value>) -> FieldError {
        FieldError::new(FieldErrorKind::NotFound, at, Some(found.into()), String::new())
    }

    /// The value is well-formed and not allowed now.
    pub fn forbidden(at: &Path, detail: &str) -> FieldError {
        FieldError::new(FieldErrorKind::Forbidden, at, None, detail.to_owned())
    }

    /// The text has more than `most` bytes.
    pub fn too_long(at: &Path, most: usize) -> FieldError {
        let unit = if most == 1 { "byte" } else { "bytes" };
        let detail = format!("may not be more than {most} {unit}");
        FieldError::new(FieldErrorKind::TooLong, at, None, detail)
    }

    /// The list has `has` items and may have `most`.
    pub fn too_many(at: &Path, has: usize, most: usize) -> FieldError {
        let unit = if most == 1 { "item" } else { "items" };
        let detail = format!("must have at most {most} {unit}");
        FieldError::new(FieldErrorKind::TooMany, at, Some(has.into()), detail)
    }

    /// Something went wrong inside.
    pub fn internal(at: &Path, detail: &str) -> FieldError {
        FieldError::new(FieldErrorKind::Internal, at, None, detail.to_owned())
    }

    /// The message without the field's name.
    pub fn body(&self) -> String {
        let found = match &self.found {
            None => String::new(),
            Some(Value::String(text)) => format!(": {text:?}"),
            Some(other) => format!(": {other}"),
        };
        let detail = match self.detail.as_str() {
            "" => String::new(),
            detail => format!(": {detail}"),
        };
        format!("{}{found}{detail}", self.kind.text())
    }

    /// Its entry in a Status.
    pub fn to_cause(&self) -> Cause {
        Cause {
            reason: self.kind.cause().into(),
            message: self.body().into(),
            field: self.field.clone(),
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.body())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_reads_as_in_kubernetes() {
        let at = Path::new("spec").child("ports").index(1).child("name");
        let text = |e: FieldError| e.to_string();
        assert_eq!(
            text(FieldError::not_supported(&at, "x", &["TCP", "UDP"])),
            r#"spec.ports[1].name: Unsupported value: "x": supported values: "TCP", "UDP""#
        );
        assert_eq!(
            text(FieldError::too_many(&at, 3, 2)),
            "spec.ports[1].name: Too many: 3: must have at most 2 items"
        );
        assert_eq!(
            text(FieldError::too_long(&at, 2)),
            "spec.ports[1].name: Too long: may not be more than 2 bytes"
        );
    }
}
