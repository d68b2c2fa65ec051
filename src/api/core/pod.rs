//! Pod: what is to run, where it was put, and what became of it.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::api::Name;
use crate::api::condition::{self, Condition};
use crate::api::core::container::{Container, ContainerStatus};
use crate::api::core::pod_storage::PodStorage;
use crate::api::core::pod_terms::{PodTerms, SpreadConstraint};
use crate::api::gates::Gates;
use crate::api::labels::Labels;
use crate::api::meta::{Meta, Rest};
use crate::api::resource::{ResourceList, Resources};
use crate::api::taint::Toleration;
use crate::api::time::Time;

/// A pod. The spec is shared by all pods of a template; where it was put stands apart.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pod {
    /// Its metadata.
    pub meta: Meta,
    /// What is to run.
    pub spec: Arc<PodSpec>,
    /// The node that it was bound to; empty before.
    pub node_name: Name,
    /// What became of it.
    pub status: Arc<PodStatus>,
}

/// What a pod is to run: the fields that the simulator acts upon, beside the whole as written.
///
/// Made only by [`PodSpec::parse`], so that both always agree.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    /// The spec as it was written and defaulted, without `nodeName`.
    #[serde(skip)]
    pub raw: Arc<Map<String, Value>>,
    /// Containers that run before the others, sidecars among them.
    pub init_containers: Vec<Container>,
    /// The containers.
    pub containers: Vec<Container>,
    /// When containers are started again.
    pub restart_policy: RestartPolicy,
    /// How long containers may take to end.
    pub termination_grace_period_seconds: Option<i64>,
    /// The pod fails when it runs longer.
    pub active_deadline_seconds: Option<i64>,
    /// Labels that a node must have.
    pub node_selector: Labels,
    /// Node and pod affinity.
    pub affinity: Option<Affinity>,
    /// Taints that it bears.
    pub tolerations: Vec<Toleration>,
    /// Which scheduler places it.
    pub scheduler_name: Name,
    /// Whether it uses the node's network.
    pub host_network: bool,
    /// Its name of a priority class.
    pub priority_class_name: Name,
    /// Its priority; none counts as 0.
    pub priority: Option<i32>,
    /// `Never` or `PreemptLowerPriority`.
    pub preemption_policy: Option<Name>,
    /// Resources of the sandbox itself.
    pub overhead: ResourceList,
    /// Resources of the pod as a whole.
    pub resources: Option<crate::api::core::container::ResourceRequirements>,
    /// Conditions that have to hold before it is ready.
    pub readiness_gates: Vec<ReadinessGate>,
    /// While there are any it is not scheduled.
    pub scheduling_gates: Vec<SchedulingGate>,
    /// The name of its service account.
    pub service_account_name: Name,
    /// Its host name, if it has an own one.
    pub hostname: Name,
    /// Its subdomain.
    pub subdomain: Name,
    /// Effective requests, computed once.
    #[serde(skip)]
    pub requests: Resources,
    /// Effective requests for scoring: containers without a request count with the defaults.
    #[serde(skip)]
    pub scoring_requests: Resources,
    /// Host ports, as (IP, protocol, port), computed once.
    #[serde(skip)]
    pub host_ports: Vec<HostPort>,
    /// Its quality of service, computed once.
    #[serde(skip)]
    pub qos_class: QosClass,
    /// Affinity to pods and away from them, made ready once.
    #[serde(skip)]
    pub pod_terms: PodTerms,
    /// How it is to be spread, made ready once.
    #[serde(skip)]
    pub spread: Vec<SpreadConstraint>,
    /// Its volumes that storage has to do with; most pods have none.
    #[serde(skip)]
    pub storage: Option<Arc<PodStorage>>,
    /// What was found out about it so far.
    #[serde(skip)]
    pub known: Known,
}

/// What was found out about a pod spec, for all who share it: a spec never changes, so an answer
/// that follows from it alone holds for good. A copy knows nothing.
#[derive(Debug, Default)]
pub struct Known {
    /// The gates under which it passed validation as part of the template of a workload.
    pub as_template: OnceLock<Gates>,
    /// The spec of a pod that is made of it, defaulted and validated under these gates.
    pub as_pod: OnceLock<(Gates, Arc<PodSpec>)>,
    /// The text whose hash names a template of it, and the template's metadata.
    pub text: OnceLock<(Meta, String)>,
}

impl Clone for Known {
    fn clone(&self) -> Self {
        Known::default()
    }
}

/// A port of the node that a container takes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HostPort {
    /// The address; `0.0.0.0` for all.
    pub ip: Name,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: Name,
    /// The port.
    pub port: i32,
}

/// When containers are started again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum RestartPolicy {
    /// Whatever the exit code was.
    #[default]
    Always,
    /// When the exit code was not 0.
    OnFailure,
    /// Never.
    Never,
}

/// A pod's quality of service.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub enum QosClass {
    /// Nothing is requested.
    #[default]
    BestEffort,
    /// Something is requested.
    Burstable,
    /// All is limited, and requests equal limits.
    Guaranteed,
}

/// Affinity of a pod.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Affinity {
    /// To nodes.
    pub node_affinity: Option<NodeAffinity>,
    /// To pods, as it was written.
    pub pod_affinity: Option<Value>,
    /// Away from pods, as it was written.
    pub pod_anti_affinity: Option<Value>,
}

/// Affinity to nodes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NodeAffinity {
    /// One of the terms must match.
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    pub required: Option<NodeSelector>,
    /// Each term that matches adds its weight.
    #[serde(rename = "preferredDuringSchedulingIgnoredDuringExecution")]
    pub preferred: Vec<PreferredTerm>,
}

/// Terms of which one must match.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSelector {
    /// The terms, any of which will do.
    pub node_selector_terms: Vec<NodeSelectorTerm>,
}

/// Requirements all of which must hold.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSelectorTerm {
    /// On labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<NodeRequirement>,
    /// On fields; only `metadata.name`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_fields: Vec<NodeRequirement>,
}

/// One requirement of a node selector.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeRequirement {
    /// The label or field.
    pub key: Name,
    /// `In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt`, `Lt`.
    pub operator: Name,
    /// The values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Name>,
}

/// A term with a weight.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PreferredTerm {
    /// 1 to 100.
    pub weight: i32,
    /// What is preferred.
    pub preference: NodeSelectorTerm,
}

/// A condition that has to hold before the pod is ready.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReadinessGate {
    /// The condition's type.
    pub condition_type: Name,
}

/// A gate that holds the pod back from scheduling.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SchedulingGate {
    /// Its name.
    pub name: Name,
}

/// What became of a pod.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    /// The generation of the spec that the kubelet has taken up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where it is in its life.
    pub phase: PodPhase,
    /// What is true of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// A sentence: why it is so.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub message: Name,
    /// One word: why it is so.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub reason: Name,
    /// The node that preemption has made room on.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub nominated_node_name: Name,
    /// The node's address.
    #[serde(rename = "hostIP", skip_serializing_if = "Name::is_empty")]
    pub host_ip: Name,
    /// The pod's address.
    #[serde(rename = "podIP", skip_serializing_if = "Name::is_empty")]
    pub pod_ip: Name,
    /// When the kubelet took it up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// Of its init containers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub init_container_statuses: Vec<ContainerStatus>,
    /// Of its containers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub container_statuses: Vec<ContainerStatus>,
    /// Its quality of service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qos_class: Option<QosClass>,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Where a pod is in its life.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub enum PodPhase {
    /// Not all of its containers have been started.
    #[default]
    Pending,
    /// At least one container runs.
    Running,
    /// All containers have ended well and will not be started again.
    Succeeded,
    /// All containers have ended, at least one badly.
    Failed,
    /// The node does not answer.
    Unknown,
}

impl PodPhase {
    /// Its text on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            PodPhase::Pending => "Pending",
            PodPhase::Running => "Running",
            PodPhase::Succeeded => "Succeeded",
            PodPhase::Failed => "Failed",
            PodPhase::Unknown => "Unknown",
        }
    }
}

impl Pod {
    /// Whether it has ended for good.
    ///
    /// Source: kubernetes v1.36 pkg/api/v1/pod/util.go, `IsPodTerminal`
    pub fn is_terminal(&self) -> bool {
        matches!(self.status.phase, PodPhase::Succeeded | PodPhase::Failed)
    }

    /// Whether controllers count it: neither ended nor on its way out.
    ///
    /// Source: kubernetes v1.36 pkg/controller/controller_utils.go, `IsPodActive`
    pub fn is_active(&self) -> bool {
        !self.is_terminal() && !self.meta.is_deleting()
    }

    /// Whether its Ready condition holds.
    ///
    /// Source: kubernetes v1.36 pkg/api/v1/pod/util.go, `IsPodReady`
    pub fn is_ready(&self) -> bool {
        condition::is_true(&self.status.conditions, "Ready")
    }

    /// Whether it has been ready for at least `min_ready_seconds`.
    ///
    /// Source: kubernetes v1.36 pkg/api/v1/pod/util.go, `IsPodAvailable`
    pub fn is_available(&self, min_ready_seconds: i32, now: Time) -> bool {
        let Some(ready) = condition::find(&self.status.conditions, "Ready") else { return false };
        if !ready.is_true() {
            return false;
        }
        let Ok(min) = u64::try_from(min_ready_seconds) else { return true };
        if min == 0 {
            return true;
        }
        let span = crate::sim::time::SimDuration::secs(min);
        ready.last_transition_time.is_some_and(|since| since.plus(span) <= now)
    }

    /// Its priority; none counts as 0.
    pub fn priority(&self) -> i32 {
        self.spec.priority.unwrap_or(0)
    }
}

impl PartialEq for PodSpec {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.raw, &other.raw) || self.raw == other.raw
    }
}

impl Eq for PodSpec {}

impl PodSpec {
    /// Reads a spec that has been defaulted and validated; `nodeName` is left to the caller.
    ///
    /// # Errors
    /// When a field that the simulator acts upon has another type than Kubernetes gives it.
    pub fn parse(mut raw: Map<String, Value>) -> Result<Arc<PodSpec>, serde_json::Error> {
        raw.remove("nodeName");
        let mut value = Value::Object(raw);
        strip_nulls(&mut value);
        let mut spec = PodSpec::deserialize(&value)?;
        if let Value::Object(raw) = value {
            spec.spread = SpreadConstraint::all(&raw);
            spec.storage = PodStorage::of(&raw);
            spec.raw = Arc::new(raw);
        }
        if let Some(affinity) = &spec.affinity {
            let (near, away) = (&affinity.pod_affinity, &affinity.pod_anti_affinity);
            spec.pod_terms = PodTerms::new(near.as_ref(), away.as_ref());
        }
        crate::api::core::pod_requests::compute(&mut spec);
        Ok(Arc::new(spec))
    }

    /// All containers: init containers first.
    pub fn all_containers(&self) -> impl Iterator<Item = &Container> {
        self.init_containers.iter().chain(&self.containers)
    }
}

/// Removes members that are null, at every depth, as the apiserver does not store them.
pub fn strip_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, v| !v.is_null());
            map.values_mut().for_each(strip_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
