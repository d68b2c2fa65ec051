//! One look at a Deployment: which of the rules applies, and the writes in Kubernetes' order.
//!
//! Responsible for putting the pure rules in sequence. The Deployment that is worked on is a copy
//! that notes what was written so far, as Kubernetes' own does; that is why a second write of its
//! status in one look carries the version that was read, and is refused as it is there.

use std::sync::Arc;

use super::bounds::new_size;
use super::scale::Resize;
use super::sets::{Sets, counts};
use super::status::{self, LookAgain};
use super::template::{self, Comparisons};
use super::why::DeploymentWhy;
use super::{history, recreate, revision, rolling, scale};
use crate::api::Name;
use crate::api::apps::deployment::{Deployment, DeploymentStatus, StrategyKind};
use crate::api::apps::replica_set::ReplicaSet;
use crate::api::condition::{self, Condition, Truth};
use crate::api::core::event::ObjectReference;
use crate::api::core::pod::Pod;
use crate::api::object::{Kind, Object};
use crate::api::request::EventNote;
use crate::api::selector::LabelSelector;
use crate::api::variant::Variant;
use crate::client::plan::{Plan, Write};
use crate::client::view::View;
use crate::controllers::claim::{self, Claim};
use crate::sim::time::SimDuration;

/// The reason of the event and condition of a `ReplicaSet` that could not be created.
const CREATE_ERROR: &str = "ReplicaSetCreateError";

/// Why a look ended before its end: the key is tried again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stopped;

/// One look at a Deployment.
pub(super) struct Sync<'a> {
    deployment: Deployment,
    about: Arc<ObjectReference>,
    view: View<'a>,
    comparisons: &'a mut Comparisons,
    pub(super) plan: Plan,
}

impl<'a> Sync<'a> {
    /// A look at a Deployment as the cache has it.
    pub(super) fn new(
        deployment: &Arc<Deployment>,
        view: View<'a>,
        comparisons: &'a mut Comparisons,
    ) -> Sync<'a> {
        Sync {
            deployment: (**deployment).clone(),
            about: Object::Deployment(deployment.clone()).reference(),
            view,
            comparisons,
            plan: Plan::nothing(),
        }
    }

    /// Source: kubernetes v1.36 pkg/controller/deployment/deployment_controller.go,
    /// `DeploymentController.syncDeployment`
    ///
    /// Differs: the rollback by annotation, which no client asks for any more, is left out.
    pub(super) fn run(&mut self) -> Result<(), Stopped> {
        if self.deployment.spec.selector.is_empty() {
            self.refuse_selecting_all();
            return Ok(());
        }
        let all = self.claim()?;
        if self.deployment.meta.is_deleting() {
            let sets = self.sets(&all, false)?;
            self.write_counted(&sets);
            return Ok(());
        }
        self.note_pause();
        if self.deployment.spec.paused {
            return self.scale(&all);
        }
        let written = self.plan.steps.len();
        let sets = self.sets(&all, false)?;
        if scale::is_scaling_event(&self.deployment.spec, &sets) {
            return self.scale(&all);
        }
        // When there was nothing to bring up to date, another look would find the same.
        let is_settled = sets.new.is_some() && self.plan.steps.len() == written;
        let seen = is_settled.then_some(sets);
        match self.deployment.spec.strategy.kind {
            StrategyKind::RollingUpdate => self.rolling_update(&all, seen),
            StrategyKind::Recreate => self.recreate(&all, seen),
        }
    }

    fn refuse_selecting_all(&mut self) {
        let message = "This deployment is selecting all pods. A non-empty selector is required.";
        self.plan.events.push(self.event(true, "SelectingAll", message.into()));
        if self.deployment.status.observed_generation < self.deployment.meta.generation {
            let mut status = (*self.deployment.status).clone();
            status.observed_generation = self.deployment.meta.generation;
            self.write_status(status, DeploymentWhy::SelectsAll);
        }
    }

    fn event(&self, warning: bool, reason: &'static str, message: Arc<str>) -> EventNote {
        EventNote { about: self.about.clone(), warning, reason, message }
    }

    /// The `ReplicaSets` that are the Deployment's own or become so.
    ///
    /// Source: kubernetes v1.36 pkg/controller/deployment/deployment_controller.go,
    /// `DeploymentController.getReplicaSetsForDeployment`
    fn claim(&mut self) -> Result<Vec<Arc<ReplicaSet>>, Stopped> {
        let meta = &self.deployment.meta;
        let selector = LabelSelector::to_selector(Some(&self.deployment.spec.selector));
        let selector = selector.map_err(|_| Stopped)?;
        let owned = self.view.controlled_by::<ReplicaSet>(meta.uid);
        let orphans = self.view.orphans::<ReplicaSet>(&meta.namespace);
        let mut all = Vec::new();
        for set in owned.chain(orphans) {
            let object = Object::ReplicaSet(set.clone());
            match claim::claim(meta, &set.meta, &selector) {
                Claim::Keep => all.push(set.clone()),
                Claim::Adopt => {
                    self.plan.push(claim::adoption(Kind::DEPLOYMENT, meta, &object));
                    all.push(set.clone());
                }
                Claim::Release => self.plan.push(claim::release(meta, &object)),
                Claim::Ignore => {}
            }
        }
        Ok(all)
    }

    fn write_status(&mut self, status: DeploymentStatus, why: DeploymentWhy) {
        self.deployment.status = Arc::new(status);
        self.plan.push(Write::update_status(self.deployment.clone(), why));
    }

    fn set_condition(&mut self, condition: Condition) {
        let status = Arc::make_mut(&mut self.deployment.status);
        status::set_condition(&mut status.conditions, condition);
    }

    /// Notes that the creation of the new `ReplicaSet` failed when it was last tried.
    ///
    /// Differs: Kubernetes does so within the failed look, this is the one after it.
    pub(super) fn note_failed_creation(&mut self, message: &Name) {
        let event = self.event(true, CREATE_ERROR, message.as_str().into());
        self.plan.events.push(event);
        if status::deadline(&self.deployment).is_none() {
            return;
        }
        let before = self.deployment.status.clone();
        let (kind, now) = (status::PROGRESSING, self.view.now());
        let message = message.clone();
        self.set_condition(status::new_condition(kind, Truth::False, CREATE_ERROR, message, now));
        if before != self.deployment.status {
            let why = DeploymentWhy::CreationFailed;
            self.plan.push(Write::update_status(self.deployment.clone(), why));
            self.deployment.meta.resource_version = 0;
        }
    }

    fn note_pause(&mut self) {
        let condition = status::pause_condition(&self.deployment, self.view.now());
        if let Some(condition) = condition {
            let paused = self.deployment.spec.paused;
            let why = if paused { DeploymentWhy::Paused } else { DeploymentWhy::Resumed };
            self.set_condition(condition);
            self.plan.push(Write::update_status(self.deployment.clone(), why));
        }
    }

    /// The `ReplicaSets`, the new one with annotations brought up to date, and created if it is
    /// missing and `create` says so.
    ///
    /// Source: kubernetes v1.36 pkg/controller/deployment/sync.go,
    /// `DeploymentController.getAllReplicaSetsAndSyncRevision`
    fn sets(&mut self, all: &[Arc<ReplicaSet>], create: bool) -> Result<Sets, Stopped> {
        let template = &self.deployment.spec.template;
        let mut sets = template::told_apart(all.to_vec(), template, self.comparisons);
        let newest = revision::max_revision(sets.old.iter()) + 1;
        match &sets.new {
            Some(new) => sets.new = Some(self.annotated(new.clone(), newest)),
            None if create => sets.new = Some(self.created(&sets, newest)?),
            None => {}
        }
        Ok(sets)
    }

    /// The new `ReplicaSet`, which exists, with the annotations that it should have.
    fn annotated(&mut self, set: Arc<ReplicaSet>, newest: i64) -> Arc<ReplicaSet> {
        let present = &set.meta.annotations;
        let annotations = revision::annotations(&self.deployment, present, newest);
        let min_ready = self.deployment.spec.min_ready_seconds;
        if annotations != *present || set.spec.min_ready_seconds != min_ready {
            let mut new = (*set).clone();
            new.meta.annotations = annotations;
            new.spec.min_ready_seconds = min_ready;
            let why = DeploymentWhy::Annotate { revision: newest };
            self.plan.push(Write::update(new.clone(), why));
            new.meta.resource_version = 0;
            return Arc::new(new);
        }
        let revision = present.get(revision::REVISION).cloned().unwrap_or_default();
        let mut is_new = self.take_revision(&revision);
        let conditions = &self.deployment.status.conditions;
        let unknown = condition::find(conditions, status::PROGRESSING).is_none();
        if status::deadline(&self.deployment).is_some() && unknown {
            let message = smol_str::format_smolstr!("Found new replica set {:?}", set.meta.name);
            self.note_progress("FoundNewReplicaSet", message);
            is_new = true;
        }
        if is_new {
            let why = DeploymentWhy::Revision;
            self.plan.push(Write::update_status(self.deployment.clone(), why));
        }
        set
    }

    /// Takes a revision over into the Deployment's annotations; true when it is another one.
    ///
    /// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go,
    /// `SetDeploymentRevision`
    fn take_revision(&mut self, revision: &str) -> bool {
        let annotations = &self.deployment.meta.annotations;
        if annotations.get(revision::REVISION).map_or("", Name::as_str) == revision {
            return false;
        }
        self.deployment.meta.annotations = annotations.with(revision::REVISION, revision);
        true
    }

    fn note_progress(&mut self, reason: &'static str, message: Name) {
        let (kind, now) = (status::PROGRESSING, self.view.now());
        self.set_condition(status::new_condition(kind, Truth::True, reason, message, now));
    }

    /// The new `ReplicaSet`, which is to be created.
    ///
    /// Differs: when the cache shows that its name is taken, the creation that would be refused is
    /// left out, and the collision counted at once.
    ///
    /// Source: kubernetes v1.36 pkg/controller/deployment/sync.go,
    /// `DeploymentController.getNewReplicaSet`
    fn created(&mut self, sets: &Sets, newest: i64) -> Result<Arc<ReplicaSet>, Stopped> {
        let mut new = template::new_replica_set(&self.deployment, newest);
        let counts_it = !self.view.gates().varies(Variant::TakesCollisionForError);
        let is_taken = self.view.get::<ReplicaSet>(&new.meta.namespace, &new.meta.name).is_some();
        if counts_it && is_taken {
            let mut status = (*self.deployment.status).clone();
            let count = status.collision_count.unwrap_or(0) + 1;
            status.collision_count = Some(count);
            self.write_status(status, DeploymentWhy::NameCollision { count });
            return Err(Stopped);
        }
        let old = counts(sets.old.iter()).wanted;
        let replicas = new_size(&self.deployment.spec, old, 0).map_err(|_| Stopped)?;
        new.spec.replicas = replicas;
        let why = DeploymentWhy::NewTemplate { revision: newest, replicas };
        let mut write = Write::create(new.clone(), why);
        if replicas > 0 {
            write = write.telling(self.scaled(&new.meta.name, 0, replicas));
        }
        self.plan.push(write);
        let mut is_new = self.take_revision(&smol_str::format_smolstr!("{newest}"));
        if status::deadline(&self.deployment).is_some() {
            let message = smol_str::format_smolstr!("Created new replica set {:?}", new.meta.name);
            self.note_progress("NewReplicaSetCreated", message);
            is_new = true;
        }
        if is_new {
            let why = DeploymentWhy::Revision;
            self.plan.push(Write::update_status(self.deployment.clone(), why));
        }
        Ok(Arc::new(new))
    }

    fn scaled(&self, name: &str, from: i32, to: i32) -> EventNote {
        let way = if from < to { "up" } else { "down" };
        let message = format!("Scaled {way} replica set {name} from {from} to {to}");
        self.event(false, "ScalingReplicaSet", message.into())
    }

    /// Writes a size; true when it is another than before.
    fn resize(&mut self, resize: Resize) -> bool {
        let Some(new) = resize.version(&self.deployment.spec) else { return false };
        let (from, to) = (resize.set.spec.replicas, resize.to);
        let event = (from != to).then(|| self.scaled(&new.meta.name, from, to));
        let mut write = Write::update(new, resize.why);
        write.on_success = event;
        self.plan.push(write);
        from != to
    }

    /// A look at a Deployment that is paused or was scaled.
    ///
    /// Source: kubernetes v1.36 pkg/controller/deployment/sync.go, `DeploymentController.sync`
    fn scale(&mut self, all: &[Arc<ReplicaSet>]) -> Result<(), Stopped> {
        let sets = self.sets(all, false)?;
        for resize in scale::sizes(&self.deployment, &sets) {
            self.resize(resize);
        }
        if self.deployment.spec.paused {
            self.clean_up(&sets);
        }
        self.write_counted(&sets);
        Ok(())
    }

    /// Source: kubernetes v1.36 pkg/controller/deployment/rolling.go,
    /// `DeploymentController.rolloutRolling`
    fn rolling_update(
        &mut self,
        all: &[Arc<ReplicaSet>],
        seen: Option<Sets>,
    ) -> Result<(), Stopped> {
        let sets = seen.map_or_else(|| self.sets(all, true), Ok)?;
        let grown = rolling::grow_new(&self.deployment.spec, &sets).map_err(|_| Stopped)?;
        if grown.is_some_and(|resize| self.resize(resize)) {
            self.write_after_step(&sets);
            return Ok(());
        }
        let shrunk = rolling::shrink_old(&self.deployment.spec, &sets).map_err(|_| Stopped)?;
        let has_shrunk = !shrunk.is_empty();
        for resize in shrunk {
            self.resize(resize);
        }
        if !has_shrunk && status::is_complete(&self.deployment, &self.deployment.status) {
            self.clean_up(&sets);
        }
        self.write_after_step(&sets);
        Ok(())
    }

    /// Source: kubernetes v1.36 pkg/controller/deployment/recreate.go,
    /// `DeploymentController.rolloutRecreate`
    fn recreate(&mut self, all: &[Arc<ReplicaSet>], seen: Option<Sets>) -> Result<(), Stopped> {
        let mut sets = seen.map_or_else(|| self.sets(all, false), Ok)?;
        let shrunk = recreate::shrink_old(&sets);
        let has_shrunk = !shrunk.is_empty();
        for resize in shrunk {
            self.resize(resize);
        }
        if has_shrunk || self.old_pods_running(all, &sets) {
            self.write_after_step(&sets);
            return Ok(());
        }
        if sets.new.is_none() {
            sets = self.sets(all, true)?;
        }
        if let Some(resize) = recreate::grow_new(&self.deployment.spec, &sets) {
            self.resize(resize);
        }
        if status::is_complete(&self.deployment, &self.deployment.status) {
            self.clean_up(&sets);
        }
        self.write_after_step(&sets);
        Ok(())
    }

    fn old_pods_running(&self, all: &[Arc<ReplicaSet>], sets: &Sets) -> bool {
        let view = self.view;
        let pods = all.iter().flat_map(|set| {
            let uid = set.meta.uid;
            view.controlled_by::<Pod>(uid).map(move |pod| (uid, pod))
        });
        recreate::old_pods_running(sets, pods)
    }

    /// Source: kubernetes v1.36 pkg/controller/deployment/sync.go,
    /// `DeploymentController.cleanupDeployment`
    fn clean_up(&mut self, sets: &Sets) {
        let keep = self.deployment.spec.revision_history_limit.unwrap_or(0);
        let have = sets.old.len();
        for set in history::surplus(&self.deployment.spec, &sets.old) {
            let why = DeploymentWhy::History { have, keep };
            self.plan.push(Write::delete(&Object::ReplicaSet(set), why));
        }
    }

    /// Source: kubernetes v1.36 pkg/controller/deployment/sync.go,
    /// `DeploymentController.syncDeploymentStatus`
    fn write_counted(&mut self, sets: &Sets) {
        let status = status::counted(&self.deployment, sets, self.view.now());
        if status != *self.deployment.status {
            self.write_numbers(status);
        }
    }

    fn write_numbers(&mut self, status: DeploymentStatus) {
        let why = DeploymentWhy::Counted {
            updated: status.updated_replicas,
            available: status.available_replicas,
            want: self.deployment.spec.replicas,
        };
        self.write_status(status, why);
    }

    /// The status after a step; without news, a look at the deadline of the rollout.
    fn write_after_step(&mut self, sets: &Sets) {
        let now = self.view.now();
        let status = status::after_step(&self.deployment, sets, now);
        if status != *self.deployment.status {
            return self.write_numbers(status);
        }
        match status::stuck(&self.deployment, &status, now) {
            LookAgain::Never => {}
            LookAgain::Soon => self.plan.queue_again = true,
            LookAgain::After(left) => self.plan.look_again_in(left + SimDuration::secs(1)),
        }
    }
}
