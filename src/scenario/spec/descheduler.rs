//! The descheduler and its policy, as the real one takes it.

mod made;

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

use crate::api::selector::LabelSelector;
use crate::api::selector::Selector;
use crate::scenario::amount::Amount;
use crate::scenario::decode::Decode;
use crate::scenario::decode::Fields;
use crate::scenario::decode::Spanned;
use crate::scenario::decode::object;
use crate::scenario::decode::words;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::schema::Schema;
use crate::scenario::source::Session;
use crate::scenario::yaml::Data;
use crate::scenario::yaml::Node;
use crate::sim::time::SimDuration;

/// The strategies that are there.
const STRATEGIES: &[&str] =
    &["RemoveDuplicates", "RemovePodsViolatingTopologySpreadConstraint", "LowNodeUtilization"];

/// Plugins of the real one that are not.
const NOT_MODELLED: &[&str] = &[
    "HighNodeUtilization",
    "PodLifeTime",
    "RemoveFailedPods",
    "RemovePodsHavingTooManyRestarts",
    "RemovePodsViolatingInterPodAntiAffinity",
    "RemovePodsViolatingNodeAffinity",
    "RemovePodsViolatingNodeTaints",
];

/// The plugin that says which pods may be evicted.
const EVICTOR: &str = "DefaultEvictor";

object! {
    /// The descheduler: pods are evicted from where they stand badly.
    pub struct Descheduler as "`descheduler`" {
        /// From the beginning of one round to that of the next, as `--descheduling-interval`.
        "interval" => interval: SimDuration = SimDuration::secs(300);
        /// A `DeschedulerPolicy`, as the real one takes it.
        "policy" => policy: DeschedulerPolicy;
    }
}

object! {
    /// A `DeschedulerPolicy`.
    pub struct DeschedulerPolicy as "a DeschedulerPolicy" checked by policy_is_possible {
        /// `descheduler/v1alpha2`.
        "apiVersion" => api_version: Option<Spanned<String>> = None;
        /// `DeschedulerPolicy`.
        "kind" => kind: Option<Spanned<String>> = None;
        /// Which nodes are looked at, as a label selector; without it all.
        "nodeSelector" => node_selector: Option<Selector> = None;
        /// So many evictions from one node at most in a round.
        "maxNoOfPodsToEvictPerNode" => per_node: Option<u32> = None;
        /// So many evictions in one namespace at most in a round.
        "maxNoOfPodsToEvictPerNamespace" => per_namespace: Option<u32> = None;
        /// So many evictions at most in a round.
        "maxNoOfPodsToEvictTotal" => total: Option<u32> = None;
        /// Strategies, and which pods they may evict.
        "profiles" => profiles: Vec<DeschedulerProfile>;
    }
}

object! {
    /// Strategies of the descheduler, and which pods they may evict.
    pub struct DeschedulerProfile as "a profile" {
        /// Its name.
        "name" => name: String;
        /// Arguments of plugins.
        "pluginConfig" => args: Vec<DeschedulerPlugin> = Vec::new();
        /// Which plugins are used.
        "plugins" => plugins: DeschedulerPlugins;
    }
}

object! {
    /// The plugins of a profile, by point.
    pub struct DeschedulerPlugins as "plugins of a profile" {
        /// Strategies that balance nodes.
        "balance" => balance: Enabled = Enabled { enabled: Vec::new() };
        /// Strategies that look at each pod by itself: none of them is modelled.
        "deschedule" => deschedule: Enabled = Enabled { enabled: Vec::new() };
        /// Which pods may be evicted: `DefaultEvictor`, which is there anyway.
        "filter" => filter: Enabled = Enabled { enabled: Vec::new() };
        /// The same before each eviction.
        "preEvictionFilter" => before: Enabled = Enabled { enabled: Vec::new() };
    }
}

object! {
    /// Plugins that are used.
    pub struct Enabled as "a set of plugins" {
        /// Their names.
        "enabled" => enabled: Vec<Spanned<String>> = Vec::new();
    }
}

/// The arguments of one plugin of the descheduler.
#[derive(Clone, PartialEq, Debug)]
pub enum DeschedulerPlugin {
    /// Which pods may be evicted.
    Evictor(Box<EvictorArgs>),
    /// `RemoveDuplicates`.
    Duplicates(DuplicatesArgs),
    /// `RemovePodsViolatingTopologySpreadConstraint`.
    Spread(SpreadArgs),
    /// `LowNodeUtilization`.
    Utilization(UtilizationArgs),
}

object! {
    /// `DefaultEvictorArgs`.
    pub struct EvictorArgs as "DefaultEvictorArgs" {
        /// Whether a pod is evicted only if it would fit on another node.
        "nodeFit" => node_fit: bool = false;
        /// Which nodes count for that, as a label selector.
        "nodeSelector" => node_selector: Option<Selector> = None;
        /// The labels that a pod must have.
        "labelSelector" => selector: Option<Labelled> = None;
        /// Pods of this priority and above stay.
        "priorityThreshold" => priority: Option<PriorityThreshold> = None;
        /// Pods of owners with fewer pods stay.
        "minReplicas" => min_replicas: u32 = 0;
        /// Younger pods stay.
        "minPodAge" => min_pod_age: Option<SimDuration> = None;
        /// Whether a pod's annotation that it had better stay must be heeded.
        "noEvictionPolicy" => wish: Wish = Wish::Preferred;
        /// Whether pods with local storage may be evicted.
        "evictLocalStoragePods" => local_storage: bool = false;
        /// Whether pods of `DaemonSet`s may be evicted.
        "evictDaemonSetPods" => daemon_sets: bool = false;
        /// Whether pods may be evicted that the system cannot do without.
        "evictSystemCriticalPods" => system_critical: bool = false;
        /// Whether pods may be evicted that have failed and have no owner.
        "evictFailedBarePods" => failed_bare: bool = false;
        /// Whether pods with a claim stay.
        "ignorePvcPods" => ignore_claims: bool = false;
        /// Whether pods stay that no disruption budget covers.
        "ignorePodsWithoutPDB" => ignore_without_budget: bool = false;
        /// The same protections by name.
        "podProtections" => protections: Protections = Protections {
            disabled: Vec::new(),
            enabled: Vec::new(),
        };
    }
}

object! {
    /// Protections of pods from eviction.
    pub struct Protections as "protections of pods" {
        /// Those of the usual ones that are off.
        "defaultDisabled" => disabled: Vec<Protection> = Vec::new();
        /// Those that are on beside the usual ones.
        "extraEnabled" => enabled: Vec<Protection> = Vec::new();
    }
}

words! {
    /// A protection of pods from eviction.
    pub enum Protection as "protection of pods" {
        /// Pods with local storage stay.
        "PodsWithLocalStorage" => LocalStorage;
        /// Pods of `DaemonSet`s stay.
        "DaemonSetPods" => DaemonSets;
        /// Pods stay that the system cannot do without.
        "SystemCriticalPods" => SystemCritical;
        /// Pods without an owner stay even when they have failed.
        "FailedBarePods" => FailedBare;
        /// Pods with a claim stay.
        "PodsWithPVC" => Claims;
        /// Pods stay that no disruption budget covers.
        "PodsWithoutPDB" => WithoutBudget;
    }
}

words! {
    /// What a pod's wish to stay counts for.
    pub enum Wish as "policy for pods that wish to stay" {
        /// Nothing.
        "Preferred" => Preferred;
        /// Such a pod stays.
        "Mandatory" => Mandatory;
    }
}

object! {
    /// From which priority on pods stay.
    pub struct PriorityThreshold as "a priority threshold" {
        /// The priority.
        "value" => value: i32;
    }
}

object! {
    /// Namespaces that count.
    pub struct CountedNamespaces as "namespaces" {
        /// These only.
        "include" => include: Vec<String> = Vec::new();
        /// All but these.
        "exclude" => exclude: Vec<String> = Vec::new();
    }
}

object! {
    /// `RemoveDuplicatesArgs`.
    pub struct DuplicatesArgs as "RemoveDuplicatesArgs" {
        /// Where pods are looked at.
        "namespaces" => namespaces: CountedNamespaces = CountedNamespaces::all();
        /// Pods of owners of these kinds are left alone.
        "excludeOwnerKinds" => exclude_kinds: Vec<String> = Vec::new();
    }
}

object! {
    /// `RemovePodsViolatingTopologySpreadConstraintArgs`.
    pub struct SpreadArgs as "RemovePodsViolatingTopologySpreadConstraintArgs" {
        /// Where pods are looked at.
        "namespaces" => namespaces: CountedNamespaces = CountedNamespaces::all();
        /// The labels that a pod must have to be evicted.
        "labelSelector" => selector: Option<Labelled> = None;
        /// Which constraints count.
        "constraints" => constraints: Vec<WhenUnsatisfiable> = vec![WhenUnsatisfiable::Hard];
        /// Whether a pod is evicted only if it would fit on a node with fewer of them.
        "topologyBalanceNodeFit" => node_fit: bool = true;
    }
}

words! {
    /// What becomes of pods that a spread constraint has no place for.
    pub enum WhenUnsatisfiable as "kind of constraint" {
        /// They wait.
        "DoNotSchedule" => Hard;
        /// They are put somewhere else.
        "ScheduleAnyway" => Soft;
    }
}

object! {
    /// `LowNodeUtilizationArgs`.
    pub struct UtilizationArgs as "LowNodeUtilizationArgs" checked by thresholds_are_possible {
        /// A node of which no more percent than these are asked for is used little.
        "thresholds" => low: BTreeMap<String, Amount>;
        /// A node of which more percent than one of these is asked for is used much.
        "targetThresholds" => high: BTreeMap<String, Amount>;
        /// Whether both are counted from the average of the nodes.
        "useDeviationThresholds" => is_deviation: bool = false;
        /// With so many nodes that are used little, or fewer, nothing is done.
        "numberOfNodes" => number_of_nodes: u32 = 0;
        /// Namespaces whose pods stay.
        "evictableNamespaces" => namespaces: CountedNamespaces = CountedNamespaces::all();
        /// Limits of its own.
        "evictionLimits" => limits: EvictionLimits = EvictionLimits { node: None };
    }
}

object! {
    /// How many pods a strategy evicts at most.
    pub struct EvictionLimits as "limits of evictions" {
        /// From one node.
        "node" => node: Option<u32> = None;
    }
}

/// A selector of labels, as objects have it: `{matchLabels: …, matchExpressions: …}`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Labelled(pub Selector);

impl Decode for Labelled {
    fn shape(_: &mut Schema) -> Value {
        json!({ "type": "object" })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let value = Value::decode(node, session)?;
        let read: Result<LabelSelector, _> = serde_json::from_value(value);
        let made = read.map_err(|why| why.to_string()).and_then(|selector| {
            LabelSelector::to_selector(Some(&selector)).map_err(|why| why.to_string())
        });
        match made {
            Ok(selector) => Some(Labelled(selector)),
            Err(why) => {
                session.report(node.place, Mistake::other(format!("not a label selector: {why}")));
                None
            }
        }
    }
}

impl Decode for DeschedulerPlugin {
    fn shape(schema: &mut Schema) -> Value {
        let args = [
            EvictorArgs::shape(schema),
            DuplicatesArgs::shape(schema),
            SpreadArgs::shape(schema),
            UtilizationArgs::shape(schema),
        ];
        let names: Vec<&str> = [EVICTOR].into_iter().chain(STRATEGIES.iter().copied()).collect();
        json!({
            "type": "object",
            "required": ["name"],
            "additionalProperties": false,
            "properties": { "name": { "enum": names }, "args": { "anyOf": args } },
        })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let what = "the arguments of a plugin";
        let fields = Fields::open(node, what, &["name", "args"], session)?;
        let name: Spanned<String> = fields.required("name", session)?;
        let nothing = Node { place: node.place, data: Data::Map(Vec::new()) };
        let args = fields.node("args").unwrap_or(&nothing);
        match name.value.as_str() {
            EVICTOR => Decode::decode(args, session).map(DeschedulerPlugin::Evictor),
            "RemoveDuplicates" => Decode::decode(args, session).map(DeschedulerPlugin::Duplicates),
            "RemovePodsViolatingTopologySpreadConstraint" => {
                Decode::decode(args, session).map(DeschedulerPlugin::Spread)
            }
            "LowNodeUtilization" => {
                Decode::decode(args, session).map(DeschedulerPlugin::Utilization)
            }
            _ => {
                report_plugin(&name, &[EVICTOR], session);
                None
            }
        }
    }
}

impl CountedNamespaces {
    fn all() -> CountedNamespaces {
        CountedNamespaces { include: Vec::new(), exclude: Vec::new() }
    }
}

impl DeschedulerProfile {
    /// The arguments of `LowNodeUtilization`, which cannot do without.
    fn utilization(&self) -> Option<&UtilizationArgs> {
        self.args.iter().find_map(|args| match args {
            DeschedulerPlugin::Utilization(args) => Some(args),
            DeschedulerPlugin::Evictor(_)
            | DeschedulerPlugin::Duplicates(_)
            | DeschedulerPlugin::Spread(_) => None,
        })
    }
}

fn report_plugin(name: &Spanned<String>, beside: &[&str], session: &mut Session) {
    let mistake = if NOT_MODELLED.contains(&name.value.as_str()) {
        Mistake::not_modelled("plugin", &name.value)
    } else {
        let known: Vec<&str> = beside.iter().chain(STRATEGIES).copied().collect();
        Mistake::unknown_name("plugin", &name.value, &known)
    };
    session.report(name.place, mistake);
}

/// Reports a wrong head, strategies that are not known, and such that lack arguments.
fn policy_is_possible(policy: &DeschedulerPolicy, node: &Node, session: &mut Session) {
    let heads =
        [(&policy.api_version, "descheduler/v1alpha2"), (&policy.kind, "DeschedulerPolicy")];
    for (found, wanted) in heads {
        if let Some(found) = found.as_ref().filter(|f| f.value != wanted) {
            session.report(found.place, Mistake::unknown_name("kind", &found.value, &[wanted]));
        }
    }
    if policy.profiles.is_empty() {
        let place = node.get("profiles").map_or(node.place, |node| node.place);
        session.report(place, Mistake::other("a policy needs at least one profile"));
    }
    for profile in &policy.profiles {
        for name in &profile.plugins.balance.enabled {
            if !STRATEGIES.contains(&name.value.as_str()) {
                report_plugin(name, &[], session);
            } else if name.value == "LowNodeUtilization" && profile.utilization().is_none() {
                let text = "`LowNodeUtilization` needs `thresholds` and `targetThresholds` in \
                            `pluginConfig`";
                session.report(name.place, Mistake::other(text));
            }
        }
        for name in &profile.plugins.deschedule.enabled {
            report_plugin(name, &[], session);
        }
        let filters = [&profile.plugins.filter, &profile.plugins.before];
        for name in filters.iter().flat_map(|f| &f.enabled).filter(|n| n.value != EVICTOR) {
            let mistake = Mistake::unknown_name("plugin", &name.value, &[EVICTOR]);
            session.report(name.place, mistake);
        }
    }
}

/// Reports thresholds that do not go together.
///
/// Source: descheduler pkg/framework/plugins/nodeutilization/validation.go,
/// `validateThresholds`
fn thresholds_are_possible(args: &UtilizationArgs, node: &Node, session: &mut Session) {
    let place = |key| node.get(key).map_or(node.place, |node| node.place);
    for (key, all) in [("thresholds", &args.low), ("targetThresholds", &args.high)] {
        if all.is_empty() {
            session.report(place(key), Mistake::other("no resource threshold is configured"));
        }
        for amount in all.values().filter(|a| a.millis > 100_000) {
            let mistake = Mistake::bad_value("percentage", &amount.text, "from 0 to 100");
            session.report(place(key), mistake);
        }
    }
    if !args.low.keys().eq(args.high.keys()) {
        let text = "thresholds and targetThresholds configured different resources";
        session.report(place("targetThresholds"), Mistake::other(text));
    }
    let is_crossed = |(name, low): (&String, &Amount)| {
        args.high.get(name).is_some_and(|h| h.millis < low.millis)
    };
    if !args.is_deviation && args.low.iter().any(is_crossed) {
        let text = "thresholds value is greater than targetThresholds value";
        session.report(place("thresholds"), Mistake::other(text));
    }
}
