//! Pods of one owner that share a node while others would take them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::fit::is_meant;
use super::policy::Duplicates;
use super::sight::Sight;
use crate::api::Name;
use crate::api::core::pod::Pod;

/// Whose pod it is, and of what it is made: two pods with the same are duplicates.
type Owner = (Name, Name, Name, String);

/// The images of a pod's containers, in order.
fn images(pod: &Pod) -> String {
    let mut all: Vec<&str> = pod.spec.containers.iter().map(|c| c.image.as_str()).collect();
    all.sort_unstable();
    all.join("#")
}

/// The owners of a pod, with its images.
fn owners(pod: &Pod) -> impl Iterator<Item = Owner> {
    let (namespace, images) = (pod.meta.namespace.clone(), images(pod));
    pod.meta.owners().iter().map(move |owner| {
        (namespace.clone(), owner.kind.clone(), owner.name.clone(), images.clone())
    })
}

/// What of one owner's pods is where.
#[derive(Default)]
struct Spread {
    /// How many there are.
    count: usize,
    /// By node: the pods beside the first one.
    extra: BTreeMap<Name, Vec<Arc<Pod>>>,
}

/// The pods to evict: on each node so many of one owner that no more than the average is left, the
/// average being taken over the nodes that the pods may be on.
///
/// Five pods on two nodes that would take them, four on the one and one on the other: the average
/// is 2.5, rounded up to 3, so one of the four goes.
///
/// Differs: owners and nodes come in the order of their names, not in any.
///
/// Source: descheduler pkg/framework/plugins/removeduplicates/removeduplicates.go,
/// `RemoveDuplicates.Balance`
pub fn surplus(args: &Duplicates, sight: &Sight<'_>) -> Vec<Arc<Pod>> {
    let mut spreads: BTreeMap<Owner, Spread> = BTreeMap::new();
    for node in sight.nodes {
        note_node(args, sight, &node.meta.name, &mut spreads);
    }
    let mut evicted = Vec::new();
    for spread in spreads.values() {
        let targets = targets(spread, sight);
        if targets < 2 {
            continue;
        }
        let average = spread.count.div_ceil(targets);
        for extra in spread.extra.values() {
            if extra.len() + 1 > average {
                evicted.extend(extra[average - 1..].iter().cloned());
            }
        }
    }
    evicted
}

fn note_node(
    args: &Duplicates,
    sight: &Sight<'_>,
    node: &Name,
    spreads: &mut BTreeMap<Owner, Spread>,
) {
    let mut seen: BTreeSet<Vec<Owner>> = BTreeSet::new();
    for pod in sight.pods_on(node) {
        let is_left_out =
            pod.meta.owners().iter().any(|o| args.exclude_owner_kinds.contains(&o.kind));
        let counts = args.namespaces.count(&pod.meta.namespace)
            && sight.is_evictable(pod)
            && sight.may_move(pod);
        if !counts || pod.meta.owners().is_empty() || is_left_out {
            continue;
        }
        let mut key: Vec<Owner> = owners(pod).collect();
        key.sort();
        for owner in &key {
            spreads.entry(owner.clone()).or_default().count += 1;
        }
        if seen.contains(&key) {
            for owner in &key {
                let spread = spreads.entry(owner.clone()).or_default();
                spread.extra.entry(node.clone()).or_default().push(pod.clone());
            }
        } else {
            seen.insert(key);
        }
    }
}

/// How many nodes would take the pods beside the first ones, by selectors, affinity and taints
/// alone.
///
/// Source: descheduler pkg/framework/plugins/removeduplicates/removeduplicates.go,
/// `getTargetNodes`
fn targets(spread: &Spread, sight: &Sight<'_>) -> usize {
    let mut targets: BTreeSet<&Name> = BTreeSet::new();
    let mut seen: Vec<&Arc<Pod>> = Vec::new();
    for pod in spread.extra.values().flatten() {
        if seen.iter().any(|other| Arc::ptr_eq(&other.spec, &pod.spec)) {
            continue;
        }
        seen.push(pod);
        let meant = sight.nodes.iter().filter(|node| is_meant(pod, node));
        let names: Vec<&Name> = meant.map(|node| &node.meta.name).collect();
        if names.len() > 1 {
            targets.extend(names);
        }
    }
    targets.len()
}
