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
        (Ok(_), Err(_)) | (Err(_), Ok(_)) | (Err(_), Err(_)) => natural(&a, &b),
    }
}

/// Texts compared with runs of digits as numbers: `web-9` before `web-10`.
///
/// Example: `a2` < `a10` < `b1`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (x, y) = (part(a), part(b));
        if x.is_empty() || y.is_empty() {
            return x.len().cmp(&y.len());
        }
        let digits = |t: &str| t.starts_with(|c: char| c.is_ascii_digit());
        let order = if digits(x) && digits(y) {
            let (m, n) = (x.trim_start_matches('0'), y.trim_start_matches('0'));
            m.len().cmp(&n.len()).then_with(|| m.cmp(n)).then_with(|| x.len().cmp(&y.len()))
        } else {
            x.cmp(y)
        };
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (&a[x.len()..], &b[y.len()..]);
    }
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
