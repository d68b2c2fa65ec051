//! Hosts the Job controller over caches that its own writes change at once.

use std::sync::Arc;

use serde_json::{Value, json};
use wavetank::api::Name;
use wavetank::api::batch::job::{Job, TRACKING_FINALIZER};
use wavetank::api::core::pod::Pod;
use wavetank::api::meta::Uid;
use wavetank::api::object::{Kind, Object, ObjectKey, Resource, controller_reference};
use wavetank::api::refusal::Refusal;
use wavetank::api::request::{Answer, Patch, Subresource, Verb};
use wavetank::api::time::Time;
use wavetank::client::plan::{Plan, Recovery, Settled, Step, Write};
use wavetank::client::reconciler::{Observed, Reconciler};
use wavetank::client::slow_start::SlowStart;
use wavetank::client::view::{Caches, View};
use wavetank::controllers::job::JobController;
use wavetank::controllers::job::backoff::Record;
use wavetank::controllers::job::pods::Features;

use super::super::replicaset::{NOW, at_now};

/// The cluster of a case.
pub(crate) struct Host {
    caches: Caches,
    controller: JobController,
    key: ObjectKey,
    revision: u64,
    /// The time of the next sync.
    pub(crate) now: Time,
    /// Whether every call about a pod fails.
    pub(crate) fails: bool,
    /// After so many calls creations fail.
    pub(crate) most_creations: Option<usize>,
    /// Pods that were made, or asked for with `fails`.
    pub(crate) created: Vec<Pod>,
    /// How often the making of a pod was asked for.
    pub(crate) create_calls: usize,
    /// Names of the pods that were deleted.
    pub(crate) deleted: Vec<Name>,
    /// Names of the pods that were let go.
    pub(crate) let_go: Vec<Name>,
    /// How often the finalizer of a pod was taken off, or asked to be.
    pub(crate) patches: usize,
    /// How often the status was written.
    pub(crate) status_writes: usize,
}

impl Host {
    pub(crate) fn new(mut job: Job, features: Features) -> Host {
        job.meta.uid = super::uid_of(&job);
        if job.meta.namespace.is_empty() {
            job.meta.namespace = "default".into();
        }
        let key = ObjectKey::new(Kind::JOB, &job.meta.namespace, &job.meta.name);
        let mut host = Host {
            caches: Caches::default(),
            controller: JobController::with_features(features),
            key,
            revision: 0,
            now: NOW,
            fails: false,
            most_creations: None,
            created: Vec::new(),
            create_calls: 0,
            deleted: Vec::new(),
            let_go: Vec::new(),
            patches: 0,
            status_writes: 0,
        };
        host.put(job.into());
        host
    }

    pub(crate) fn remember(&mut self, record: Record) {
        self.controller.remember(self.key.clone(), record);
    }

    /// The Job as it is.
    pub(crate) fn job(&self) -> Job {
        let found = self.caches.of(Kind::JOB).get(&self.key.namespace, &self.key.name);
        found.and_then(Job::of).map(|job| (**job).clone()).expect("the Job is there")
    }

    /// All pods, by name.
    pub(crate) fn pods(&self) -> Vec<Arc<Pod>> {
        let mut all: Vec<Arc<Pod>> =
            self.caches.of(Kind::POD).all().filter_map(Pod::of).cloned().collect();
        all.sort_by(|a, b| a.meta.name.cmp(&b.meta.name));
        all
    }

    /// Stores a version.
    pub(crate) fn put(&mut self, mut object: Object) -> Object {
        self.revision += 1;
        object.meta_mut().resource_version = self.revision;
        let old = self.caches.of_mut(object.kind()).put(object.clone());
        let change = Observed { old: old.as_ref(), new: Some(&object) };
        self.controller.observe(&change, View::new(&self.caches, self.now));
        object
    }

    /// Takes an object out.
    pub(crate) fn remove(&mut self, pod: &Pod) {
        let old = self.caches.of_mut(Kind::POD).remove(&pod.meta.namespace, &pod.meta.name);
        let change = Observed { old: old.as_ref(), new: None };
        if old.is_some() {
            self.controller.observe(&change, View::new(&self.caches, self.now));
        }
    }

    /// Adds a pod of the Job.
    pub(crate) fn add_pod(&mut self, mut value: Value, tracked: bool) {
        let job = self.job();
        let metadata = &mut value["metadata"];
        metadata["namespace"] = json!(job.meta.namespace.as_str());
        if metadata["uid"].is_null() {
            metadata["uid"] = metadata["name"].clone();
        }
        let selector = job.spec.selector.as_ref().expect("a selector");
        for (key, label) in selector.match_labels.iter() {
            metadata["labels"][key.as_str()] = json!(label.as_str());
        }
        if tracked {
            metadata["finalizers"] = json!([TRACKING_FINALIZER]);
        }
        // The first year of all is before any that the simulator can tell.
        let text = at_now(&value).to_string().replace("\"0001-01-01T", "\"1970-01-01T");
        let value = serde_json::from_str(&text).expect("it is JSON");
        let object = Object::from_value(Kind::POD, value).expect("it is a pod");
        let mut pod = Pod::of(&object).map(|p| Pod::clone(p)).expect("it is a pod");
        pod.meta.set_owners(vec![controller_reference(Kind::JOB, &job.meta)]);
        self.put(pod.into());
    }

    /// One sync; whether it is to be tried again.
    pub(crate) fn sync(&mut self, is_fresh: bool) -> bool {
        let key = self.key.clone();
        let view = View::new(&self.caches, self.now).after_expectations(is_fresh);
        let mut plan = self.controller.reconcile(&key, view);
        let mut retry = false;
        loop {
            retry |= plan.retry;
            let resumes = plan.resumes;
            let Ok(settled) = self.carry_out(plan, &mut retry) else { return true };
            if !resumes {
                return retry;
            }
            let view = View::new(&self.caches, self.now);
            plan = self.controller.resume(&key, settled, view);
        }
    }

    /// Does what a plan asks for; an error when a refusal ends it.
    fn carry_out(&mut self, plan: Plan, retry: &mut bool) -> Result<Vec<Settled>, ()> {
        let mut settled = Vec::new();
        for step in plan.steps {
            match step {
                Step::Landmark => {}
                Step::One(write) => {
                    self.settle(write, retry, &mut settled)?;
                }
                Step::Batch { writes, slow_start: false } => {
                    for write in writes {
                        self.settle(write, retry, &mut settled)?;
                    }
                }
                Step::Batch { writes, slow_start: true } => {
                    let count = u32::try_from(writes.len()).expect("few writes");
                    let mut pace = SlowStart::new(count, 1);
                    let mut writes = writes.into_iter();
                    while pace.batch() > 0 {
                        let mut good = 0;
                        for write in writes.by_ref().take(pace.batch() as usize) {
                            good += u32::from(self.settle(write, retry, &mut settled)?);
                        }
                        pace.settle(good);
                    }
                }
            }
        }
        Ok(settled)
    }

    fn settle(
        &mut self,
        write: Write,
        retry: &mut bool,
        settled: &mut Vec<Settled>,
    ) -> Result<bool, ()> {
        let answer = self.answer(&write.verb);
        let mut is_good = true;
        if let Answer::Refused(refusal) = &answer {
            match self.controller.recover(&write, refusal) {
                Recovery::GoOn => {}
                Recovery::GoOnThenRetry => (*retry, is_good) = (true, false),
                Recovery::Retry
                | Recovery::GiveUp
                | Recovery::SkipThenRetry
                | Recovery::SkipUntold => return Err(()),
            }
        }
        settled.push(Settled { write: Box::new(write), answer });
        Ok(is_good)
    }

    fn answer(&mut self, verb: &Verb) -> Answer {
        let no = || Answer::Refused(Refusal::internal_error("the case wants it to fail"));
        match verb {
            Verb::Create { object: Object::Pod(pod), .. } => {
                self.create_calls += 1;
                if self.most_creations.is_some_and(|most| self.create_calls > most) {
                    return no();
                }
                let mut pod = Pod::clone(pod);
                pod.meta.name = self.name_of(&pod);
                pod.meta.uid = Uid::parse(&pod.meta.name);
                pod.meta.creation = Some(self.now.whole_seconds());
                self.created.push(pod.clone());
                if self.fails {
                    return no();
                }
                Answer::Object(self.put(pod.into()))
            }
            Verb::Delete { key, .. } => self.delete(key),
            Verb::Patch { key, patch: Patch::Edit(edit), .. } => {
                self.patches += 1;
                if self.fails {
                    return no();
                }
                let Some(found) = self.caches.of(Kind::POD).get(&key.namespace, &key.name) else {
                    return Answer::Refused(Refusal::not_found(
                        &wavetank::api::refusal::GroupResource::new("", "pods"),
                        &key.name,
                    ));
                };
                let mut new = found.clone();
                edit.apply(&mut new);
                self.let_go.push(key.name.clone());
                Answer::Object(self.put(new))
            }
            Verb::Update { object, part: Subresource::Status } => {
                self.status_writes += 1;
                Answer::Object(self.put(object.clone()))
            }
            other => panic!("{other:?}"),
        }
    }

    /// `p1`, `p2`, …; of an indexed Job the index and a number.
    fn name_of(&self, pod: &Pod) -> Name {
        let annotation = wavetank::api::batch::job::COMPLETION_INDEX;
        match pod.meta.annotations.get(annotation) {
            None => format!("p{}", self.created.len() + 1).into(),
            Some(index) => {
                let same = self
                    .created
                    .iter()
                    .filter(|p| p.meta.annotations.get(annotation) == Some(index));
                format!("i{index}-{}", same.count() + 1).into()
            }
        }
    }

    fn delete(&mut self, key: &ObjectKey) -> Answer {
        if self.fails {
            return Answer::Refused(Refusal::internal_error("the case wants it to fail"));
        }
        self.deleted.push(key.name.clone());
        let found = self.caches.of(Kind::POD).get(&key.namespace, &key.name).cloned();
        let mut pod = found.expect("what is deleted is there");
        pod.meta_mut().deletion = Some(self.now.whole_seconds());
        Answer::Object(self.put(pod))
    }
}
