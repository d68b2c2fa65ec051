//! What the apiserver does to an object between reading and storing it: wiping what clients may
//! not set, counting generations, filling in generated fields, and asking the rules.
//!
//! Responsible for one object at a time. Uids, random names and time come from the caller; IP
//! addresses, ports and everything that needs other objects is not done here.

mod batch;
mod generation;
mod pod;
mod service;
mod status;
mod wire;

use serde_json::{Value, json};

use crate::api::defaults::{self, field};
use crate::api::gates::{Gate, Gates};
use crate::api::meta_update::match_namespace;
use crate::api::refusal::{GroupResource, Refusal};
use crate::api::validation;
use crate::api::validation::meta::Scope;
use crate::api::validation::read::{at, get, int, text};

pub use pod::qos_class;
pub use service::{begin_create, begin_update};

/// What a new object gets from outside.
#[derive(Clone, Copy, Debug)]
pub struct Birth<'a> {
    /// The namespace of the request; empty for kinds of the whole cluster.
    pub namespace: &'a str,
    /// The uid that it will have.
    pub uid: &'a str,
    /// The name that was made of its `generateName`, used if it has no name.
    pub generated_name: &'a str,
    /// When, as the apiserver writes times.
    pub now: &'a str,
    /// The apiserver's feature gates.
    pub gates: Gates,
}

/// Reads, prepares and checks a new object; what comes out may be stored.
///
/// # Errors
///
/// A bad request, when the namespace is another than the request's or an amount cannot be read;
/// 422 with all mistakes otherwise.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/registry/rest/create.go,
/// `BeforeCreate`
pub fn create(kind: &str, mut object: Value, birth: Birth<'_>) -> Result<Value, Refusal> {
    defaults::apply(kind, &mut object)?;
    wire::tidy(kind, &mut object);
    before_create(kind, &mut object, birth)?;
    Ok(object)
}

/// Prepares and checks a new object whose defaults are filled in.
///
/// # Errors
///
/// Those of [`create`].
pub fn before_create(kind: &str, object: &mut Value, birth: Birth<'_>) -> Result<(), Refusal> {
    identity(kind, object, birth)?;
    prepare_create(kind, object, birth.now, birth.gates);
    let errors = validation::create(kind, object, birth.gates);
    if errors.is_empty() {
        return Ok(());
    }
    let name = text(at(object, "metadata"), "name");
    Err(Refusal::invalid(&group_kind(kind, object), name, &errors))
}

fn group_kind(kind: &str, object: &Value) -> GroupResource {
    let group = text(object, "apiVersion").split_once('/').map_or("", |(group, _)| group);
    GroupResource::new(group, kind)
}

/// Namespace, name, uid; and nothing that only the apiserver sets.
fn identity(kind: &str, object: &mut Value, birth: Birth<'_>) -> Result<(), Refusal> {
    let metadata = field(object, "metadata");
    match validation::scope(kind) {
        Scope::Namespaced => {
            let namespace = match_namespace(birth.namespace, text(metadata, "namespace"))?;
            metadata["namespace"] = namespace.into();
        }
        Scope::Cluster => remove(metadata, "namespace"),
    }
    for name in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"] {
        remove(metadata, name);
    }
    metadata["creationTimestamp"] = birth.now.into();
    metadata["uid"] = birth.uid.into();
    if text(metadata, "name").is_empty() && !text(metadata, "generateName").is_empty() {
        metadata["name"] = birth.generated_name.into();
    }
    Ok(())
}

/// What the strategy of the kind does to a new object.
///
/// Source: kubernetes v1.36 pkg/registry, the `PrepareForCreate` of each kind
pub fn prepare_create(kind: &str, object: &mut Value, now: &str, gates: Gates) {
    generation::first(kind, object);
    status::wipe(kind, object);
    match kind {
        "Pod" => pod::prepare(object, now),
        "StatefulSet" => drop_max_unavailable(object, &Value::Null, gates),
        "Job" => batch::generate_selector(object),
        "Namespace" => namespace(object),
        _ => {}
    }
}

/// Prepares and checks a changed object. `old` is what is stored.
///
/// # Errors
///
/// 422 with all mistakes; a bad request, when an amount cannot be read.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/registry/rest/update.go,
/// `BeforeUpdate`
pub fn update(kind: &str, mut new: Value, old: &Value, gates: Gates) -> Result<Value, Refusal> {
    defaults::apply(kind, &mut new)?;
    wire::tidy(kind, &mut new);
    prepare_update(kind, &mut new, old, gates);
    let errors = validation::update(kind, &new, old, gates);
    if errors.is_empty() {
        return Ok(new);
    }
    let name = text(at(&new, "metadata"), "name").to_owned();
    Err(Refusal::invalid(&group_kind(kind, &new), &name, &errors))
}

/// What is restored silently, and what the strategy of the kind does to a changed object.
///
/// Source: kubernetes v1.36 pkg/registry, the `PrepareForUpdate` of each kind
pub fn prepare_update(kind: &str, new: &mut Value, old: &Value, gates: Gates) {
    restore(field(new, "metadata"), at(old, "metadata"));
    status::keep(kind, new, old);
    match kind {
        "StatefulSet" => drop_max_unavailable(new, old, gates),
        "Namespace" => keep_finalizers(new, old),
        "Service" => service::drop_dependent(new, old),
        _ => {}
    }
    generation::next(kind, new, old);
}

/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/registry/rest/update.go,
/// `BeforeUpdate`
fn restore(metadata: &mut Value, old: &Value) {
    put(metadata, "generation", at(old, "generation"));
    for name in ["uid", "namespace", "deletionGracePeriodSeconds"] {
        if get(metadata, name).is_none() {
            put(metadata, name, at(old, name));
        }
    }
    for name in ["creationTimestamp", "deletionTimestamp"] {
        if get(old, name).is_some() {
            put(metadata, name, at(old, name));
        }
    }
    remove(metadata, "selfLink");
}

/// Sets a field; takes it away when there is nothing to set.
fn put(object: &mut Value, name: &str, value: &Value) {
    if value.is_null() {
        remove(object, name);
    } else {
        object[name] = value.clone();
    }
}

fn remove(object: &mut Value, name: &str) {
    if let Some(object) = object.as_object_mut() {
        object.shift_remove(name);
    }
}

/// A field behind a gate that is off is not stored, unless it was before.
///
/// Source: kubernetes v1.36 pkg/registry/apps/statefulset/strategy.go,
/// `dropStatefulSetDisabledFields`
fn drop_max_unavailable(object: &mut Value, old: &Value, gates: Gates) {
    if gates.is_on(Gate::MaxUnavailableStatefulSet) {
        return;
    }
    let of = |object| at(at(at(object, "spec"), "updateStrategy"), "rollingUpdate");
    if get(of(old), "maxUnavailable").is_some() || of(object).is_null() {
        return;
    }
    remove(&mut object["spec"]["updateStrategy"]["rollingUpdate"], "maxUnavailable");
}

/// Source: kubernetes v1.36 pkg/registry/core/namespace/strategy.go,
/// `namespaceStrategy.PrepareForCreate`, `Canonicalize`
fn namespace(object: &mut Value) {
    let spec = field(object, "spec");
    let has = at(spec, "finalizers").as_array().is_some_and(|f| f.contains(&json!("kubernetes")));
    if !has {
        let mut all = at(spec, "finalizers").as_array().cloned().unwrap_or_default();
        all.push(json!("kubernetes"));
        spec["finalizers"] = all.into();
    }
    // A generated name is known only now.
    defaults::namespace_label(object);
}

/// Only the subresource `finalize` changes a namespace's finalizers.
fn keep_finalizers(new: &mut Value, old: &Value) {
    let finalizers = at(at(old, "spec"), "finalizers").clone();
    put(field(new, "spec"), "finalizers", &finalizers);
}

/// The object's generation; zero for kinds that count none.
pub fn generation_of(object: &Value) -> i64 {
    int(at(object, "metadata"), "generation").unwrap_or_default()
}
