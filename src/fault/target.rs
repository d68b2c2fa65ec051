//! Whom a fault hits, in Chaos Mesh's words.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::labels::Labels;
use crate::api::object::{Kind, ObjectKey};
use crate::fault::stage::Stage;
use crate::sim::engine::ActorId;

/// How many of those that match are hit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// One, drawn from the seed.
    One,
    /// All.
    #[default]
    All,
    /// So many.
    Fixed,
    /// So many in a hundred.
    FixedPercent,
    /// At most so many in a hundred, drawn from the seed.
    RandomMaxPercent,
}

impl Mode {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    pub(super) fn is_all(&self) -> bool {
        *self == Mode::All
    }
}

/// Which nodes.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Nodes {
    /// Nodes by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<String>,
    /// Nodes by label.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub label_selectors: BTreeMap<String, String>,
    /// How many of those that match.
    #[serde(skip_serializing_if = "Mode::is_all")]
    pub mode: Mode,
    /// The number or percentage that the mode needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<u32>,
}

/// Names of pods by namespace; the empty namespace stands for the scenario's.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PodNames(pub BTreeMap<String, Vec<String>>);

impl PodNames {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for PodNames {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.get("") {
            Some(names) if self.0.len() == 1 => names.serialize(serializer),
            _ => self.0.serialize(serializer),
        }
    }
}

/// Which pods.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pods {
    /// Pods by name.
    #[serde(skip_serializing_if = "PodNames::is_empty")]
    pub pods: PodNames,
    /// Pods by label.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub label_selectors: BTreeMap<String, String>,
    /// Only in these namespaces; the scenario's when none is given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// Only on these nodes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<String>,
    /// How many of those that match.
    #[serde(skip_serializing_if = "Mode::is_all")]
    pub mode: Mode,
    /// The number or percentage that the mode needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<u32>,
    /// Seconds that a killed pod is given to end.
    #[serde(skip_serializing_if = "is_zero")]
    pub grace_period: u32,
}

/// Which containers of which pods, or which component.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Containers {
    /// A component of the control plane, instead of containers of pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<Component>,
    /// Names of containers; all of the pods chosen when none is given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub container_names: Vec<String>,
    /// Which pods.
    #[serde(flatten)]
    pub of: Pods,
}

/// A component's name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize)]
pub struct Component(pub String);

/// One end of a link: names of nodes and components.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Endpoints(pub Vec<String>);

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// A living or stopped process by name.
pub(super) type Hit = (Name, ActorId);

impl Stage<'_> {
    /// Nodes by name and label, as many as the mode says.
    pub(super) fn choose_nodes(&mut self, wanted: &Nodes) -> Result<Vec<Hit>, String> {
        let all = self.nodes(&wanted.nodes, &wanted.label_selectors)?;
        Ok(self.choose(all, wanted.mode, wanted.value))
    }

    fn nodes(
        &self,
        names: &[String],
        labels: &BTreeMap<String, String>,
    ) -> Result<Vec<Hit>, String> {
        let known = &self.cluster.topology.nodes;
        if let Some(unknown) = names.iter().find(|n| !known.contains_key(n.as_str())) {
            return Err(format!("there is no node `{unknown}`"));
        }
        let store = self.cluster.store();
        let labelled = |name: &Name| {
            let key = ObjectKey::new(Kind::NODE, "", name);
            let found = store.get(&key).and_then(|o| o.as_a::<Node>());
            found.is_some_and(|n| has(&n.meta.labels, labels))
        };
        let by_name = |name: &Name| names.is_empty() || names.iter().any(|n| n == name.as_str());
        let matching = known.iter().filter(|(name, _)| by_name(name));
        let matching: Vec<Hit> = matching
            .filter(|(name, _)| labels.is_empty() || labelled(name))
            .map(|(name, (id, _))| (name.clone(), *id))
            .collect();
        if matching.is_empty() { Err("the fault hit no node".to_owned()) } else { Ok(matching) }
    }

    /// As many of them as a mode says.
    pub(super) fn choose<T>(&mut self, mut all: Vec<T>, mode: Mode, value: Option<u32>) -> Vec<T> {
        let percent = |of: u32| (all.len() * of as usize).div_ceil(100);
        let value = value.unwrap_or(0);
        let count = match mode {
            Mode::All => all.len(),
            Mode::One => 1,
            Mode::Fixed => value as usize,
            Mode::FixedPercent => percent(value),
            Mode::RandomMaxPercent => {
                let most = percent(value) as u64;
                usize::try_from(self.rng.between(0, most)).unwrap_or(0)
            }
        };
        while all.len() > count {
            let out = self.rng.below(all.len() as u64);
            all.remove(usize::try_from(out).unwrap_or(0));
        }
        all
    }

    /// Components by name; those that live, or those that are down.
    pub(super) fn components(&self, wanted: &str, up: bool) -> Result<Vec<Hit>, String> {
        let topology = &self.cluster.topology;
        let engine = &self.cluster.engine;
        let node =
            wanted.strip_prefix("kubelet/").or_else(|| topology.nodes.get(wanted).map(|_| wanted));
        if let Some(node) = node {
            return match topology.nodes.get(node) {
                Some((id, _)) => Ok(vec![(wanted.into(), *id)]),
                None => Err(format!("there is no node `{node}`")),
            };
        }
        let mut found = Vec::new();
        for (component, replicas) in &topology.components {
            for id in replicas {
                let name = engine.name(*id);
                let meant = wanted == "*" || wanted == component.as_str() || wanted == name;
                let first = format!("{component}-1");
                let meant = meant || (wanted == first && Some(id) == replicas.first());
                if meant && engine.is_up(*id) == up {
                    found.push((Name::new(name), *id));
                }
            }
        }
        if found.is_empty() {
            let state = if up { "up" } else { "down" };
            return Err(format!("the fault hit nothing: no component `{wanted}` is {state}"));
        }
        Ok(found)
    }

    /// One end of a link: nodes and components by name; `apiserver` for all of them.
    pub(super) fn ends(&self, names: &Endpoints) -> Result<Vec<Hit>, String> {
        let mut all = Vec::new();
        for name in &names.0 {
            let component = match name.as_str() {
                "apiserver" => "kube-apiserver",
                "controller-manager" => "kube-controller-manager",
                "scheduler" => "kube-scheduler",
                other => other,
            };
            all.extend(self.components(component, true)?);
        }
        Ok(all)
    }

    /// Pods by name, namespace, node and label, as many as the mode says.
    pub(super) fn pods(&mut self, wanted: &Pods) -> Result<Vec<Arc<Pod>>, String> {
        let own = self.namespace.clone();
        let by_name = |pod: &Pod| {
            let names = &wanted.pods.0;
            names.is_empty()
                || names.iter().any(|(namespace, list)| {
                    let namespace = if namespace.is_empty() { own.as_str() } else { namespace };
                    namespace == pod.meta.namespace.as_str()
                        && list.iter().any(|n| n == pod.meta.name.as_str())
                })
        };
        let by_namespace = |pod: &Pod| {
            let names = &wanted.namespaces;
            if names.is_empty() && wanted.pods.0.is_empty() {
                return pod.meta.namespace == own;
            }
            names.is_empty() || names.iter().any(|n| n == pod.meta.namespace.as_str())
        };
        let on = |pod: &Pod| {
            wanted.nodes.is_empty() || wanted.nodes.iter().any(|n| n == pod.node_name.as_str())
        };
        let all = self.cluster.store().list(Kind::POD);
        let matching: Vec<Arc<Pod>> = all
            .iter()
            .filter_map(|o| o.as_a::<Pod>())
            .filter(|p| !p.is_terminal() && by_name(p) && by_namespace(p) && on(p))
            .filter(|p| has(&p.meta.labels, &wanted.label_selectors))
            .cloned()
            .collect();
        let chosen = self.choose(matching, wanted.mode, wanted.value);
        if chosen.is_empty() { Err("the fault hit no pod".to_owned()) } else { Ok(chosen) }
    }
}

/// Whether a label set has all these pairs.
fn has(labels: &Labels, wanted: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(key, value)| labels.get(key).is_some_and(|v| v == value))
}
