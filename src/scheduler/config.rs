//! How a scheduler is set up, as a value: what a `KubeSchedulerConfiguration` says.

mod selection;

use std::fmt;
use std::sync::Arc;

use crate::api::Name;
use crate::api::core::pod::NodeAffinity;
use crate::api::core::pod_terms::SpreadConstraint;
use crate::api::gates::{Gate, Gates};
use crate::api::taint::ComparisonOperators;
use crate::scheduler::framework::Plugin;
use crate::scheduler::plugins::Point;
use crate::sim::time::SimDuration;

pub use selection::{Changes, Selection};

/// A scheduler's configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// The profiles; each answers for the pods that name it.
    pub profiles: Vec<ProfileConfig>,
    /// How many of a hundred nodes are to be found before the search ends; 0 leaves it to the
    /// number of nodes.
    pub percentage_of_nodes_to_score: i32,
    /// How pods wait.
    pub queue: QueueConfig,
    /// The virtual time that one attempt takes.
    pub attempt: SimDuration,
    /// Its feature gates.
    pub gates: Gates,
    /// Requests a second and at once of its client, where they are written.
    pub client: Option<(u32, u32)>,
    /// Whether it acts only while it leads.
    pub elects: bool,
}

impl Config {
    /// Takes up feature gates, and what follows from them in queue and plugins.
    pub fn set_gates(&mut self, gates: Gates) {
        self.gates = gates;
        self.queue.pop_from_backoff = gates.is_on(Gate::SchedulerPopFromBackoffQ);
        for profile in &mut self.profiles {
            profile.args.comparison_operators = ComparisonOperators::of(gates);
        }
    }
}

/// How pods wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueueConfig {
    /// The first pause after a failure; it doubles.
    pub initial_backoff: SimDuration,
    /// The longest pause.
    pub max_backoff: SimDuration,
    /// A pod that was rejected is tried again after this time, whatever happens.
    pub max_in_unschedulable: SimDuration,
    /// The gate `SchedulerPopFromBackoffQ`: a pod in backoff is taken when no other waits.
    pub pop_from_backoff: bool,
}

/// A profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProfileConfig {
    /// The scheduler's name that pods carry.
    pub scheduler_name: Name,
    /// Its own percentage of nodes to score.
    pub percentage_of_nodes_to_score: Option<i32>,
    /// The plugins that are in force.
    pub plugins: Selection,
    /// The plugins' arguments.
    pub args: PluginArgs,
    /// Plugins of one's own, behind them.
    pub own: Vec<OwnPlugin>,
}

/// A plugin of one's own: its row.
#[derive(Clone)]
pub struct OwnPlugin {
    /// Its name.
    pub name: &'static str,
    /// The weight of its scores.
    pub weight: i64,
    /// The points at which it has a say.
    pub points: &'static [Point],
    /// It.
    pub plugin: Arc<dyn Plugin>,
}

impl PartialEq for OwnPlugin {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.plugin, &other.plugin) && self.weight == other.weight
    }
}

impl Eq for OwnPlugin {}

impl fmt::Debug for OwnPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("OwnPlugin");
        shown.field("name", &self.name).field("weight", &self.weight).finish_non_exhaustive()
    }
}

/// The arguments of the plugins.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PluginArgs {
    /// `NodeAffinityArgs.addedAffinity`.
    pub added_affinity: Option<NodeAffinity>,
    /// `NodeResourcesFitArgs`.
    pub fit: FitArgs,
    /// `NodeResourcesBalancedAllocationArgs.resources`.
    pub balanced_resources: ScoredResources,
    /// The gate `TaintTolerationComparisonOperators`.
    pub comparison_operators: ComparisonOperators,
    /// `PodTopologySpreadArgs`.
    pub spread_defaults: SpreadDefaults,
    /// `InterPodAffinityArgs`.
    pub affinity: AffinityArgs,
    /// `DefaultPreemptionArgs`.
    pub preemption: PreemptionArgs,
    /// `VolumeBindingArgs.bindTimeoutSeconds`, where it is written.
    pub bind_timeout: Option<SimDuration>,
}

/// How pods without constraints are spread.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum SpreadDefaults {
    /// Softly over nodes and zones.
    #[default]
    System,
    /// By these constraints, which name no pods.
    List(Vec<SpreadConstraint>),
}

/// `InterPodAffinityArgs`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AffinityArgs {
    /// What a pod's required affinity counts for pods that come after it.
    pub hard_weight: i64,
    /// Whether what pods that are there prefer counts only for pods that prefer something too.
    pub ignores_preferred_of_existing: bool,
}

/// `DefaultPreemptionArgs`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PreemptionArgs {
    /// Of a hundred nodes so many are tried at least.
    pub min_candidate_nodes_percentage: usize,
    /// So many are tried at least.
    pub min_candidate_nodes_absolute: usize,
}

impl Default for AffinityArgs {
    /// Source: kubernetes v1.36 pkg/scheduler/apis/config/v1/defaults.go,
    /// `SetDefaults_InterPodAffinityArgs`
    fn default() -> Self {
        AffinityArgs { hard_weight: 1, ignores_preferred_of_existing: false }
    }
}

impl Default for PreemptionArgs {
    /// Source: kubernetes v1.36 pkg/scheduler/apis/config/v1/defaults.go,
    /// `SetDefaults_DefaultPreemptionArgs`
    fn default() -> Self {
        PreemptionArgs { min_candidate_nodes_percentage: 10, min_candidate_nodes_absolute: 100 }
    }
}

/// `NodeResourcesFitArgs`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FitArgs {
    /// Extended resources that the filter leaves out.
    pub ignored_resources: Vec<Name>,
    /// Prefixes of extended resources that the filter leaves out.
    pub ignored_resource_groups: Vec<Name>,
    /// How nodes are ranked.
    pub strategy: Strategy,
    /// By which resources nodes are ranked.
    pub resources: ScoredResources,
}

/// How nodes are ranked by their resources.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Strategy {
    /// The emptiest first.
    #[default]
    LeastAllocated,
    /// The fullest first.
    MostAllocated,
    /// By a function of how full they are.
    RequestedToCapacityRatio(Shape),
}

/// A function given by points: utilisation from 0 to 100, score from 0 to 10.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Shape(pub Vec<(i64, i64)>);

/// Resources with weights.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScoredResources(pub Vec<(Name, i64)>);

impl Default for ScoredResources {
    fn default() -> Self {
        ScoredResources(vec![(Name::new_static("cpu"), 1), (Name::new_static("memory"), 1)])
    }
}

impl Default for QueueConfig {
    /// Source: kubernetes v1.36 pkg/scheduler/backend/queue/scheduling_queue.go,
    /// `DefaultPodInitialBackoffDuration` and its neighbours
    fn default() -> Self {
        QueueConfig {
            initial_backoff: SimDuration::secs(1),
            max_backoff: SimDuration::secs(10),
            max_in_unschedulable: SimDuration::secs(300),
            pop_from_backoff: true,
        }
    }
}

impl Default for ProfileConfig {
    fn default() -> Self {
        ProfileConfig {
            scheduler_name: Name::new_static("default-scheduler"),
            percentage_of_nodes_to_score: None,
            plugins: Selection::default(),
            args: PluginArgs::default(),
            own: Vec::new(),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            profiles: vec![ProfileConfig::default()],
            percentage_of_nodes_to_score: 0,
            queue: QueueConfig::default(),
            attempt: SimDuration::millis(1),
            gates: Gates::DEFAULT,
            client: None,
            elects: true,
        }
    }
}
