//! How far a pass is: what was asked, and what was answered so far.

use std::sync::Arc;

use serde_json::json;

use super::decision::{self, Decision, Pass, SelectorProblem, highest, not_rescaled, tolerances};
use super::metric::{self, Measured, Sight};
use super::{HorizontalPodAutoscalers, HpaWhy, event, pods_of, target};
use crate::api::autoscaling::horizontal_pod_autoscaler::{HorizontalPodAutoscaler, HpaStatus};
use crate::api::autoscaling::scale::Scale;
use crate::api::object::ObjectKey;
use crate::api::refusal::Refusal;
use crate::api::request::{Answer, Subresource, Verb};
use crate::api::variant::Variant;
use crate::client::plan::{Plan, Write};
use crate::client::view::View;
use crate::sim::time::SimDuration;

/// How far a pass is.
#[derive(Clone, Debug)]
pub(super) enum Progress {
    /// The scale of the target was asked for.
    Scale(Option<Result<Scale, Refusal>>),
    /// Then the metrics, in the order of the spec but for those that cannot be asked for.
    Metrics(Scale, Vec<metric::Answer>),
    /// Then the target was scaled.
    Rescale(Scale, Box<Decision>, Option<Refusal>),
    /// Then the status was written.
    Status {
        /// Whether nothing is left to be done before something changes.
        is_calm: bool,
    },
}

impl Progress {
    /// Takes in an answer.
    pub(super) fn take(&mut self, answer: &Answer) {
        match (self, answer) {
            (Progress::Scale(scale), Answer::Object(object)) => {
                *scale = Scale::of(object).map(Ok);
            }
            (Progress::Scale(scale), Answer::Refused(refusal)) => {
                *scale = Some(Err(refusal.clone()));
            }
            (Progress::Metrics(_, all), Answer::List(list)) => all.push(Ok(list.clone())),
            (Progress::Metrics(_, all), Answer::Refused(refusal)) => {
                all.push(Err(refusal.clone()));
            }
            (Progress::Rescale(_, _, refused), Answer::Refused(refusal)) => {
                *refused = Some(refusal.clone());
            }
            (
                Progress::Scale(_)
                | Progress::Metrics(..)
                | Progress::Rescale(..)
                | Progress::Status { .. },
                _,
            ) => {}
        }
    }
}

/// Looks on at once, when what was asked has been answered.
fn then_look(plan: &mut Plan) {
    plan.look_again_in(SimDuration::ZERO);
}

impl HorizontalPodAutoscalers {
    /// The scale of the target is asked for.
    pub(super) fn begin(
        &mut self,
        key: &ObjectKey,
        hpa: &Arc<HorizontalPodAutoscaler>,
        view: View<'_>,
        plan: &mut Plan,
    ) {
        match target(hpa) {
            Ok(target) => {
                plan.push(Write::ask(Verb::Get(target), HpaWhy::Period));
                self.progress.insert(key.clone(), Progress::Scale(None));
                then_look(plan);
            }
            Err(why) => self.no_scale(key, hpa, &why, view, plan),
        }
    }

    /// Goes on with what was answered.
    pub(super) fn go_on(
        &mut self,
        key: &ObjectKey,
        hpa: &Arc<HorizontalPodAutoscaler>,
        progress: Progress,
        view: View<'_>,
        plan: &mut Plan,
    ) {
        match progress {
            Progress::Scale(None) => self.begin(key, hpa, view, plan),
            Progress::Scale(Some(Err(refusal))) => {
                self.no_scale(key, hpa, &refusal.message, view, plan);
            }
            Progress::Scale(Some(Ok(scale))) => self.scale_known(key, hpa, scale, view, plan),
            Progress::Metrics(scale, answers) => {
                self.measured(key, hpa, &scale, &answers, view, plan);
            }
            Progress::Rescale(scale, decision, refused) => {
                self.rescaled(key, hpa, &scale, &decision, refused.as_ref(), view, plan);
            }
            Progress::Status { is_calm } => self.rest(key, is_calm, view, plan),
        }
    }

    fn no_scale(
        &mut self,
        key: &ObjectKey,
        hpa: &Arc<HorizontalPodAutoscaler>,
        why: &str,
        view: View<'_>,
        plan: &mut Plan,
    ) {
        let options = self.options;
        let mut pass = Pass::new(hpa, &options, view.now());
        pass.scale_unknown(why);
        self.act(key, hpa, &Scale::default(), pass.decision(), view, plan);
    }

    fn scale_known(
        &mut self,
        key: &ObjectKey,
        hpa: &Arc<HorizontalPodAutoscaler>,
        mut scale: Scale,
        view: View<'_>,
        plan: &mut Plan,
    ) {
        if view.gates().varies(Variant::ScalesBySurge) {
            scale.wanted = scale.there;
        }
        let memory = self.memory.entry(key.clone()).or_default();
        if memory.recommendations.is_empty() {
            let (replicas, at) = (scale.wanted, view.now());
            memory.recommendations.push(super::behavior::Recommendation { replicas, at });
        }
        let options = self.options;
        let mut pass = Pass::new(hpa, &options, view.now());
        if pass.scale_known(scale.wanted) {
            return self.act(key, hpa, &scale, pass.decision(), view, plan);
        }
        let Some(selector) = scale.selector.clone() else {
            pass.selector_unusable(scale.wanted, SelectorProblem::Missing);
            return self.act(key, hpa, &scale, pass.decision(), view, plan);
        };
        self.selectors.insert(key.clone(), selector.clone());
        let pods = pods_of(&key.namespace, &selector, view);
        if let Some(rivals) = self.rivals(key, &pods) {
            let text =
                format!("pods by selector {selector} are controlled by multiple HPAs: {rivals}");
            pass.selector_unusable(scale.wanted, SelectorProblem::Ambiguous(text));
            return self.act(key, hpa, &scale, pass.decision(), view, plan);
        }
        for spec in &hpa.spec.metrics {
            if let Some(list) = metric::question(spec, &key.namespace, &selector) {
                plan.push(Write::ask(Verb::List(Box::new(list)), HpaWhy::Measure));
            }
        }
        self.progress.insert(key.clone(), Progress::Metrics(scale, Vec::new()));
        then_look(plan);
    }

    fn measured(
        &mut self,
        key: &ObjectKey,
        hpa: &Arc<HorizontalPodAutoscaler>,
        scale: &Scale,
        answers: &[metric::Answer],
        view: View<'_>,
        plan: &mut Plan,
    ) {
        let selector = scale.selector.clone().unwrap_or(crate::api::selector::Selector::NOTHING);
        let pods = pods_of(&key.namespace, &selector, view);
        let sight = Sight {
            wanted: scale.wanted,
            there: scale.there,
            pods: &pods,
            namespace: &key.namespace,
            tolerances: tolerances(&hpa.spec, &self.options),
            patience: self.options.patience,
            now: view.now(),
        };
        let mut answers = answers.iter();
        let measure = |spec| -> Result<Measured, metric::Failed> {
            let asked = metric::question(spec, &key.namespace, &selector).is_some();
            match asked.then(|| answers.next()).flatten() {
                Some(answer) => metric::measure(spec, answer, sight),
                None => Err(metric::unknown(spec)),
            }
        };
        let metrics = highest(hpa.spec.metrics.iter().map(measure).collect(), scale.wanted);
        let options = self.options;
        let memory = self.memory.entry(key.clone()).or_default();
        let mut pass = Pass::new(hpa, &options, view.now());
        pass.scale_known(scale.wanted);
        pass.measured(scale.wanted, metrics, memory);
        self.act(key, hpa, scale, pass.decision(), view, plan);
    }

    /// Does what was decided: scales the target, or writes the status at once.
    fn act(
        &mut self,
        key: &ObjectKey,
        hpa: &Arc<HorizontalPodAutoscaler>,
        scale: &Scale,
        decision: Decision,
        view: View<'_>,
        plan: &mut Plan,
    ) {
        for (reason, text) in &decision.warnings {
            plan.events.push(event(hpa, true, reason, text));
        }
        let Some((to, reason)) = decision.rescale.clone() else {
            let is_calm = !decision.is_held;
            return self.write_status(key, hpa, decision.status, is_calm, view, plan);
        };
        let Ok(target) = target(hpa) else { return };
        let why = HpaWhy::Rescale { from: scale.wanted, to, reason: reason.as_str().into() };
        let value = Arc::new(json!({ "spec": { "replicas": to } }));
        let verb = Verb::Put { key: target, part: Subresource::Scale, value, dry_run: false };
        let told = format!("New size: {to}; reason: {reason}");
        let failed = format!("{told}; error: {{refusal}}");
        plan.push(
            Write::ask(verb, why)
                .telling(event(hpa, false, "SuccessfulRescale", &told))
                .telling_refusal(event(hpa, true, "FailedRescale", &failed)),
        );
        let progress = Progress::Rescale(scale.clone(), Box::new(decision), None);
        self.progress.insert(key.clone(), progress);
        then_look(plan);
    }

    #[expect(clippy::too_many_arguments, reason = "what a pass has come to")]
    fn rescaled(
        &mut self,
        key: &ObjectKey,
        hpa: &Arc<HorizontalPodAutoscaler>,
        scale: &Scale,
        decision: &Decision,
        refused: Option<&Refusal>,
        view: View<'_>,
        plan: &mut Plan,
    ) {
        let now = view.now();
        let status = match (refused, &decision.rescale) {
            (Some(refusal), _) => not_rescaled(decision, &hpa.status, &refusal.message, now),
            (None, rescale) => {
                let memory = self.memory.entry(key.clone()).or_default();
                let to = rescale.as_ref().map_or(scale.wanted, |(to, _)| *to);
                memory.store(hpa.spec.behavior.as_ref(), scale.wanted, to, now);
                decision::rescaled(decision, &hpa.spec, &self.options, now)
            }
        };
        self.write_status(key, hpa, status, false, view, plan);
    }

    /// Writes the status, if it says anything new.
    fn write_status(
        &mut self,
        key: &ObjectKey,
        hpa: &Arc<HorizontalPodAutoscaler>,
        status: HpaStatus,
        is_calm: bool,
        view: View<'_>,
        plan: &mut Plan,
    ) {
        if status == hpa.status {
            return self.rest(key, is_calm, view, plan);
        }
        let why = HpaWhy::Counted { have: status.current_replicas, want: status.desired_replicas };
        let new = HorizontalPodAutoscaler { status, ..(**hpa).clone() };
        let failed = event(hpa, true, "FailedUpdateStatus", "{refusal}");
        plan.push(Write::update_status(new, why).telling_refusal(failed));
        self.progress.insert(key.clone(), Progress::Status { is_calm });
        then_look(plan);
    }
}
