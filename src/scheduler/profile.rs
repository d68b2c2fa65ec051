//! A profile: the plugins that answer for the pods of one scheduler name, ready to run.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::api::selector::Selector;
use crate::scheduler::config::ProfileConfig;
use crate::scheduler::event::{ClusterEvent, Happened};
use crate::scheduler::framework::{Attempt, Entry, Plugin, Status};
use crate::scheduler::plugins::{PluginId, PluginSet, Point};

/// A plugin that is in force.
#[derive(Clone)]
pub struct Enabled {
    /// Which.
    pub id: PluginId,
    /// The weight of its scores.
    pub weight: i64,
    /// It.
    pub plugin: Arc<dyn Plugin>,
}

/// A profile. A clone shares the plugins, which hold no state.
#[derive(Clone)]
pub struct Profile {
    /// The scheduler's name that pods carry.
    pub scheduler_name: Name,
    /// Its own percentage of nodes to score.
    pub percentage_of_nodes_to_score: Option<i32>,
    plugins: Arc<[Enabled]>,
}

impl Profile {
    /// The profile of a configuration. Plugins that are known and not modelled are left out: they
    /// have nothing to say.
    pub fn new(config: &ProfileConfig) -> Profile {
        let all = config.disabled.iter().any(|n| n == "*");
        let is_on = |id: &PluginId| !all && !config.disabled.iter().any(|n| n == id.name());
        let enable = |id: PluginId| {
            let own = config.weights.iter().find(|(n, _)| n == id.name()).map(|(_, w)| *w);
            let weight = own.or(id.row().weight).unwrap_or(1);
            Some(Enabled { id, weight, plugin: id.row().make?(&config.args) })
        };
        Profile {
            scheduler_name: config.scheduler_name.clone(),
            percentage_of_nodes_to_score: config.percentage_of_nodes_to_score,
            plugins: PluginId::all().filter(is_on).filter_map(enable).collect(),
        }
    }

    /// A profile of plugins given by hand.
    pub fn of(scheduler_name: Name, plugins: Vec<Enabled>) -> Profile {
        let plugins = plugins.into();
        Profile { scheduler_name, percentage_of_nodes_to_score: None, plugins }
    }

    /// The plugins that have a say at a point, in their order.
    pub fn at(&self, point: Point) -> impl Iterator<Item = &Enabled> {
        self.plugins.iter().filter(move |p| p.id.acts_at(point))
    }

    /// A plugin, if it is in force.
    pub fn get(&self, id: PluginId) -> Option<&Enabled> {
        self.plugins.iter().find(|p| p.id == id)
    }

    /// Whether a pod may be queued; the first plugin that says no.
    ///
    /// # Errors
    /// The plugin, and why.
    pub fn pre_enqueue(&self, entry: Entry<'_>) -> Result<(), (PluginId, Status)> {
        let mut gates = self.at(Point::PreEnqueue);
        gates.try_for_each(|p| p.plugin.pre_enqueue(entry).map_err(|why| (p.id, why)))
    }

    /// Whether what its plugins work out about a pod holds for others like it.
    pub fn is_shareable(&self, pod: &Pod) -> bool {
        self.plugins.iter().all(|p| p.plugin.is_shareable(pod))
    }

    /// What else its plugins read about a pod.
    pub fn premises(&self, attempt: Attempt<'_>) -> Vec<Selector> {
        let all = self.plugins.iter().map(|p| p.plugin.premise(attempt));
        all.filter(|premise| !premise.is_everything()).collect()
    }

    /// The plugins that are registered for an event.
    pub fn interested(&self, event: ClusterEvent) -> PluginSet {
        let mut set = PluginSet::NONE;
        for p in self.plugins.iter() {
            if p.plugin.events().iter().any(|registered| registered.covers(event)) {
                set.insert(p.id);
            }
        }
        set
    }

    /// Those of `plugins` that think an event worth another attempt for a pod.
    pub fn worth_retrying(&self, plugins: PluginSet, pod: &Pod, happened: &Happened) -> PluginSet {
        let mut set = PluginSet::NONE;
        for p in self.plugins.iter().filter(|p| plugins.has(p.id)) {
            if p.plugin.is_worth_retrying(pod, happened) {
                set.insert(p.id);
            }
        }
        set
    }
}
