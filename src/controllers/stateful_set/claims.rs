//! The persistent volume claims of a `StatefulSet`'s pods: which are missing, whose they are.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::identity::{claim_name, ordinal};
use crate::api::Name;
use crate::api::apps::stateful_set::{ClaimPolicy, StatefulSet};
use crate::api::core::pod::Pod;
use crate::api::meta::{Meta, OwnerReference};
use crate::api::object::{Kind, Object, controller_reference};
use crate::client::view::View;

/// What is to be done about the claims of one pod.
#[derive(Clone, Debug, Default)]
pub struct Missing {
    /// Claims that are to be created.
    pub create: Vec<Object>,
    /// A claim that is on its way out, and has to be gone before there can be another.
    pub going: Option<Name>,
}

/// The claims that the pod of an ordinal lacks.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_pod_control.go,
/// `createPersistentVolumeClaims`
pub fn missing(set: &StatefulSet, ordinal: i32, view: View<'_>) -> Missing {
    let mut missing = Missing::default();
    for template in &set.spec.volume_claim_templates {
        let name = claim_name(set, template, ordinal);
        let known = view.cache(Kind::PERSISTENT_VOLUME_CLAIM).get(&set.meta.namespace, &name);
        match known {
            None => missing.create.extend(new_claim(set, template, &name)),
            Some(claim) if claim.meta().is_deleting() => missing.going = Some(name),
            Some(_) => {}
        }
    }
    missing
}

/// The claim of a template: with its own name, and the labels that select the pods.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_utils.go,
/// `getPersistentVolumeClaims`
fn new_claim(set: &StatefulSet, template: &Value, name: &Name) -> Option<Object> {
    let mut value = template.clone();
    let Value::Object(body) = &mut value else { return None };
    let metadata = body.entry("metadata").or_insert_with(|| Map::new().into());
    metadata["name"] = name.as_str().into();
    metadata["namespace"] = set.meta.namespace.as_str().into();
    let mut labels = metadata["labels"].as_object().cloned().unwrap_or_default();
    let selected = set.spec.selector.match_labels.iter();
    labels.extend(selected.map(|(k, v)| (k.to_string(), json!(v.as_str()))));
    metadata["labels"] = labels.into();
    Object::from_value(Kind::PERSISTENT_VOLUME_CLAIM, value).ok()
}

/// Whether a claim still belongs to a former pod of this name: the new one waits until it is gone.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_pod_control.go, `PodClaimIsStale`
pub fn is_stale(set: &StatefulSet, pod: &Meta, ordinal: i32, view: View<'_>) -> bool {
    if set.spec.retention().when_scaled == ClaimPolicy::Retain {
        return false;
    }
    let of_another =
        |o: &OwnerReference| o.kind == Kind::POD.name() && o.name == pod.name && o.uid != pod.uid;
    set.spec.volume_claim_templates.iter().any(|template| {
        let name = claim_name(set, template, ordinal);
        let claim = view.cache(Kind::PERSISTENT_VOLUME_CLAIM).get(&set.meta.namespace, &name);
        claim.is_some_and(|c| c.meta().owners().iter().any(of_another))
    })
}

/// Whom the retention policy wants a claim to belong to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owned {
    /// To the pod, with which it goes.
    pub by_pod: bool,
    /// To the `StatefulSet`, with which it goes.
    pub by_set: bool,
}

/// Whom the retention policy wants the claims of an ordinal to belong to.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_utils.go,
/// `isClaimOwnerUpToDate`
pub fn owned(set: &StatefulSet, ordinal: i32) -> Owned {
    let policy = set.spec.retention();
    let is_scaled_down = !set.spec.has_ordinal(ordinal);
    let by_pod = policy.when_scaled == ClaimPolicy::Delete && is_scaled_down;
    Owned { by_pod, by_set: policy.when_deleted == ClaimPolicy::Delete && !by_pod }
}

/// The claims of a pod whose owners are not those that the policy wants, with these owners.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_pod_control.go,
/// `ClaimsMatchRetentionPolicy`, `UpdatePodClaimForRetentionPolicy`
pub fn disowned(set: &StatefulSet, pod: &Arc<Pod>, view: View<'_>) -> Vec<Object> {
    let Some(ordinal) = ordinal(pod) else { return Vec::new() };
    let cache = view.cache(Kind::PERSISTENT_VOLUME_CLAIM);
    let known = |template: &Value| {
        cache.get(&set.meta.namespace, &claim_name(set, template, ordinal)).cloned()
    };
    let owned = owned(set, ordinal);
    let claims = set.spec.volume_claim_templates.iter().filter_map(known);
    claims.filter_map(|claim| with_owners(claim, set, pod, owned)).collect()
}

/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_utils.go,
/// `updateClaimOwnerRefForSetAndPod`, `hasUnexpectedController`
fn with_owners(
    mut claim: Object,
    set: &StatefulSet,
    pod: &Arc<Pod>,
    owned: Owned,
) -> Option<Object> {
    let is_set =
        |o: &OwnerReference| o.kind == Kind::STATEFUL_SET.name() && o.name == set.meta.name;
    let is_pod = |o: &OwnerReference| o.kind == Kind::POD.name() && o.name == pod.meta.name;
    let is_foreign = |o: &OwnerReference| {
        is_set(o) && o.uid != set.meta.uid
            || is_pod(o) && o.uid != pod.meta.uid
            || !is_set(o) && !is_pod(o) && o.controller == Some(true)
    };
    let before = claim.meta().owners();
    let others = before.iter().filter(|o| !is_set(o) && !is_pod(o)).cloned();
    let mut owners: Vec<OwnerReference> = others.collect();
    if !before.iter().any(is_foreign) {
        if owned.by_set {
            owners.push(controller_reference(Kind::STATEFUL_SET, &set.meta));
        }
        if owned.by_pod {
            owners.push(controller_reference(Kind::POD, &pod.meta));
        }
    }
    let has = |all: &[OwnerReference], owner| all.contains(owner);
    if owners.len() == before.len() && owners.iter().all(|o| has(before, o)) {
        return None;
    }
    claim.meta_mut().set_owners(owners);
    Some(claim)
}
