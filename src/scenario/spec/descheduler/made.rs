//! From the policy as it is written to the policy as the descheduler has it.

use std::collections::BTreeMap;

use super::CountedNamespaces;
use super::Descheduler;
use super::DeschedulerPlugin;
use super::DeschedulerProfile;
use super::DuplicatesArgs;
use super::EvictorArgs;
use super::Protection;
use super::SpreadArgs;
use super::UtilizationArgs;
use super::WhenUnsatisfiable;
use super::Wish;
use crate::api::Name;
use crate::descheduler::policy;
use crate::scenario::amount::Amount;

fn names(all: &[String]) -> Vec<Name> {
    all.iter().map(Name::new).collect()
}

fn count(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

impl CountedNamespaces {
    fn made(&self) -> policy::Namespaces {
        policy::Namespaces { include: names(&self.include), exclude: names(&self.exclude) }
    }
}

impl Descheduler {
    /// The policy that it means.
    pub fn made(&self) -> policy::Policy {
        let written = &self.policy;
        policy::Policy {
            interval: self.interval,
            node_selector: written.node_selector.clone(),
            limits: policy::Limits {
                per_node: written.per_node.map(count),
                per_namespace: written.per_namespace.map(count),
                total: written.total.map(count),
            },
            profiles: written.profiles.iter().map(DeschedulerProfile::made).collect(),
        }
    }
}

impl DeschedulerProfile {
    fn made(&self) -> policy::Profile {
        let mut profile = policy::Profile {
            name: Name::new(&self.name),
            evictor: policy::Evictor::default(),
            balance: Vec::new(),
        };
        let (mut duplicates, mut spread) =
            (policy::Duplicates::default(), policy::Spread::default());
        for args in &self.args {
            match args {
                DeschedulerPlugin::Evictor(args) => profile.evictor = args.made(),
                DeschedulerPlugin::Duplicates(args) => duplicates = args.made(),
                DeschedulerPlugin::Spread(args) => spread = args.made(),
                DeschedulerPlugin::Utilization(_) => {}
            }
        }
        for name in &self.plugins.balance.enabled {
            profile.balance.extend(match name.value.as_str() {
                "RemoveDuplicates" => Some(policy::Strategy::Duplicates(duplicates.clone())),
                "LowNodeUtilization" => {
                    let args = self.utilization();
                    args.map(|args| policy::Strategy::Utilization(args.made()))
                }
                _ => Some(policy::Strategy::Spread(spread.clone())),
            });
        }
        profile
    }
}

impl EvictorArgs {
    fn made(&self) -> policy::Evictor {
        let disabled = |what| self.protections.disabled.contains(&what);
        let enabled = |what| self.protections.enabled.contains(&what);
        policy::Evictor {
            node_fit: self.node_fit,
            node_selector: self.node_selector.clone(),
            selector: self.selector.as_ref().map(|s| s.0.clone()),
            priority_threshold: self.priority.as_ref().map(|p| p.value),
            min_replicas: count(self.min_replicas),
            min_pod_age: self.min_pod_age,
            honors_wish_to_stay: self.wish == Wish::Mandatory,
            protects_local_storage: !self.local_storage && !disabled(Protection::LocalStorage),
            protects_daemon_sets: !self.daemon_sets && !disabled(Protection::DaemonSets),
            protects_system_critical: !self.system_critical
                && !disabled(Protection::SystemCritical),
            protects_failed_bare: !self.failed_bare && !disabled(Protection::FailedBare),
            protects_claims: self.ignore_claims || enabled(Protection::Claims),
            protects_without_budget: self.ignore_without_budget
                || enabled(Protection::WithoutBudget),
        }
    }
}

impl DuplicatesArgs {
    fn made(&self) -> policy::Duplicates {
        policy::Duplicates {
            namespaces: self.namespaces.made(),
            exclude_owner_kinds: names(&self.exclude_kinds),
        }
    }
}

impl SpreadArgs {
    fn made(&self) -> policy::Spread {
        policy::Spread {
            namespaces: self.namespaces.made(),
            selector: self.selector.as_ref().map(|s| s.0.clone()),
            hard: self.constraints.contains(&WhenUnsatisfiable::Hard),
            soft: self.constraints.contains(&WhenUnsatisfiable::Soft),
            node_fit: self.node_fit,
        }
    }
}

impl UtilizationArgs {
    #[expect(clippy::float_arithmetic, reason = "percentages are such numbers there")]
    #[expect(clippy::cast_precision_loss, reason = "at most 100,000")]
    fn made(&self) -> policy::Utilization {
        let percent = |all: &BTreeMap<String, Amount>| {
            let one = |(name, amount): (&String, &Amount)| {
                (Name::new(name), amount.millis as f64 / 1000.0)
            };
            all.iter().map(one).collect()
        };
        policy::Utilization {
            thresholds: percent(&self.low),
            target_thresholds: percent(&self.high),
            is_deviation: self.is_deviation,
            number_of_nodes: count(self.number_of_nodes),
            exclude_namespaces: names(&self.namespaces.exclude),
            per_node: self.limits.node.map(count),
        }
    }
}
