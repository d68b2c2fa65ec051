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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::api::apps::deployment::DeploymentSpec;
    use crate::api::labels::Labels;
    use crate::api::meta::Meta;
    use crate::api::request::Subresource;
    use crate::api::selector::LabelSelector;
    use crate::api::time::EPOCH;
    use crate::client::view::Caches;

    fn deployment() -> Deployment {
        let labels = Labels::from([("app", "web")]);
        let mut spec = DeploymentSpec {
            replicas: 3,
            progress_deadline_seconds: Some(600),
            ..DeploymentSpec::default()
        };
        let selector = LabelSelector { match_labels: labels.clone(), ..LabelSelector::default() };
        spec.selector = Arc::new(selector);
        Arc::make_mut(&mut spec.template).meta.labels = labels;
        let mut meta = Meta::named("default", "web");
        meta.uid = Uid::parse("deployment");
        meta.generation = 1;
        meta.resource_version = 7;
        Deployment { meta, spec: Arc::new(spec), ..Deployment::default() }
    }

    fn plan(controller: &mut DeploymentController, deployment: &Deployment) -> Plan {
        let mut caches = Caches::default();
        caches.of_mut(Kind::DEPLOYMENT).put(deployment.clone().into());
        let key = ObjectKey::new(Kind::DEPLOYMENT, "default", "web");
        controller.reconcile(&key, View::new(&caches, EPOCH))
    }

    fn refusal(reason: Reason) -> Refusal {
        Refusal { code: 403, reason, message: "exceeded quota".into(), details: None }
    }

    #[test]
    fn the_second_status_write_of_a_look_carries_the_version_that_was_read() {
        let plan = plan(&mut DeploymentController::default(), &deployment());
        let version = |w: &Write| {
            let Verb::Update { object, part: Subresource::Status } = &w.verb else { return None };
            Some(object.meta().resource_version)
        };
        let versions: Vec<_> = plan.writes().filter_map(version).collect();
        assert_eq!(versions, [7, 7]);
        let told = plan.writes().next().and_then(|w| w.on_success.clone()).expect("an event");
        let name = crate::api::schema::template_hash::replica_set_name(
            "web",
            &template::hash(&deployment()),
        );
        assert_eq!(*told.message, format!("Scaled up replica set {name} from 0 to 3"));
    }

    #[test]
    fn a_selector_of_everything_is_refused() {
        let mut all = deployment();
        Arc::make_mut(&mut all.spec).selector = Arc::default();
        let plan = plan(&mut DeploymentController::default(), &all);
        assert_eq!(plan.events[0].reason, "SelectingAll");
        assert_eq!(plan.writes().count(), 1);
    }

    #[test]
    fn a_failed_creation_shows_in_the_condition_of_the_next_look() {
        let mut controller = DeploymentController::default();
        let first = plan(&mut controller, &deployment());
        let create = first.writes().next().expect("a creation");
        let forbidden = refusal(Reason::Forbidden);
        assert_eq!(controller.recover(create, &forbidden), Recovery::Retry);
        let second = plan(&mut controller, &deployment());
        assert_eq!(second.events[0].reason, "ReplicaSetCreateError");
        assert!(second.events[0].message.ends_with("\": exceeded quota"), "{second:?}");
        let why = second.writes().next().map(|w| w.why.to_string());
        assert_eq!(why.as_deref(), Some("the new ReplicaSet could not be created"));
        assert_eq!(controller.recover(create, &refusal(Reason::AlreadyExists)), Recovery::Retry);
        assert!(plan(&mut controller, &deployment()).events.is_empty());
    }

    #[test]
    fn a_name_that_another_template_has_counts_as_a_collision() {
        let web = deployment();
        let mut other = template::new_replica_set(&web, 1);
        other.meta.owners = None;
        other.meta.labels = Labels::default();
        let mut caches = Caches::default();
        caches.of_mut(Kind::DEPLOYMENT).put(web.into());
        caches.of_mut(Kind::REPLICA_SET).put(other.into());
        let key = ObjectKey::new(Kind::DEPLOYMENT, "default", "web");
        let view = View::new(&caches, EPOCH);
        let plan = DeploymentController::default().reconcile(&key, view);
        let whys: Vec<_> = plan.writes().map(|w| w.why.to_string()).collect();
        assert_eq!(whys, ["another template has this name: collision number 1"]);
        assert!(plan.retry);
    }
}
