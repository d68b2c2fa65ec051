//! A path to a field of an object: `.status.conditions[Ready].status`.

use std::fmt;

use serde_json::Value;

/// A path to a field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Path(Vec<Part>);

/// One part of a path.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    /// A member of a map.
    Member(String),
    /// An item of a list by its number, or by its `name`, `type` or `key`; a member of a map whose
    /// name has dots.
    Item(String),
}

impl Path {
    /// Reads a path; the dot at its beginning may be missing, quotes in brackets too.
    pub(super) fn parse(text: &str) -> Result<Path, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let Some((item, after)) = inner.split_once(']') else {
                    return Err(format!("`{text}` has a `[` without its `]`"));
                };
                parts.push(Part::Item(item.trim_matches(['"', '\'']).to_owned()));
                rest = after;
                continue;
            }
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            if end == 0 {
                return Err(format!("`{text}` is no path of a field"));
            }
            parts.push(Part::Member(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        if parts.is_empty() { Err("a field has a name".to_owned()) } else { Ok(Path(parts)) }
    }

    /// The value of the field.
    pub(super) fn find(&self, value: &Value) -> Option<Value> {
        self.0.iter().try_fold(value, |value, part| part.of(value)).cloned()
    }

    /// The path with the member that is missing replaced by the one nearest to it.
    pub(super) fn nearest(&self, value: &Value) -> Option<String> {
        let mut value = value;
        for (n, part) in self.0.iter().enumerate() {
            if let Some(inner) = part.of(value) {
                value = inner;
                continue;
            }
            let Part::Member(name) = part else { return None };
            let known = value.as_object()?.keys();
            let near = known.min_by_key(|k| (strsim::osa_distance(k, name), k.as_str()))?;
            let mut path = self.clone();
            path.0[n] = Part::Member(near.clone());
            return Some(path.to_string());
        }
        None
    }
}

impl Part {
    fn of<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        match self {
            Part::Member(name) => value.get(name),
            Part::Item(item) => match (value, item.parse::<usize>()) {
                (Value::Array(all), Ok(n)) => all.get(n),
                (Value::Array(all), Err(_)) => all
                    .iter()
                    .find(|one| ["name", "type", "key"].iter().any(|key| one[*key] == **item)),
                (other, _) => other.get(item),
            },
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Member(name) => write!(f, ".{name}"),
            Part::Item(item) => write!(f, "[{item}]"),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_finds_members_and_items() {
        let value = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        let find = |text| Path::parse(text).ok().and_then(|path| path.find(&value));
        assert_eq!(find(".status.conditions[Ready].status"), Some(json!("True")));
        assert_eq!(find("status.conditions[0].type"), Some(json!("Ready")));
        assert_eq!(find(".status.conditions[1]"), None);
        let path = Path::parse(".status.condition").unwrap();
        assert_eq!(path.nearest(&value).as_deref(), Some(".status.conditions"));
    }
}
