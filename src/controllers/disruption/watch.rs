//! Which budgets a change concerns.

use std::sync::Arc;

use super::stale::stale_in;
use crate::api::core::pod::Pod;
use crate::api::object::{Kind, ObjectKey};
use crate::api::policy::pod_disruption_budget::PodDisruptionBudget;
use crate::client::reconciler::{Keys, Observed, Watch};
use crate::client::view::View;

/// What the disruption controller watches; the owners of pods are only looked up.
pub(super) const WATCHES: &[Watch] = &[
    Watch { kind: Kind::POD_DISRUPTION_BUDGET, keys: budget_keys },
    Watch { kind: Kind::POD, keys: pod_keys },
    Watch { kind: Kind::REPLICA_SET, keys: none },
    Watch { kind: Kind::DEPLOYMENT, keys: none },
    Watch { kind: Kind::STATEFUL_SET, keys: none },
    Watch { kind: Kind::REPLICATION_CONTROLLER, keys: none },
];

fn none(_change: &Observed<'_>, _view: View<'_>, _out: &mut Keys) {}

fn budget_keys(change: &Observed<'_>, _view: View<'_>, out: &mut Keys) {
    out.add(change.latest().key());
}

/// A pod concerns the budget of its namespace that selects it; of several only one. A scan of the
/// namespace's budgets.
///
/// Differs: of several budgets the first by name is taken, in Kubernetes any.
///
/// Source: kubernetes v1.36 pkg/controller/disruption/disruption.go,
/// `DisruptionController.updatePod`, `getPdbForPod`
fn pod_keys(change: &Observed<'_>, view: View<'_>, out: &mut Keys) {
    let Some(pod) = change.latest().as_a::<Pod>() else { return };
    let (first, others) = budgets_of(pod, view);
    if let Some(budget) = first {
        let (namespace, name) = (budget.meta.namespace.clone(), budget.meta.name.clone());
        out.add(ObjectKey { kind: Kind::POD_DISRUPTION_BUDGET, namespace, name });
    }
    if others > 0 && change.new.is_some() {
        let (namespace, name) = (pod.meta.namespace.clone(), pod.meta.name.clone());
        out.add(ObjectKey { kind: Kind::POD, namespace, name });
    }
    if let (Some(_), Some(later)) = (change.new, stale_in(pod, view.now())) {
        let (namespace, name) = (pod.meta.namespace.clone(), pod.meta.name.clone());
        out.add_after(ObjectKey { kind: Kind::POD, namespace, name }, later);
    }
}

/// The budget of a pod, and how many others select it as well. A scan of the namespace's budgets.
pub(super) fn budgets_of<'v>(
    pod: &Pod,
    view: View<'v>,
) -> (Option<&'v Arc<PodDisruptionBudget>>, usize) {
    let budgets = view.in_namespace::<PodDisruptionBudget>(&pod.meta.namespace);
    let own = budgets.filter(|b| b.selects(&pod.meta.labels));
    let (mut first, mut count) = (None::<&Arc<PodDisruptionBudget>>, 0);
    for budget in own {
        count += 1;
        if first.is_none_or(|known| budget.meta.name < known.meta.name) {
            first = Some(budget);
        }
    }
    (first, usize::saturating_sub(count, 1))
}
