//! The namespace controller: it empties namespaces that are being deleted, then lets them go.
//!
//! Responsible for the content of terminating namespaces, their conditions and the finalizer
//! `kubernetes`. Pods go first; while any is left nothing else is deleted.
//!
//! Differs: what is left after a deletion is foretold from the caches (pods that have grace, and
//! objects with finalizers); Kubernetes lists each kind again. Kinds are emptied in the order of
//! the table of kinds, in Kubernetes in a random one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::api::Name;
use crate::api::condition::{self, Condition, Truth};
use crate::api::core::namespace::Namespace;
use crate::api::deletion::{DeleteOptions, Propagation};
use crate::api::meta::Meta;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::{Reason, Refusal};
use crate::api::request::{ListOptions, Subresource, Verb};
use crate::api::time::Time;
use crate::api::why::Why;
use crate::client::plan::{Expect, Plan, Recovery, Write};
use crate::client::reconciler::{Keys, Observed, Reconciler, Settings, Watch};
use crate::client::view::View;
use crate::sim::time::SimDuration;

const FINALIZER: &str = "kubernetes";

/// How long after a change a namespace is looked at: time for the caches of those who refuse new
/// content in it.
const DELAY: SimDuration = SimDuration::secs(5);

/// How long objects with finalizers are expected to take.
const FINALIZER_ESTIMATE: u64 = 15;

/// The conditions: type, reason and sentence while all is well.
const CONDITIONS: [(&str, &str, &str); 5] = [
    (
        "NamespaceDeletionDiscoveryFailure",
        "ResourcesDiscovered",
        "All resources successfully discovered",
    ),
    (
        "NamespaceDeletionGroupVersionParsingFailure",
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    (REMAINING, "ContentRemoved", "All content successfully removed"),
    (FINALIZERS, "ContentHasNoFinalizers", "All content-preserving finalizers finished"),
];
const REMAINING: &str = "NamespaceContentRemaining";
const FINALIZERS: &str = "NamespaceFinalizersRemaining";

/// What will be left after a pass.
#[derive(Default)]
struct Rest {
    kinds: BTreeMap<String, usize>,
    finalizers: BTreeMap<Name, usize>,
    /// In how many seconds more may be gone.
    estimate: u64,
}

/// The namespace controller.
#[derive(Clone, Copy, Debug, Default)]
pub struct NamespaceController;

impl Reconciler for NamespaceController {
    fn name(&self) -> &'static str {
        "namespace-controller"
    }

    fn watches(&self) -> &'static [Watch] {
        static ALL: std::sync::LazyLock<Vec<Watch>> = std::sync::LazyLock::new(|| {
            let content = Kind::stored().filter(|k| k.row().namespaced && !is_plain(*k));
            let content = content.map(|kind| Watch { kind, keys: |_, _, _| {} });
            std::iter::once(Watch { kind: Kind::NAMESPACE, keys }).chain(content).collect()
        });
        &ALL
    }

    fn settings(&self) -> Settings {
        Settings { workers: 10, longest_backoff: SimDuration::secs(60), ..Settings::default() }
    }

    /// Source: kubernetes v1.36
    /// pkg/controller/namespace/deletion/namespaced_resources_deleter.go, `Delete`,
    /// `deleteAllContent`
    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let mut plan = Plan::nothing();
        let Some(namespace) = view.get::<Namespace>("", &key.name) else { return plan };
        let Some(since) = namespace.meta.deletion else { return plan };
        if namespace.spec.finalizers.is_empty() {
            return plan;
        }
        let mut rest = Rest::default();
        rest.empty(Kind::POD, &key.name, since, view, &mut plan);
        let waits_for_pods = !rest.kinds.is_empty();
        if waits_for_pods {
            plan.steps.extend(update(namespace, &Rest::default(), view.now()));
        } else {
            for kind in Kind::stored().filter(|k| k.row().namespaced && *k != Kind::POD) {
                rest.empty(kind, &key.name, since, view, &mut plan);
            }
            plan.steps.extend(update(namespace, &rest, view.now()));
        }
        if rest.kinds.is_empty() {
            plan.push(finalize(namespace));
        } else {
            plan.look_again_in(SimDuration::secs(rest.estimate / 2 + 1));
        }
        plan
    }

    fn recover(&mut self, _write: &Write, refusal: &Refusal) -> Recovery {
        // A kind that was not emptied must end the pass: the namespace would go without it.
        if refusal.reason == Reason::NotFound { Recovery::GoOn } else { Recovery::Retry }
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(*self)
    }
}

/// Whether objects of a kind go at once when they are deleted, so that none need be watched: nobody
/// gives events a finalizer or a grace.
fn is_plain(kind: Kind) -> bool {
    kind == Kind::EVENT
}

fn keys(change: &Observed<'_>, _view: View<'_>, out: &mut Keys) {
    if change.new.is_some_and(|o| o.meta().is_deleting()) {
        out.add_after(change.latest().key(), DELAY);
    }
}

impl Rest {
    /// Deletes all objects of a kind, and notes those that will be left.
    fn empty(
        &mut self,
        kind: Kind,
        namespace: &Name,
        since: Time,
        view: View<'_>,
        plan: &mut Plan,
    ) {
        let list = ListOptions { namespace: namespace.clone(), ..ListOptions::all(kind) };
        let propagation_policy = Some(Propagation::Background);
        let options = DeleteOptions { propagation_policy, ..DeleteOptions::default() };
        let all = view.cache(kind).in_namespace(namespace);
        let plural = kind.row().plural;
        let why = if is_plain(kind) {
            Why::one("its namespace goes, with all {}", plural)
        } else {
            Why::two("its namespace goes, with {} {}", all.len(), plural)
        };
        let verb = Verb::DeleteCollection { list: Box::new(list), options };
        plan.push(Write { verb, why, on_success: None, on_refusal: None, expect: Expect::Nothing });
        let mut left = 0;
        for object in all {
            let grace = grace_of(object);
            let finalizers = object.meta().finalizers();
            if grace == 0 && finalizers.is_empty() {
                continue;
            }
            left += 1;
            for finalizer in finalizers {
                *self.finalizers.entry(finalizer.clone()).or_default() += 1;
            }
            let gone = view.now().since(since).as_secs();
            let estimate = grace.saturating_sub(gone);
            let least = if finalizers.is_empty() { 0 } else { FINALIZER_ESTIMATE };
            let estimate = if estimate == 0 { least } else { estimate };
            self.estimate = self.estimate.max(estimate);
        }
        if left > 0 {
            let row = kind.row();
            self.kinds.insert(format!("{}.{}", row.plural, row.group), left);
        }
    }
}

/// The seconds that an object may take to go.
///
/// Source: kubernetes v1.36
/// pkg/controller/namespace/deletion/namespaced_resources_deleter.go,
/// `estimateGracefulTerminationForPods`
fn grace_of(object: &Object) -> u64 {
    let Object::Pod(pod) = object else { return 0 };
    if pod.is_terminal() || pod.node_name.is_empty() {
        return 0;
    }
    let seconds = pod.spec.termination_grace_period_seconds.unwrap_or(30);
    u64::try_from(seconds).unwrap_or(0)
}

/// Writes the conditions, if they have changed.
///
/// Source: kubernetes v1.36 pkg/controller/namespace/deletion/status_condition_utils.go
fn update(namespace: &Arc<Namespace>, rest: &Rest, now: Time) -> Option<crate::client::plan::Step> {
    let mut status = namespace.status.clone();
    status.phase = Name::new_static("Terminating");
    for (kind, reason, message) in CONDITIONS {
        let mut new = Condition {
            message: message.into(),
            last_transition_time: Some(now.whole_seconds()),
            ..Condition::new(kind, Truth::False, reason)
        };
        if let Some((reason, message)) = remains(kind, rest) {
            new = Condition { status: Truth::True, reason, message, ..new };
        }
        if let Some(old) = condition::find(&status.conditions, kind)
            && old.status == new.status
        {
            new.last_transition_time = old.last_transition_time;
        }
        crate::api::edit::upsert(&mut status.conditions, &new);
    }
    if status == namespace.status {
        return None;
    }
    let why =
        Why::two("{} kinds and {} finalizers are left", rest.kinds.len(), rest.finalizers.len());
    let new = Namespace { status, ..Namespace::clone(namespace) };
    Some(crate::client::plan::Step::One(Write::update_status(new, why)))
}

/// What is left, in words.
fn remains(kind: &str, rest: &Rest) -> Option<(Name, Name)> {
    let mut text = String::new();
    match kind {
        REMAINING if !rest.kinds.is_empty() => {
            for (plural, count) in &rest.kinds {
                let comma = if text.is_empty() { "" } else { ", " };
                let _ = write!(text, "{comma}{plural} has {count} resource instances");
            }
            let text = smol_str::format_smolstr!("Some resources are remaining: {text}");
            Some((Name::new_static("SomeResourcesRemain"), text))
        }
        FINALIZERS if !rest.finalizers.is_empty() => {
            for (finalizer, count) in &rest.finalizers {
                let comma = if text.is_empty() { "" } else { ", " };
                let _ = write!(text, "{comma}{finalizer} in {count} resource instances");
            }
            let text = smol_str::format_smolstr!(
                "Some content in the namespace has finalizers remaining: {text}"
            );
            Some((Name::new_static("SomeFinalizersRemain"), text))
        }
        _ => None,
    }
}

/// Takes the finalizer off.
fn finalize(namespace: &Arc<Namespace>) -> Write {
    let mut new = Namespace::clone(namespace);
    new.spec.finalizers.retain(|f| f != FINALIZER);
    let meta: &Meta = &namespace.meta;
    let mut write = Write::update(new, Why::one("the content of namespace {} is gone", &meta.name));
    if let Verb::Update { part, .. } = &mut write.verb {
        *part = Subresource::Finalize;
    }
    write
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::time::EPOCH;
    use crate::client::view::Caches;
    use serde_json::json;

    fn world() -> Caches {
        let mut caches = Caches::default();
        let mut put = |kind: Kind, value: serde_json::Value| {
            caches.of_mut(kind).put(Object::from_value(kind, value).unwrap());
        };
        put(
            Kind::NAMESPACE,
            json!({"metadata": {"name": "a", "deletionTimestamp": EPOCH},
            "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Terminating"}}),
        );
        put(
            Kind::POD,
            json!({"metadata": {"name": "p", "namespace": "a", "uid": "p"},
            "spec": {"nodeName": "n", "containers": [], "terminationGracePeriodSeconds": 30},
            "status": {"phase": "Running"}}),
        );
        put(
            Kind::CONFIG_MAP,
            json!({"metadata": {"name": "held", "namespace": "a", "uid": "c",
            "finalizers": ["example.com/hold"]}}),
        );
        caches
    }

    fn look(caches: &Caches) -> Plan {
        let key = ObjectKey::new(Kind::NAMESPACE, "", "a");
        let now = EPOCH.plus(SimDuration::secs(5));
        NamespaceController.reconcile(&key, View::new(caches, now))
    }

    #[test]
    fn pods_go_first_then_everything_then_the_namespace() {
        let mut caches = world();
        let plan = look(&caches);
        let verbs: Vec<_> = plan.writes().map(|w| w.verb.name()).collect();
        assert_eq!(verbs, ["deletecollection", "update"]);
        assert_eq!(plan.look_again, Some(SimDuration::secs(13)));

        caches.of_mut(Kind::POD).remove(&"a".into(), &"p".into());
        let plan = look(&caches);
        let Some(Verb::Update { object: Object::Namespace(told), part: Subresource::Status }) =
            plan.writes().last().map(|w| &w.verb)
        else {
            panic!("no status");
        };
        let messages: Vec<_> = told.status.conditions.iter().map(|c| c.message.as_str()).collect();
        assert_eq!(
            messages[3],
            "Some resources are remaining: configmaps. has 1 resource instances"
        );
        assert_eq!(plan.look_again, Some(SimDuration::secs(8)));

        caches.of_mut(Kind::CONFIG_MAP).remove(&"a".into(), &"held".into());
        let last = look(&caches);
        let last = last.writes().last().unwrap();
        assert_eq!(last.verb.subresource(), "finalize");
    }

    #[test]
    fn a_namespace_that_stays_wants_nothing() {
        let mut caches = world();
        let value = json!({"metadata": {"name": "a"}, "spec": {"finalizers": ["kubernetes"]}});
        let namespace = Object::from_value(Kind::NAMESPACE, value).unwrap();
        caches.of_mut(Kind::NAMESPACE).put(namespace);
        assert!(look(&caches).is_empty());
    }
}
