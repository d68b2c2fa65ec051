//! Server-side apply on Kubernetes' kinds, with owners as `metadata.managedFields` holds them.
//!
//! It must never store an object, nor write a time into an entry: that is the apiserver's affair.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::{
    ApplyError, FieldSet, Force, Live, Managers, Owned, Shape, Step, TypeId, Types, Writer,
};
use crate::api::patch::PatchError;
use crate::api::schema::{Schema, kinds};

/// The fields of metadata that nobody owns.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal/stripmeta.go,
/// `NewStripMetaManager`
const UNOWNED: [&str; 8] = [
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "generation",
    "managedFields",
    "resourceVersion",
];

/// The types of Kubernetes' kinds, where to find each, and the type of all other kinds.
struct Kinds {
    types: Types,
    known: BTreeMap<String, TypeId>,
    custom: TypeId,
}

static KINDS: LazyLock<Kinds> = LazyLock::new(|| {
    let mut types = Types::default();
    let mut known = BTreeMap::new();
    let custom = types.add(Shape::Deduced);
    for (version, kind) in kinds() {
        if let Some(schema) = Schema::of_version(version, kind) {
            known.insert(format!("{version} {kind}"), types.add_schema(schema));
        }
    }
    Kinds { types, known, custom }
});

/// An object and its `managedFields`, which stand apart; null is no object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Managed {
    /// The object, without `managedFields`.
    pub object: Value,
    /// The entries of `managedFields`.
    pub entries: Vec<Value>,
}

/// Who writes an object, and through which part of it.
#[derive(Clone, Copy, Debug)]
pub struct Author<'a> {
    /// The field manager.
    pub manager: &'a str,
    /// `status`, `scale`; empty for the object itself.
    pub subresource: &'a str,
}

impl<'a> From<&'a str> for Author<'a> {
    fn from(manager: &'a str) -> Author<'a> {
        Author { manager, subresource: "" }
    }
}

/// The object after `manager` applied one; the kind is that of the applied object.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal/fieldmanager.go,
/// `FieldManager.Apply`
///
/// # Errors
/// Conflicts with other owners, unless forced; an unknown kind or field.
pub fn apply<'a>(
    live: &Managed,
    applied: &Value,
    (manager, force): (impl Into<Author<'a>>, Force),
) -> Result<Managed, ApplyError> {
    let (id, version) = type_of(applied)?;
    let name = key(manager.into(), "Apply", &version);
    let writer = Writer { manager: &name, api_version: &version };
    let after = super::apply(&live.read(), applied, (writer, force), (&KINDS.types, id))?;
    Ok(Managed::write(after))
}

/// The object after `manager` wrote it as a whole.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal/fieldmanager.go,
/// `FieldManager.Update`
///
/// # Errors
/// An unknown kind or field.
pub fn update<'a>(
    live: &Managed,
    object: &Value,
    manager: impl Into<Author<'a>>,
) -> Result<Managed, ApplyError> {
    let (id, version) = type_of(object)?;
    let name = key(manager.into(), "Update", &version);
    let writer = Writer { manager: &name, api_version: &version };
    super::update(&live.read(), object, writer, (&KINDS.types, id)).map(Managed::write)
}

/// Who stands in the way, as a conflict names it: `"kubectl" with subresource "scale" using
/// apps/v1`. `owner` is the name under which a [`Live`] holds it.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal/conflict.go, `printManager`
pub fn owner_text(owner: &str) -> String {
    let owner: Value = serde_json::from_str(owner).unwrap_or_default();
    let text = |n: usize| owner[n].as_str().unwrap_or_default();
    let mut said = format!("{:?}", text(1));
    if !text(3).is_empty() {
        said += &format!(" with subresource {:?}", text(3));
    }
    if text(0) == "Update" {
        said += &format!(" using {}", text(2));
    }
    said
}

fn type_of(object: &Value) -> Result<(TypeId, String), ApplyError> {
    let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let name = format!("{} {}", text("apiVersion"), text("kind"));
    let is_named = name.len() > 1 && object["kind"].is_string();
    let unknown = || PatchError::Malformed(format!("no corresponding type for {name}"));
    let id = KINDS.known.get(&name).copied();
    let id = id.or((is_named && is_custom(&text("apiVersion"))).then_some(KINDS.custom));
    Ok((id.ok_or_else(unknown)?, text("apiVersion")))
}

/// Whether a version is of a group that is not Kubernetes' own.
fn is_custom(version: &str) -> bool {
    let group = version.split_once('/').map_or("", |(group, _)| group);
    group.contains('.') && !group.ends_with(".k8s.io")
}

/// The name under which an entry stands: appliers are one in all versions, others one in each.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal/managedfields.go,
/// `BuildManagerIdentifier`
fn key(author: Author<'_>, operation: &str, version: &str) -> String {
    let version = if operation == "Apply" { "" } else { version };
    json!([operation, author.manager, version, author.subresource]).to_string()
}

impl Managed {
    fn read(&self) -> Live {
        let mut managers = Managers::new();
        for entry in &self.entries {
            let text = |field: &str| entry[field].as_str().unwrap_or_default();
            let (operation, version) = (text("operation"), text("apiVersion"));
            let owned = Owned {
                fields: FieldSet::from_fields_v1(&entry["fieldsV1"]),
                api_version: version.to_owned(),
                applied: operation == "Apply",
            };
            let author = Author { manager: text("manager"), subresource: text("subresource") };
            managers.insert(key(author, operation, version), owned);
        }
        Live { object: self.object.clone(), managers }
    }

    fn write(live: Live) -> Managed {
        let mut entries = Vec::new();
        for (name, owned) in live.managers {
            let fields = stripped(&owned.fields);
            let name: Value = serde_json::from_str(&name).unwrap_or_default();
            if !fields.is_empty() {
                let mut entry = json!({
                    "manager": name[1],
                    "operation": name[0],
                    "apiVersion": owned.api_version,
                    "fieldsV1": fields.to_fields_v1(),
                });
                if name[3] != "" {
                    entry["subresource"] = name[3].clone();
                }
                entries.push(entry);
            }
        }
        Managed { object: without_nulls(live.object), entries }
    }
}

fn stripped(fields: &FieldSet) -> FieldSet {
    let is = |step: Option<&Step>, name: &str| matches!(step, Some(Step::Field(f)) if f == name);
    let unowned = |path: &&Vec<Step>| {
        let (first, second) = (path.first(), path.get(1));
        match path.len() {
            1 => ["apiVersion", "kind", "metadata"].iter().any(|n| is(first, n)),
            2 => is(first, "metadata") && UNOWNED.iter().any(|n| is(second, n)),
            _ => false,
        }
    };
    FieldSet(fields.0.iter().filter(|p| !unowned(p)).cloned().collect())
}

/// Typed objects know no nulls.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, v)| !v.is_null());
            let kept: Map<String, Value> = kept.map(|(k, v)| (k, without_nulls(v))).collect();
            Value::Object(kept)
        }
        Value::Array(list) => Value::Array(list.into_iter().map(without_nulls).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}
