//! The plugins of the scheduler: the table that names them all, in the order in which they run.

pub mod default_binder;
pub mod default_preemption;
mod domain;
pub mod dynamic_resources;
pub mod image_locality;
pub mod inter_pod_affinity;
pub mod node_affinity;
pub mod node_name;
pub mod node_ports;
pub mod node_resources_balanced_allocation;
pub mod node_resources_fit;
pub mod node_unschedulable;
pub mod node_volume_limits;
pub mod pod_topology_spread;
pub mod priority_sort;
pub mod resource_score;
pub mod scheduling_gates;
pub mod taint_toleration;
pub mod volume_binding;
pub mod volume_restrictions;
pub mod volume_zone;

use std::sync::{Arc, OnceLock};

use crate::scheduler::config::PluginArgs;
use crate::scheduler::framework::Plugin;

use pod_topology_spread as spread;

/// A plugin: the number of its row in the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PluginId(pub u8);

/// Some of the plugins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct PluginSet(pub u32);

/// The points of a scheduling attempt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Point {
    /// Before a pod is queued.
    PreEnqueue,
    /// Which pod goes first.
    QueueSort,
    /// Before nodes are looked at.
    PreFilter,
    /// Each node.
    Filter,
    /// After no node was found.
    PostFilter,
    /// Before nodes are ranked.
    PreScore,
    /// Each node that can do.
    Score,
    /// Setting things aside.
    Reserve,
    /// Waiting before the binding.
    Permit,
    /// Before the binding.
    PreBind,
    /// The binding.
    Bind,
    /// After the binding.
    PostBind,
    /// Ranking of placements of whole groups.
    PlacementScore,
}

impl Point {
    /// All points, in the order of an attempt.
    pub const ALL: [Point; 13] = [
        Point::PreEnqueue,
        Point::QueueSort,
        Point::PreFilter,
        Point::Filter,
        Point::PostFilter,
        Point::PreScore,
        Point::Score,
        Point::Reserve,
        Point::Permit,
        Point::PreBind,
        Point::Bind,
        Point::PostBind,
        Point::PlacementScore,
    ];

    /// Kubernetes' name of it.
    pub fn name(self) -> &'static str {
        match self {
            Point::PreEnqueue => "PreEnqueue",
            Point::QueueSort => "QueueSort",
            Point::PreFilter => "PreFilter",
            Point::Filter => "Filter",
            Point::PostFilter => "PostFilter",
            Point::PreScore => "PreScore",
            Point::Score => "Score",
            Point::Reserve => "Reserve",
            Point::Permit => "Permit",
            Point::PreBind => "PreBind",
            Point::Bind => "Bind",
            Point::PostBind => "PostBind",
            Point::PlacementScore => "PlacementScore",
        }
    }
}

/// A row of the table.
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// The weight of its scores that the default profile states.
    pub weight: Option<i64>,
    /// The points at which it has a say.
    pub points: &'static [Point],
    /// Whether the default profile has it.
    pub is_default: bool,
    /// Makes it of the arguments; none for a plugin that is known and not modelled: it then has
    /// nothing to say.
    pub make: Option<Make>,
}

/// Makes a plugin of the arguments.
pub type Make = fn(&PluginArgs) -> Arc<dyn Plugin>;

/// The rows of plugins of users' own, which no profile has by itself: only their names are known
/// here.
static OWN: [OnceLock<Row>; MOST_OWN] = [const { OnceLock::new() }; MOST_OWN];

/// So many plugins of users' own have names in one process.
const MOST_OWN: usize = 8;

/// Declares the plugins, in the order of the default profile.
macro_rules! plugins {
    ($($name:ident: $weight:expr, [$($point:ident),*], $make:expr;)*) => {
        /// The rows, by number.
        ///
        /// Source: kubernetes v1.36 pkg/scheduler/apis/config/v1/default_plugins.go,
        /// `getDefaultPlugins`
        pub const PLUGINS: &[Row] = &[
            $(Row { name: stringify!($name), weight: $weight, points: &[$(Point::$point),*], is_default: true, make: $make },)*
        ];
    };
}

plugins! {
    SchedulingGates: None, [PreEnqueue], Some(scheduling_gates::make);
    PrioritySort: None, [QueueSort], Some(priority_sort::make);
    NodeUnschedulable: None, [Filter], Some(node_unschedulable::make);
    NodeName: None, [Filter], Some(node_name::make);
    TaintToleration: Some(3), [Filter, PreScore, Score], Some(taint_toleration::make);
    NodeAffinity: Some(2), [PreFilter, Filter, PreScore, Score], Some(node_affinity::make);
    NodePorts: None, [PreFilter, Filter], Some(node_ports::make);
    NodeResourcesFit: Some(1), [PreFilter, Filter, PreScore, Score, PlacementScore], Some(node_resources_fit::make);
    VolumeRestrictions: None, [PreFilter, Filter], Some(volume_restrictions::make);
    NodeVolumeLimits: None, [PreFilter, Filter], Some(node_volume_limits::make);
    VolumeBinding: None, [PreFilter, Filter, PreScore, Score, Reserve, PreBind],
        Some(volume_binding::make);
    VolumeZone: None, [PreFilter, Filter], Some(volume_zone::make);
    PodTopologySpread: Some(2), [PreFilter, Filter, PreScore, Score], Some(spread::make);
    InterPodAffinity: Some(2), [PreFilter, Filter, PreScore, Score], Some(inter_pod_affinity::make);
    DynamicResources: Some(2), [PreEnqueue, PreFilter, Filter, PostFilter, Score, Reserve, PreBind], Some(dynamic_resources::make);
    DefaultPreemption: None, [PreEnqueue, PostFilter], Some(default_preemption::make);
    NodeResourcesBalancedAllocation: Some(1), [PreScore, Score], Some(node_resources_balanced_allocation::make);
    ImageLocality: Some(1), [Score], Some(image_locality::make);
    DefaultBinder: None, [Bind], Some(default_binder::make);
    NodeDeclaredFeatures: None, [PreFilter, Filter], None;
}

impl PluginId {
    /// A plugin of one's own of this name, which no profile has by itself.
    ///
    /// # Panics
    /// When the name is one of Kubernetes' own, or the ninth.
    pub fn own(name: &'static str) -> PluginId {
        let is_taken = PLUGINS.iter().any(|row| row.name == name);
        assert!(!is_taken, "`{name}` is a plugin of Kubernetes' own");
        let row = || Row { name, weight: None, points: &Point::ALL, is_default: false, make: None };
        let place = OWN.iter().position(|place| place.get_or_init(row).name == name);
        let place = place.unwrap_or_else(|| panic!("`{name}` is the ninth plugin of one's own"));
        PluginId(u8::try_from(PLUGINS.len() + place).expect("few plugins"))
    }

    /// All plugins, by number: those of Kubernetes, then those of users' own.
    pub fn all() -> impl Iterator<Item = PluginId> {
        let own = OWN.iter().take_while(|place| place.get().is_some()).count();
        (0..PLUGINS.len() + own).filter_map(|n| u8::try_from(n).ok()).map(PluginId)
    }

    /// The plugin of a name.
    pub fn named(name: &str) -> Option<PluginId> {
        PluginId::all().find(|id| id.row().name == name)
    }

    /// Its row.
    pub fn row(self) -> &'static Row {
        let place = usize::from(self.0);
        PLUGINS.get(place).unwrap_or_else(|| {
            let own = OWN[place - PLUGINS.len()].get();
            own.expect("an id is made of a row")
        })
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Whether it has a say at a point.
    pub fn acts_at(self, point: Point) -> bool {
        self.row().points.contains(&point)
    }
}

impl PluginSet {
    /// None.
    pub const NONE: PluginSet = PluginSet(0);

    /// Adds one.
    pub fn insert(&mut self, id: PluginId) {
        self.0 |= 1 << id.0;
    }

    /// Whether one is there.
    pub fn has(self, id: PluginId) -> bool {
        self.0 & (1 << id.0) != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those of either.
    #[must_use]
    pub fn or(self, other: PluginSet) -> PluginSet {
        PluginSet(self.0 | other.0)
    }

    /// Whether both have one in common.
    pub fn meets(self, other: PluginSet) -> bool {
        self.0 & other.0 != 0
    }

    /// All of them, by number.
    pub fn iter(self) -> impl Iterator<Item = PluginId> {
        PluginId::all().filter(move |id| self.has(*id))
    }
}
