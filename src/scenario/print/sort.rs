//! `--sort-by`: the order of rows by what a path selects.

use std::cmp::Ordering;

use serde_json::Value;

use super::jsonpath::{Template, relaxed};
use super::look::shown;
use crate::api::object::Object;
use crate::api::quantity::Quantity;

/// Sorts rows by the first value that a path selects; rows without one come first.
///
/// # Errors
/// A path that cannot be read, or that selects nothing in any of the objects.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/get/sorter.go, `SortObjects`
pub(super) fn sort_by(rows: &mut Vec<(&Object, Value)>, path: &str) -> Result<(), String> {
    let template = Template::parse(&relaxed(path)?)?;
    let mut keyed = Vec::new();
    for (object, value) in rows.drain(..) {
        let key = template.first(&value)?.cloned();
        keyed.push((key, object, value));
    }
    if !keyed.is_empty() && keyed.iter().all(|(key, ..)| key.is_none()) {
        return Err(format!("couldn't find any field with path {path:?} in the list of objects"));
    }
    keyed.sort_by(|a, b| before(a.0.as_ref(), b.0.as_ref()));
    rows.extend(keyed.into_iter().map(|(_, object, value)| (object, value)));
    Ok(())
}

/// Numbers by size, quantities by amount, other texts as people count.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/get/sorter.go, `isLess`
fn before(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    let (Some(a), Some(b)) = (a, b) else { return a.is_some().cmp(&b.is_some()) };
    if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64()) {
        return a.cmp(&b);
    }
    let (a, b) = (shown(a), shown(b));
    match (a.parse::<Quantity>(), b.parse::<Quantity>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        (Ok(_) | Err(_), Err(_)) | (Err(_), Ok(_)) => natural(&a, &b),
    }
}

/// Texts compared with runs of digits as numbers: `web-9` before `web-10`.
///
/// Example: `a2` < `a10` < `b1`.
fn natural(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one, other);
    loop {
        let (ours, theirs) = (part(one), part(other));
        if ours.is_empty() || theirs.is_empty() {
            return ours.len().cmp(&theirs.len());
        }
        let digits = |t: &str| t.starts_with(|c: char| c.is_ascii_digit());
        let order =
            if digits(ours) && digits(theirs) { by_number(ours, theirs) } else { ours.cmp(theirs) };
        if order != Ordering::Equal {
            return order;
        }
        (one, other) = (&one[ours.len()..], &other[theirs.len()..]);
    }
}

/// Runs of digits by the numbers that they are; of equal ones the shorter first.
fn by_number(one: &str, other: &str) -> Ordering {
    let (ours, theirs) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
    let by_size = ours.len().cmp(&theirs.len()).then_with(|| ours.cmp(theirs));
    by_size.then_with(|| one.len().cmp(&other.len()))
}

/// The run of digits, or of other characters, at the start.
fn part(text: &str) -> &str {
    let digit = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digit).unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_in_names_count_as_numbers() {
        let mut names = ["web-10", "web-9", "web", "api-1"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["api-1", "web", "web-9", "web-10"]);
    }
}
