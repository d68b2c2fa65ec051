//! What the plugins that rank nodes by their resources share: how much of each a node has, and how
//! much would be taken with the pod on it.

use crate::api::Name;
use crate::api::resource::Resources;
use crate::scheduler::cache::NodeInfo;
use crate::scheduler::config::ScoredResources;

/// One resource that nodes are ranked by.
#[derive(Clone, Debug)]
pub(crate) struct Scored {
    which: Which,
    pub(crate) weight: i64,
    pub(crate) request: i64,
}

/// A resource, told apart once a pod and not once a node.
#[derive(Clone, Debug)]
enum Which {
    Cpu,
    Memory,
    EphemeralStorage,
    Scalar(Name),
    /// One that is not counted: `pods`, or an extended one that the pod does not ask for.
    Nothing,
}

/// What of a node counts as taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Taken {
    /// The requests, as they are.
    Requested,
    /// The requests, containers without one counted with the defaults.
    Scoring,
}

/// The resources that nodes are ranked by, with what a pod requests of each.
pub(crate) fn of_pod(resources: &ScoredResources, requests: &Resources) -> Vec<Scored> {
    let scored = resources.0.iter().map(|(name, weight)| {
        let request = requests.get(name);
        Scored { which: which(name, request), weight: *weight, request }
    });
    scored.collect()
}

/// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/noderesources/resource_allocation.go,
/// `calculateResourceAllocatableRequest`
fn which(name: &Name, request: i64) -> Which {
    match name.as_str() {
        "cpu" => Which::Cpu,
        "memory" => Which::Memory,
        "ephemeral-storage" => Which::EphemeralStorage,
        "pods" => Which::Nothing,
        _ if request == 0 && is_scalar(name) => Which::Nothing,
        _ => Which::Scalar(name.clone()),
    }
}

/// Source: kubernetes v1.36 pkg/scheduler/util/utils.go, `IsScalarResourceName`
fn is_scalar(name: &str) -> bool {
    name.contains('/') || name.starts_with("hugepages-") || name.starts_with("attachable-volumes-")
}

/// Whether a resource is an extended one.
///
/// Source: kubernetes v1.36 pkg/apis/core/v1/helper/helpers.go, `IsExtendedResourceName`
pub(crate) fn is_extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/") && !name.starts_with("requests.")
}

impl Scored {
    /// How much a node has, and how much is taken without the pod.
    pub(crate) fn on(&self, node: &NodeInfo, taken: Taken) -> (i64, i64) {
        let (has, used) = (&node.allocatable, &node.requested);
        match (&self.which, taken) {
            (Which::Cpu, Taken::Requested) => (has.milli_cpu, used.milli_cpu),
            (Which::Cpu, Taken::Scoring) => (has.milli_cpu, node.scoring_milli_cpu),
            (Which::Memory, Taken::Requested) => (has.memory, used.memory),
            (Which::Memory, Taken::Scoring) => (has.memory, node.scoring_memory),
            (Which::EphemeralStorage, _) => (has.ephemeral_storage, used.ephemeral_storage),
            (Which::Scalar(name), _) => (has.get(name), used.get(name)),
            (Which::Nothing, _) => (0, 0),
        }
    }
}
