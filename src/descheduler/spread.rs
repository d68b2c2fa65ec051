//! Pods that are spread less evenly than they ask for.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fit;
use super::policy::Spread;
use super::sight::Sight;
use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::core::pod_terms::SpreadConstraint;
use crate::api::object::Kind;
use crate::api::selector::Selector;

/// The pods of one domain, those that go last first.
struct Domain<'a> {
    value: Name,
    pods: Vec<&'a Arc<Pod>>,
}

/// A constraint of some pod, as far as it matters here.
struct Constraint<'a> {
    of: &'a SpreadConstraint,
    /// The pods that are counted.
    selector: Selector,
    /// A pod that has it.
    pod: &'a Arc<Pod>,
}

impl Constraint<'_> {
    fn is_like(&self, other: &Constraint<'_>) -> bool {
        self.of == other.of
            && self.selector == other.selector
            && Arc::ptr_eq(&self.pod.spec, &other.pod.spec)
    }

    /// Whether a node is one of a domain, by the constraint's policies for affinity and taints
    /// (`matchNodeInclusionPolicies` beside `balanceDomains`).
    fn counts(&self, node: &Node) -> bool {
        use crate::api::core::node_selector::Required;
        use crate::api::gates::Gates;
        use crate::api::taint::ComparisonOperators;
        use crate::scheduler::plugins::taint_toleration::untolerated;
        let spec = &self.pod.spec;
        let operators = ComparisonOperators::of(Gates::DEFAULT);
        (!self.of.honors_affinity || Required::of(spec).matches(node))
            && (!self.of.honors_taints || untolerated(node, &spec.tolerations, operators).is_none())
    }
}

/// The pods to evict.
///
/// Differs: namespaces, constraints and pods come in the order of their names, not in any.
///
/// Source: descheduler
/// pkg/framework/plugins/removepodsviolatingtopologyspreadconstraint/topologyspreadconstraint.go,
/// `RemovePodsViolatingTopologySpreadConstraint.Balance`
pub fn violating(args: &Spread, sight: &Sight<'_>) -> Vec<Arc<Pod>> {
    // Bounded by the pods of the cluster, once a round.
    let all = sight.caches.of(Kind::POD).all().filter_map(|o| o.as_a::<Pod>());
    let mut pods: BTreeMap<&Name, Vec<&Arc<Pod>>> = BTreeMap::new();
    for pod in all.filter(|p| args.namespaces.count(&p.meta.namespace)) {
        pods.entry(&pod.meta.namespace).or_default().push(pod);
    }
    let mut evicted: Vec<&Arc<Pod>> = Vec::new();
    for pods in pods.values_mut() {
        pods.sort_by(|a, b| a.meta.name.cmp(&b.meta.name));
        for constraint in constraints(args, pods) {
            for pod in moved(args, &constraint, pods, sight) {
                if !evicted.iter().any(|other| Arc::ptr_eq(other, pod)) {
                    evicted.push(pod);
                }
            }
        }
    }
    let may_go = |pod: &&Arc<Pod>| {
        args.selector.as_ref().is_none_or(|s| s.matches(&pod.meta.labels))
            && sight.is_evictable(pod)
            && sight.may_move(pod)
    };
    evicted.into_iter().filter(may_go).cloned().collect()
}

/// The constraints of these pods, each once.
fn constraints<'a>(args: &Spread, pods: &[&'a Arc<Pod>]) -> Vec<Constraint<'a>> {
    let mut all: Vec<Constraint<'a>> = Vec::new();
    for pod in pods {
        for of in &pod.spec.spread {
            let selector = of.selector_for(&pod.meta.labels);
            let one = Constraint { of, selector, pod };
            let counts = if of.is_hard { args.hard } else { args.soft };
            if counts && !all.iter().any(|other| other.is_like(&one)) {
                all.push(one);
            }
        }
    }
    all
}

/// The pods that a constraint would have elsewhere.
fn moved<'a>(
    args: &Spread,
    constraint: &Constraint<'_>,
    pods: &[&'a Arc<Pod>],
    sight: &Sight<'_>,
) -> Vec<&'a Arc<Pod>> {
    let key = &constraint.of.topology_key;
    let nodes = sight.nodes.iter().filter(|n| constraint.counts(n));
    let of: BTreeMap<&Name, &Name> =
        nodes.filter_map(|n| Some((&n.meta.name, n.meta.labels.get(key)?))).collect();
    let mut domains: BTreeMap<&Name, Vec<&'a Arc<Pod>>> =
        of.values().map(|value| (*value, Vec::new())).collect();
    for pod in pods {
        let counts = !pod.meta.is_deleting() && constraint.selector.matches(&pod.meta.labels);
        if let (true, Some(value)) = (counts, of.get(&pod.node_name)) {
            domains.entry(value).or_default().push(pod);
        }
    }
    let sizes = || domains.values().map(Vec::len);
    let skew = sizes().max().unwrap_or(0) - sizes().min().unwrap_or(0);
    if wide(skew) <= constraint.of.max_skew {
        return Vec::new();
    }
    let sorted = sorted(domains, sight);
    balance(args, constraint.of, sorted, sight)
}

fn wide(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The domains from the smallest to the largest, and in each the pods that go last first: those
/// that must stay, those with a selector or affinity, those of high priority.
///
/// Source: descheduler
/// pkg/framework/plugins/removepodsviolatingtopologyspreadconstraint/topologyspreadconstraint.go,
/// `sortDomains`
fn sorted<'a>(domains: BTreeMap<&Name, Vec<&'a Arc<Pod>>>, sight: &Sight<'_>) -> Vec<Domain<'a>> {
    let has_place = |pod: &Pod| {
        let affinity = pod.spec.affinity.as_ref();
        !pod.spec.node_selector.is_empty() || affinity.is_some_and(|a| a.node_affinity.is_some())
    };
    let mut all: Vec<Domain<'a>> = Vec::new();
    for (value, mut pods) in domains {
        pods.sort_by_cached_key(|pod| {
            let priority = std::cmp::Reverse(pod.spec.priority);
            (sight.is_evictable(pod), !has_place(pod), priority, pod.meta.name.clone())
        });
        all.push(Domain { value: value.clone(), pods });
    }
    all.sort_by_key(|domain| domain.pods.len());
    all
}

/// Moves pods from the largest domains to the smallest, as far as the skew asks for it and neither
/// passes the average.
///
/// With 1, 1 and 4 pods and a skew of 1 the average is 2: from the last to the first goes
/// ⌈(3 - 1) / 2⌉ = 1, which leaves 2, 1 and 3; then the second is 2 behind and gets 1.
///
/// Source: descheduler
/// pkg/framework/plugins/removepodsviolatingtopologyspreadconstraint/topologyspreadconstraint.go,
/// `balanceDomains`
fn balance<'a>(
    args: &Spread,
    constraint: &SpreadConstraint,
    mut domains: Vec<Domain<'a>>,
    sight: &Sight<'_>,
) -> Vec<&'a Arc<Pod>> {
    let count = wide(domains.len());
    let sum: i64 = domains.iter().map(|d| wide(d.pods.len())).sum();
    let is_low = |node: &&Arc<Node>| {
        let value = node.meta.labels.get(&constraint.topology_key);
        let domain = value.and_then(|value| domains.iter().find(|d| d.value == *value));
        domain.is_some_and(|d| wide(d.pods.len()) * count < sum)
    };
    let low: Vec<Arc<Node>> = sight.nodes.iter().filter(is_low).cloned().collect();
    let mut evicted = Vec::new();
    let (mut i, mut j) = (0, domains.len().saturating_sub(1));
    while i < j {
        if wide(domains[j].pods.len()) * count <= sum {
            j -= 1;
        }
        let (above, below) = (wide(domains[j].pods.len()), wide(domains[i].pods.len()));
        let skew = above - below;
        if skew <= constraint.max_skew {
            i += 1;
            continue;
        }
        let ceiling = |n: i64, d: i64| (n + d - 1).div_euclid(d);
        let to_average =
            ceiling(above * count - sum, count).min(ceiling(sum - below * count, count));
        let to_move = to_average.min(ceiling(skew - constraint.max_skew, 2));
        if to_move <= 0 {
            i += 1;
            continue;
        }
        let left = domains[j].pods.len() - usize::try_from(to_move).unwrap_or(0);
        let going = domains[j].pods.split_off(left);
        let fits = |pod: &&&Arc<Pod>| !args.node_fit || fit::fits_any_other(pod, &low, sight);
        evicted.extend(going.iter().filter(fits).copied());
        domains[i].pods.extend(going);
    }
    evicted
}
