//! The quota controller: what the objects of a namespace use together.
//!
//! Responsible for the status of `ResourceQuotas`. The apiserver charges what is created; this
//! controller counts anew what is there, and so gives back what is gone.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::api::core::quota_usage::{self, count_name, in_scope, usage};
use crate::api::core::resource_quota::{QuotaStatus, ResourceQuota, mask, sum};
use crate::api::object::{Kind, ObjectKey};
use crate::api::quantity::{Format, Quantity};
use crate::api::resource::ResourceList;
use crate::api::why::Why;
use crate::client::plan::{Plan, Write};
use crate::client::reconciler::{Keys, Observed, Reconciler, Settings, Watch};
use crate::client::view::View;
use crate::sim::time::SimDuration;

/// How often every quota is counted anew.
///
/// Source: kubernetes v1.36
/// pkg/controller/resourcequota/config/v1alpha1/defaults.go,
/// `RecommendedDefaultResourceQuotaControllerConfiguration`
const RESYNC: SimDuration = SimDuration::secs(300);

/// Keeps the status of quotas.
///
/// A quota can be exceeded by it, as in Kubernetes. The apiserver charges by compare-and-swap on
/// the quota as it is stored, so two who create at once cannot both have the last room. But a count
/// is written over the version of the quota that this controller has seen, and the objects that it
/// counts come by watches of their own: when those lag, what was charged in that version is not
/// counted yet, the count gives it back, and it can be had once more until the next count
/// (kubernetes/kubernetes#50442, #51454).
///
/// Source: kubernetes v1.36 pkg/controller/resourcequota/resource_quota_controller.go,
/// `Controller.syncResourceQuota`;
/// staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go,
/// `quotaEvaluator.checkQuotas`
#[derive(Clone, Copy, Debug, Default)]
pub struct ResourceQuotas;

impl Reconciler for ResourceQuotas {
    fn name(&self) -> &'static str {
        "resourcequota-controller"
    }

    fn watches(&self) -> &'static [Watch] {
        static ALL: std::sync::LazyLock<Vec<Watch>> = std::sync::LazyLock::new(|| {
            let counted = Kind::stored().filter(|k| is_counted(*k));
            let counted = counted.map(|kind| Watch { kind, keys: gone_keys });
            let own = Watch { kind: Kind::RESOURCE_QUOTA, keys: quota_keys };
            std::iter::once(own).chain(counted).collect()
        });
        &ALL
    }

    fn settings(&self) -> Settings {
        Settings { workers: 5, ..Settings::default() }
    }

    /// Source: kubernetes v1.36 pkg/controller/resourcequota/resource_quota_controller.go,
    /// `Controller.syncResourceQuota`
    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let mut plan = Plan::nothing();
        let Some(quota) = view.get::<ResourceQuota>(&key.namespace, &key.name) else {
            return plan;
        };
        plan.look_again_in(RESYNC);
        plan.housekeeping = true;
        let hard = quota.spec.hard.clone();
        let used = mask(&used(quota, view), &hard);
        let is_settled = same(&hard, &quota.status.hard)
            && same(&used, &quota.status.used)
            && !quota.status.hard.is_empty();
        if is_settled || hard.is_empty() && quota.status == QuotaStatus::default() {
            return plan;
        }
        let count = hard.len();
        let mut new = ResourceQuota::clone(quota);
        new.status = QuotaStatus { hard, used };
        plan.push(Write::update_status(new, Why::one("the use of {} resources is counted", count)));
        plan
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(*self)
    }
}

/// Whether objects of a kind can be counted by a quota.
fn is_counted(kind: Kind) -> bool {
    kind.row().namespaced && !matches!(kind, Kind::EVENT | Kind::RESOURCE_QUOTA)
}

/// Whether two lists have the same amounts under the same names.
fn same(a: &ResourceList, b: &ResourceList) -> bool {
    a == b
}

/// What is used of each name that a quota has. Only the kinds that it names are looked at, each
/// object of the namespace once.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/quota/v1/resources.go,
/// `CalculateUsage`
fn used(quota: &ResourceQuota, view: View<'_>) -> ResourceList {
    let zero = |name: &Name| (name.clone(), Quantity::new(0, Format::DecimalSi));
    let mut all: ResourceList = quota.spec.hard.keys().map(zero).collect();
    for kind in Kind::stored().filter(|k| is_counted(*k) || *k == Kind::RESOURCE_QUOTA) {
        if !quota.spec.hard.keys().any(|name| concerns(kind, name)) {
            continue;
        }
        for object in view.cache(kind).in_namespace(&quota.meta.namespace) {
            if in_scope(&quota.spec, object) {
                all = sum(&all, &mask(&usage(object, view.now()), &quota.spec.hard));
            }
        }
    }
    all
}

/// Whether objects of a kind use a resource of this name.
fn concerns(kind: Kind, name: &str) -> bool {
    let row = kind.row();
    name == count_name(kind)
        || row.group.is_empty() && name == row.plural
        || match kind {
            Kind::POD => {
                matches!(name, "cpu" | "memory" | "ephemeral-storage")
                    || ["limits.", "hugepages-"].iter().any(|start| name.starts_with(start))
                    || name.starts_with("requests.") && name != "requests.storage"
            }
            Kind::SERVICE => name.starts_with("services."),
            Kind::PERSISTENT_VOLUME_CLAIM => {
                name == "requests.storage" || name.contains(".storageclass.storage.k8s.io/")
            }
            _ => false,
        }
}

/// A quota is looked at when it is new or wants something else.
///
/// Source: kubernetes v1.36 pkg/controller/resourcequota/resource_quota_controller.go,
/// `NewController`
fn quota_keys(change: &Observed<'_>, _view: View<'_>, out: &mut Keys) {
    let of = |object: Option<&crate::api::object::Object>| {
        object.and_then(|o| o.as_a::<ResourceQuota>().cloned())
    };
    if let (Some(old), Some(new)) = (of(change.old), of(change.new))
        && old.spec.hard == new.spec.hard
    {
        return;
    }
    if change.new.is_some() {
        out.add(change.latest().key());
    }
}

/// Objects that are gone, and pods that have ended, give back what they used.
///
/// Source: kubernetes v1.36 pkg/controller/resourcequota/resource_quota_monitor.go,
/// `QuotaMonitor.processResourceChanges`;
/// pkg/quota/v1/install/update_filter.go, `DefaultUpdateFilter`
fn gone_keys(change: &Observed<'_>, view: View<'_>, out: &mut Keys) {
    let object = change.latest();
    let mut quotas = view.in_namespace::<ResourceQuota>(&object.meta().namespace).peekable();
    if quotas.peek().is_none() || !gives_back(change, view) {
        return;
    }
    let mut quotas: Vec<&Arc<ResourceQuota>> =
        quotas.filter(|q| q.spec.hard.keys().any(|n| concerns(object.kind(), n))).collect();
    quotas.sort_by(|a, b| a.meta.name.cmp(&b.meta.name));
    for quota in quotas {
        let (namespace, name) = (quota.meta.namespace.clone(), quota.meta.name.clone());
        out.add(ObjectKey { kind: Kind::RESOURCE_QUOTA, namespace, name });
    }
}

fn gives_back(change: &Observed<'_>, view: View<'_>) -> bool {
    let (Some(old), Some(new)) = (change.old, change.new) else { return change.new.is_none() };
    match (old.as_a::<Pod>(), new.as_a::<Pod>()) {
        (Some(old), Some(new)) => {
            quota_usage::counts(old, view.now()) && !quota_usage::counts(new, view.now())
        }
        _ => {
            let is_sized = matches!(new.kind(), Kind::SERVICE | Kind::PERSISTENT_VOLUME_CLAIM);
            is_sized && !old.same_spec(new)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::object::Object;
    use crate::api::request::Verb;
    use crate::api::time::EPOCH;
    use crate::client::view::Caches;

    fn look(caches: &Caches) -> Plan {
        let key = ObjectKey::new(Kind::RESOURCE_QUOTA, "a", "q");
        ResourceQuotas.reconcile(&key, View::new(caches, EPOCH))
    }

    #[test]
    fn what_is_there_is_counted_and_then_nothing_is_planned() {
        let mut caches = Caches::default();
        let mut put = |kind, value| {
            let object = Object::from_value(kind, value).expect("it is an object");
            caches.of_mut(kind).put(object);
        };
        let hard = json!({"pods": "4", "requests.cpu": "2", "count/deployments.apps": "1"});
        let meta = json!({"name": "q", "namespace": "a"});
        put(Kind::RESOURCE_QUOTA, json!({"metadata": meta, "spec": {"hard": hard}}));
        let pod = |name: &str, phase: &str| {
            json!({"metadata": {"name": name, "namespace": "a", "uid": name},
                "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "250m"}}}]},
                "status": {"phase": phase}})
        };
        put(Kind::POD, pod("p", "Running"));
        put(Kind::POD, pod("q", "Succeeded"));
        let plan = look(&caches);
        let Some(Verb::Update { object, .. }) = plan.writes().next().map(|w| &w.verb) else {
            panic!("{plan:?}");
        };
        let used = object.to_value()["status"]["used"].clone();
        let want = json!({"count/deployments.apps": "0", "pods": "1", "requests.cpu": "250m"});
        assert_eq!(used, want);
        caches.of_mut(Kind::RESOURCE_QUOTA).put(object.clone());
        assert!(look(&caches).is_empty());
    }
}
