//! Sets of fields, as `managedFields` keeps them.
//!
//! It must never know a type.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A field of a struct, or a key of a map.
    Field(String),
    /// The element with these key fields, in JSON with sorted keys.
    Key(String),
    /// The element that has this value, in JSON.
    Value(String),
}

/// Where a field is.
pub type Path = Vec<Step>;

/// A set of fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet(pub BTreeSet<Path>);

impl FieldSet {
    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is in one of both.
    #[must_use]
    pub fn union(&self, other: &FieldSet) -> FieldSet {
        FieldSet(self.0.union(&other.0).cloned().collect())
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &FieldSet) -> FieldSet {
        FieldSet(self.0.intersection(&other.0).cloned().collect())
    }

    /// What is not in the other.
    #[must_use]
    pub fn difference(&self, other: &FieldSet) -> FieldSet {
        FieldSet(self.0.difference(&other.0).cloned().collect())
    }

    /// The part below one step, told from there.
    #[must_use]
    pub fn below(&self, step: &Step) -> FieldSet {
        let inside = self.0.iter().filter(|p| p.len() > 1 && p[0] == *step);
        FieldSet(inside.map(|p| p[1..].to_vec()).collect())
    }

    /// Whether the field one step away is in it.
    pub fn has(&self, step: &Step) -> bool {
        self.0.contains(std::slice::from_ref(step))
    }

    /// As `fieldsV1` of `managedFields`.
    ///
    /// Source: kubernetes v1.36
    /// vendor/sigs.k8s.io/structured-merge-diff/v6/fieldpath/serialize.go, `Set.ToJSON`
    pub fn to_fields_v1(&self) -> Value {
        let mut all = Map::new();
        for path in &self.0 {
            insert(&mut all, path);
        }
        Value::Object(all)
    }

    /// Reads `fieldsV1`; steps of an unknown form are left out.
    pub fn from_fields_v1(fields: &Value) -> FieldSet {
        let mut set = FieldSet::default();
        read(fields, &mut Path::new(), &mut set);
        set
    }
}

/// Adds a path; a field with others below it says by `.` that it is in the set itself.
fn insert(into: &mut Map<String, Value>, path: &[Step]) {
    let Some((first, rest)) = path.split_first() else { return };
    let empty = || Value::Object(Map::new());
    let is_new = !into.contains_key(&first.text());
    let Value::Object(inner) = into.entry(first.text()).or_insert_with(empty) else { return };
    if rest.is_empty() {
        return;
    }
    // Paths come in order, so one that ends here came before those below it.
    if !is_new && inner.is_empty() {
        inner.insert(".".to_owned(), empty());
    }
    insert(inner, rest);
}

fn read(fields: &Value, path: &mut Path, set: &mut FieldSet) {
    let Some(map) = fields.as_object() else { return };
    if !path.is_empty() && (map.is_empty() || map.contains_key(".")) {
        set.0.insert(path.clone());
    }
    for (text, inner) in map {
        if let Some(step) = Step::parse(text) {
            path.push(step);
            read(inner, path, set);
            path.pop();
        }
    }
}

impl Step {
    fn text(&self) -> String {
        match self {
            Step::Field(name) => format!("f:{name}"),
            Step::Key(key) => format!("k:{key}"),
            Step::Value(value) => format!("v:{value}"),
        }
    }

    fn parse(text: &str) -> Option<Step> {
        let (form, rest) = text.split_once(':')?;
        match form {
            "f" => Some(Step::Field(rest.to_owned())),
            "k" => Some(Step::Key(rest.to_owned())),
            "v" => Some(Step::Value(rest.to_owned())),
            _ => None,
        }
    }
}

/// As a conflict names it: `.spec.containers[name="a"].image`.
///
/// Source: kubernetes v1.36 vendor/sigs.k8s.io/structured-merge-diff/v6/fieldpath/element.go,
/// `PathElement.String`
pub fn path_text(path: &[Step]) -> String {
    let step = |step: &Step| match step {
        Step::Field(name) => format!(".{name}"),
        Step::Value(value) => format!("[={value}]"),
        Step::Key(key) => {
            let fields: Map<String, Value> = serde_json::from_str(key).unwrap_or_default();
            let fields: Vec<String> = fields.iter().map(|(k, v)| format!("{k}={v}")).collect();
            format!("[{}]", fields.join(","))
        }
    };
    path.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_set_comes_back_as_it_was_written() {
        let fields = json!({"f:spec": {"f:replicas": {}, "f:template": {".": {}, "f:containers": {
            "k:{\"name\":\"a\"}": {".": {}, "f:image": {}}}}, "f:finalizers": {"v:\"x\"": {}}}});
        let set = FieldSet::from_fields_v1(&fields);
        assert_eq!(set.to_fields_v1(), fields);
        let texts: Vec<String> = set.0.iter().map(|p| path_text(p)).collect();
        assert_eq!(
            texts,
            [
                ".spec.finalizers[=\"x\"]",
                ".spec.replicas",
                ".spec.template",
                ".spec.template.containers[name=\"a\"]",
                ".spec.template.containers[name=\"a\"].image"
            ]
        );
    }
}
