//! Admission: what is filled in or refused beyond the fields of the object itself.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::Name;
use crate::api::core::limit_range::LimitRange;
use crate::api::core::node::Node;
use crate::api::core::persistent_volume_claim::PersistentVolumeClaim;
use crate::api::core::pod::{Pod, PodSpec};
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::{Cause, Details, GroupResource, Refusal};
use crate::api::selector::aggregate;
use crate::api::taint::{Taint, TaintEffect};
use crate::apiserver::limits;

/// Admission plugins that can be left out: `--disable-admission-plugins`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Plugins {
    /// `ServiceAccount`.
    pub service_account: bool,
    /// `TaintNodesByCondition`.
    pub taint_nodes_by_condition: bool,
    /// `Priority`.
    pub priority: bool,
}

/// What admission looks up: the apiserver's own caches.
pub trait Lookup {
    /// The plugins that are left out.
    fn without(&self) -> Plugins {
        Plugins::default()
    }

    /// The newest version of an object that the apiserver knows.
    fn find(&self, key: &ObjectKey) -> Option<&Object>;
    /// The priority class for pods without one.
    fn default_priority_class(&self) -> Option<&Object>;
    /// The storage class for claims without one.
    fn default_storage_class(&self) -> Option<Name>;
    /// The limit ranges of a namespace, by name.
    fn limit_ranges(&self, namespace: &str) -> Vec<Arc<LimitRange>>;
}

/// Namespaces that cannot be deleted.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

/// `NamespaceLifecycle` on a creation: the namespace is there and not on its way out.
///
/// # Errors
/// 404 without the namespace, 403 while it is terminating.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle/
/// admission.go, `Admit`
pub fn namespace_lifecycle(
    kind: Kind,
    namespace: &str,
    name: &str,
    look: &impl Lookup,
) -> Result<(), Refusal> {
    if !kind.row().namespaced {
        return Ok(());
    }
    let key = ObjectKey::new(Kind::NAMESPACE, "", namespace);
    let Some(found) = look.find(&key) else {
        return Err(Refusal::not_found(&GroupResource::new("", "namespaces"), namespace));
    };
    let Object::Namespace(found) = found else { return Ok(()) };
    if !found.meta.is_deleting() && found.status.phase != "Terminating" {
        return Ok(());
    }
    let resource = GroupResource::new(kind.row().group, kind.row().plural);
    let why = format!(
        "unable to create new content in namespace {namespace} because it is being terminated"
    );
    let mut refusal = Refusal::forbidden(&resource, name, why);
    let mut details: Details = refusal.details.as_deref().cloned().unwrap_or_default();
    details.causes.push(Cause {
        reason: Name::new_static("NamespaceTerminating"),
        message: format!("namespace {namespace} is being terminated").into(),
        field: Name::new_static("metadata.namespace"),
    });
    refusal.details = Some(details.into());
    Err(refusal)
}

/// `NamespaceLifecycle` on a deletion.
///
/// # Errors
/// 403 for the namespaces of the system.
pub fn immortal_namespace(key: &ObjectKey) -> Result<(), Refusal> {
    if key.kind != Kind::NAMESPACE || !IMMORTAL.contains(&key.name.as_str()) {
        return Ok(());
    }
    let resource = GroupResource::new("", "namespaces");
    Err(Refusal::forbidden(&resource, &key.name, "this namespace may not be deleted"))
}

/// `TaintNodesByCondition`: a new node keeps pods away until the node controller has seen it ready.
///
/// Source: kubernetes v1.36 plugin/pkg/admission/nodetaint/admission.go, `Plugin.Admit`
pub fn taint_new_node(node: &mut Node) {
    let taint = Taint::new("node.kubernetes.io/not-ready", TaintEffect::NoSchedule);
    if !node.spec.taints.iter().any(|t| t.key == taint.key && t.effect == taint.effect) {
        node.spec.taints.push(taint);
    }
}

/// What admission puts into a pod: amounts, service account, priority, tolerations; and what the
/// limit ranges say that they have filled in.
///
/// # Errors
/// 403 when the priority class or the service account is not there, the priority was set by hand
/// to another value, or a limit range is broken.
pub fn admit_pod(pod: &Pod, look: &impl Lookup) -> Result<(Arc<PodSpec>, Option<Name>), Refusal> {
    let mut raw = (*pod.spec.raw).clone();
    let ranges = look.limit_ranges(&pod.meta.namespace);
    let mut filled = None;
    for range in &ranges {
        filled = limits::fill(range, &mut raw).or(filled);
    }
    let without = look.without();
    if !without.service_account {
        service_account(pod, &mut raw, look)?;
    }
    if !without.priority {
        priority(pod, &mut raw, look)?;
    }
    default_tolerations(pod, &mut raw);
    let spec = PodSpec::parse(raw).map_err(|e| Refusal::bad_request(&e.to_string()))?;
    for range in &ranges {
        within(&limits::against_pod(range, &spec), "pods", &pod.meta.name)?;
    }
    Ok((spec, filled))
}

/// Refuses what a limit range has something against.
fn within(against: &[String], plural: &str, name: &str) -> Result<(), Refusal> {
    if against.is_empty() {
        return Ok(());
    }
    Err(Refusal::forbidden(&GroupResource::new("", plural), name, aggregate(against)))
}

/// What admission has against an object that is no pod.
///
/// # Errors
/// 403, for a claim that breaks a limit range and for a second default priority class.
///
/// Source: kubernetes v1.36 plugin/pkg/admission/priority/admission.go,
/// `Plugin.validatePriorityClass`
pub fn admit_other(object: &Object, look: &impl Lookup) -> Result<(), Refusal> {
    let meta = object.meta();
    if object.kind() == Kind::PERSISTENT_VOLUME_CLAIM {
        let ranges = look.limit_ranges(&meta.namespace);
        if ranges.is_empty() {
            return Ok(());
        }
        let claim = object.as_a::<PersistentVolumeClaim>();
        let request = claim.and_then(|c| c.spec.resources.requests.get("storage"));
        for range in &ranges {
            let against = limits::against_claim(range, request);
            within(&against, "persistentvolumeclaims", &meta.name)?;
        }
    }
    if let (Object::PriorityClass(class), Some(other)) = (object, look.default_priority_class())
        && class.global_default
    {
        let other = &other.meta().name;
        let why = format!(
            "PriorityClass {other} is already marked as default. Only one default can exist"
        );
        let resource = GroupResource::new("scheduling.k8s.io", "priorityclasses");
        return Err(Refusal::forbidden(&resource, &meta.name, why));
    }
    Ok(())
}

type Raw = serde_json::Map<String, Value>;

/// `ServiceAccount`: the account named `default`, if the pod names none; it has to be there.
///
/// Differs: no token volume is added, as its random name would give each pod an own spec, and
/// nothing in the simulator reads it.
///
/// Source: kubernetes v1.36 plugin/pkg/admission/serviceaccount/admission.go, `Admit`
fn service_account(pod: &Pod, raw: &mut Raw, look: &impl Lookup) -> Result<(), Refusal> {
    if pod.meta.annotations.has("kubernetes.io/config.mirror") {
        return Ok(());
    }
    let mut name = pod.spec.service_account_name.clone();
    if name.is_empty() {
        name = Name::new_static("default");
        raw.insert("serviceAccountName".into(), "default".into());
        raw.insert("serviceAccount".into(), "default".into());
    }
    let namespace = &pod.meta.namespace;
    if look.find(&ObjectKey::new(Kind::SERVICE_ACCOUNT, namespace, &name)).is_some() {
        return Ok(());
    }
    let why = format!(
        "error looking up service account {namespace}/{name}: serviceaccount \"{name}\" not found"
    );
    Err(Refusal::forbidden(&GroupResource::new("", "pods"), &pod.meta.name, why))
}

/// `Priority`: the value of the pod's class, or of the default class, or 0.
///
/// Source: kubernetes v1.36 plugin/pkg/admission/priority/admission.go, `admitPod`
fn priority(pod: &Pod, raw: &mut Raw, look: &impl Lookup) -> Result<(), Refusal> {
    let resource = GroupResource::new("", "pods");
    let named = &pod.spec.priority_class_name;
    let (class, value, policy) = if named.is_empty() {
        match look.default_priority_class() {
            Some(Object::PriorityClass(c)) => {
                (c.meta.name.clone(), c.value, c.preemption_policy.clone())
            }
            Some(_) | None => (Name::default(), 0, None),
        }
    } else {
        match system_class(named) {
            Some(value) => (named.clone(), value, None),
            None => match look.find(&ObjectKey::new(Kind::PRIORITY_CLASS, "", named)) {
                Some(Object::PriorityClass(c)) => {
                    (named.clone(), c.value, c.preemption_policy.clone())
                }
                Some(_) | None => {
                    let why = format!("no PriorityClass with name {named} was found");
                    return Err(Refusal::forbidden(&resource, &pod.meta.name, why));
                }
            },
        }
    };
    if pod.spec.priority.is_some_and(|given| given != value) {
        let why = "the integer value of priority must not be provided in pod spec; priority \
                   admission controller computed a different value from the given PriorityClass \
                   name";
        return Err(Refusal::forbidden(&resource, &pod.meta.name, why));
    }
    if !class.is_empty() {
        raw.insert("priorityClassName".into(), class.as_str().into());
    }
    raw.insert("priority".into(), value.into());
    let policy = policy.as_deref().unwrap_or("PreemptLowerPriority");
    if pod.spec.preemption_policy.as_deref().is_some_and(|given| given != policy) {
        let why = format!(
            "the string value of PreemptionPolicy must not be provided in pod spec; priority \
             admission controller computed {policy} from the given PriorityClass name"
        );
        return Err(Refusal::forbidden(&resource, &pod.meta.name, why));
    }
    raw.entry("preemptionPolicy").or_insert_with(|| policy.into());
    Ok(())
}

/// The classes that every cluster has.
///
/// Source: kubernetes v1.36 pkg/apis/scheduling/v1/helpers.go, `SystemPriorityClasses`
fn system_class(name: &str) -> Option<i32> {
    match name {
        "system-node-critical" => Some(2_000_001_000),
        "system-cluster-critical" => Some(2_000_000_000),
        _ => None,
    }
}

/// What `DefaultTolerationSeconds` adds: 300 s on a node that is not ready or cannot be reached.
const DEFAULT_TOLERATED: [&str; 2] =
    ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

fn default_toleration(key: &str) -> Value {
    json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})
}

/// `DefaultTolerationSeconds` on a creation.
///
/// Source: kubernetes v1.36 plugin/pkg/admission/defaulttolerationseconds/admission.go, `Admit`
fn default_tolerations(pod: &Pod, raw: &mut Raw) {
    for key in DEFAULT_TOLERATED {
        let tolerated = pod.spec.tolerations.iter().any(|t| {
            (t.key == key || t.key.is_empty())
                && t.effect.is_none_or(|e| e == crate::api::taint::TaintEffect::NoExecute)
        });
        if !tolerated {
            let list = raw.entry("tolerations").or_insert_with(|| json!([]));
            if let Value::Array(list) = list {
                list.push(default_toleration(key));
            }
        }
    }
}

/// `DefaultTolerationSeconds` on an update: whoever writes a pod as it was first written does not
/// take from it what was added then.
///
/// Source: kubernetes v1.36 plugin/pkg/admission/defaulttolerationseconds/admission.go, `Admit`
pub fn tolerate_again(pod: &mut Value) {
    let Some(spec) = pod.get_mut("spec").and_then(Value::as_object_mut) else { return };
    let list = spec.entry("tolerations").or_insert_with(|| json!([]));
    let Value::Array(list) = list else { return };
    for key in DEFAULT_TOLERATED {
        let is = |t: &Value, field: &str, wanted: &str| {
            t[field].as_str().is_none_or(|text| text.is_empty() || text == wanted)
        };
        if !list.iter().any(|t| is(t, "key", key) && is(t, "effect", "NoExecute")) {
            list.push(default_toleration(key));
        }
    }
}
