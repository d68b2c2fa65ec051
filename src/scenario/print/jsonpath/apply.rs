//! Applies templates and paths to JSON.

use std::cmp::Ordering;

use serde_json::Value;

use super::{Comparison, Operand, Part, Slice, Step};
use crate::scenario::print::document::compact;

/// Writes the parts of a template for `current`, a value within `root`.
pub(super) fn render(
    parts: &[Part],
    root: &Value,
    current: &Value,
    out: &mut String,
) -> Result<(), String> {
    for part in parts {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Path(steps) => {
                let found = select(steps, root, current)?;
                out.push_str(&found.into_iter().map(shown).collect::<Vec<_>>().join(" "));
            }
            Part::Range(steps, body) => {
                for value in select(steps, root, current)? {
                    render(body, root, value, out)?;
                }
            }
        }
    }
    Ok(())
}

/// The values that a path selects, in order.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/jsonpath/jsonpath.go, `walk`
pub(super) fn select<'a>(
    steps: &[Step],
    root: &'a Value,
    current: &'a Value,
) -> Result<Vec<&'a Value>, String> {
    let mut found = vec![current];
    for step in steps {
        let mut next = Vec::new();
        if let Step::Union(paths) = step {
            for path in paths {
                for value in &found {
                    next.extend(select(path, root, value)?);
                }
            }
        } else {
            for value in found {
                walk(step, root, value, &mut next)?;
            }
        }
        found = next;
    }
    Ok(found)
}

fn walk<'a>(
    step: &Step,
    root: &'a Value,
    value: &'a Value,
    out: &mut Vec<&'a Value>,
) -> Result<(), String> {
    match step {
        Step::Root => out.push(root),
        Step::Current => out.push(value),
        Step::Field(name) => out.extend(value.get(name)),
        Step::Wildcard => out.extend(children(value)),
        Step::Recursive => descend(value, out),
        Step::Slice(slice) => return cut(*slice, value, out),
        Step::Union(_) => return Err("a union stands for all values at once".to_owned()),
        Step::Filter(left, right) => return filter(left, right.as_ref(), root, value, out),
    }
    Ok(())
}

/// Entries of a list, or members of a map sorted by name.
fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(map) => {
            let mut all: Vec<_> = map.iter().collect();
            all.sort_by_key(|(k, _)| k.as_str());
            all.into_iter().map(|(_, v)| v).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// The value and all below it.
fn descend<'a>(value: &'a Value, out: &mut Vec<&'a Value>) {
    out.push(value);
    for child in children(value) {
        descend(child, out);
    }
}

/// A part of a list.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/jsonpath/jsonpath.go, `evalArray`
fn cut<'a>(slice: Slice, value: &'a Value, out: &mut Vec<&'a Value>) -> Result<(), String> {
    let Some(items) = value.as_array() else {
        return if value.is_null() {
            Ok(())
        } else {
            Err(format!("{value} is not array or slice"))
        };
    };
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let counted = |n: i64| if n < 0 { n + length } else { n };
    let outside = |n: i64| format!("array index out of bounds: index {n}, length {length}");
    let (start, end) = match slice.index {
        Some(n) => (counted(n), counted(n) + 1),
        None => (counted(slice.start.unwrap_or(0)), counted(slice.end.unwrap_or(length))),
    };
    let step = slice.step.unwrap_or(1);
    if start == end {
        return Ok(());
    }
    if start < 0 || start >= length {
        return Err(outside(start));
    }
    if end < 0 || end > length {
        return Err(outside(end - 1));
    }
    if start > end {
        return Err(format!("starting index {start} is greater than ending index {end}"));
    }
    let step = usize::try_from(step).ok().filter(|s| *s > 0).ok_or("step must be > 0")?;
    let (start, end) = (usize::try_from(start).unwrap_or(0), usize::try_from(end).unwrap_or(0));
    out.extend(items[start..end].iter().step_by(step));
    Ok(())
}

/// The entries of a list for which a comparison holds, or a path selects something.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/jsonpath/jsonpath.go, `evalFilter`
fn filter<'a>(
    left: &Operand,
    right: Option<&(Comparison, Operand)>,
    root: &'a Value,
    value: &'a Value,
    out: &mut Vec<&'a Value>,
) -> Result<(), String> {
    let Some(items) = value.as_array() else {
        return Err(format!("{value} is not array or slice and cannot be filtered"));
    };
    for item in items {
        let Some(a) = side(left, root, item)? else { continue };
        let holds = match right {
            None => true,
            Some((comparison, right)) => match side(right, root, item)? {
                Some(b) => comparison.holds(a, b),
                None => false,
            },
        };
        if holds {
            out.push(item);
        }
    }
    Ok(())
}

fn side<'a>(
    operand: &'a Operand,
    root: &'a Value,
    item: &'a Value,
) -> Result<Option<&'a Value>, String> {
    match operand {
        Operand::Literal(value) => Ok(Some(value)),
        Operand::Path(steps) => Ok(select(steps, root, item)?.into_iter().next()),
    }
}

impl Comparison {
    /// Numbers are compared by size, texts by their characters.
    fn holds(self, a: &Value, b: &Value) -> bool {
        let order = match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a.cmp(&b),
            (Some(_) | None, _) => shown(a).cmp(&shown(b)),
        };
        match self {
            Comparison::Equal => order == Ordering::Equal,
            Comparison::NotEqual => order != Ordering::Equal,
            Comparison::Less => order == Ordering::Less,
            Comparison::LessOrEqual => order != Ordering::Greater,
            Comparison::Greater => order == Ordering::Greater,
            Comparison::GreaterOrEqual => order != Ordering::Less,
        }
    }
}

/// A value in text: maps and lists are JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(s) => s.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => compact(value),
    }
}
