//! What a pass of an autoscaler comes to: the replicas that it wants, and what it says of itself.

use super::HpaOptions;
use super::behavior::{Memory, Range, clamp, default_scale_up_limit, limit_rate};
use super::calculate::Tolerances;
use super::metric::{Failed, Measured};
use crate::api::Name;
use crate::api::autoscaling::horizontal_pod_autoscaler::{
    HorizontalPodAutoscaler, HpaSpec, HpaStatus, MetricStatus, ScalingRules,
};
use crate::api::condition::{self, Condition, Truth};
use crate::api::time::Time;

/// What a pass comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// The status that is to be shown, once the target was scaled where it is to be.
    pub status: HpaStatus,
    /// Warnings, in order: one word and a sentence.
    pub warnings: Vec<(&'static str, String)>,
    /// To how many replicas the target is to be scaled, and why.
    pub rescale: Option<(i32, String)>,
    /// Whether it would go on scaling if only it might.
    pub is_held: bool,
}

/// What metrics come to together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Metrics {
    /// Each that could be read, in the order of the spec; none for one that could not.
    pub statuses: Vec<MetricStatus>,
    /// The highest proposal and the name of its metric; none when nothing can be said.
    pub proposal: Option<(i32, String)>,
    /// Those that could not be read, in the order of the spec.
    pub failed: Vec<Failed>,
}

/// The highest of the metrics' proposals. A metric that cannot be read forbids only to shrink.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go,
/// `computeReplicasForMetrics`
pub fn highest(all: Vec<Result<Measured, Failed>>, wanted: i32) -> Metrics {
    let count = all.len();
    let mut metrics = Metrics::default();
    let mut best: Option<(i32, String)> = None;
    for one in all {
        match one {
            Err(failed) => {
                metrics.statuses.push(MetricStatus::default());
                metrics.failed.push(failed);
            }
            Ok(measured) => {
                metrics.statuses.push(measured.status);
                if best.as_ref().is_none_or(|(n, _)| *n == 0 || measured.replicas > *n) {
                    best = Some((measured.replicas, measured.name));
                }
            }
        }
    }
    let failures = metrics.failed.len();
    let lowest = best.as_ref().map_or(0, |(n, _)| *n);
    if failures < count && !(failures > 0 && lowest < wanted) {
        metrics.proposal = best;
    }
    metrics
}

/// How far a metric of this autoscaler may be off.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go, `tolerancesForHpa`
#[expect(clippy::float_arithmetic, reason = "as Kubernetes computes it")]
#[expect(clippy::cast_precision_loss, reason = "a tolerance is a small number")]
pub fn tolerances(spec: &HpaSpec, options: &HpaOptions) -> Tolerances {
    let all = options.tolerances;
    let Some(behavior) = spec.behavior.as_ref().filter(|_| options.configurable_tolerance) else {
        return all;
    };
    let own = |rules: &Option<ScalingRules>, other: f64| {
        let own = rules.as_ref().and_then(|r| r.tolerance.as_ref());
        own.map_or(other, |t| t.milli_value() as f64 / 1000.0)
    };
    Tolerances { up: own(&behavior.scale_up, all.up), down: own(&behavior.scale_down, all.down) }
}

/// A pass of one autoscaler.
pub struct Pass<'a> {
    hpa: &'a HorizontalPodAutoscaler,
    options: &'a HpaOptions,
    now: Time,
    decision: Decision,
}

impl<'a> Pass<'a> {
    /// A pass that has decided nothing yet.
    pub fn new(hpa: &'a HorizontalPodAutoscaler, options: &'a HpaOptions, now: Time) -> Pass<'a> {
        let status = hpa.status.clone();
        let decision = Decision { status, warnings: Vec::new(), rescale: None, is_held: false };
        Pass { hpa, options, now, decision }
    }

    /// What it has come to.
    pub fn decision(self) -> Decision {
        self.decision
    }

    fn warn(&mut self, reason: &'static str, text: impl Into<String>) {
        self.decision.warnings.push((reason, text.into()));
    }

    fn set(&mut self, kind: &'static str, holds: bool, reason: &'static str, message: &str) {
        set_condition(&mut self.decision.status, kind, holds, reason, message, self.now);
    }

    fn is_condition_true(&self, kind: &str) -> bool {
        condition::is_true(&self.hpa.status.conditions, kind)
    }

    fn least(&self) -> i32 {
        self.hpa.spec.min_replicas.unwrap_or(1)
    }

    /// The scale of the target could not be read.
    ///
    /// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go, `reconcileAutoscaler`
    pub fn scale_unknown(&mut self, why: &str) {
        self.warn("FailedGetScale", why);
        let text = "the HPA controller was unable to get the target's current scale";
        self.set("AbleToScale", false, "FailedGetScale", &format!("{text}: {why}"));
    }

    /// The scale of the target is known; true when that alone decides, so that no metric is asked.
    ///
    /// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go, `reconcileAutoscaler`
    pub fn scale_known(&mut self, wanted: i32) -> bool {
        const KNOWN: &str = "the HPA controller was able to get the target's current scale";
        const ZERO: &str = "scaling is disabled since the replica count of the target is zero";
        self.set("AbleToScale", true, "SucceededGetScale", KNOWN);
        let (least, most) = (self.least(), self.hpa.spec.max_replicas);
        let (to, why) = if wanted == 0 && !self.may_leave_zero() {
            self.set("ScalingActive", false, "ScalingDisabled", ZERO);
            self.show(wanted, wanted, None);
            return true;
        } else if wanted > most {
            (most, "Current number of replicas above Spec.MaxReplicas")
        } else if wanted < least {
            (least, "Current number of replicas below Spec.MinReplicas")
        } else {
            return false;
        };
        self.decision.rescale = Some((to, why.to_owned()));
        self.show(wanted, to, None);
        true
    }

    /// A target at zero is left alone, unless the autoscaler itself has brought it there.
    fn may_leave_zero(&self) -> bool {
        self.options.scale_to_zero
            && self.measures_more_than_pods()
            && self.is_condition_true("ScaledToZero")
    }

    fn measures_more_than_pods(&self) -> bool {
        self.hpa.spec.metrics.iter().any(|m| m.object.is_some() || m.external.is_some())
    }

    /// The pods of the target cannot be told from others.
    ///
    /// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go,
    /// `validateAndParseSelector`
    pub fn selector_unusable(&mut self, wanted: i32, problem: SelectorProblem) {
        let (event, reason, condition, text) = match problem {
            SelectorProblem::Missing => (
                "SelectorRequired",
                "InvalidSelector",
                "the HPA target's scale is missing a selector".to_owned(),
                "selector is required".to_owned(),
            ),
            SelectorProblem::Ambiguous(text) => {
                ("AmbiguousSelector", "AmbiguousSelector", text.clone(), text)
            }
        };
        self.warn(event, text.clone());
        self.set("ScalingActive", false, reason, &condition);
        self.keep(wanted, None);
        self.warn("FailedComputeMetricsReplicas", text);
    }

    /// The metrics have been read, as far as they could be.
    ///
    /// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go, `reconcileAutoscaler`
    pub fn measured(&mut self, wanted: i32, metrics: Metrics, memory: &mut Memory) {
        for failed in &metrics.failed {
            self.warn(failed.reason, failed.text.clone());
        }
        let Some((proposed, name)) = metrics.proposal else {
            return self.nothing_to_say(wanted, metrics);
        };
        let text = "the HPA was able to successfully calculate a replica count from";
        self.set("ScalingActive", true, "ValidMetricFound", &format!("{text} {name}"));
        let proposed = proposed.max(0);
        let desired = if self.hpa.spec.behavior.is_some() {
            self.within_behavior(wanted, proposed, memory)
        } else {
            self.within_defaults(wanted, proposed, memory)
        };
        self.decision.is_held = proposed != wanted && desired == wanted;
        if desired != wanted {
            let reason = match proposed.cmp(&wanted) {
                std::cmp::Ordering::Greater => format!("{name} above target"),
                std::cmp::Ordering::Less => "All metrics below target".to_owned(),
                std::cmp::Ordering::Equal => String::new(),
            };
            self.decision.rescale = Some((desired, reason));
        }
        self.show(wanted, desired, Some(metrics.statuses));
    }

    /// No metric, or not enough of them to shrink by, could be read.
    fn nothing_to_say(&mut self, wanted: i32, metrics: Metrics) {
        let count = metrics.failed.len();
        if let Some(failed) = metrics.failed.into_iter().next() {
            let text = &failed.text;
            let message = format!("the HPA was unable to compute the replica count: {text}");
            self.set("ScalingActive", false, failed.reason, &message);
            let all = metrics.statuses.len();
            let whole = failed.whole;
            let text =
                format!("invalid metrics ({count} invalid out of {all}), first error is: {whole}");
            self.warn("FailedComputeMetricsReplicas", text);
        }
        self.keep(wanted, Some(metrics.statuses));
    }

    /// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go,
    /// `normalizeDesiredReplicas`
    fn within_defaults(&mut self, wanted: i32, proposed: i32, memory: &mut Memory) -> i32 {
        let window = self.options.downscale_stabilization;
        let stable = memory.highest(proposed, window, self.now);
        let held = (stable != proposed).then_some(super::behavior::Stabilized::Down.words());
        self.able_to_scale(held);
        let limit = default_scale_up_limit(wanted, self.options.scale_up_factor);
        let (desired, why) = clamp(self.range(wanted), stable, limit);
        self.limited(desired != stable, why.words());
        desired
    }

    /// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go,
    /// `normalizeDesiredReplicasWithBehaviors`
    fn within_behavior(&mut self, wanted: i32, proposed: i32, memory: &mut Memory) -> i32 {
        let Some(behavior) = &self.hpa.spec.behavior else { return proposed };
        let window = self.options.downscale_stabilization;
        let (stable, way) = memory.stabilize(wanted, proposed, behavior, window, self.now);
        self.able_to_scale((stable != proposed).then(|| way.words()));
        let (desired, why) = limit_rate(self.range(wanted), stable, behavior, memory, self.now);
        self.limited(desired != stable, why.words());
        desired
    }

    fn range(&self, wanted: i32) -> Range {
        Range { min: self.least(), max: self.hpa.spec.max_replicas, current: wanted }
    }

    fn able_to_scale(&mut self, held: Option<(&'static str, &'static str)>) {
        let ready = ("ReadyForNewScale", "recommended size matches current size");
        let (reason, message) = held.unwrap_or(ready);
        self.set("AbleToScale", true, reason, message);
    }

    fn limited(&mut self, holds: bool, (reason, message): (&'static str, &'static str)) {
        self.set("ScalingLimited", holds, reason, message);
    }

    /// The numbers of the status, when something was decided.
    fn show(&mut self, wanted: i32, desired: i32, metrics: Option<Vec<MetricStatus>>) {
        let status = &mut self.decision.status;
        status.current_replicas = wanted;
        status.desired_replicas = desired;
        status.current_metrics = metrics;
    }

    /// The numbers of the status, when nothing could be decided.
    fn keep(&mut self, wanted: i32, metrics: Option<Vec<MetricStatus>>) {
        let status = &mut self.decision.status;
        status.current_replicas = wanted;
        status.current_metrics = metrics;
    }
}

/// Why the pods of a target cannot be told from others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SelectorProblem {
    /// The target does not say which they are.
    Missing,
    /// Other autoscalers look at them too: the sentence that says which.
    Ambiguous(String),
}

/// The status after the target was scaled.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go, `reconcileAutoscaler`
pub fn rescaled(decision: &Decision, spec: &HpaSpec, options: &HpaOptions, now: Time) -> HpaStatus {
    let mut status = decision.status.clone();
    let Some((to, _)) = decision.rescale else { return status };
    let text = "the HPA controller was able to update the target scale to";
    set_condition(
        &mut status,
        "AbleToScale",
        true,
        "SucceededRescale",
        &format!("{text} {to}"),
        now,
    );
    status.last_scale_time = Some(now.whole_seconds());
    if options.scale_to_zero {
        let more = spec.metrics.iter().any(|m| m.object.is_some() || m.external.is_some());
        let to_zero = to == 0 && spec.min_replicas == Some(0) && more;
        let (reason, message) = if to_zero {
            ("ScaledToZero", "the HPA controller scaled the workload to zero")
        } else {
            ("NotScaledToZero", "the HPA controller did not scale the workload to zero")
        };
        set_condition(&mut status, "ScaledToZero", to_zero, reason, message, now);
    }
    status
}

/// The status after the target could not be scaled.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go, `reconcileAutoscaler`
pub fn not_rescaled(decision: &Decision, before: &HpaStatus, why: &str, now: Time) -> HpaStatus {
    let mut status = decision.status.clone();
    let text = format!("the HPA controller was unable to update the target scale: {why}");
    set_condition(&mut status, "AbleToScale", false, "FailedUpdateScale", &text, now);
    status.desired_replicas = before.desired_replicas;
    status.current_metrics.clone_from(&before.current_metrics);
    status
}

/// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go, `setConditionInList`
fn set_condition(
    status: &mut HpaStatus,
    kind: &'static str,
    holds: bool,
    reason: &'static str,
    message: &str,
    now: Time,
) {
    let truth = Truth::from(holds);
    let at = match status.conditions.iter().position(|c| c.kind == kind) {
        Some(at) => at,
        None => {
            let new = Condition { kind: Name::new_static(kind), ..Condition::default() };
            status.conditions.push(Condition { status: Truth::Unknown, ..new });
            status.conditions.len() - 1
        }
    };
    let condition = &mut status.conditions[at];
    if condition.status != truth || condition.last_transition_time.is_none() {
        condition.last_transition_time = Some(now.whole_seconds());
    }
    condition.status = truth;
    condition.reason = Name::new_static(reason);
    condition.message = message.into();
}
