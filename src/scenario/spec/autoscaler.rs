//! Node groups, and the autoscaler that gives them their sizes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::api::taint::Taint;
use crate::scenario::amount::Amount;
use crate::scenario::decode::Spanned;
use crate::scenario::decode::object;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::source::Session;
use crate::scenario::spec::NodeTemplate;
use crate::scenario::yaml::Node;
use crate::sim::time::SimDuration;

object! {
    /// The autoscaler of nodes. Its flags stand in `flags`, under `cluster-autoscaler`.
    pub struct ClusterAutoscaler as "`cluster-autoscaler`" checked by groups_are_unique {
        /// The node groups.
        "groups" => groups: Vec<NodeGroup> = Vec::new();
        /// A file with templates of nodes as the KWOK provider has them: its ConfigMap
        /// `kwok-provider-templates`, a `List` of nodes, or nodes as documents of their own, with
        /// their groups' sizes in annotations `cluster-autoscaler.kwok.nodegroup/…`.
        "templates" => templates: Option<Spanned<String>> = None;
        /// From the wish for a node of these templates until its machine has booted.
        "startup" => startup: SimDuration = SimDuration::secs(30);
    }
}

object! {
    /// Nodes that are all alike, of which there may be more or fewer: `name-1`, `name-2`, ….
    pub struct NodeGroup as "a node group" checked by sizes_are_possible {
        /// The group's name.
        "name" => name: String;
        /// At least so many nodes.
        "min" => min: u32 = 0;
        /// At most so many nodes.
        "max" => max: u32;
        /// How many there are at the beginning; without it as few as may be.
        "size" => size: Option<u32> = None;
        /// From the wish for a node until its machine has booted.
        "startup" => startup: SimDuration = SimDuration::secs(30);
        /// So many machines the cloud has of this kind; what is asked for beyond never comes.
        "available" => available: Option<u32> = None;
        /// What a node costs an hour, for the `price` expander.
        "price" => price: Amount = Amount { text: "0".to_owned(), millis: 0 };
        /// The group's priority, for the `priority` expander.
        "priority" => priority: i32 = 0;
        /// The cpu that pods can use.
        "cpu" => cpu: Amount = NodeTemplate::default().cpu;
        /// The memory that pods can use.
        "memory" => memory: Amount = NodeTemplate::default().memory;
        /// The disk for containers and logs; without it nothing is known of it.
        "disk" => disk: Option<Amount> = None;
        /// How many pods fit on a node.
        "pods" => pods: u32 = 110;
        /// Labels beside those that every node has.
        "labels" => labels: BTreeMap<String, String> = BTreeMap::new();
        /// Taints, each as kubectl writes them: `dedicated=db:NoSchedule`.
        "taints" => taints: Vec<Taint> = Vec::new();
        /// Further resources: `{nvidia.com/gpu: 4}`.
        "extended" => extended: BTreeMap<String, Amount> = BTreeMap::new();
    }
}

impl NodeGroup {
    /// How many nodes there are at the beginning.
    pub fn size(&self) -> u32 {
        self.size.unwrap_or(self.min)
    }

    /// The nodes that it may have, those at the beginning first.
    pub fn nodes(&self) -> [NodeTemplate; 1] {
        [NodeTemplate {
            name: self.name.clone(),
            count: Some(self.max),
            cpu: self.cpu.clone(),
            memory: self.memory.clone(),
            disk: self.disk.clone(),
            pods: self.pods,
            labels: self.labels.clone(),
            taints: self.taints.clone(),
            extended: self.extended.clone(),
            ..NodeTemplate::default()
        }]
    }
}

/// Reports a group whose sizes do not fit together.
fn sizes_are_possible(group: &NodeGroup, node: &Node, session: &mut Session) {
    let place = |key| node.get(key).map_or(node.place, |node| node.place);
    if group.max == 0 {
        let mistake = Mistake::bad_value("largest size", "0", "at least 1");
        session.report(place("max"), mistake);
    }
    if group.min > group.max {
        let expected = format!("at most `max`, which is {}", group.max);
        let mistake = Mistake::bad_value("least size", &group.min.to_string(), &expected);
        session.report(place("min"), mistake);
    } else if group.size() < group.min || group.size() > group.max {
        let expected = format!("from {} to {}", group.min, group.max);
        let mistake = Mistake::bad_value("size", &group.size().to_string(), &expected);
        session.report(place("size"), mistake);
    }
}

/// Reports two groups of one name, and an autoscaler without groups.
fn groups_are_unique(autoscaler: &ClusterAutoscaler, node: &Node, session: &mut Session) {
    if autoscaler.groups.is_empty() && autoscaler.templates.is_none() {
        session.report(node.place, Mistake::other("an autoscaler needs `groups` or `templates`"));
    }
    let mut names = BTreeSet::new();
    let written = node.get("groups").and_then(Node::items).unwrap_or(&[]);
    for (group, written) in autoscaler.groups.iter().zip(written) {
        if !names.insert(&group.name) {
            let mistake = Mistake::other(format!("two groups named `{}`", group.name));
            session.report(written.place, mistake);
        }
    }
}
