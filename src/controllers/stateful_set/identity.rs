//! Who a pod of a `StatefulSet` is: its name, ordinal, labels and claims.

use std::sync::Arc;

use serde_json::{Value, json};
use smol_str::format_smolstr;

use crate::api::Name;
use crate::api::apps::controller_revision::POD_REVISION;
use crate::api::apps::pod_template::PodTemplate;
use crate::api::apps::stateful_set::StatefulSet;
use crate::api::core::pod::{Pod, PodPhase, PodSpec};
use crate::api::object::{Kind, controller_reference};
use crate::api::time::Time;
use crate::controllers::pod_control::pod_from_template;

/// The label that holds a pod's own name.
pub const POD_NAME: Name = Name::new_static("statefulset.kubernetes.io/pod-name");

/// The label that holds a pod's ordinal.
pub const POD_INDEX: Name = Name::new_static("apps.kubernetes.io/pod-index");

/// The name of the parent and the ordinal that a pod's name tells; none where it tells no ordinal.
///
/// `web-1` is 1 of `web`; `a-b-3` is 3 of `a-b`; a number beyond 32 bits is none.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_utils.go,
/// `getParentNameAndOrdinal`
pub fn parent_and_ordinal(pod: &str) -> (&str, Option<i32>) {
    let Some((parent, digits)) = pod.rsplit_once('-') else { return ("", None) };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return ("", None);
    }
    (parent, digits.parse().ok())
}

/// The ordinal of a pod; none when its name tells none.
pub fn ordinal(pod: &Pod) -> Option<i32> {
    parent_and_ordinal(&pod.meta.name).1
}

/// Whether a pod's name is one of a `StatefulSet`'s.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_utils.go, `isMemberOf`
pub fn is_member(set: &StatefulSet, pod: &Pod) -> bool {
    parent_and_ordinal(&pod.meta.name).0 == set.meta.name
}

/// The name of the pod of an ordinal.
pub fn pod_name(set: &StatefulSet, ordinal: i32) -> Name {
    format_smolstr!("{}-{ordinal}", set.meta.name)
}

/// The name of the claim that a pod gets of a template.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_utils.go,
/// `getPersistentVolumeClaimName`
pub fn claim_name(set: &StatefulSet, template: &Value, ordinal: i32) -> Name {
    let own = template.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    format_smolstr!("{own}-{}-{ordinal}", set.meta.name)
}

/// Whether a pod's labels tell who it is.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_utils.go, `identityMatches`
pub fn identity_matches(pod: &Pod) -> bool {
    pod.meta.labels.get(&POD_NAME) == Some(&pod.meta.name)
}

/// The revision that a pod says to be of; empty for none.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_utils.go, `getPodRevision`
pub fn revision(pod: &Pod) -> &str {
    pod.meta.labels.get(&POD_REVISION).map_or("", Name::as_str)
}

/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_utils.go, `isRunningAndReady`
pub fn is_running_and_ready(pod: &Pod) -> bool {
    pod.status.phase == PodPhase::Running && pod.is_ready()
}

/// Whether an update has to wait for a pod.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_utils.go, `isUnavailable`,
/// `isRunningAndAvailable`
pub fn is_unavailable(pod: &Pod, min_ready_seconds: i32, now: Time) -> bool {
    !pod.is_available(min_ready_seconds, now) || pod.meta.is_deleting()
}

/// The pod of an ordinal, made from the template of a revision.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_utils.go,
/// `newStatefulSetPod`, `initIdentity`, `setPodRevision`
pub fn new_pod(set: &StatefulSet, template: &PodTemplate, revision: &str, ordinal: i32) -> Pod {
    let owner = controller_reference(Kind::STATEFUL_SET, &set.meta);
    let mut pod = pod_from_template(template, &set.meta, owner);
    let name = pod_name(set, ordinal);
    let labels = pod.meta.labels.with(&POD_NAME, &name);
    let labels = labels.with(&POD_INDEX, &format_smolstr!("{ordinal}"));
    pod.meta.labels = labels.with(&POD_REVISION, revision);
    pod.spec = own_spec(set, &pod.spec, &name, ordinal);
    pod.meta.name = name;
    pod
}

/// The spec with the pod's own host name and claims.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_utils.go, `updateStorage`
fn own_spec(set: &StatefulSet, spec: &PodSpec, name: &Name, ordinal: i32) -> Arc<PodSpec> {
    let mut raw = (*spec.raw).clone();
    raw.insert("hostname".into(), name.as_str().into());
    if !set.spec.service_name.is_empty() {
        raw.insert("subdomain".into(), set.spec.service_name.as_str().into());
    }
    let templates = &set.spec.volume_claim_templates;
    if !templates.is_empty() {
        let volume = |template: &Value| {
            let claim = claim_name(set, template, ordinal);
            json!({
                "name": template["metadata"]["name"],
                "persistentVolumeClaim": { "claimName": claim.as_str() },
            })
        };
        let mut volumes: Vec<Value> = templates.iter().map(volume).collect();
        let own = |v: &&Value| !templates.iter().any(|t| t["metadata"]["name"] == v["name"]);
        let others = raw.get("volumes").and_then(Value::as_array);
        volumes.extend(others.into_iter().flatten().filter(own).cloned());
        raw.insert("volumes".into(), volumes.into());
    }
    PodSpec::parse(raw).expect("a template's spec with a name and claims is a spec")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_parent_and_ordinal() {
        assert_eq!(parent_and_ordinal("a-b-3"), ("a-b", Some(3)));
        assert_eq!(parent_and_ordinal("web-99999999999"), ("web", None));
        assert_eq!(parent_and_ordinal("web-1a"), ("", None));
        assert_eq!(parent_and_ordinal("web"), ("", None));
    }
}
