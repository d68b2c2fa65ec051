//! The order in which the scheduler walks the nodes: one of each zone, then the next of each.

use crate::api::Name;
use crate::api::core::node::Node;
use crate::sim::index::Map;

/// Nodes by zone, zones in the order of their first node.
///
/// Source: kubernetes v1.36 pkg/scheduler/backend/cache/node_tree.go, `nodeTree`
#[derive(Clone, Debug, Default)]
pub struct NodeOrder {
    zones: Vec<Zone>,
    zone_of: Map<Name, Name>,
}

#[derive(Clone, Debug)]
struct Zone {
    key: Name,
    nodes: Vec<Name>,
}

impl NodeOrder {
    /// Puts a node at the end of its zone.
    pub fn add(&mut self, node: &Node) {
        let (name, key) = (node.meta.name.clone(), zone_key(node));
        if self.zone_of.contains_key(&name) {
            return;
        }
        self.zone_of.insert(name.clone(), key.clone());
        match self.zones.iter_mut().find(|z| z.key == key) {
            Some(zone) => zone.nodes.push(name),
            None => self.zones.push(Zone { key, nodes: vec![name] }),
        }
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.zone_of.len()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.zone_of.is_empty()
    }

    /// Takes a node out, and its zone when it was the last there.
    pub fn remove(&mut self, name: &Name) {
        let Some(key) = self.zone_of.remove(name) else { return };
        let Some(place) = self.zones.iter().position(|z| z.key == key) else { return };
        self.zones[place].nodes.retain(|n| n != name);
        if self.zones[place].nodes.is_empty() {
            self.zones.remove(place);
        }
    }

    /// Moves a node whose zone has changed to the end of its new zone; true when it was moved.
    pub fn update(&mut self, node: &Node) -> bool {
        if self.zone_of.get(&node.meta.name).is_some_and(|key| *key == zone_key(node)) {
            return false;
        }
        self.remove(&node.meta.name);
        self.add(node);
        true
    }

    /// The names, in the order in which nodes are walked.
    pub fn list(&self) -> Vec<&Name> {
        let longest = self.zones.iter().map(|z| z.nodes.len()).max().unwrap_or(0);
        let row = |i: usize| self.zones.iter().filter_map(move |z| z.nodes.get(i));
        (0..longest).flat_map(row).collect()
    }
}

/// Region and zone of a node; labels of the old names win.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/node/topology/helpers.go,
/// `GetZoneKey`
fn zone_key(node: &Node) -> Name {
    let label = |old: &str, new: &str| {
        node.meta.labels.get(old).or_else(|| node.meta.labels.get(new)).map_or("", Name::as_str)
    };
    let zone = label("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone");
    let region = label("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region");
    if zone.is_empty() && region.is_empty() {
        return Name::default();
    }
    smol_str::format_smolstr!("{region}:\u{0}:{zone}")
}
