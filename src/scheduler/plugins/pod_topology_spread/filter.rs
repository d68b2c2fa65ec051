//! Constraints that must hold: how many pods each domain has, and how few the emptiest.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::api::core::pod_terms::SpreadConstraint;
use crate::scheduler::cache::{Cache, Moved, NodeInfo};
use crate::scheduler::framework::{Attempt, Filter, Refused, Scope};
use crate::scheduler::plugins::domain::Domains;

use super::{Counting, has_all_keys};

/// The hard constraints of a pod, with what was counted.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/podtopologyspread/filtering.go,
/// `preFilterState`
#[derive(Clone, Debug)]
pub struct Hard {
    shared: Arc<Shared>,
    counted: Vec<Counted>,
}

/// What stays while pods come and go.
#[derive(Debug)]
struct Shared {
    counting: Counting,
    rules: Vec<Rule>,
}

/// A constraint over the nodes as they are.
#[derive(Debug)]
struct Rule {
    constraint: SpreadConstraint,
    domains: Domains,
    /// By slot: whether its pods count.
    includes: Vec<bool>,
    /// By domain: whether any of its nodes counts.
    is_counted: Vec<bool>,
    /// 1 if the pod is one of those that it counts.
    own: i64,
}

/// How many pods the domains of one constraint have.
#[derive(Clone, Debug)]
struct Counted {
    by_domain: Vec<i64>,
    /// How many domains have so many pods.
    shares: BTreeMap<i64, usize>,
    domains: usize,
}

const SKEWED: u32 = 0;
const NO_LABEL: u32 = 1;

impl Hard {
    pub(super) fn new(
        counting: Counting,
        constraints: &[SpreadConstraint],
        attempt: Attempt<'_>,
    ) -> Hard {
        let labels = &attempt.pod.meta.labels;
        let rule = |constraint: &SpreadConstraint| {
            let own = i64::from(constraint.selector.matches(labels));
            Rule::new(constraint.clone(), constraints, &counting, own, attempt.cluster)
        };
        let rules: Vec<Rule> = constraints.iter().map(rule).collect();
        let counted = rules.iter().map(|r| r.count(&counting, attempt.cluster)).collect();
        Hard { shared: Arc::new(Shared { counting, rules }), counted }
    }

    /// By constraint: the number of pods of each domain that counts, and the fewest.
    pub fn counts(&self) -> Vec<(Vec<(Name, i64)>, i64)> {
        let one = |(rule, counted): (&Rule, &Counted)| {
            let all = rule.domains.names().iter().zip(&rule.is_counted).zip(&counted.by_domain);
            let there = all.filter(|((_, is), _)| **is).map(|((name, _), n)| (name.clone(), *n));
            (there.collect(), counted.fewest(rule.constraint.min_domains))
        };
        self.shared.rules.iter().zip(&self.counted).map(one).collect()
    }

    fn change(&mut self, pod: &Pod, slot: u32, by: i64, counts: impl Fn(&Rule, &Pod) -> bool) {
        for (rule, counted) in self.shared.rules.iter().zip(&mut self.counted) {
            if rule.includes.get(slot as usize) == Some(&true) && counts(rule, pod) {
                counted.change(rule.domains.of(slot), by);
            }
        }
    }

    /// A pod that is only thought of counts even on its way out, and by a selector of everything.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/podtopologyspread/filtering.go,
    /// `PodTopologySpread.updateWithPod`
    fn think(&mut self, pod: &Pod, slot: u32, by: i64) {
        let shared = self.shared.clone();
        self.change(pod, slot, by, |rule, pod| {
            pod.meta.namespace == shared.counting.namespace
                && rule.constraint.selector.matches(&pod.meta.labels)
        });
    }
}

impl Rule {
    fn new(
        constraint: SpreadConstraint,
        all: &[SpreadConstraint],
        counting: &Counting,
        own: i64,
        cluster: &Cache,
    ) -> Rule {
        let domains = Domains::new(cluster, &constraint.topology_key);
        let mut includes = vec![false; cluster.slots()];
        let mut is_counted = vec![false; domains.len()];
        for slot in cluster.order() {
            let Some(node) = &cluster.at(*slot).node else { continue };
            if has_all_keys(all, &node.meta.labels) && counting.includes(&constraint, node) {
                includes[*slot as usize] = true;
                is_counted[domains.of(*slot) as usize] = true;
            }
        }
        Rule { constraint, domains, includes, is_counted, own }
    }

    fn count(&self, counting: &Counting, cluster: &Cache) -> Counted {
        let mut by_domain = vec![0; self.domains.len()];
        for (slot, pods) in counting.counted(&self.constraint.selector, cluster) {
            if self.includes[slot as usize] {
                by_domain[self.domains.of(slot) as usize] += pods;
            }
        }
        let mut shares = BTreeMap::new();
        for (pods, _) in by_domain.iter().zip(&self.is_counted).filter(|(_, is)| **is) {
            *shares.entry(*pods).or_default() += 1;
        }
        let domains = self.is_counted.iter().filter(|is| **is).count();
        Counted { by_domain, shares, domains }
    }
}

impl Counted {
    fn change(&mut self, domain: u32, by: i64) {
        let Some(pods) = self.by_domain.get_mut(domain as usize) else { return };
        let before = *pods;
        *pods += by;
        *self.shares.entry(*pods).or_default() += 1;
        if let Some(n) = self.shares.get_mut(&before) {
            *n -= 1;
            if *n == 0 {
                self.shares.remove(&before);
            }
        }
    }

    /// How many pods the emptiest domain has; 0 with fewer domains than there are to be.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/podtopologyspread/filtering.go,
    /// `preFilterState.minMatchNum`
    fn fewest(&self, min_domains: usize) -> i64 {
        if self.domains < min_domains {
            return 0;
        }
        self.shares.first_key_value().map_or(i64::from(i32::MAX), |(pods, _)| *pods)
    }
}

impl Filter for Hard {
    /// With 2 pods in the node's domain, the pod itself one of them, 1 in the emptiest domain and
    /// a skew of 1: 2 + 1 − 1 = 2 > 1, refused.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/podtopologyspread/filtering.go,
    /// `PodTopologySpread.Filter`
    fn filter(&self, slot: u32, _: &NodeInfo) -> Result<(), Refused> {
        for (rule, counted) in self.shared.rules.iter().zip(&self.counted) {
            let domain = rule.domains.of(slot) as usize;
            let Some(pods) = counted.by_domain.get(domain) else {
                return Err(Refused::unresolvable(NO_LABEL));
            };
            let fewest = counted.fewest(rule.constraint.min_domains);
            if pods + rule.own - fewest > rule.constraint.max_skew {
                return Err(Refused::unschedulable(SKEWED));
            }
        }
        Ok(())
    }

    fn reason(&self, bit: u32) -> Name {
        Name::new_static(match bit {
            SKEWED => "node(s) didn't match pod topology spread constraints",
            _ => "node(s) didn't match pod topology spread constraints (missing required label)",
        })
    }

    fn scope(&self) -> Scope {
        Scope::Cluster
    }

    fn follow(&mut self, moved: &Moved, _: &Cache) {
        let shared = self.shared.clone();
        let by = if moved.came { 1 } else { -1 };
        self.change(&moved.pod, moved.slot, by, |rule, pod| {
            shared.counting.counts(&rule.constraint.selector, pod)
        });
    }

    fn add_pod(&mut self, pod: &Arc<Pod>, slot: u32, _: &Cache) {
        self.think(pod, slot, 1);
    }

    fn remove_pod(&mut self, pod: &Arc<Pod>, slot: u32, _: &Cache) {
        self.think(pod, slot, -1);
    }

    fn boxed_clone(&self) -> Box<dyn Filter> {
        Box::new(self.clone())
    }
}
