//! A `KubeSchedulerConfiguration`, as the real scheduler takes it.

mod args;
mod check;
mod process;

use serde_json::Value;
use serde_json::json;

use crate::api::Name;
use crate::api::core::pod::NodeAffinity;
use crate::api::core::pod_terms::SpreadConstraint;
use crate::scenario::decode::Decode;
use crate::scenario::decode::Fields;
use crate::scenario::decode::Spanned;
use crate::scenario::decode::object;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::schema::Schema;
use crate::scenario::source::Place;
use crate::scenario::source::Session;
use crate::scenario::yaml::Node;
use crate::scheduler::config::Changes;
use crate::scheduler::config::Config;
use crate::scheduler::config::PluginArgs;
use crate::scheduler::config::ProfileConfig;
use crate::scheduler::config::ScoredResources;
use crate::scheduler::config::Shape;
use crate::scheduler::config::SpreadDefaults;
use crate::scheduler::config::Strategy;
use crate::scheduler::plugins::PluginId;
use crate::scheduler::plugins::Point;
use crate::sim::time::SimDuration;

pub use args::AffinityArgs;
pub use args::BalancedArgs;
pub use args::DeviceArgs;
pub use args::FitArgs;
pub use args::NodeAffinityArgs;
pub use args::PreemptionArgs;
pub use args::ResourceWeight;
pub use args::ShapePoint;
pub use args::SpreadArgs;
pub use args::VolumeArgs;
pub use process::ClientConnection;
pub use process::LeaderElection;

object! {
    /// A `KubeSchedulerConfiguration`.
    pub struct KubeScheduler as "a KubeSchedulerConfiguration" {
        /// `kubescheduler.config.k8s.io/v1`.
        "apiVersion" => api_version: Option<Spanned<String>> = None;
        /// `KubeSchedulerConfiguration`.
        "kind" => kind: Option<Spanned<String>> = None;
        /// How many of a hundred nodes are looked for.
        "percentageOfNodesToScore" => percentage: Option<Spanned<i32>> = None;
        /// The first pause after a failure, in seconds.
        "podInitialBackoffSeconds" => initial_backoff: Option<Spanned<u64>> = None;
        /// The longest pause, in seconds.
        "podMaxBackoffSeconds" => max_backoff: Option<Spanned<u64>> = None;
        /// The profiles.
        "profiles" => profiles: Vec<Profile> = Vec::new();
        /// Extenders: not modelled.
        "extenders" => extenders: Option<Spanned<Vec<Value>>> = None;
        /// How many nodes are looked at at once: it changes no outcome here.
        "parallelism" => parallelism: Option<Spanned<i32>> = None;
        /// Whether it acts only while it leads.
        "leaderElection" => leader_election: Option<LeaderElection> = None;
        /// How much its client asks at once.
        "clientConnection" => client: Option<ClientConnection> = None;
        /// Profiles of the process itself: they change no outcome.
        "enableProfiling" => profiling: Option<bool> = None;
        /// Profiles of the process itself: they change no outcome.
        "enableContentionProfiling" => contention: Option<bool> = None;
        /// Whether informers wait for the leadership: only `false` is modelled.
        "delayCacheUntilActive" => delay: Option<Spanned<bool>> = None;
    }
}

object! {
    /// A profile.
    pub struct Profile as "a profile" {
        /// The scheduler's name that pods carry.
        "schedulerName" => name: Option<Spanned<String>> = None;
        /// Its own percentage of nodes to score.
        "percentageOfNodesToScore" => percentage: Option<Spanned<i32>> = None;
        /// Plugins by point.
        "plugins" => plugins: Plugins = Plugins::default();
        /// Arguments of plugins.
        "pluginConfig" => args: Vec<PluginConfig> = Vec::new();
    }
}

object! {
    /// Plugins that a point enables and disables.
    pub struct PluginChanges as "a set of plugins" {
        /// Those that are enabled beside the default ones.
        "enabled" => enabled: Vec<PluginRef> = Vec::new();
        /// Those that are not.
        "disabled" => disabled: Vec<PluginRef> = Vec::new();
    }
}

object! {
    /// A plugin.
    pub struct PluginRef as "a plugin" {
        /// Its name; `*` for all.
        "name" => name: Spanned<String>;
        /// The weight of its scores.
        "weight" => weight: Option<Spanned<i32>> = None;
    }
}

/// Plugins by point, `multiPoint` first.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Plugins(Vec<(Option<Point>, PluginChanges)>);

/// The arguments of one plugin.
#[derive(Clone, PartialEq, Debug)]
pub struct PluginConfig(Spanned<PluginId>, Args);

/// Arguments, by what they are for.
#[derive(Clone, PartialEq, Debug)]
enum Args {
    NodeAffinity(Box<NodeAffinityArgs>),
    Fit(Box<FitArgs>),
    Balanced(BalancedArgs),
    Spread(SpreadArgs),
    Affinity(AffinityArgs),
    Preemption(PreemptionArgs),
    Volumes(VolumeArgs),
    Devices(DeviceArgs),
    None,
}

/// A point as a configuration names it: `preFilter`.
fn point_of(key: &str) -> Option<Point> {
    Point::ALL.into_iter().find(|p| {
        let name = p.name();
        key.len() == name.len() && key[1..] == name[1..] && key[..1] == name[..1].to_lowercase()
    })
}

fn point_keys() -> Vec<String> {
    let key = |p: &Point| format!("{}{}", p.name()[..1].to_lowercase(), &p.name()[1..]);
    std::iter::once("multiPoint".to_owned()).chain(Point::ALL.iter().map(key)).collect()
}

impl Decode for Plugins {
    fn shape(_: &mut Schema) -> Value {
        json!({ "type": "object" })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let keys = point_keys();
        let known: Vec<&str> = keys.iter().map(String::as_str).collect();
        Fields::open(node, "the plugins of a profile", &known, session)?;
        let mut all = Vec::new();
        for entry in node.entries().unwrap_or_default() {
            let point = point_of(&entry.key);
            if point.is_some() || &*entry.key == "multiPoint" {
                all.push((point, PluginChanges::decode(&entry.value, session)?));
            }
        }
        Some(Plugins(all))
    }
}

fn plugin(name: &str, place: Place, session: &mut Session) -> Option<PluginId> {
    let found = PluginId::named(name).filter(|id| id.row().is_default);
    if found.is_none() {
        let all = PluginId::all().filter(|id| id.row().is_default);
        let names: Vec<&str> = all.map(PluginId::name).collect();
        session.report(place, Mistake::unknown_name("scheduler plugin", name, &names));
    }
    found
}

impl Decode for PluginConfig {
    fn shape(_: &mut Schema) -> Value {
        json!({ "type": "object" })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        Fields::open(node, "a plugin's configuration", &["name", "args"], session)?;
        let Some(name) = node.get("name") else {
            session.report(node.place, Mistake::other("a plugin's configuration has a `name`"));
            return None;
        };
        let text = String::decode(name, session)?;
        let id = plugin(&text, name.place, session)?;
        let id = Spanned { value: id, place: name.place };
        let Some(args) = node.get("args") else { return Some(PluginConfig(id, Args::None)) };
        let args = match id.value.name() {
            "NodeAffinity" => Args::NodeAffinity(Decode::decode(args, session)?),
            "NodeResourcesFit" => Args::Fit(Decode::decode(args, session)?),
            "NodeResourcesBalancedAllocation" => Args::Balanced(Decode::decode(args, session)?),
            "PodTopologySpread" => Args::Spread(Decode::decode(args, session)?),
            "InterPodAffinity" => Args::Affinity(Decode::decode(args, session)?),
            "DefaultPreemption" => Args::Preemption(Decode::decode(args, session)?),
            "VolumeBinding" => Args::Volumes(Decode::decode(args, session)?),
            "DynamicResources" => Args::Devices(Decode::decode(args, session)?),
            other => {
                session.report(args.place, Mistake::other(format!("`{other}` takes no arguments")));
                return None;
            }
        };
        Some(PluginConfig(id, args))
    }
}

impl KubeScheduler {
    /// The configuration that it means; whatever is wrong is reported.
    pub fn config(&self, session: &mut Session) -> Config {
        let version = "kubescheduler.config.k8s.io/v1";
        let heads = [(&self.api_version, version), (&self.kind, "KubeSchedulerConfiguration")];
        for (found, wanted) in heads {
            if let Some(found) = found.as_ref().filter(|f| f.value != wanted) {
                session.report(found.place, Mistake::unknown_name("kind", &found.value, &[wanted]));
            }
        }
        if let Some(extenders) = self.extenders.as_ref().filter(|e| !e.value.is_empty()) {
            session.report(extenders.place, Mistake::not_modelled("field", "extenders"));
        }
        self.check(session);
        let mut config = Config {
            percentage_of_nodes_to_score: percentage(self.percentage.as_ref(), session)
                .unwrap_or(0),
            client: self.client.as_ref().and_then(ClientConnection::limits),
            elects: self.leader_election.as_ref().is_none_or(|election| election.elects),
            ..Config::default()
        };
        let span = |seconds: &Option<Spanned<u64>>, default| {
            seconds.as_ref().map_or(default, |s| SimDuration::secs(s.value))
        };
        config.queue.initial_backoff = span(&self.initial_backoff, config.queue.initial_backoff);
        config.queue.max_backoff = span(&self.max_backoff, config.queue.max_backoff);
        if !self.profiles.is_empty() {
            config.profiles = self.profiles.iter().map(|p| p.config(session)).collect();
        }
        config
    }
}

fn percentage(found: Option<&Spanned<i32>>, session: &mut Session) -> Option<i32> {
    let found = found?;
    if !(0..=100).contains(&found.value) {
        let text = found.value.to_string();
        session.report(found.place, Mistake::bad_value("percentage", &text, "from 0 to 100"));
    }
    Some(found.value)
}

impl Profile {
    fn config(&self, session: &mut Session) -> ProfileConfig {
        let mut config = ProfileConfig::default();
        if let Some(name) = &self.name {
            config.scheduler_name = name.value.as_str().into();
        }
        config.percentage_of_nodes_to_score = percentage(self.percentage.as_ref(), session);
        for (point, changes) in &self.plugins.0 {
            let changes = changes.resolve(session);
            match point {
                None => config.plugins.multi_point = changes,
                Some(point) => {
                    config.plugins.points.insert(*point, changes);
                }
            }
        }
        for PluginConfig(_, args) in &self.args {
            args.put(&mut config.args, session);
        }
        config
    }
}

impl PluginChanges {
    fn resolve(&self, session: &mut Session) -> Changes {
        let mut changes = Changes::default();
        for one in &self.enabled {
            if let Some(id) = plugin(&one.name.value, one.name.place, session) {
                changes
                    .enabled
                    .push((id, one.weight.as_ref().map(|weight| i64::from(weight.value))));
            }
        }
        for one in &self.disabled {
            if one.name.value == "*" {
                changes.disables_all = true;
            } else if let Some(id) = plugin(&one.name.value, one.name.place, session) {
                changes.disabled.push(id);
            }
        }
        changes
    }
}

fn resources(all: &[ResourceWeight]) -> Option<ScoredResources> {
    let pair = |r: &ResourceWeight| {
        (Name::from(r.name.as_str()), i64::from(r.weight.as_ref().map_or(1, |w| w.value)))
    };
    (!all.is_empty()).then(|| ScoredResources(all.iter().map(pair).collect()))
}

impl Args {
    /// Puts them where the plugins read them.
    fn put(&self, args: &mut PluginArgs, session: &mut Session) {
        match self {
            Args::None => {}
            Args::NodeAffinity(own) => {
                args.added_affinity = own.added.as_ref().and_then(|added| affinity(added, session));
            }
            Args::Fit(own) => own.put(args, session),
            Args::Balanced(own) => {
                if let Some(resources) = resources(&own.resources) {
                    args.balanced_resources = resources;
                }
            }
            Args::Spread(own) => own.put(args, session),
            Args::Affinity(own) => {
                args.affinity.ignores_preferred_of_existing = own.ignores;
                if let Some(weight) = percentage(own.hard_weight.as_ref(), session) {
                    args.affinity.hard_weight = i64::from(weight);
                }
            }
            Args::Preemption(own) => {
                let preemption = &mut args.preemption;
                let share = percentage(own.percentage.as_ref(), session);
                if let Some(share) = share.and_then(|share| usize::try_from(share).ok()) {
                    preemption.min_candidate_nodes_percentage = share;
                }
                if let Some(absolute) = own.absolute {
                    preemption.min_candidate_nodes_absolute = absolute as usize;
                }
            }
            Args::Volumes(own) => {
                args.bind_timeout = own.timeout.map(SimDuration::secs);
                not_modelled(own.shape.as_ref(), "shape", session);
            }
            Args::Devices(own) => {
                not_modelled(own.filter.as_ref(), "filterTimeout", session);
                not_modelled(own.binding.as_ref(), "bindingTimeout", session);
            }
        }
    }
}

fn not_modelled(field: Option<&Spanned<Value>>, name: &str, session: &mut Session) {
    if let Some(field) = field {
        session.report(field.place, Mistake::not_modelled("field", name));
    }
}

fn affinity(added: &Spanned<Value>, session: &mut Session) -> Option<NodeAffinity> {
    match serde_json::from_value(added.value.clone()) {
        Ok(affinity) => Some(affinity),
        Err(why) => {
            session.report(added.place, Mistake::other(format!("this is no node affinity: {why}")));
            None
        }
    }
}

impl FitArgs {
    fn put(&self, args: &mut PluginArgs, session: &mut Session) {
        let names = |all: &[String]| all.iter().map(|n| Name::from(n.as_str())).collect();
        args.fit.ignored_resources = names(&self.ignored);
        args.fit.ignored_resource_groups = names(&self.ignored_groups);
        let Some(strategy) = &self.strategy else { return };
        if let Some(resources) = resources(&strategy.resources) {
            args.fit.resources = resources;
        }
        let point = |p: &ShapePoint| (i64::from(p.utilization), i64::from(p.score));
        let points = strategy.ratio.iter().flat_map(|r| r.value.shape.iter().map(point)).collect();
        let known = ["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"];
        let Some(kind) = &strategy.kind else { return };
        args.fit.strategy = match kind.value.as_str() {
            "LeastAllocated" => Strategy::LeastAllocated,
            "MostAllocated" => Strategy::MostAllocated,
            "RequestedToCapacityRatio" => Strategy::RequestedToCapacityRatio(Shape(points)),
            other => {
                let mistake = Mistake::unknown_name("scoring strategy", other, &known);
                return session.report(kind.place, mistake);
            }
        };
    }
}

impl SpreadArgs {
    fn put(&self, args: &mut PluginArgs, session: &mut Session) {
        let Some(defaulting) = &self.defaulting else { return };
        args.spread_defaults = match defaulting.value.as_str() {
            "System" => SpreadDefaults::System,
            "List" => SpreadDefaults::List(
                self.constraints.iter().map(|c| SpreadConstraint::new(&c.value)).collect(),
            ),
            other => {
                let known = ["System", "List"];
                let mistake = Mistake::unknown_name("defaulting type", other, &known);
                return session.report(defaulting.place, mistake);
            }
        };
    }
}
