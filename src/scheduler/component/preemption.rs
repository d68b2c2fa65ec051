//! Making room: victims are told and deleted in the background, while other pods are scheduled.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::Name;
use crate::api::condition::{self, Condition, Truth};
use crate::api::core::pod::Pod;
use crate::api::deletion::DeleteOptions;
use crate::api::edit::Edit;
use crate::api::meta::Uid;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::Reason;
use crate::api::request::{Answer, EventNote, Patch, Subresource, Verb};
use crate::api::time::Time;
use crate::api::why::Why;
use crate::client::component::Moment;
use crate::scheduler::framework::Room;

/// The preemptions under way, by the pod that they are for.
#[derive(Clone, Debug, Default)]
pub(super) struct Preemptions {
    under_way: BTreeMap<Uid, Preemption>,
}

/// Room that is being made for a pod.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/preemption/executor.go, `Executor`
#[derive(Clone, Debug)]
struct Preemption {
    pod: Arc<Pod>,
    node: Name,
    /// The victim that goes last, once the others are gone.
    last: Arc<Pod>,
    last_begun: bool,
    /// How many requests of the others are out.
    open: usize,
    failed: bool,
}

/// A step of removing one victim.
#[derive(Clone, Debug)]
pub(super) struct Step {
    preemptor: Uid,
    victim: Arc<Pod>,
    deletes: bool,
}

impl Step {
    /// The pod that is being removed.
    pub(super) fn victim(&self) -> &Arc<Pod> {
        &self.victim
    }
}

/// What an answer leads to.
pub(super) enum Next {
    /// A further step.
    Send(Box<(Step, Verb, Why)>),
    /// Nothing yet.
    Wait,
    /// The preemption for a pod is done; true: it went wrong.
    Over(Uid, bool),
}

/// What begins a preemption.
pub(super) type Begun = Vec<(Step, Verb, Why)>;

impl Preemptions {
    /// Begins to make room for a pod; nothing when its victims are all on their way out already.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/preemption/executor.go,
    /// `Executor.prepareCandidateAsync`
    pub(super) fn begin(&mut self, pod: &Arc<Pod>, room: &Room, now: Time) -> Begun {
        let mut victims: Vec<Arc<Pod>> =
            room.victims.iter().filter(|v| !v.meta.is_deleting()).cloned().collect();
        let Some(last) = victims.pop() else { return Vec::new() };
        let mut preemption = Preemption {
            pod: pod.clone(),
            node: room.node.clone(),
            last_begun: victims.is_empty(),
            open: victims.len(),
            last,
            failed: false,
        };
        if preemption.last_begun {
            preemption.open = 1;
            victims.push(preemption.last.clone());
        }
        let begun = victims.iter().map(|v| preemption.first_step(v, now)).collect();
        self.under_way.insert(pod.meta.uid, preemption);
        begun
    }

    /// Whether a pod is the last victim of a preemption: for whom.
    pub(super) fn waits_for_last(&self, victim: &Pod) -> Option<Uid> {
        let is_it = |p: &&Preemption| p.last_begun && p.last.meta.uid == victim.meta.uid;
        self.under_way.values().find(is_it).map(|p| p.pod.meta.uid)
    }

    /// The answer to a step: a further step, or the end.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/preemption/executor.go, `PreemptPod`
    pub(super) fn answered(
        &mut self,
        step: Step,
        answer: &Answer,
        moment: &mut Moment<'_>,
    ) -> Next {
        let Some(preemption) = self.under_way.get_mut(&step.preemptor) else { return Next::Wait };
        match answer {
            Answer::Refused(refusal) if refusal.reason != Reason::NotFound => {
                preemption.failed = true;
            }
            Answer::Refused(_) => {}
            Answer::Object(_) if !step.deletes => {
                let (verb, why) = preemption.deletion(&step.victim);
                let step = Step { deletes: true, ..step };
                return Next::Send(Box::new((step, verb, why)));
            }
            Answer::Object(_)
            | Answer::List(_)
            | Answer::Watching
            | Answer::Deleted(_)
            | Answer::Done => moment.out.events.push(preemption.told(&step.victim)),
        }
        preemption.open -= 1;
        if preemption.open > 0 {
            return Next::Wait;
        }
        if !preemption.last_begun && !preemption.failed {
            preemption.last_begun = true;
            preemption.open = 1;
            let last = preemption.last.clone();
            return Next::Send(Box::new(preemption.first_step(&last, moment.time)));
        }
        let failed = preemption.failed;
        self.under_way.remove(&step.preemptor);
        Next::Over(step.preemptor, failed)
    }
}

impl Preemption {
    /// The victim is marked before it is deleted, unless it is marked already.
    fn first_step(&self, victim: &Arc<Pod>, now: Time) -> (Step, Verb, Why) {
        let step = Step { preemptor: self.pod.meta.uid, victim: victim.clone(), deletes: false };
        match self.mark(victim, now) {
            Some(verb) => (step, verb, self.why()),
            None => {
                let (verb, why) = self.deletion(victim);
                (Step { deletes: true, ..step }, verb, why)
            }
        }
    }

    fn why(&self) -> Why {
        let text = "makes room on {} for {}, whose priority {} is higher";
        let priority = i64::from(self.pod.priority());
        Why::three(text, self.node.clone(), self.pod.meta.name.clone(), priority)
    }

    fn deletion(&self, victim: &Pod) -> (Verb, Why) {
        (Verb::Delete { key: key(victim), options: DeleteOptions::default() }, self.why())
    }

    fn mark(&self, victim: &Pod, now: Time) -> Option<Verb> {
        let scheduler = &self.pod.spec.scheduler_name;
        let message = format!("{scheduler}: preempting to accommodate a higher priority pod");
        let old = condition::find(&victim.status.conditions, "DisruptionTarget");
        let since = old.filter(|c| c.is_true()).and_then(|c| c.last_transition_time);
        let generation = victim.meta.generation;
        let condition = Condition {
            observed_generation: (generation != 0).then_some(generation),
            last_transition_time: Some(since.unwrap_or_else(|| now.whole_seconds())),
            message: message.into(),
            ..Condition::new("DisruptionTarget", Truth::True, "PreemptionByScheduler")
        };
        if old == Some(&condition) {
            return None;
        }
        let edit = Edit::PodCondition { condition: Box::new(condition), nominated_node: None };
        Some(status_patch(victim, edit))
    }

    fn told(&self, victim: &Arc<Pod>) -> EventNote {
        EventNote {
            about: Object::Pod(victim.clone()).reference(),
            warning: false,
            reason: "Preempted",
            message: format!("Preempted by pod {} on node {}", self.pod.meta.uid, self.node).into(),
        }
    }
}

/// The request that takes a nomination back.
pub(super) fn take_back_nomination(pod: &Pod) -> Verb {
    status_patch(pod, Edit::NominatedNode(Name::default()))
}

fn key(pod: &Pod) -> ObjectKey {
    ObjectKey::new(Kind::POD, &pod.meta.namespace, &pod.meta.name)
}

fn status_patch(pod: &Pod, edit: Edit) -> Verb {
    Verb::Patch {
        key: key(pod),
        part: Subresource::Status,
        patch: Patch::Edit(edit),
        dry_run: false,
    }
}
