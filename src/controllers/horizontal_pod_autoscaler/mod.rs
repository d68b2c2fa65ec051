//! The `HorizontalPodAutoscaler` controller: as many replicas as the metrics ask for.
//!
//! Responsible for the scale of the targets and for the status of the autoscalers. It never
//! touches a pod, and sees no usage but what the metrics APIs answer.
//!
//! A pass asks: for the scale of the target, then for each metric; then it scales, then it writes
//! its status. Each of these waits for the answer of the one before, so a pass is several looks at
//! one key, and what has been answered is kept in between. What forces it is
//! `HorizontalController.reconcileAutoscaler`, whose later requests are made from the replies to
//! the earlier ones, none of which an informer brings.

pub mod behavior;
pub mod calculate;
pub mod decision;
pub mod group;
pub mod metric;
mod progress;
mod request;
mod why;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::Name;
use crate::api::autoscaling::horizontal_pod_autoscaler::HorizontalPodAutoscaler;
use crate::api::autoscaling::scale::Scale;
use crate::api::core::pod::Pod;
use crate::api::gates::Gate;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::Refusal;
use crate::api::request::{Answer, EventNote};
use crate::api::selector::Selector;
use crate::api::time::Time;
use crate::client::plan::{Plan, Recovery, Write};
use crate::client::reconciler::{Keys, Observed, Reconciler, Watch};
use crate::client::view::View;
use crate::sim::time::SimDuration;
use behavior::Memory;
use calculate::Tolerances;
use group::Patience;
use progress::Progress;
pub use why::HpaWhy;

/// How the controller is run.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/config/v1alpha1/defaults.go
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct HpaOptions {
    /// From the end of one pass to the next.
    pub sync_period: SimDuration,
    /// For how long recommendations are looked back at before it shrinks.
    pub downscale_stabilization: SimDuration,
    /// How far a metric may be off.
    pub tolerances: Tolerances,
    /// For how long figures of pods are doubted.
    pub patience: Patience,
    /// To how many times as many it may grow at once without a behaviour.
    pub scale_up_factor: i32,
    /// Whether tolerances of a behaviour count.
    ///
    /// Source: kubernetes v1.36 pkg/features/kube_features.go, `HPAConfigurableTolerance`
    pub configurable_tolerance: bool,
    /// Whether it may scale to zero and from zero.
    ///
    /// Source: kubernetes v1.36 pkg/features/kube_features.go, `HPAScaleToZero`
    pub scale_to_zero: bool,
}

impl Default for HpaOptions {
    fn default() -> Self {
        HpaOptions {
            sync_period: SimDuration::secs(15),
            downscale_stabilization: SimDuration::secs(300),
            tolerances: Tolerances::default(),
            patience: Patience::default(),
            scale_up_factor: 2,
            configurable_tolerance: true,
            scale_to_zero: false,
        }
    }
}

/// Gives each target as many replicas as its metrics ask for.
///
/// Differs: the scale is read and written without its version: what Kubernetes tries again after a
/// conflict comes out the same.
#[derive(Clone, Default)]
pub struct HorizontalPodAutoscalers {
    options: HpaOptions,
    /// What each autoscaler remembers.
    memory: BTreeMap<ObjectKey, Memory>,
    /// When each is looked at next; what comes earlier finds nothing to do.
    due: BTreeMap<ObjectKey, Time>,
    /// How far the pass of each is.
    progress: BTreeMap<ObjectKey, Progress>,
    /// The pods that each looks at.
    selectors: BTreeMap<ObjectKey, Selector>,
}

const WATCHES: &[Watch] = &[
    Watch { kind: Kind::HORIZONTAL_POD_AUTOSCALER, keys: concerned },
    Watch { kind: Kind::POD, keys: |_, _, _| {} },
];

/// A change of an autoscaler brings no pass before its time; only coming and going counts.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go, `enqueueHPA`, and
/// rate_limiters.go, `FixedItemIntervalRateLimiter`
fn concerned(change: &Observed<'_>, _view: View<'_>, out: &mut Keys) {
    if change.old.is_none() || change.new.is_none() {
        out.add(change.latest().key());
    }
}

impl HorizontalPodAutoscalers {
    /// A controller that is run so.
    pub fn new(options: HpaOptions) -> HorizontalPodAutoscalers {
        HorizontalPodAutoscalers { options, ..HorizontalPodAutoscalers::default() }
    }

    fn forget(&mut self, key: &ObjectKey) {
        self.memory.remove(key);
        self.due.remove(key);
        self.progress.remove(key);
        self.selectors.remove(key);
    }

    /// The next pass is a period from now; while nothing is to be changed that is housekeeping.
    fn rest(&mut self, key: &ObjectKey, is_calm: bool, view: View<'_>, plan: &mut Plan) {
        let period = self.options.sync_period;
        self.due.insert(key.clone(), view.now().plus(period));
        plan.look_again_in(period);
        plan.housekeeping = is_calm;
    }

    /// The other autoscalers that look at these pods, with this one, as Kubernetes prints them.
    ///
    /// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go,
    /// `hpasControllingPodsUnderSelector`
    fn rivals(&self, key: &ObjectKey, pods: &[&Pod]) -> Option<String> {
        let near = self.selectors.iter().filter(|(k, _)| k.namespace == key.namespace);
        let all: Vec<String> = near
            .filter(|(_, selector)| pods.iter().any(|p| selector.matches(&p.meta.labels)))
            .map(|(k, _)| format!("{{{} {}}}", k.name, k.namespace))
            .collect();
        (all.len() > 1).then(|| format!("[{}]", all.join(" ")))
    }
}

/// The pods of a target.
fn pods_of<'a>(namespace: &'a Name, selector: &'a Selector, view: View<'a>) -> Vec<&'a Pod> {
    view.select::<Pod>(namespace, selector).map(Arc::as_ref).collect()
}

/// The target of an autoscaler, or why there can be none.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go, `reconcileAutoscaler`
fn target(hpa: &HorizontalPodAutoscaler) -> Result<ObjectKey, String> {
    let target = &hpa.spec.scale_target_ref;
    let group = target.api_version.rsplit_once('/').map_or("", |(group, _)| group);
    let kind = Kind::all().find(|k| k.name() == target.kind && k.row().group == group);
    let kind = kind.ok_or_else(|| {
        let in_group =
            if group.is_empty() { String::new() } else { format!(" in group {group:?}") };
        format!("no matches for kind {:?}{in_group}", target.kind.as_str())
    })?;
    if !Scale::is_of(kind) {
        return Err("the server could not find the requested resource".to_owned());
    }
    Ok(ObjectKey::new(kind, &hpa.meta.namespace, &target.name))
}

fn event(
    hpa: &Arc<HorizontalPodAutoscaler>,
    warning: bool,
    reason: &'static str,
    message: &str,
) -> EventNote {
    let about = Object::HorizontalPodAutoscaler(hpa.clone()).reference();
    EventNote { about, warning, reason, message: message.into() }
}

impl Reconciler for HorizontalPodAutoscalers {
    fn name(&self) -> &'static str {
        "horizontal-pod-autoscaler"
    }

    fn watches(&self) -> &'static [Watch] {
        WATCHES
    }

    /// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go, `reconcileKey`
    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let mut plan = Plan::nothing();
        self.options.configurable_tolerance = view.is_on(Gate::HPAConfigurableTolerance);
        self.options.scale_to_zero = view.is_on(Gate::HPAScaleToZero);
        let found = view.get::<HorizontalPodAutoscaler>(&key.namespace, &key.name);
        let Some(hpa) = found.filter(|h| !h.meta.is_deleting()) else {
            self.forget(key);
            return plan;
        };
        if let Some(progress) = self.progress.remove(key) {
            self.go_on(key, hpa, progress, view, &mut plan);
        } else if !self.due.contains_key(key) {
            // The first pass, too, is a period away.
            self.rest(key, false, view, &mut plan);
        } else if self.due.get(key).is_some_and(|due| *due <= view.now()) {
            self.begin(key, hpa, view, &mut plan);
        }
        plan
    }

    fn answered(&mut self, key: &ObjectKey, _write: &Write, answer: &Answer) {
        if let Some(progress) = self.progress.get_mut(key) {
            progress.take(answer);
        }
    }

    /// What was refused has been noted by [`Reconciler::answered`]; the pass goes on with it.
    fn recover(&mut self, _write: &Write, _refusal: &Refusal) -> Recovery {
        Recovery::GoOn
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}
