//! The eviction of a pod: what the call asks of the store, one thing after another.
//!
//! Responsible for the rules alone: whether a budget is asked, what it allows, and what is tried
//! again. It reads and writes nothing itself; the server carries out each [`Next`] and reports
//! what it [`Heard`].

use std::sync::Arc;

use crate::api::Name;
use crate::api::condition::{self, Condition, Truth};
use crate::api::core::pod::{Pod, PodPhase};
use crate::api::deletion::{DeleteOptions, Preconditions};
use crate::api::edit::upsert;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::policy::pod_disruption_budget::{
    DISRUPTION_ALLOWED, PodDisruptionBudget, SYNC_FAILED,
};
use crate::api::refusal::{Cause, Details, GroupResource, Reason, Refusal};
use crate::api::time::Time;
use crate::apiserver::registry::{self, Outcome, resource};
use crate::sim::time::SimDuration;

/// How often a step is tried that meets conflicts, and how long lies between two tries.
///
/// Source: kubernetes v1.36 pkg/registry/core/pod/storage/eviction.go, `EvictionsRetry`
const TRIES: u32 = 20;
/// The pause between two tries, of which up to a tenth comes on top.
pub const PAUSE: SimDuration = SimDuration::millis(500);

/// More evictions that no controller has confirmed are not accepted.
///
/// Source: kubernetes v1.36 pkg/registry/core/pod/storage/eviction.go, `MaxDisruptedPodSize`
const MOST_DISRUPTED: usize = 2000;

/// An eviction that is under way.
#[derive(Clone, Debug)]
pub struct Eviction {
    key: ObjectKey,
    /// As they came.
    options: DeleteOptions,
    step: Step,
    tries: u32,
    /// The version that the pod must have, beside what the options say.
    version: Option<Name>,
    /// The budget that was asked.
    budget: Name,
    /// Whether no budget is to be asked.
    is_past_budgets: bool,
}

/// What was asked of the store last.
#[derive(Clone, Debug)]
enum Step {
    /// The pod.
    Pod,
    /// All budgets of the namespace, for this pod.
    Budgets(Arc<Pod>),
    /// The write of a budget.
    Budget(Arc<Pod>),
    /// The budget anew, after a conflict.
    Refresh(Arc<Pod>),
    /// The write of the pod's condition.
    Mark,
    /// The deletion, of which this was the only or last write.
    Delete,
    /// The write before the removal.
    BeforeRemoval,
}

/// What is to be asked of the store next.
#[derive(Clone, PartialEq, Debug)]
pub enum Next {
    /// The pod.
    ReadPod,
    /// The same, after a pause.
    ReadPodLater,
    /// All budgets.
    ReadBudgets,
    /// One budget, after a pause.
    ReadBudgetLater(ObjectKey),
    /// A budget is written, in the apiserver's own name.
    WriteBudget(Object),
    /// The pod is written.
    WritePod(Object),
    /// The pod is removed.
    RemovePod(Object),
    /// The eviction is done.
    Done,
    /// The eviction is refused.
    Refuse(Refusal),
}

/// What the store said.
#[derive(Clone, PartialEq, Debug)]
pub enum Heard {
    /// The object that was asked for, if it is there.
    Found(Option<Object>),
    /// The budgets of the namespace.
    Budgets(Vec<Arc<PodDisruptionBudget>>),
    /// The write was done; the new version, or the last one.
    Written(Object),
    /// Another write was first; what there is now.
    Conflict(Option<Object>),
}

impl Eviction {
    /// The eviction of a pod.
    pub fn new(key: ObjectKey, options: DeleteOptions) -> Eviction {
        Eviction {
            key,
            version: version_of(&options).cloned(),
            options,
            step: Step::Pod,
            tries: 0,
            budget: Name::default(),
            is_past_budgets: false,
        }
    }

    /// Whether all budgets were asked for.
    pub fn awaits_budgets(&self) -> bool {
        matches!(self.step, Step::Budgets(_))
    }

    /// The budget whose write is under way.
    pub fn budget_written(&self) -> Option<ObjectKey> {
        let Step::Budget(pod) = &self.step else { return None };
        let kind = Kind::POD_DISRUPTION_BUDGET;
        Some(ObjectKey::new(kind, &pod.meta.namespace, &self.budget))
    }

    /// What follows from what the store said.
    ///
    /// Source: kubernetes v1.36 pkg/registry/core/pod/storage/eviction.go, `EvictionREST.Create`
    pub fn hear(&mut self, heard: Heard, now: Time) -> Next {
        let step = std::mem::replace(&mut self.step, Step::Pod);
        match (step, heard) {
            (Step::Pod, Heard::Found(Some(pod))) => self.look(&pod, now),
            (Step::Budgets(pod), Heard::Budgets(all)) => self.judge(pod, &all, now),
            (Step::Refresh(pod), Heard::Found(Some(budget))) => {
                match budget.as_a::<PodDisruptionBudget>() {
                    Some(budget) => self.decrement(pod, budget, now),
                    None => self.missing(),
                }
            }
            (Step::Budget(pod), Heard::Written(_)) => self.mark(&Object::Pod(pod), now),
            (Step::Budget(pod), Heard::Conflict(_)) => self.try_again(pod),
            (Step::Refresh(_), _) => {
                let kind = resource(Kind::POD_DISRUPTION_BUDGET);
                Next::Refuse(Refusal::not_found(&kind, &self.budget))
            }
            (Step::Mark, Heard::Written(pod)) => {
                if let Some(version) = &mut self.version {
                    *version = smol_str::format_smolstr!("{}", pod.meta().resource_version);
                }
                self.delete(&pod, now)
            }
            (Step::Mark, Heard::Conflict(Some(pod))) => self.mark(&pod, now),
            (Step::Delete, Heard::Conflict(Some(pod))) => self.delete(&pod, now),
            (Step::BeforeRemoval, Heard::Conflict(Some(pod))) => self.delete(&pod, now),
            (Step::Delete, Heard::Written(_)) => Next::Done,
            (Step::BeforeRemoval, Heard::Written(pod)) => {
                self.step = Step::Delete;
                Next::RemovePod(pod)
            }
            (
                Step::Pod
                | Step::Budgets(_)
                | Step::Budget(_)
                | Step::Mark
                | Step::Delete
                | Step::BeforeRemoval,
                _,
            ) => self.missing(),
        }
    }

    fn missing(&self) -> Next {
        Next::Refuse(Refusal::not_found(&resource(Kind::POD), &self.key.name))
    }

    /// The pod was read: it goes at once, or its budgets are asked.
    fn look(&mut self, object: &Object, now: Time) -> Next {
        let Some(pod) = object.as_a::<Pod>() else { return self.missing() };
        self.is_past_budgets = ignores_budgets(pod);
        if !self.is_past_budgets {
            self.step = Step::Budgets(pod.clone());
            return Next::ReadBudgets;
        }
        self.version = version_of(&self.options).cloned();
        if self.version.is_none() && may_become_ready(pod) {
            self.version = Some(smol_str::format_smolstr!("{}", pod.meta.resource_version));
        }
        self.mark(object, now)
    }

    /// The budgets were read.
    fn judge(&mut self, pod: Arc<Pod>, all: &[Arc<PodDisruptionBudget>], now: Time) -> Next {
        let selecting = |b: &&Arc<PodDisruptionBudget>| {
            b.meta.namespace == pod.meta.namespace
                && !pod.meta.labels.is_empty()
                && b.selects(&pod.meta.labels)
        };
        let selecting: Vec<_> = all.iter().filter(selecting).collect();
        let budget = match selecting[..] {
            [] => return self.mark(&Object::Pod(pod), now),
            [budget] => budget,
            [..] => return Next::Refuse(more_than_one()),
        };
        self.budget = budget.meta.name.clone();
        if is_spared(&pod, budget) {
            let version = smol_str::format_smolstr!("{}", pod.meta.resource_version);
            self.version = Some(version);
            return self.mark(&Object::Pod(pod), now);
        }
        self.decrement(pod, budget, now)
    }

    /// Takes one disruption off a budget.
    fn decrement(&mut self, pod: Arc<Pod>, budget: &PodDisruptionBudget, now: Time) -> Next {
        match decremented(budget, &pod.meta.name, now) {
            Err(refusal) => Next::Refuse(refusal),
            Ok(_) if self.options.is_dry_run() => self.mark(&Object::Pod(pod), now),
            Ok(new) => {
                self.step = Step::Budget(pod);
                Next::WriteBudget(Object::from(new))
            }
        }
    }

    fn try_again(&mut self, pod: Arc<Pod>) -> Next {
        self.tries += 1;
        let kind = Kind::POD_DISRUPTION_BUDGET;
        if self.tries >= TRIES {
            return Next::Refuse(Refusal::optimistic_lock(&resource(kind), &self.budget));
        }
        let key = ObjectKey::new(kind, &pod.meta.namespace, &self.budget);
        self.step = Step::Refresh(pod);
        Next::ReadBudgetLater(key)
    }

    /// Writes the condition that tells why the pod goes.
    ///
    /// Source: kubernetes v1.36 pkg/registry/core/pod/storage/eviction.go,
    /// `addConditionAndDeletePod`
    fn mark(&mut self, pod: &Object, now: Time) -> Next {
        if self.options.is_dry_run() {
            return match registry::delete(pod, &self.options_now(), now) {
                Ok(_) => Next::Done,
                Err(refusal) => Next::Refuse(refusal),
            };
        }
        let resource = GroupResource::new("", "Pod");
        let checked = self.options_now().check_preconditions(pod.meta(), &resource);
        if let Err(refusal) = checked {
            return self.conflicted(refusal);
        }
        let mut new = pod.clone();
        if let Object::Pod(new) = &mut new {
            disrupt(Arc::make_mut(new), now);
        }
        if new == *pod {
            return self.delete(pod, now);
        }
        self.step = Step::Mark;
        Next::WritePod(new)
    }

    fn delete(&mut self, pod: &Object, now: Time) -> Next {
        match registry::delete(pod, &self.options_now(), now) {
            Err(refusal) if refusal.reason == Reason::Conflict => self.conflicted(refusal),
            Err(refusal) => Next::Refuse(refusal),
            Ok(Outcome::Store(new)) => {
                self.step = Step::Delete;
                Next::WritePod(new)
            }
            Ok(Outcome::StoreThenRemove(new)) => {
                self.step = Step::BeforeRemoval;
                Next::WritePod(new)
            }
            Ok(Outcome::Remove(_)) => {
                self.step = Step::Delete;
                Next::RemovePod(pod.clone())
            }
            Ok(Outcome::Unchanged(_)) => Next::Done,
        }
    }

    /// The pod is not as it was when it was looked at.
    fn conflicted(&mut self, refusal: Refusal) -> Next {
        let asked_for = version_of(&self.options).is_some();
        if self.is_past_budgets {
            self.tries += 1;
            if asked_for || self.tries >= TRIES {
                return Next::Refuse(refusal);
            }
            self.step = Step::Pod;
            return Next::ReadPodLater;
        }
        if self.version.is_some() && !asked_for {
            return Next::Refuse(not_processed(&self.budget));
        }
        Next::Refuse(refusal)
    }

    /// The options with the version that the pod has to have.
    fn options_now(&self) -> DeleteOptions {
        let mut options = self.options.clone();
        if self.version.is_some() {
            let preconditions = options.preconditions.get_or_insert_with(Preconditions::default);
            preconditions.resource_version.clone_from(&self.version);
        }
        options
    }
}

fn version_of(options: &DeleteOptions) -> Option<&Name> {
    options.preconditions.as_ref()?.resource_version.as_ref().filter(|v| !v.is_empty())
}

/// Whether a pod goes without a budget being asked: it ended, goes already, or never ran.
///
/// Source: kubernetes v1.36 pkg/registry/core/pod/storage/eviction.go, `canIgnorePDB`
pub fn ignores_budgets(pod: &Pod) -> bool {
    pod.is_terminal() || pod.status.phase == PodPhase::Pending || pod.meta.is_deleting()
}

/// Whether a pod that goes past the budgets could become ready meanwhile.
///
/// Source: kubernetes v1.36 pkg/registry/core/pod/storage/eviction.go,
/// `shouldEnforceResourceVersion`
fn may_become_ready(pod: &Pod) -> bool {
    !pod.is_terminal() && !pod.meta.is_deleting()
}

/// Whether a budget lets a pod go that is not ready, without counting it.
fn is_spared(pod: &Pod, budget: &PodDisruptionBudget) -> bool {
    let status = &budget.status;
    let always = budget.spec.unhealthy_pod_eviction_policy.as_deref() == Some("AlwaysAllow");
    let is_met = status.current_healthy >= status.desired_healthy && status.desired_healthy > 0;
    !pod.is_ready() && (always || is_met)
}

/// A budget with one disruption less, and the pod noted down.
///
/// # Errors
/// 429 when the budget allows none or was not looked at since its last change, 403 when its
/// numbers cannot be.
///
/// Source: kubernetes v1.36 pkg/registry/core/pod/storage/eviction.go,
/// `EvictionREST.checkAndDecrement`
pub fn decremented(
    budget: &PodDisruptionBudget,
    pod: &Name,
    now: Time,
) -> Result<PodDisruptionBudget, Refusal> {
    let (name, status) = (&budget.meta.name, &budget.status);
    let forbidden = |why: &str| {
        let resource = GroupResource::new("policy", "poddisruptionbudget");
        Err(Refusal::forbidden(&resource, name, why))
    };
    if status.observed_generation < budget.meta.generation {
        return Err(not_processed(name));
    }
    if status.disruptions_allowed < 0 {
        return forbidden("pdb disruptions allowed is negative");
    }
    if status.disrupted_pods.len() > MOST_DISRUPTED {
        return forbidden(
            "DisruptedPods map too big - too many evictions not confirmed by PDB controller",
        );
    }
    if status.disruptions_allowed == 0 {
        return Err(would_violate(budget));
    }
    let mut new = budget.clone();
    new.status.disruptions_allowed -= 1;
    if new.status.disruptions_allowed == 0 {
        new.update_condition(now);
    }
    new.status.disrupted_pods.insert(pod.clone(), now.whole_seconds());
    Ok(new)
}

const VIOLATES: &str = "Cannot evict pod as it would violate the pod's disruption budget.";

fn too_many(seconds: u32, why: String) -> Refusal {
    let mut refusal = Refusal::too_many_requests(VIOLATES, seconds);
    let mut details: Details = refusal.details.as_deref().cloned().unwrap_or_default();
    details.causes.push(Cause {
        reason: Name::new_static("DisruptionBudget"),
        message: why.into(),
        field: Name::default(),
    });
    refusal.details = Some(details.into());
    refusal
}

/// 429: the controller has yet to look at the budget.
///
/// Source: kubernetes v1.36 pkg/registry/core/pod/storage/eviction.go,
/// `createTooManyRequestsError`
fn not_processed(budget: &str) -> Refusal {
    let why = format!("The disruption budget {budget} is still being processed by the server.");
    too_many(10, why)
}

/// 429: no disruption is left.
fn would_violate(budget: &PodDisruptionBudget) -> Refusal {
    let (name, status) = (&budget.meta.name, &budget.status);
    let failed = condition::find(&status.conditions, DISRUPTION_ALLOWED)
        .filter(|c| c.status == Truth::False && c.reason == SYNC_FAILED);
    too_many(
        0,
        match failed {
            Some(failed) => format!(
                "The disruption budget {name} does not allow evicting pods currently because it \
                 failed sync: {}",
                failed.message
            ),
            None => format!(
                "The disruption budget {name} needs {} healthy pods and has {} currently",
                status.desired_healthy, status.current_healthy
            ),
        },
    )
}

/// 500: nobody can count for two.
fn more_than_one() -> Refusal {
    Refusal {
        code: 500,
        reason: Reason::Unknown,
        message: "This pod has more than one PodDisruptionBudget, which the eviction subresource \
                  does not support."
            .into(),
        details: None,
    }
}

/// Puts the condition on a pod that tells why it goes.
fn disrupt(pod: &mut Pod, now: Time) {
    let mut new = Condition::new("DisruptionTarget", Truth::True, "EvictionByEvictionAPI");
    new.message = Name::new_static("Eviction API: evicting");
    new.observed_generation = Some(pod.meta.generation).filter(|g| *g > 0);
    new.last_transition_time = Some(now.whole_seconds());
    if let Some(old) = condition::find(&pod.status.conditions, "DisruptionTarget")
        && old.status == new.status
    {
        new.last_transition_time = old.last_transition_time;
    }
    upsert(&mut Arc::make_mut(&mut pod.status).conditions, &new);
}
