//! The Deployment controller: `ReplicaSets` of one template after another, replaced step by step.
//!
//! Responsible for the sizes and the history of a Deployment's `ReplicaSets` and for its status. It
//! never touches a pod.
//!
//! Where to look: how many pods too many or too few in [`bounds`], one step of a rolling update in
//! [`rolling`], of `Recreate` in [`recreate`], scaling during a rollout in [`scale`], revisions in
//! [`revision`], which template is which in [`template`], the deadline in [`status`], old
//! `ReplicaSets` that go in [`history`].

pub mod bounds;
pub mod history;
pub mod recreate;
pub mod revision;
pub mod rolling;
pub mod scale;
pub mod sets;
pub mod status;
mod sync;
pub mod template;
mod watch;
mod why;

use crate::api::Name;
use crate::api::apps::deployment::Deployment;
use crate::api::meta::Uid;
use crate::api::object::{Kind, ObjectKey};
use crate::api::refusal::{Reason, Refusal};
use crate::api::request::Verb;
use crate::client::plan::{Plan, Recovery, Write};
use crate::client::reconciler::{Observed, Reconciler, Settings, Watch};
use crate::client::view::View;
use crate::controllers::claim;
use crate::sim::index::Map;
use sync::Sync;
use template::Comparisons;
pub use why::DeploymentWhy;

/// Replaces the pods of Deployments step by step.
#[derive(Clone, Default)]
pub struct DeploymentController {
    /// Which `ReplicaSet` has which template.
    comparisons: Comparisons,
    /// Why the new `ReplicaSet` of a Deployment could not be created when it was last tried.
    failures: Map<Uid, Name>,
}

impl Reconciler for DeploymentController {
    fn name(&self) -> &'static str {
        "deployment-controller"
    }

    fn watches(&self) -> &'static [Watch] {
        watch::WATCHES
    }

    /// Source: kubernetes v1.36 pkg/controller/deployment/deployment_controller.go, `maxRetries`
    fn settings(&self) -> Settings {
        Settings { give_up_after: Some(15), ..Settings::default() }
    }

    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let Some(deployment) = view.get::<Deployment>(&key.namespace, &key.name) else {
            return Plan::nothing();
        };
        let mut sync = Sync::new(deployment, view, &mut self.comparisons);
        if let Some(message) = self.failures.remove(&deployment.meta.uid) {
            sync.note_failed_creation(&message);
        }
        let end = sync.run();
        sync.plan.retry |= end.is_err();
        sync.plan
    }

    fn recover(&mut self, write: &Write, refusal: &Refusal) -> Recovery {
        if claim::refusal_is_harmless(write, refusal) {
            return Recovery::GoOn;
        }
        let Verb::Create { object, .. } = &write.verb else {
            return Recovery::usual(write, refusal);
        };
        if claim::namespace_terminates(refusal) {
            return Recovery::GiveUp;
        }
        if refusal.reason != Reason::AlreadyExists
            && let Some(owner) = object.meta().controller()
        {
            let (name, why) = (&object.meta().name, &refusal.message);
            let message =
                smol_str::format_smolstr!("Failed to create new replica set {name:?}: {why}");
            self.failures.insert(owner.uid, message);
        }
        Recovery::Retry
    }

    fn observe(&mut self, change: &Observed<'_>, _view: View<'_>) {
        if let (Some(old), None) = (change.old, change.new) {
            match old.kind() {
                Kind::REPLICA_SET => self.comparisons.forget(old.meta().uid),
                Kind::DEPLOYMENT => _ = self.failures.remove(&old.meta().uid),
                _ => {}
            }
        }
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}
