//! The Job controller: pods that are to end well, so many times.
//!
//! Responsible for making and deleting pods, for counting each end once, and for declaring the end
//! of the Job. It never restarts a container, and never deletes a Job.
//!
//! It resumes: each stage of a look needs the answers to the one before, because the status is to
//! say what was really made, deleted and let go, and because no finalizer may be taken off before
//! the status that notes the pod is stored.
//!
//! Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `syncJob`,
//! `flushUncountedAndRemoveFinalizers`

pub mod backoff;
pub mod indexes;
mod manage;
pub mod pods;
pub mod policy;
mod stage;
mod sync;
mod track;
mod watch;
mod why;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::api::batch::job::Job;
use crate::api::core::pod::Pod;
use crate::api::edit::Edit;
use crate::api::gates::Gate;
use crate::api::meta::Uid;
use crate::api::object::{Kind, Object, ObjectKey, Resource};
use crate::api::refusal::{Reason, Refusal};
use crate::api::request::{EventNote, Patch, Verb};
use crate::api::variant::Variant;
use crate::client::plan::{Plan, Recovery, Settled, Write};
use crate::client::reconciler::{Observed, Reconciler, Settings, Watch};
use crate::client::view::View;
use crate::controllers::claim;
use crate::sim::index::Map;
use crate::sim::time::SimDuration;
use backoff::Record;
pub use manage::MOST;
use pods::{Features, is_tracked};
use stage::UnderWay;
use sync::{Begin, Sync};
pub use track::MOST_UNCOUNTED;
pub use watch::BATCH_PERIOD;
pub use why::JobWhy;

/// Runs the pods of Jobs until enough of them have ended well.
///
/// Differs: a pod whose Job is over or gone is let go by the workers of the Jobs; Kubernetes has
/// one worker more for these. And of a pod that is to be adopted it is not asked anew whether its
/// Job is being deleted.
#[derive(Clone, Default)]
pub struct JobController {
    /// The failures of each Job since its last success.
    records: Map<ObjectKey, Record>,
    /// Pods whose finalizer was taken off, until the cache shows it.
    let_go: Map<ObjectKey, BTreeSet<Uid>>,
    /// Looks whose requests are under way.
    under_way: Map<ObjectKey, UnderWay>,
    /// Behaviour by release.
    features: Features,
    /// How many had failed when each was seen for the first time.
    failed_before: Map<ObjectKey, i32>,
}

impl JobController {
    /// A controller of another release.
    pub fn with_features(features: Features) -> JobController {
        JobController { features, ..JobController::default() }
    }

    /// Goes on from a known record of failures, as if it had seen them.
    pub fn remember(&mut self, key: ObjectKey, record: Record) {
        self.records.insert(key, record);
    }

    /// Failures that do not count against the limit: none, but for the rule that counts those that
    /// it has seen itself.
    fn forgotten(&mut self, key: &ObjectKey, job: &Job, view: View<'_>) -> i32 {
        if !view.gates().varies(Variant::CountsFailuresInMemory) {
            return 0;
        }
        *self.failed_before.entry(key.clone()).or_insert(job.status.failed)
    }

    fn forget(&mut self, key: &ObjectKey) {
        self.records.remove(key);
        self.let_go.remove(key);
        self.under_way.remove(key);
    }

    /// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `Controller.syncJob`
    fn sync(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let Some(job) = view.get::<Job>(&key.namespace, &key.name) else {
            self.forget(key);
            return Plan::nothing();
        };
        if job.spec.external_controller().is_some() {
            return Plan::nothing();
        }
        if job.is_finished() {
            self.records.remove(key);
            return Plan::nothing();
        }
        let mut plan = Plan::nothing();
        if !matches!(job.spec.completion_mode.as_deref(), None | Some("NonIndexed" | "Indexed")) {
            let message = "Skipped Job sync because completion mode is unknown";
            plan.events.push(note(job, true, "UnknownCompletionMode", message));
            return plan;
        }
        let begin = Begin {
            job: Job::clone(job),
            pods: pods::claimed(job, view, &mut plan),
            let_go: self.let_go.get(key).cloned().unwrap_or_default(),
            record: self.records.get(key).copied().unwrap_or_default(),
            is_fresh: view.expectations_met(),
            features: self.features,
            forgotten: self.forgotten(key, job, view),
            notes_twice: view.gates().varies(Variant::NotesTwice),
        };
        let sync = Sync::new(begin, view.now());
        self.act(key, sync, plan, view.now())
    }

    /// Lets a pod go that no Job will count.
    ///
    /// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `syncOrphanPod`
    fn sync_orphan(key: &ObjectKey, view: View<'_>) -> Plan {
        let mut plan = Plan::nothing();
        let Some(pod) = view.get::<Pod>(&key.namespace, &key.name) else { return plan };
        if let Some(reference) = pod.meta.controller() {
            if reference.kind != Kind::JOB.name() || reference.api_version != "batch/v1" {
                return plan;
            }
            let job = watch::resolve(&pod.meta, reference, view);
            let is_looked_after =
                job.is_some_and(|j| j.spec.external_controller().is_some() || !j.is_finished());
            if is_looked_after {
                return plan;
            }
        }
        if is_tracked(pod) {
            plan.push(pods::untracking(pod, JobWhy::Orphan));
        }
        plan
    }
}

/// An event about a Job.
fn note(job: &Job, warning: bool, reason: &'static str, message: &str) -> EventNote {
    let about = Object::Job(Arc::new(job.clone())).reference();
    EventNote { about, warning, reason, message: message.into() }
}

impl Reconciler for JobController {
    fn name(&self) -> &'static str {
        "job-controller"
    }

    fn watches(&self) -> &'static [Watch] {
        watch::WATCHES
    }

    /// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `DefaultJobApiBackOff`,
    /// `MaxJobApiBackOff`; pkg/features/kube_features.go, `StaleControllerConsistencyJob`
    fn settings(&self) -> Settings {
        Settings {
            first_backoff: SimDuration::secs(1),
            longest_backoff: SimDuration::secs(60),
            expectations: true,
            awaits_own_writes: true,
            awaits_behind: Some(Gate::StaleControllerConsistencyJob),
            ..Settings::default()
        }
    }

    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        if key.kind == Kind::POD {
            return JobController::sync_orphan(key, view);
        }
        self.sync(key, view)
    }

    fn resume(&mut self, key: &ObjectKey, settled: Vec<Settled>, view: View<'_>) -> Plan {
        match self.under_way.remove(key) {
            Some(look) => self.go_on(key, look, &settled, view.now()),
            None => Plan::nothing(),
        }
    }

    /// What is made, deleted or let go in vain does not keep the status from being written.
    fn recover(&mut self, write: &Write, refusal: &Refusal) -> Recovery {
        let is_gone = refusal.reason == Reason::NotFound;
        match &write.verb {
            Verb::Create { .. } if claim::namespace_terminates(refusal) => Recovery::GoOn,
            Verb::Delete { .. } | Verb::Patch { .. } if is_gone => Recovery::GoOn,
            Verb::Patch { patch: Patch::Edit(Edit::RemoveFinalizer(_)), .. }
            | Verb::Create { .. }
            | Verb::Delete { .. } => Recovery::GoOnThenRetry,
            Verb::Get(_)
            | Verb::Post { .. }
            | Verb::Put { .. }
            | Verb::Update { .. }
            | Verb::Patch { .. }
            | Verb::List(_)
            | Verb::Watch(_)
            | Verb::DeleteCollection { .. }
            | Verb::Bind { .. }
            | Verb::Evict { .. } => Recovery::usual(write, refusal),
        }
    }

    fn observe(&mut self, change: &Observed<'_>, _view: View<'_>) {
        let (old, new) = (change.old.and_then(Pod::of), change.new.and_then(Pod::of));
        let Some(pod) = new.or(old) else { return };
        let Some(owner) = pod.meta.controller().filter(|o| o.kind == Kind::JOB.name()) else {
            return;
        };
        if new.is_none_or(|p| !is_tracked(p)) {
            let key = ObjectKey::new(Kind::JOB, &pod.meta.namespace, &owner.name);
            if let Some(uids) = self.let_go.get_mut(&key) {
                uids.remove(&old.unwrap_or(pod).meta.uid);
            }
        }
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}
