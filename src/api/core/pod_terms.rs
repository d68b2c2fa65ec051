//! What a pod wants of other pods, made ready to be matched: affinity, anti-affinity and spread.
//!
//! Read once a spec, so that no selector is built while pods are scheduled.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::api::Name;
use crate::api::labels::Labels;
use crate::api::selector::{LabelSelector, Operator, Requirement, Selector};

/// Affinity to pods and away from them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PodTerms {
    /// Pods that must be near.
    pub required: Vec<PodTerm>,
    /// Pods that must be away.
    pub required_anti: Vec<PodTerm>,
    /// Pods that had better be near, with weights.
    pub preferred: Vec<(i64, PodTerm)>,
    /// Pods that had better be away, with weights.
    pub preferred_anti: Vec<(i64, PodTerm)>,
    /// Why a term cannot be read.
    pub error: Option<String>,
}

/// Which pods are meant, and what counts as near them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct PodTerm {
    /// Their labels.
    pub selector: Selector,
    /// Their namespaces; empty with no selector of namespaces: the pod's own.
    pub namespaces: Vec<Name>,
    /// Labels of their namespaces.
    pub namespace_selector: Option<Selector>,
    /// Nodes with the same value of this label are near each other.
    pub topology_key: Name,
}

/// A constraint on how evenly pods are spread.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SpreadConstraint {
    /// How much more pods a domain may have than the emptiest.
    pub max_skew: i64,
    /// Nodes with the same value of this label are one domain.
    pub topology_key: Name,
    /// Whether it must hold, or only had better.
    pub is_hard: bool,
    /// The pods that are counted.
    pub selector: Selector,
    /// With fewer domains than these the emptiest counts as having none.
    pub min_domains: usize,
    /// Whether only nodes count that the pod's node affinity allows.
    pub honors_affinity: bool,
    /// Whether only nodes count whose taints the pod tolerates.
    pub honors_taints: bool,
    /// Labels whose values are the pod's own.
    pub match_label_keys: Vec<Name>,
}

impl PodTerms {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.required.is_empty()
            && self.required_anti.is_empty()
            && self.preferred.is_empty()
            && self.preferred_anti.is_empty()
            && self.error.is_none()
    }

    /// Whether any had better hold.
    pub fn has_preferred(&self) -> bool {
        !self.preferred.is_empty() || !self.preferred_anti.is_empty()
    }

    /// Reads `podAffinity` and `podAntiAffinity`.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/types.go, `PodInfo.Update`
    pub fn new(near: Option<&Value>, away: Option<&Value>) -> PodTerms {
        let mut terms = PodTerms::default();
        let mut errors = Vec::new();
        terms.required = required(near, &mut errors);
        terms.required_anti = required(away, &mut errors);
        terms.preferred = preferred(near, &mut errors);
        terms.preferred_anti = preferred(away, &mut errors);
        terms.error = (!errors.is_empty()).then(|| errors.join("; "));
        terms
    }
}

fn list<'v>(whole: Option<&'v Value>, name: &str) -> &'v [Value] {
    whole.and_then(|v| v.get(name)).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn required(whole: Option<&Value>, errors: &mut Vec<String>) -> Vec<PodTerm> {
    let all = list(whole, "requiredDuringSchedulingIgnoredDuringExecution");
    all.iter().filter_map(|v| PodTerm::new(v).map_err(|e| errors.push(e)).ok()).collect()
}

fn preferred(whole: Option<&Value>, errors: &mut Vec<String>) -> Vec<(i64, PodTerm)> {
    let mut read = |v: &Value| {
        let weight = v.get("weight").and_then(Value::as_i64).unwrap_or(0);
        let term = v.get("podAffinityTerm").unwrap_or(&Value::Null);
        PodTerm::new(term).map_err(|e| errors.push(e)).ok().map(|term| (weight, term))
    };
    let all = list(whole, "preferredDuringSchedulingIgnoredDuringExecution");
    all.iter().filter_map(&mut read).collect()
}

fn selector(value: Option<&Value>) -> Result<Option<Selector>, String> {
    let Some(value) = value.filter(|v| !v.is_null()) else { return Ok(None) };
    let written = LabelSelector::deserialize(value).map_err(|e| e.to_string())?;
    LabelSelector::to_selector(Some(&written)).map(Some).map_err(|e| e.to_string())
}

fn names(value: Option<&Value>) -> Vec<Name> {
    let all = value.and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str).map(Name::from).collect()
}

fn text(value: &Value, name: &str) -> Name {
    value.get(name).and_then(Value::as_str).unwrap_or_default().into()
}

impl PodTerm {
    /// Source: kubernetes v1.36 staging/src/k8s.io/kube-scheduler/framework/types.go,
    /// `newAffinityTerm`
    fn new(value: &Value) -> Result<PodTerm, String> {
        Ok(PodTerm {
            selector: selector(value.get("labelSelector"))?.unwrap_or(Selector::NOTHING),
            namespaces: names(value.get("namespaces")),
            namespace_selector: selector(value.get("namespaceSelector"))?,
            topology_key: text(value, "topologyKey"),
        })
    }

    /// Whether a pod is meant, by its namespace and labels. The term is one of a pod in `own`;
    /// `labels_of` tells the labels of the other pod's namespace, none when it is not known.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/kube-scheduler/framework/types.go,
    /// `AffinityTerm.Matches`
    pub fn matches<'n>(
        &self,
        own: &str,
        namespace: &str,
        labels: &Labels,
        labels_of: impl FnOnce() -> Option<&'n Labels>,
    ) -> bool {
        let here = match &self.namespace_selector {
            None if self.namespaces.is_empty() => own == namespace,
            _ if self.namespaces.iter().any(|n| n == namespace) => true,
            None => false,
            Some(all) if all.is_everything() => true,
            Some(some) => labels_of().is_some_and(|labels| some.matches(labels)),
        };
        here && self.selector.matches(labels)
    }
}

impl SpreadConstraint {
    /// Reads `topologySpreadConstraints`.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/podtopologyspread/common.go,
    /// `newTopologySpreadConstraint` and `filterTopologySpreadConstraints`
    pub fn all(spec: &Map<String, Value>) -> Vec<SpreadConstraint> {
        let all = spec.get("topologySpreadConstraints").and_then(Value::as_array);
        all.into_iter().flatten().map(SpreadConstraint::new).collect()
    }

    /// Reads one constraint.
    pub fn new(value: &Value) -> SpreadConstraint {
        let number = |name: &str| value.get(name).and_then(Value::as_i64);
        let min_domains = number("minDomains").and_then(|n| usize::try_from(n).ok());
        let counted = selector(value.get("labelSelector"));
        SpreadConstraint {
            max_skew: number("maxSkew").unwrap_or(0),
            topology_key: text(value, "topologyKey"),
            is_hard: text(value, "whenUnsatisfiable") == "DoNotSchedule",
            selector: counted.ok().flatten().unwrap_or(Selector::NOTHING),
            min_domains: min_domains.unwrap_or(1),
            honors_affinity: text(value, "nodeAffinityPolicy") != "Ignore",
            honors_taints: text(value, "nodeTaintsPolicy") == "Honor",
            match_label_keys: names(value.get("matchLabelKeys")),
        }
    }

    /// The pods that are counted for a pod with these labels: its own values of the keys that are
    /// to match are required too.
    pub fn selector_for(&self, labels: &Labels) -> Selector {
        let mut selector = self.selector.clone();
        for key in &self.match_label_keys {
            if let Some(value) = labels.get(key) {
                let own = vec![value.clone()];
                selector = selector.and(Requirement::unchecked(key.clone(), Operator::In, own));
            }
        }
        selector
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_term_means_its_own_namespace_unless_it_names_others() {
        let plain = json!({"labelSelector": {"matchLabels": {"app": "a"}}, "topologyKey": "z"});
        let mut named = plain.clone();
        named["namespaces"] = json!(["x"]);
        let mut all = plain.clone();
        all["namespaceSelector"] = json!({});
        let labels = Labels::from([("app", "a")]);
        let meant = |value: &Value| {
            let term = PodTerm::new(value).expect("a term");
            ["own", "x", "y"].map(|ns| term.matches("own", ns, &labels, || None))
        };
        assert_eq!(meant(&plain), [true, false, false]);
        assert_eq!(meant(&named), [false, true, false]);
        assert_eq!(meant(&all), [true, true, true]);
    }

    #[test]
    fn keys_that_are_to_match_take_the_pods_own_values() {
        let constraint = SpreadConstraint::new(&json!({
            "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": "a"}}, "matchLabelKeys": ["hash", "absent"],
        }));
        let selector = constraint.selector_for(&Labels::from([("app", "a"), ("hash", "1")]));
        assert!(selector.matches(&Labels::from([("app", "a"), ("hash", "1")])));
        assert!(!selector.matches(&Labels::from([("app", "a"), ("hash", "2")])));
    }
}
