//! Whether the rollout of a workload is complete, as `kubectl rollout status` tells it.

use std::sync::Arc;

use crate::api::apps::daemon_set::DaemonSet;
use crate::api::apps::deployment::Deployment;
use crate::api::apps::stateful_set::StatefulSet;
use crate::api::object::{ObjectKey, Resource};
use crate::etcd::store::Store;
use crate::scenario::spec::RolloutComplete;

/// The workload of a name.
pub(super) fn found<'a, T: Resource>(
    name: &str,
    store: &'a Store,
    namespace: &str,
) -> Result<&'a Arc<T>, String> {
    let key = ObjectKey::new(T::KIND, namespace, name);
    let found = store.get(&key).and_then(|o| o.as_a::<T>());
    found.ok_or_else(|| format!("there is no {} {name}", T::KIND.name()))
}

const UNSEEN: &str = "the controller has not seen the last change";

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go,
/// `StatefulSetStatusViewer.Status`
fn complete_set(set: &StatefulSet) -> Result<(), String> {
    let (spec, status) = (&set.spec, &set.status);
    if status.observed_generation == 0 || set.meta.generation > status.observed_generation {
        return Err(UNSEEN.to_owned());
    }
    if status.ready_replicas < spec.replicas {
        return Err(format!("{} of {} ready", status.ready_replicas, spec.replicas));
    }
    let kept = spec.partition().unwrap_or(0);
    if kept > 0 && status.updated_replicas < spec.replicas - kept {
        return Err(format!("{} of {} updated", status.updated_replicas, spec.replicas - kept));
    }
    if kept == 0 && status.update_revision != status.current_revision {
        return Err(format!("{} of {} updated", status.updated_replicas, spec.replicas));
    }
    Ok(())
}

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go,
/// `DaemonSetStatusViewer.Status`
fn complete_daemon(set: &DaemonSet) -> Result<(), String> {
    let (status, want) = (&set.status, set.status.desired_number_scheduled);
    if set.meta.generation > status.observed_generation {
        return Err(UNSEEN.to_owned());
    }
    if status.updated_number_scheduled < want {
        return Err(format!("{} of {want} updated", status.updated_number_scheduled));
    }
    if status.number_available < want {
        return Err(format!("{} of {want} available", status.number_available));
    }
    Ok(())
}

/// As `kubectl rollout status` tells it.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go
pub(super) fn complete(r: &RolloutComplete, store: &Store, namespace: &str) -> Result<(), String> {
    if let Some(name) = &r.statefulset {
        return complete_set(found::<StatefulSet>(name, store, namespace)?);
    }
    if let Some(name) = &r.daemonset {
        return complete_daemon(found::<DaemonSet>(name, store, namespace)?);
    }
    let name = r.deployment.as_deref().unwrap_or_default();
    let found = found::<Deployment>(name, store, namespace)?;
    let (spec, status) = (&found.spec, &found.status);
    if status.observed_generation < found.meta.generation {
        return Err(UNSEEN.to_owned());
    }
    if status.updated_replicas < spec.replicas {
        return Err(format!("{} of {} updated", status.updated_replicas, spec.replicas));
    }
    if status.replicas > status.updated_replicas {
        return Err(format!("{} old replicas", status.replicas - status.updated_replicas));
    }
    if status.available_replicas < status.updated_replicas {
        return Err(format!("{} of {} available", status.available_replicas, spec.replicas));
    }
    Ok(())
}
