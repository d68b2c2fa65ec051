//! Disruption budgets, as preemption looks at them.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::api::selector::{LabelSelector, Selector};

/// A `PodDisruptionBudget`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Its namespace.
    pub namespace: Name,
    /// The pods that it protects.
    pub selector: Selector,
    /// How many of them may go now.
    pub allowed: i64,
    /// Pods that are on their way out and already counted.
    pub disrupted: BTreeSet<Name>,
}

impl Budget {
    /// Reads a budget from its wire form.
    pub fn new(namespace: &Name, value: &Value) -> Budget {
        let selector = value.pointer("/spec/selector").filter(|v| !v.is_null());
        let selector = selector.and_then(|v| LabelSelector::deserialize(v).ok());
        let selector = LabelSelector::to_selector(selector.as_ref());
        let disrupted = value.pointer("/status/disruptedPods").and_then(Value::as_object);
        Budget {
            namespace: namespace.clone(),
            selector: selector.unwrap_or(Selector::NOTHING),
            allowed: value
                .pointer("/status/disruptionsAllowed")
                .and_then(Value::as_i64)
                .unwrap_or(0),
            disrupted: disrupted.into_iter().flatten().map(|(name, _)| name.into()).collect(),
        }
    }

    /// Whether taking a pod away counts against it. Pods without labels are never counted, nor is
    /// anything by a budget that selects all or nothing.
    ///
    /// Source: kubernetes v1.36
    /// pkg/scheduler/framework/plugins/defaultpreemption/default_preemption.go,
    /// `filterPodsWithPDBViolation`
    pub fn counts(&self, pod: &Pod) -> bool {
        !pod.meta.labels.is_empty()
            && self.namespace == pod.meta.namespace
            && !self.selector.is_everything()
            && self.selector.matches(&pod.meta.labels)
            && !self.disrupted.contains(&pod.meta.name)
    }
}
