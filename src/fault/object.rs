//! What somebody else does to objects: edits, deletions, and a new object under an old name.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::api::deletion::DeleteOptions;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::request::{Patch, Subresource, Verb};
use crate::api::resource_names;
use crate::api::why::Why;
use crate::fault::stage::{Began, Healing, Stage};
use crate::sim::time::SimDuration;

/// Which object.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Target {
    /// Its kind.
    pub kind: String,
    /// Its name; any one of the kind in the namespace when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its namespace; the scenario's when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// Which object, and how it is changed.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Edit {
    /// Which object.
    #[serde(flatten)]
    pub object: Target,
    /// A merge patch.
    pub patch: Value,
    /// `status` when that is changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
}

fn find(it: &Target, stage: &mut Stage<'_>) -> Result<Object, String> {
    let name = resource_names::find(&it.kind).map_or(it.kind.as_str(), |r| r.kind);
    let kind = Kind::named(name).ok_or_else(|| format!("there is no kind `{}`", it.kind))?;
    let namespace = match (&it.namespace, kind.row().namespaced) {
        (_, false) => "",
        (Some(namespace), true) => namespace.as_str(),
        (None, true) => stage.namespace.as_str(),
    };
    let found = match &it.name {
        Some(name) => stage.cluster.store().get(&ObjectKey::new(kind, namespace, name)).cloned(),
        None => {
            let mut all = stage.cluster.store().list(kind);
            all.retain(|o| o.meta().namespace == namespace);
            let one = stage.rng.below(all.len().max(1) as u64);
            all.into_iter().nth(usize::try_from(one).unwrap_or(0))
        }
    };
    let name = it.name.as_deref().unwrap_or("of any name");
    found.ok_or_else(|| format!("the fault hit nothing: there is no {} {name}", it.kind))
}

pub(super) fn edit(it: &Edit, stage: &mut Stage<'_>) -> Result<Began, String> {
    let object = find(&it.object, stage)?;
    let part = match it.subresource.as_deref() {
        Some("status") => Subresource::Status,
        Some("scale") => Subresource::Scale,
        _ => Subresource::Main,
    };
    let patch = Patch::Merge(Arc::new(it.patch.clone()));
    let verb = Verb::Patch { key: object.key(), part, patch, dry_run: false };
    stage.ask(verb, Why::new("changed by somebody else"));
    Began::hit(vec![object.meta().name.clone()])
}

pub(super) fn delete(it: &Target, stage: &mut Stage<'_>) -> Result<Began, String> {
    let object = find(it, stage)?;
    let verb = Verb::Delete { key: object.key(), options: DeleteOptions::default() };
    stage.ask(verb, Why::new("deleted by somebody else"));
    Began::hit(vec![object.meta().name.clone()])
}

/// So often one looks whether an object is gone before its deletion counts as refused.
const LOOKS: u32 = 100;

pub(super) fn recreate(it: &Target, stage: &mut Stage<'_>) -> Result<Began, String> {
    let object = find(it, stage)?;
    let mut value = object.to_value();
    if let Some(meta) = value["metadata"].as_object_mut() {
        meta.retain(|key, _| {
            matches!(key.as_str(), "name" | "namespace" | "labels" | "annotations")
        });
    }
    if let Some(body) = value.as_object_mut() {
        body.remove("status");
    }
    let key = object.key();
    let verb = Verb::Delete { key: key.clone(), options: DeleteOptions::default() };
    stage.ask(verb, Why::new("deleted, to be created again"));
    let healing = vec![Healing::Create(key.kind, key.namespace, value, LOOKS)];
    let (hit, usual) = (vec![key.name], Some(SimDuration::millis(100)));
    Ok(Began { hit, healing, usual, ..Began::default() })
}
