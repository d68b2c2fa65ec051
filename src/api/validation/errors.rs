//! The mistakes of one object, in the order in which they are found.

use serde_json::Value;

use crate::api::field::{self, FieldError};
use crate::api::gates::{Gate, Gates};
use crate::api::validation::path::Path;

/// The mistakes found so far.
#[derive(Clone, Debug, Default)]
pub struct Errors {
    found: Vec<FieldError>,
    gates: Gates,
}

impl Errors {
    /// None found yet, by the rules of an apiserver with these feature gates.
    pub fn under(gates: Gates) -> Errors {
        Errors { found: Vec::new(), gates }
    }

    /// Whether the apiserver has a feature gate on.
    pub fn is_on(&self, gate: Gate) -> bool {
        self.gates.is_on(gate)
    }

    /// All of them, in the order in which they were found.
    pub fn into_vec(self) -> Vec<FieldError> {
        self.found
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Adds mistakes that another rule has found.
    pub fn extend(&mut self, more: impl IntoIterator<Item = FieldError>) {
        self.found.extend(more);
    }

    /// A value must be given.
    pub fn required(&mut self, path: &Path<'_>, detail: impl AsRef<str>) {
        self.push(path, |at| FieldError::required(at, detail.as_ref()));
    }

    /// A value is malformed or out of bounds.
    pub fn invalid(&mut self, path: &Path<'_>, value: impl Into<Value>, detail: impl AsRef<str>) {
        self.push(path, |at| FieldError::invalid(at, value, detail.as_ref()));
    }

    /// A value is malformed, for each of these reasons.
    pub fn invalid_for(
        &mut self,
        path: &Path<'_>,
        value: &str,
        reasons: impl IntoIterator<Item = String>,
    ) {
        for reason in reasons {
            self.invalid(path, value, reason);
        }
    }

    /// A value is none of the known ones.
    pub fn not_supported(&mut self, path: &Path<'_>, value: impl Into<Value>, known: &[&str]) {
        self.push(path, |at| FieldError::not_supported(at, value, known));
    }

    /// A value is given twice.
    pub fn duplicate(&mut self, path: &Path<'_>, value: impl Into<Value>) {
        self.push(path, |at| FieldError::duplicate(at, value));
    }

    /// A reference names nothing.
    pub fn not_found(&mut self, path: &Path<'_>, value: impl Into<Value>) {
        self.push(path, |at| FieldError::not_found(at, value));
    }

    /// A value may not be given or changed here.
    pub fn forbidden(&mut self, path: &Path<'_>, detail: impl AsRef<str>) {
        self.push(path, |at| FieldError::forbidden(at, detail.as_ref()));
    }

    /// A text has more than so many bytes.
    pub fn too_long(&mut self, path: &Path<'_>, most: usize) {
        self.push(path, |at| FieldError::too_long(at, most));
    }

    /// A list has more than so many items.
    pub fn too_many(&mut self, path: &Path<'_>, have: usize, most: usize) {
        self.push(path, |at| FieldError::too_many(at, have, most));
    }

    /// An empty path stays empty: it is the object itself.
    fn push(&mut self, path: &Path<'_>, error: impl FnOnce(&field::Path) -> FieldError) {
        let text = path.to_string();
        let error = error(&field::Path::new(&text));
        self.found.push(FieldError { field: text.into(), ..error });
    }
}
