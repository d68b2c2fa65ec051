//! How fast the number of replicas may change: bounds, policies, and the look back.

use crate::api::autoscaling::horizontal_pod_autoscaler::{
    Behavior, ScalingPolicyKind, ScalingRules, SelectPolicy,
};
use crate::api::time::Time;
use crate::sim::time::SimDuration;

/// A recommendation of before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recommendation {
    /// So many replicas.
    pub replicas: i32,
    /// When.
    pub at: Time,
}

/// A change of the number of replicas.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScaleEvent {
    /// By so many; never negative.
    pub change: i32,
    /// When.
    pub at: Time,
    /// No policy looks back so far: its place is taken by the next one.
    pub outdated: bool,
}

/// What an autoscaler remembers of itself; a crash loses it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Memory {
    /// What was recommended before it was stabilised.
    pub recommendations: Vec<Recommendation>,
    /// When it grew.
    pub ups: Vec<ScaleEvent>,
    /// When it shrank.
    pub downs: Vec<ScaleEvent>,
}

/// The bounds of a number of replicas, and where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// At least so many.
    pub min: i32,
    /// At most so many.
    pub max: i32,
    /// So many are wanted now.
    pub current: i32,
}

/// Why a number of replicas came out as it did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// Nothing stood against it.
    WithinRange,
    /// It would grow too fast.
    ScaleUp,
    /// It would shrink too fast.
    ScaleDown,
    /// It is above the upper bound.
    TooMany,
    /// It is below the lower bound.
    TooFew,
}

impl Limit {
    /// The reason and message of the condition `ScalingLimited`.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Limit::WithinRange => {
                ("DesiredWithinRange", "the desired count is within the acceptable range")
            }
            Limit::ScaleUp => (
                "ScaleUpLimit",
                "the desired replica count is increasing faster than the maximum scale rate",
            ),
            Limit::ScaleDown => (
                "ScaleDownLimit",
                "the desired replica count is decreasing faster than the maximum scale rate",
            ),
            Limit::TooMany => (
                "TooManyReplicas",
                "the desired replica count is more than the maximum replica count",
            ),
            Limit::TooFew => (
                "TooFewReplicas",
                "the desired replica count is less than the minimum replica count",
            ),
        }
    }
}

/// Which way a look back has held a recommendation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stabilized {
    /// It would have grown.
    Up,
    /// It would have shrunk.
    Down,
}

impl Stabilized {
    /// The reason and message of the condition `AbleToScale`.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Stabilized::Up => (
                "ScaleUpStabilized",
                "recent recommendations were lower than current one, applying the lowest recent \
                 recommendation",
            ),
            Stabilized::Down => (
                "ScaleDownStabilized",
                "recent recommendations were higher than current one, applying the highest recent \
                 recommendation",
            ),
        }
    }
}

fn secs(n: i32) -> SimDuration {
    SimDuration::secs(u64::try_from(n).unwrap_or(0))
}

/// How much it may grow at once without a behaviour: to `factor` times as many, or to four.
///
/// With a factor of 2, 0 gives 4, 3 gives 6, 5 gives 10.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go, `calculateScaleUpLimit`
pub fn default_scale_up_limit(current: i32, factor: i32) -> i32 {
    current.saturating_mul(factor).max(4)
}

/// A number of replicas within the bounds, when there is no behaviour.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go,
/// `convertDesiredReplicasWithRules`
pub fn clamp(range: Range, desired: i32, scale_up_limit: i32) -> (i32, Limit) {
    let (most, why) = if range.max > scale_up_limit {
        (scale_up_limit, Limit::ScaleUp)
    } else {
        (range.max, Limit::TooMany)
    };
    if desired < range.min {
        (range.min, Limit::TooFew)
    } else if desired > most {
        (most, why)
    } else {
        (desired, Limit::WithinRange)
    }
}

/// By how much it changed within a period.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go,
/// `getReplicasChangePerPeriod`
pub fn change_within(period_seconds: i32, events: &[ScaleEvent], now: Time) -> i32 {
    let cutoff = now.minus(secs(period_seconds));
    events.iter().filter(|e| e.at > cutoff).map(|e| e.change).sum()
}

/// The most replicas that the policies allow.
///
/// 10 of 10, 4 of them new within the period, grow by 100 %: ceil(6 x 2) = 12.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go,
/// `calculateScaleUpLimitWithScalingRules`
#[expect(clippy::float_arithmetic, reason = "as Kubernetes computes it")]
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
fn most(current: i32, memory: &Memory, rules: &ScalingRules, now: Time) -> i32 {
    let pick: fn(i32, i32) -> i32 = match rules.select_policy.unwrap_or_default() {
        SelectPolicy::Disabled => return current,
        SelectPolicy::Min => i32::min,
        SelectPolicy::Max => i32::max,
    };
    let proposals = rules.policies.iter().map(|policy| {
        let start = memory.at_start_of(policy.period_seconds, current, now);
        match policy.kind {
            ScalingPolicyKind::Pods => start.saturating_add(policy.value),
            ScalingPolicyKind::Percent => {
                let factor = 1.0 + f64::from(policy.value) / 100.0;
                (f64::from(start) * factor).ceil() as i32
            }
        }
    });
    proposals.reduce(pick).unwrap_or(0)
}

/// The fewest replicas that the policies allow.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go,
/// `calculateScaleDownLimitWithBehaviors`
#[expect(clippy::float_arithmetic, reason = "as Kubernetes computes it")]
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
fn fewest(current: i32, memory: &Memory, rules: &ScalingRules, now: Time) -> i32 {
    let pick: fn(i32, i32) -> i32 = match rules.select_policy.unwrap_or_default() {
        SelectPolicy::Disabled => return current,
        SelectPolicy::Min => i32::max,
        SelectPolicy::Max => i32::min,
    };
    let proposals = rules.policies.iter().map(|policy| {
        let start = memory.at_start_of(policy.period_seconds, current, now);
        match policy.kind {
            ScalingPolicyKind::Pods => start - policy.value,
            ScalingPolicyKind::Percent => {
                let factor = 1.0 - f64::from(policy.value) / 100.0;
                (f64::from(start) * factor) as i32
            }
        }
    });
    proposals.reduce(pick).unwrap_or(i32::MAX)
}

/// A number of replicas within the bounds and what the policies allow.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go,
/// `convertDesiredReplicasWithBehaviorRate`
pub fn limit_rate(
    range: Range,
    desired: i32,
    behavior: &Behavior,
    memory: &Memory,
    now: Time,
) -> (i32, Limit) {
    let (up, down) = rules(behavior);
    if desired > range.current {
        let most = most(range.current, memory, up, now).max(range.current);
        let (most, why) =
            if range.max > most { (most, Limit::ScaleUp) } else { (range.max, Limit::TooMany) };
        if desired > most {
            return (most, why);
        }
    } else if desired < range.current {
        let fewest = fewest(range.current, memory, down, now).min(range.current);
        let (fewest, why) = if range.min < fewest {
            (fewest, Limit::ScaleDown)
        } else {
            (range.min, Limit::TooFew)
        };
        if desired < fewest {
            return (fewest, why);
        }
    }
    (desired, Limit::WithinRange)
}

/// The rules of both ways; the apiserver has filled in what was not said.
fn rules(behavior: &Behavior) -> (&ScalingRules, &ScalingRules) {
    static NONE: ScalingRules = ScalingRules {
        stabilization_window_seconds: None,
        select_policy: None,
        policies: Vec::new(),
        tolerance: None,
    };
    (behavior.scale_up.as_ref().unwrap_or(&NONE), behavior.scale_down.as_ref().unwrap_or(&NONE))
}

impl Memory {
    /// Notes a recommendation: in the place of one that is too old, or behind the others.
    fn note(&mut self, replicas: i32, now: Time, cutoff: Time) {
        let new = Recommendation { replicas, at: now };
        match self.recommendations.iter_mut().rfind(|r| r.at < cutoff) {
            Some(old) => *old = new,
            None => self.recommendations.push(new),
        }
    }

    /// The highest recommendation of the last while; the new one is noted.
    ///
    /// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go,
    /// `stabilizeRecommendation`
    pub fn highest(&mut self, desired: i32, window: SimDuration, now: Time) -> i32 {
        let cutoff = now.minus(window);
        let recent = self.recommendations.iter().filter(|r| r.at >= cutoff);
        let highest = recent.map(|r| r.replicas).fold(desired, i32::max);
        self.note(desired, now, cutoff);
        highest
    }

    /// The recommendation after the look back; the new one is noted. `down_window` is that of the
    /// controller, for rules that say none.
    ///
    /// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go,
    /// `stabilizeRecommendationWithBehaviors`
    pub fn stabilize(
        &mut self,
        current: i32,
        desired: i32,
        behavior: &Behavior,
        down_window: SimDuration,
        now: Time,
    ) -> (i32, Stabilized) {
        let (up, down) = rules(behavior);
        let up = now.minus(secs(up.stabilization_window_seconds.unwrap_or(0)));
        let down = now.minus(down.stabilization_window_seconds.map_or(down_window, secs));
        let since = |cutoff| self.recommendations.iter().filter(move |r| r.at > cutoff);
        let lowest = since(up).map(|r| r.replicas).fold(desired, i32::min);
        let highest = since(down).map(|r| r.replicas).fold(desired, i32::max);
        let chosen = current.max(lowest).min(highest);
        self.note(desired, now, up.min(down));
        (chosen, if desired >= current { Stabilized::Up } else { Stabilized::Down })
    }

    /// How many replicas there were when a period began.
    ///
    /// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go,
    /// `calculateScaleUpLimitWithScalingRules`
    fn at_start_of(&self, period_seconds: i32, current: i32, now: Time) -> i32 {
        let added = change_within(period_seconds, &self.ups, now);
        let removed = change_within(period_seconds, &self.downs, now);
        current.saturating_sub(added).saturating_add(removed)
    }

    /// Notes that the number of replicas was changed, for policies that look back.
    ///
    /// Source: kubernetes v1.36 pkg/controller/podautoscaler/horizontal.go, `storeScaleEvent`
    pub fn store(&mut self, behavior: Option<&Behavior>, old: i32, new: i32, now: Time) {
        let Some(behavior) = behavior else { return };
        let (up, down) = rules(behavior);
        let (events, rules) = if new > old { (&mut self.ups, up) } else { (&mut self.downs, down) };
        let longest = rules.policies.iter().map(|p| p.period_seconds).max().unwrap_or(0);
        let cutoff = now.minus(secs(longest));
        for event in events.iter_mut().filter(|e| e.at < cutoff) {
            event.outdated = true;
        }
        let event = ScaleEvent { change: (new - old).abs(), at: now, outdated: false };
        match events.iter_mut().rfind(|e| e.outdated) {
            Some(old) => *old = event,
            None => events.push(event),
        }
    }
}
