//! What a failure means, and what is success enough: the policies that a Job may have.

use crate::api::batch::job::{OnExitCodes, PodFailurePolicy, PodFailureRule, SuccessPolicy};
use crate::api::core::container::ContainerStatus;
use crate::api::core::pod::Pod;
use crate::controllers::job::indexes::Intervals;

/// What a rule of a failure policy asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// The whole Job is given up.
    FailJob,
    /// The pod's index is given up.
    FailIndex,
    /// The failure does not count.
    Ignore,
    /// The failure counts, as it does without a policy.
    Count,
}

impl Action {
    fn parse(text: &str) -> Option<Action> {
        match text {
            "FailJob" => Some(Action::FailJob),
            "FailIndex" => Some(Action::FailIndex),
            "Ignore" => Some(Action::Ignore),
            "Count" => Some(Action::Count),
            _ => None,
        }
    }
}

/// What a failure policy says about a failed pod.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// What the rule that matched asks for; none when none did.
    pub action: Option<Action>,
    /// Whether the failure counts towards the limits.
    pub counts: bool,
    /// Why the whole Job is given up, if it is.
    pub message: Option<String>,
}

/// What a failure policy says about a failed pod: the first rule that matches decides.
///
/// Source: kubernetes v1.36 pkg/controller/job/pod_failure_policy.go, `matchPodFailurePolicy`
pub fn failure(policy: Option<&PodFailurePolicy>, pod: &Pod) -> Verdict {
    let rules = policy.map_or(&[][..], |p| &p.rules);
    for (place, rule) in rules.iter().enumerate() {
        let Some(cause) = cause(rule, pod) else { continue };
        let Some(action) = Action::parse(&rule.action) else { continue };
        let message = (action == Action::FailJob)
            .then(|| format!("{cause} matching {} rule at index {place}", rule.action));
        return Verdict { action: Some(action), counts: action != Action::Ignore, message };
    }
    Verdict { action: None, counts: true, message: None }
}

/// What of a pod a rule is about, in words.
fn cause(rule: &PodFailureRule, pod: &Pod) -> Option<String> {
    let (namespace, name) = (&pod.meta.namespace, &pod.meta.name);
    if let Some(codes) = &rule.on_exit_codes {
        let statuses = [&pod.status.container_statuses, &pod.status.init_container_statuses];
        let (container, code) = statuses.iter().find_map(|all| matching(all, codes))?;
        let container = &container.name;
        return Some(format!(
            "Container {container} for pod {namespace}/{name} failed with exit code {code}"
        ));
    }
    let wanted = &rule.on_pod_conditions;
    let of_pod = pod.status.conditions.iter();
    let found = of_pod
        .into_iter()
        .find(|c| wanted.iter().any(|w| w.kind == c.kind && w.status == c.status));
    found.map(|c| format!("Pod {namespace}/{name} has condition {}", c.kind))
}

/// The first container that ended with one of the codes; 0 is never one.
///
/// Source: kubernetes v1.36 pkg/controller/job/pod_failure_policy.go,
/// `getMatchingContainerFromList`
fn matching<'a>(
    statuses: &'a [ContainerStatus],
    codes: &OnExitCodes,
) -> Option<(&'a ContainerStatus, i32)> {
    let is_meant = |name: &str| codes.container_name.as_deref().is_none_or(|n| n == name);
    let is_matched = |code: i32| match codes.operator.as_str() {
        "In" => codes.values.contains(&code),
        "NotIn" => !codes.values.contains(&code),
        _ => false,
    };
    let ended = statuses.iter().filter(|s| is_meant(&s.name));
    let ended = ended.filter_map(|s| Some((s, s.state.terminated.as_ref()?.exit_code)));
    ended.into_iter().find(|(_, code)| *code != 0 && is_matched(*code))
}

/// Which rule of a success policy is met, if one is.
///
/// Source: kubernetes v1.36 pkg/controller/job/success_policy.go, `matchSuccessPolicy`
pub fn success(
    policy: Option<&SuccessPolicy>,
    completions: i32,
    succeeded: &Intervals,
) -> Option<usize> {
    if succeeded.0.is_empty() {
        return None;
    }
    policy?.rules.iter().position(|rule| match &rule.succeeded_indexes {
        Some(text) => {
            let wanted = Intervals::parse(text, completions);
            let common = wanted.common(succeeded);
            !wanted.0.is_empty()
                && (common == wanted.count() || rule.succeeded_count.is_some_and(|n| common >= n))
        }
        None => rule.succeeded_count.is_some_and(|n| succeeded.count() >= n),
    })
}
