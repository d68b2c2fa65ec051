//! One look at a `StatefulSet`: which pods are made, kept, deleted and replaced.
//!
//! Responsible for the order: each pod waits for those before it unless the policy is `Parallel`,
//! scaling goes before updating, and an update goes from the last pod to the first.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use super::claims;
use super::identity::{
    POD_INDEX, POD_NAME, identity_matches, is_running_and_ready, is_unavailable, new_pod, ordinal,
    pod_name, revision,
};
use super::revisions::{Revisions, Version};
use super::status::{max_unavailable, status};
use super::why::StatefulSetWhy;
use crate::api::Name;
use crate::api::apps::stateful_set::{
    PodManagementPolicy, StatefulSet, StatefulSetStatus, StatefulSetStrategyKind,
};
use crate::api::core::event::ObjectReference;
use crate::api::core::pod::{Pod, PodPhase};
use crate::api::edit::Edit;
use crate::api::gates::Gate;
use crate::api::meta::Meta;
use crate::api::object::{Kind, Object};
use crate::api::request::EventNote;
use crate::api::variant::Variant;
use crate::client::plan::{Plan, Write};
use crate::client::view::View;

/// How many pods are worked on at once under `Parallel`.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_control.go, `MaxBatchSize`
const LARGEST_BATCH: usize = 500;

/// The place of an ordinal that is wanted.
#[derive(Clone, Copy)]
enum Replica<'a> {
    /// There is a pod.
    There(&'a Arc<Pod>),
    /// There is none yet.
    Missing(i32),
}

/// Whether the look ends here.
type Flow = ControlFlow<()>;

/// One look at a `StatefulSet`.
pub(super) struct Look<'a> {
    set: &'a Arc<StatefulSet>,
    revisions: &'a Revisions,
    view: View<'a>,
    about: Arc<ObjectReference>,
    replicas: Vec<Replica<'a>>,
    /// Pods beyond the wanted ordinals, the last one first.
    condemned: Vec<&'a Arc<Pod>>,
    /// The ordinal of the first pod that is missing or not available.
    first_unavailable: Option<i32>,
}

impl<'a> Look<'a> {
    /// A look at these pods.
    pub(super) fn new(
        set: &'a Arc<StatefulSet>,
        revisions: &'a Revisions,
        pods: &[&'a Arc<Pod>],
        view: View<'a>,
    ) -> Look<'a> {
        let start = set.spec.start();
        let mut replicas: Vec<Replica<'_>> =
            (0..set.spec.replicas).map(|n| Replica::Missing(start + n)).collect();
        let mut condemned = Vec::new();
        for pod in pods {
            match ordinal(pod) {
                Some(n) if set.spec.has_ordinal(n) => {
                    let place = usize::try_from(n - start).expect("an ordinal is in its range");
                    replicas[place] = Replica::There(pod);
                }
                Some(_) => condemned.push(*pod),
                None => {}
            }
        }
        condemned.sort_by_key(|pod| std::cmp::Reverse(ordinal(pod)));
        let about = Object::StatefulSet(set.clone()).reference();
        let mut look =
            Look { set, revisions, view, about, replicas, condemned, first_unavailable: None };
        look.first_unavailable = look.find_first_unavailable();
        look
    }

    fn find_first_unavailable(&self) -> Option<i32> {
        let replica = self.replicas.iter().find(|r| self.is_unavailable(**r));
        let replica = replica.and_then(|r| match r {
            Replica::There(pod) => ordinal(pod),
            Replica::Missing(n) => Some(*n),
        });
        let condemned = || {
            let mut upwards = self.condemned.iter().rev();
            upwards.find(|pod| self.is_unavailable(Replica::There(pod))).and_then(|p| ordinal(p))
        };
        replica.or_else(condemned)
    }

    fn is_unavailable(&self, replica: Replica<'_>) -> bool {
        match replica {
            Replica::There(pod) => {
                is_unavailable(pod, self.set.spec.min_ready_seconds, self.view.now())
            }
            Replica::Missing(_) => true,
        }
    }

    fn is_available(&self, pod: &Pod) -> bool {
        pod.is_available(self.set.spec.min_ready_seconds, self.view.now())
    }

    fn is_monotonic(&self) -> bool {
        self.set.spec.pod_management_policy == PodManagementPolicy::OrderedReady
    }

    fn pods(&self) -> impl Iterator<Item = &'a Arc<Pod>> {
        let there = self.replicas.iter().filter_map(|r| match r {
            Replica::There(pod) => Some(*pod),
            Replica::Missing(_) => None,
        });
        there.chain(self.condemned.iter().copied())
    }

    /// Adds the writes that the pods need; gives the status that comes of it.
    ///
    /// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_control.go,
    /// `updateStatefulSet`
    pub(super) fn plan(&self, plan: &mut Plan) -> StatefulSetStatus {
        let mut status = status(self.set, self.revisions, self.pods(), self.view.now());
        let ends = self.replicas(plan).is_break()
            || self.claims_of_condemned(plan).is_break()
            || self.scale_down(plan).is_break();
        if !ends && self.set.spec.update_strategy.kind == StatefulSetStrategyKind::RollingUpdate {
            status.current_replicas -= self.update(plan);
        }
        status
    }

    /// Each ordinal that is wanted.
    fn replicas(&self, plan: &mut Plan) -> ControlFlow<()> {
        if self.is_monotonic() {
            return self.replicas.iter().try_for_each(|r| {
                let (mut first, mut then) = (Vec::new(), Vec::new());
                let flow = self.replica(*r, &mut first, &mut then, plan);
                plan.push_all(first);
                plan.push_all(then);
                flow
            });
        }
        for batch in batches(self.replicas.len()) {
            let (mut first, mut then) = (Vec::new(), Vec::new());
            for replica in &self.replicas[batch] {
                // Nobody waits for another.
                let _ = self.replica(*replica, &mut first, &mut then, plan);
            }
            plan.push_all(first);
            plan.push_all(then);
        }
        Flow::Continue(())
    }

    /// One ordinal that is wanted: `first` its claims, `then` its pod.
    ///
    /// Differs: a claim that is refused holds up all pods of its batch, not only its own.
    ///
    /// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_control.go,
    /// `processReplica`
    fn replica(
        &self,
        replica: Replica<'a>,
        first: &mut Vec<Write>,
        then: &mut Vec<Write>,
        plan: &mut Plan,
    ) -> Flow {
        let pod = match replica {
            Replica::There(pod) => pod,
            Replica::Missing(ordinal) => return self.create(ordinal, first, then, plan),
        };
        if pod.is_terminal() {
            if self.view.gates().varies(Variant::RemakesWhatGoes) {
                then.push(self.deletion(pod, StatefulSetWhy::Ended));
                let ordinal = ordinal(pod).unwrap_or_default();
                return self.create(ordinal, first, then, plan);
            }
            if !pod.meta.is_deleting() {
                then.push(self.deletion(pod, StatefulSetWhy::Ended));
            }
            return Flow::Break(());
        }
        if pod.status.phase == PodPhase::Pending {
            self.claims_of(pod, first, plan)?;
        }
        let is_blocking =
            pod.meta.is_deleting() || !is_running_and_ready(pod) || !self.is_available(pod);
        if is_blocking && self.is_monotonic() {
            let is_old = revision(pod) != self.revisions.update.name && !is_running_and_ready(pod);
            let replaces = self.view.gates().varies(Variant::ReplacesBroken);
            if replaces && is_old && !pod.meta.is_deleting() {
                then.push(self.deletion(pod, StatefulSetWhy::Ended));
            }
            return Flow::Break(());
        }
        self.keep_identity(pod, first, then);
        Flow::Continue(())
    }

    /// The claims of an ordinal that are missing; it ends here when one has to go first.
    fn claims_of(&self, pod: &Arc<Pod>, first: &mut Vec<Write>, plan: &mut Plan) -> Flow {
        let Some(ordinal) = ordinal(pod) else { return Flow::Continue(()) };
        self.missing_claims(ordinal, &pod.meta.name, first, plan)
    }

    fn missing_claims(
        &self,
        ordinal: i32,
        pod: &Name,
        first: &mut Vec<Write>,
        plan: &mut Plan,
    ) -> Flow {
        let missing = claims::missing(self.set, ordinal, self.view);
        first.extend(missing.create.into_iter().map(|claim| self.claim_creation(claim, pod)));
        let Some(going) = missing.going else { return Flow::Continue(()) };
        let why = format!("pvc {going} is being deleted");
        plan.events.push(self.failure("FailedCreate", "Create", pod, &why));
        plan.retry = true;
        Flow::Break(())
    }

    fn create(
        &self,
        ordinal: i32,
        first: &mut Vec<Write>,
        then: &mut Vec<Write>,
        plan: &mut Plan,
    ) -> Flow {
        let name = pod_name(self.set, ordinal);
        let meta = Meta::named(&self.set.meta.namespace, &name);
        if claims::is_stale(self.set, &meta, ordinal, self.view) {
            return Flow::Break(());
        }
        self.missing_claims(ordinal, &name, first, plan)?;
        let version = self.version_of(ordinal);
        let pod = new_pod(self.set, &version.template, &version.name, ordinal);
        let revision = version.name.clone();
        let why = if self.is_monotonic() {
            StatefulSetWhy::Next { revision }
        } else {
            StatefulSetWhy::Missing { revision }
        };
        let (created, failed) = self.told("Create", &name);
        then.push(
            Write::create(pod, why)
                .telling(self.note(false, "SuccessfulCreate", created))
                .telling_refusal(self.note(true, "FailedCreate", failed)),
        );
        if self.is_monotonic() { Flow::Break(()) } else { Flow::Continue(()) }
    }

    /// The revision that the pod of an ordinal is made from.
    ///
    /// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_utils.go,
    /// `newVersionedStatefulSetPod`
    fn version_of(&self, ordinal: i32) -> &'a Version {
        let spec = &self.set.spec;
        let is_rolling = spec.update_strategy.kind == StatefulSetStrategyKind::RollingUpdate;
        let kept = match spec.partition() {
            Some(partition) => partition,
            None if is_rolling => self.set.status.current_replicas,
            None => 0,
        };
        let is_kept = ordinal - spec.start() < kept;
        if is_kept { &self.revisions.current } else { &self.revisions.update }
    }

    /// Sets right the labels and the claims' owners of a pod.
    fn keep_identity(&self, pod: &Arc<Pod>, first: &mut Vec<Write>, then: &mut Vec<Write>) {
        first.extend(self.claim_updates(pod));
        let Some(ordinal) = ordinal(pod).filter(|_| !identity_matches(pod)) else { return };
        let index = smol_str::format_smolstr!("{ordinal}");
        let labels = [(POD_NAME, Some(pod.meta.name.clone())), (POD_INDEX, Some(index))];
        let key = Object::Pod(pod.clone()).key();
        let (updated, failed) = self.told("Update", &pod.meta.name);
        then.push(
            Write::edit(key, Edit::Labels(labels.into()), StatefulSetWhy::Identity)
                .telling(self.note(false, "SuccessfulUpdate", updated))
                .telling_refusal(self.note(true, "FailedUpdate", failed)),
        );
    }

    fn claim_updates(&self, pod: &Arc<Pod>) -> impl Iterator<Item = Write> {
        let claims = claims::disowned(self.set, pod, self.view);
        claims.into_iter().map(|claim| Write::update(claim, StatefulSetWhy::Retention))
    }

    fn claims_of_condemned(&self, plan: &mut Plan) -> Flow {
        for pod in &self.condemned {
            plan.push_all(self.claim_updates(pod).collect());
        }
        Flow::Continue(())
    }

    /// The pods beyond the wanted ordinals, the last one first.
    fn scale_down(&self, plan: &mut Plan) -> Flow {
        if self.is_monotonic() {
            return self.condemned.iter().try_for_each(|pod| self.condemn(pod, plan));
        }
        for batch in batches(self.condemned.len()) {
            let going = self.condemned[batch].iter().filter(|pod| !pod.meta.is_deleting());
            let why = || StatefulSetWhy::TooMany { want: self.set.spec.replicas };
            plan.push_all(going.map(|pod| self.deletion(pod, why())).collect());
        }
        Flow::Continue(())
    }

    /// One pod beyond the wanted ordinals, when it waits for the others.
    ///
    /// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_control.go,
    /// `processCondemned`
    fn condemn(&self, pod: &Arc<Pod>, plan: &mut Plan) -> Flow {
        let is_healthy = is_running_and_ready(pod) && self.is_available(pod);
        let is_first_unavailable = ordinal(pod) == self.first_unavailable;
        if !pod.meta.is_deleting() && (is_healthy || is_first_unavailable) {
            let why = StatefulSetWhy::TooMany { want: self.set.spec.replicas };
            plan.push(self.deletion(pod, why));
        }
        Flow::Break(())
    }

    /// Deletes pods of another revision than the one that is rolled out, the last one first; gives
    /// how many.
    ///
    /// Of 5 pods with `maxUnavailable: 2` and one that is not available, one more may go.
    ///
    /// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_control.go,
    /// `updateStatefulSet`, `updateStatefulSetAfterInvariantEstablished`
    fn update(&self, plan: &mut Plan) -> i32 {
        let partition = usize::try_from(self.set.spec.partition().unwrap_or(0)).unwrap_or(0);
        let targets = self.replicas.iter().skip(partition).rev();
        if !self.view.is_on(Gate::MaxUnavailableStatefulSet) {
            return self.update_one(targets, plan);
        }
        let rolling = self.set.spec.update_strategy.rolling_update.as_ref();
        let limit = rolling.and_then(|r| r.max_unavailable.as_ref());
        let Ok(limit) = max_unavailable(limit, self.set.spec.replicas) else {
            plan.retry = true;
            return 0;
        };
        let down = self.replicas.iter().filter(|r| self.is_unavailable(**r)).count();
        let free = usize::try_from(limit).unwrap_or(0).saturating_sub(down);
        let outdated = targets.filter_map(|r| self.outdated(*r)).take(free);
        outdated.map(|pod| self.replace(pod, plan)).sum()
    }

    fn update_one<'r>(&self, targets: impl Iterator<Item = &'r Replica<'a>>, plan: &mut Plan) -> i32
    where
        'a: 'r,
    {
        for target in targets {
            if let Some(pod) = self.outdated(*target) {
                return self.replace(pod, plan);
            }
            if self.is_unavailable(*target) {
                return 0;
            }
        }
        0
    }

    /// The pod of an ordinal, if it is of another revision than the one that is rolled out.
    fn outdated(&self, replica: Replica<'a>) -> Option<&'a Arc<Pod>> {
        let Replica::There(pod) = replica else { return None };
        let is_old = revision(pod) != self.revisions.update.name;
        (is_old && !pod.meta.is_deleting()).then_some(pod)
    }

    fn replace(&self, pod: &Arc<Pod>, plan: &mut Plan) -> i32 {
        let revision = self.revisions.update.name.clone();
        plan.push(self.deletion(pod, StatefulSetWhy::Outdated { revision }));
        1
    }
}

/// The writes about pods and claims, with what is told of them.
impl Look<'_> {
    fn note(&self, warning: bool, reason: &'static str, message: Arc<str>) -> EventNote {
        EventNote { about: self.about.clone(), warning, reason, message }
    }

    /// What is told of a pod when it went well, and when it was refused.
    ///
    /// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_pod_control.go,
    /// `recordPodEvent`
    fn told(&self, verb: &str, pod: &str) -> (Arc<str>, Arc<str>) {
        let set = &self.set.meta.name;
        let done = format!("{verb} Pod {pod} in StatefulSet {set} successful");
        let failed = format!("{verb} Pod {pod} in StatefulSet {set} failed error: {{refusal}}");
        (done.into(), failed.into())
    }

    fn failure(&self, reason: &'static str, verb: &str, pod: &str, why: &str) -> EventNote {
        let (_, failed) = self.told(verb, pod);
        self.note(true, reason, failed.replace("{refusal}", why).into())
    }

    fn deletion(&self, pod: &Arc<Pod>, why: StatefulSetWhy) -> Write {
        let (deleted, failed) = self.told("Delete", &pod.meta.name);
        Write::delete(&Object::Pod(pod.clone()), why)
            .telling(self.note(false, "SuccessfulDelete", deleted))
            .telling_refusal(self.note(true, "FailedDelete", failed))
    }

    /// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_pod_control.go,
    /// `recordClaimEvent`
    fn claim_creation(&self, claim: Object, pod: &Name) -> Write {
        debug_assert_eq!(claim.kind(), Kind::PERSISTENT_VOLUME_CLAIM);
        let (name, set) = (&claim.meta().name, &self.set.meta.name);
        let done = format!("Create Claim {name} Pod {pod} in StatefulSet {set} success");
        let failed = format!(
            "Create Claim {name} for Pod {pod} in StatefulSet {set} failed error: {{refusal}}"
        );
        let why = StatefulSetWhy::ClaimMissing { pod: pod.clone() };
        Write::create(claim, why)
            .telling(self.note(false, "SuccessfulCreate", done.into()))
            .telling_refusal(self.note(true, "FailedCreate", failed.into()))
    }
}

/// Batches of 1, 2, 4, … of so many.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_control.go, `slowStartBatch`
fn batches(count: usize) -> impl Iterator<Item = Range<usize>> {
    let mut next = (0, 1);
    std::iter::from_fn(move || {
        let (begin, size) = next;
        let end = (begin + size).min(count);
        next = (end, (2 * size).min(LARGEST_BATCH));
        (begin < end).then_some(begin..end)
    })
}
