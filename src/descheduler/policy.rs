//! The descheduler's policy, as a value.

use std::collections::BTreeMap;

use crate::api::Name;
use crate::api::selector::Selector;
use crate::sim::time::SimDuration;

/// How the descheduler is run.
///
/// Source: descheduler pkg/api/types.go, `DeschedulerPolicy`
#[derive(Clone, PartialEq, Debug)]
pub struct Policy {
    /// From the beginning of one round to that of the next: `--descheduling-interval`.
    pub interval: SimDuration,
    /// Which nodes are looked at; none for all.
    pub node_selector: Option<Selector>,
    /// So many evictions at most in a round.
    pub limits: Limits,
    /// What is done in a round, one after the other.
    pub profiles: Vec<Profile>,
}

/// How many evictions a round has at most; none for any number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Limits {
    /// From one node.
    pub per_node: Option<usize>,
    /// In one namespace.
    pub per_namespace: Option<usize>,
    /// Altogether.
    pub total: Option<usize>,
}

/// Strategies, and which pods they may evict.
#[derive(Clone, PartialEq, Debug)]
pub struct Profile {
    /// Its name.
    pub name: Name,
    /// Which pods may be evicted.
    pub evictor: Evictor,
    /// The strategies that balance nodes, in their order.
    pub balance: Vec<Strategy>,
}

/// Which pods may be evicted.
///
/// Source: descheduler pkg/framework/plugins/defaultevictor/types.go, `DefaultEvictorArgs`
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a protection of its own")]
pub struct Evictor {
    /// Whether a pod is evicted only if it would fit on another node.
    pub node_fit: bool,
    /// Which nodes count for that; none for all.
    pub node_selector: Option<Selector>,
    /// The labels that a pod must have; none for any.
    pub selector: Option<Selector>,
    /// Pods of this priority and above stay.
    pub priority_threshold: Option<i32>,
    /// Pods of owners with fewer pods stay.
    pub min_replicas: usize,
    /// Younger pods stay.
    pub min_pod_age: Option<SimDuration>,
    /// Whether a pod's wish not to be evicted counts.
    pub honors_wish_to_stay: bool,
    /// Whether pods with an `emptyDir` or `hostPath` stay.
    pub protects_local_storage: bool,
    /// Whether pods of `DaemonSet`s stay.
    pub protects_daemon_sets: bool,
    /// Whether pods that the system cannot do without stay, and those above the threshold.
    pub protects_system_critical: bool,
    /// Whether pods without an owner stay even when they have failed.
    pub protects_failed_bare: bool,
    /// Whether pods with a claim stay.
    pub protects_claims: bool,
    /// Whether pods stay that no disruption budget covers.
    pub protects_without_budget: bool,
}

impl Default for Evictor {
    fn default() -> Self {
        Evictor {
            node_fit: false,
            node_selector: None,
            selector: None,
            priority_threshold: None,
            min_replicas: 0,
            min_pod_age: None,
            honors_wish_to_stay: false,
            protects_local_storage: true,
            protects_daemon_sets: true,
            protects_system_critical: true,
            protects_failed_bare: true,
            protects_claims: false,
            protects_without_budget: false,
        }
    }
}

/// Namespaces that count: those of the first list, or all but those of the second.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Namespaces {
    /// These only; empty for all.
    pub include: Vec<Name>,
    /// All but these.
    pub exclude: Vec<Name>,
}

impl Namespaces {
    /// Whether a namespace counts.
    pub fn count(&self, namespace: &Name) -> bool {
        (self.include.is_empty() || self.include.contains(namespace))
            && !self.exclude.contains(namespace)
    }
}

/// What stands badly.
#[derive(Clone, PartialEq, Debug)]
pub enum Strategy {
    /// Pods of one owner that share a node while others have room for them.
    Duplicates(Duplicates),
    /// Pods that are spread less evenly than they ask for.
    Spread(Spread),
    /// Pods of nodes of which much is asked, while others are asked for little.
    Utilization(Utilization),
}

impl Strategy {
    /// Its name, which is the reason of the events that it leads to.
    pub fn name(&self) -> &'static str {
        match self {
            Strategy::Duplicates(_) => "RemoveDuplicates",
            Strategy::Spread(_) => "RemovePodsViolatingTopologySpreadConstraint",
            Strategy::Utilization(_) => "LowNodeUtilization",
        }
    }
}

/// Source: descheduler pkg/framework/plugins/removeduplicates/types.go,
/// `RemoveDuplicatesArgs`
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Duplicates {
    /// Where pods are looked at.
    pub namespaces: Namespaces,
    /// Pods of owners of these kinds are left alone.
    pub exclude_owner_kinds: Vec<Name>,
}

/// Source: descheduler
/// pkg/framework/plugins/removepodsviolatingtopologyspreadconstraint/types.go,
/// `RemovePodsViolatingTopologySpreadConstraintArgs`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spread {
    /// Where pods are looked at.
    pub namespaces: Namespaces,
    /// The labels that a pod must have to be evicted; none for any.
    pub selector: Option<Selector>,
    /// Whether constraints that must hold count.
    pub hard: bool,
    /// Whether constraints that had better hold count.
    pub soft: bool,
    /// Whether a pod is evicted only if it would fit on a node with fewer of them.
    pub node_fit: bool,
}

impl Default for Spread {
    fn default() -> Self {
        Spread {
            namespaces: Namespaces::default(),
            selector: None,
            hard: true,
            soft: false,
            node_fit: true,
        }
    }
}

/// Shares of a node's resources, in percent.
pub type Percentages = BTreeMap<Name, f64>;

/// Source: descheduler pkg/framework/plugins/nodeutilization/types.go,
/// `LowNodeUtilizationArgs`
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Utilization {
    /// A node of which no more than this is asked for is used little.
    pub thresholds: Percentages,
    /// A node of which more than this is asked for of any resource is used much.
    pub target_thresholds: Percentages,
    /// Whether both are counted from the average of the nodes.
    pub is_deviation: bool,
    /// With so many nodes that are used little, or fewer, nothing is done.
    pub number_of_nodes: usize,
    /// Namespaces whose pods stay.
    pub exclude_namespaces: Vec<Name>,
    /// So many evictions from one node at most.
    pub per_node: Option<usize>,
}
