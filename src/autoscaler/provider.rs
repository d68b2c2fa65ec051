//! The provider of machines, as the autoscaler deals with it: node groups, their sizes, and which
//! machine belongs to which.
//!
//! These are the provider's books: they outlive the autoscaler's process. Machines are started and
//! stopped by the cloud, a process of its own, at its own pace.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::message::Message;
use crate::client::component::{Outbox, To};
use crate::sim::engine::ActorId;
use crate::sim::index::Map;
use crate::sim::time::{SimDuration, SimTime};

/// What the cloud is told: a machine is to start after a while.
pub const START: &str = "start";

/// What the cloud is told: a machine is to stop.
pub const STOP: &str = "stop";

/// Nodes that are all alike.
#[derive(Clone, Debug)]
pub struct NodeGroup {
    /// Its name.
    pub name: Name,
    /// At least so many nodes.
    pub min: usize,
    /// At most so many nodes.
    pub max: usize,
    /// What a node of it is like, under no name of its own.
    pub template: Arc<Node>,
    /// The machines that it may have.
    pub machines: Vec<Machine>,
    /// What a node costs an hour, in thousandths of any unit.
    pub price_millis: u64,
    /// By which the `priority` expander chooses.
    pub priority: i32,
    /// From the wish for a node until its machine has booted.
    pub startup: SimDuration,
    /// So many machines the cloud has of this kind; more can be asked for and never come.
    pub available: usize,
}

/// A machine that a group may have.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The name of its node.
    pub name: Name,
    /// The process that is the node.
    pub actor: ActorId,
    /// Whether it is there from the beginning.
    pub started: bool,
}

/// A machine that a group has, or has asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instance {
    /// The group, by its place.
    pub group: usize,
    /// When it was asked for.
    pub since: SimTime,
    /// Whether the cloud has such a machine.
    comes: bool,
}

/// The provider's books.
#[derive(Clone)]
pub struct Provider {
    groups: Arc<[NodeGroup]>,
    machines: Arc<Map<Name, (usize, ActorId)>>,
    instances: BTreeMap<Name, Instance>,
    cloud: ActorId,
}

impl Provider {
    /// A provider of these groups.
    pub fn new(groups: Arc<[NodeGroup]>, cloud: ActorId) -> Provider {
        let mut machines = Map::default();
        let mut instances = BTreeMap::new();
        for (group, of) in groups.iter().enumerate() {
            for machine in &of.machines {
                machines.insert(machine.name.clone(), (group, machine.actor));
                if machine.started {
                    let instance = Instance { group, since: SimTime::ZERO, comes: true };
                    instances.insert(machine.name.clone(), instance);
                }
            }
        }
        Provider { groups, machines: Arc::new(machines), instances, cloud }
    }

    /// Its groups.
    pub fn groups(&self) -> &Arc<[NodeGroup]> {
        &self.groups
    }

    /// The group that a node belongs to.
    pub fn group_of(&self, node: &Name) -> Option<usize> {
        self.instances.get(node).map(|i| i.group)
    }

    /// How many nodes a group has or has asked for.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/cloudprovider/kwok/kwok_nodegroups.go, `NodeGroup.TargetSize`
    pub fn target(&self, group: usize) -> usize {
        self.instances.values().filter(|i| i.group == group).count()
    }

    /// The machines that groups have or have asked for.
    pub fn instances(&self) -> impl Iterator<Item = (&Name, &Instance)> {
        self.instances.iter()
    }

    /// Asks for so many nodes of a group more.
    ///
    /// Differs: a machine bears a number and comes back under its name; the real provider draws a
    /// new name for each.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/cloudprovider/kwok/kwok_nodegroups.go, `NodeGroup.IncreaseSize`
    pub fn grow(&mut self, group: usize, count: usize, now: SimTime, out: &mut Outbox) {
        let groups = self.groups.clone();
        let of = &groups[group];
        let free = of.machines.iter().filter(|m| !self.instances.contains_key(&m.name));
        let chosen: Vec<&Machine> = free.take(count).collect();
        let is_there = |i: &&Instance| i.group == group && i.comes;
        let mut there = self.instances.values().filter(is_there).count();
        for machine in chosen {
            let comes = there < of.available;
            self.instances.insert(machine.name.clone(), Instance { group, since: now, comes });
            if comes {
                there += 1;
                self.tell(START, machine.actor, of.startup, out);
            }
        }
    }

    /// Gives a machine back; it stops at once.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/cloudprovider/kwok/kwok_nodegroups.go, `NodeGroup.DeleteNodes`
    pub fn give_back(&mut self, node: &Name, out: &mut Outbox) {
        if self.instances.remove(node).is_some()
            && let Some((_, actor)) = self.machines.get(node)
        {
            self.tell(STOP, *actor, SimDuration::ZERO, out);
        }
    }

    fn tell(&self, what: &'static str, machine: ActorId, after: SimDuration, out: &mut Outbox) {
        let how = json!({ "machine": machine.0, "after_ns": after.0 });
        let message = Message::Runtime(Name::new_static(what), how.into());
        out.messages.push((To::Process(self.cloud), message));
    }
}
