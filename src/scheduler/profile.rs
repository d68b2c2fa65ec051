//! A profile: the plugins that answer for the pods of one scheduler name, ready to run.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::api::selector::Selector;
use crate::scheduler::config::{OwnPlugin, ProfileConfig};
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
    /// By point: the places of the plugins, in their order.
    orders: Arc<[Vec<u8>]>,
}

impl Profile {
    /// The profile of a configuration. Plugins that are known and not modelled are left out: they
    /// have nothing to say.
    pub fn new(config: &ProfileConfig) -> Profile {
        let mut plugins: Vec<Enabled> = Vec::new();
        let mut orders = Vec::new();
        for point in Point::ALL {
            let mut order = Vec::new();
            for (id, weight) in config.plugins.at(point) {
                let Some(make) = id.row().make else { continue };
                let place = plugins.iter().position(|p| p.id == id).unwrap_or_else(|| {
                    let weight = id.row().weight.unwrap_or(1);
                    plugins.push(Enabled { id, weight, plugin: make(&config.args) });
                    plugins.len() - 1
                });
                if let Some(weight) = weight.filter(|w| point == Point::Score && *w != 0) {
                    plugins[place].weight = weight;
                }
                order.push(u8::try_from(place).expect("few plugins"));
            }
            orders.push(order);
        }
        let profile = Profile {
            scheduler_name: config.scheduler_name.clone(),
            percentage_of_nodes_to_score: config.percentage_of_nodes_to_score,
            plugins: plugins.into(),
            orders: orders.into(),
        };
        config.own.iter().fold(profile, |profile, own| profile.with(own))
    }

    /// A profile of plugins given by hand, in force where their rows say.
    pub fn of(scheduler_name: Name, plugins: Vec<Enabled>) -> Profile {
        let orders = Point::ALL.map(|point| {
            let acting = (0..).zip(&plugins).filter(|(_, p)| p.id.acts_at(point));
            acting.map(|(place, _)| place).collect::<Vec<u8>>()
        });
        Profile {
            scheduler_name,
            percentage_of_nodes_to_score: None,
            plugins: plugins.into(),
            orders: Arc::new(orders),
        }
    }

    /// The profile with a plugin of one's own beside the others.
    fn with(&self, own: &OwnPlugin) -> Profile {
        let mut plugins = self.plugins.to_vec();
        let place = u8::try_from(plugins.len()).expect("few plugins");
        let (id, weight) = (PluginId::own(own.name), own.weight);
        plugins.push(Enabled { id, weight, plugin: own.plugin.clone() });
        let mut orders = self.orders.to_vec();
        let points = own.points;
        for (point, order) in Point::ALL.iter().zip(&mut orders) {
            if points.contains(point) {
                order.push(place);
            }
        }
        Profile { plugins: plugins.into(), orders: orders.into(), ..self.clone() }
    }

    /// The plugins that have a say at a point, in their order.
    pub fn at(&self, point: Point) -> impl Iterator<Item = &Enabled> {
        let order = self.orders.get(point as usize).map_or(&[][..], Vec::as_slice);
        order.iter().map(|place| &self.plugins[usize::from(*place)])
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
