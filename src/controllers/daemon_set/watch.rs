//! What the `DaemonSet` controller watches.

use super::fit::Fit;
use crate::api::apps::daemon_set::DaemonSet;
use crate::api::core::node::Node;
use crate::api::object::{Kind, Resource};
use crate::api::selector::LabelSelector;
use crate::api::taint::ComparisonOperators;
use crate::client::reconciler::{Keys, Observed, Watch};
use crate::client::view::View;
use crate::controllers::pod_watch::{PodOwner, no_keys, owner_keys, pod_keys};

/// What the `DaemonSet` controller watches.
///
/// Source: kubernetes v1.36 pkg/controller/daemon/daemon_controller.go, `NewDaemonSetsController`
pub(super) const WATCHES: &[Watch] = &[
    Watch { kind: Kind::DAEMON_SET, keys: owner_keys },
    Watch { kind: Kind::POD, keys: pod_keys::<DaemonSet> },
    Watch { kind: Kind::NODE, keys: node_keys },
    Watch { kind: Kind::CONTROLLER_REVISION, keys: no_keys },
];

impl PodOwner for DaemonSet {
    const EXPECTS: bool = true;

    fn selector(&self) -> &LabelSelector {
        &self.spec.selector
    }

    fn min_ready_seconds(&self) -> i32 {
        self.spec.min_ready_seconds
    }
}

/// A node concerns each `DaemonSet` for which it begins or ceases to fit. A scan of these, for
/// nodes that are new or have other labels or taints only; one that goes concerns nobody.
///
/// Source: kubernetes v1.36 pkg/controller/daemon/daemon_controller.go, `addNode`, `updateNode`
fn node_keys(change: &Observed<'_>, view: View<'_>, out: &mut Keys) {
    let Some(new) = change.new.and_then(Node::of) else { return };
    let old = change.old.and_then(Node::of);
    let is_same =
        |old: &Node| old.meta.labels == new.meta.labels && old.spec.taints == new.spec.taints;
    if old.is_some_and(|old| is_same(old)) {
        return;
    }
    let comparison = ComparisonOperators::of(view.gates());
    for set in view.all::<DaemonSet>() {
        let template = &set.spec.template;
        let fit = Fit::of(&template.spec, &template.node_name);
        let now = fit.on(new, comparison);
        let concerned = match old {
            None => now.should_run,
            Some(old) => fit.on(old, comparison) != now,
        };
        if concerned {
            out.add(crate::api::object::Object::DaemonSet(set.clone()).key());
        }
    }
}
