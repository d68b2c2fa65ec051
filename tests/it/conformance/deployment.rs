//! Conformance units: deployment.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use wavetank::api::Name;
use wavetank::api::apps::deployment::{Deployment, DeploymentSpec, DeploymentStatus};
use wavetank::api::apps::replica_set::ReplicaSet;
use wavetank::api::condition::Condition;
use wavetank::api::core::pod::Pod;
use wavetank::api::int_or_percent::IntOrPercent;
use wavetank::api::meta::Uid;
use wavetank::api::object::{Object, Resource};
use wavetank::api::time::Time;
use wavetank::controllers::deployment::revision::{self, Sizes};
use wavetank::controllers::deployment::scale::{self, Resize};
use wavetank::controllers::deployment::sets::{Sets, counts};
use wavetank::controllers::deployment::status::{self, LookAgain};
use wavetank::controllers::deployment::{bounds, history, recreate, rolling, template};

use super::replicaset::{NOW, at_now, int, pods, small, text};
use super::{Case, Differs, Unit, same};

#[path = "rollout.rs"]
mod rollout;

/// The units of this area, and the function that runs a case of each.
pub(crate) const UNITS: &[Unit] = &[
    ("deployment.annotation-number", annotation_number),
    ("deployment.annotations-need-update", annotations_need_update),
    ("deployment.cleanup-unhealthy", cleanup_unhealthy),
    ("deployment.deployment-bounds", deployment_bounds),
    ("deployment.deployment-complete", deployment_complete),
    ("deployment.deployment-progressing", deployment_progressing),
    ("deployment.deployment-timed-out", deployment_timed_out),
    ("deployment.find-new-replicaset", find_new),
    ("deployment.find-old-replicasets", find_old),
    ("deployment.history-cleanup", history_cleanup),
    ("deployment.history-cleanup-order", history_cleanup_order),
    ("deployment.new-rs-replicas", new_rs_replicas),
    ("deployment.old-pods-running", old_pods_running),
    ("deployment.proportional-scale", proportional_scale),
    ("deployment.reconcile-new-rs", reconcile_new),
    ("deployment.reconcile-old-rs", reconcile_old),
    ("deployment.replica-counts", replica_counts),
    ("deployment.replicaset-fraction", replicaset_fraction),
    ("deployment.requeue-stuck", requeue_stuck),
    ("deployment.resolve-fenceposts", resolve_fenceposts),
    ("deployment.revision", revisions),
    ("deployment.rollout-trace", rollout::trace),
    ("deployment.scale-down-old", scale_down_old),
    ("deployment.set-condition", set_condition),
    ("deployment.sync-rollout-status", sync_rollout_status),
];

/// Cases that are known to differ, with the reason.
pub(crate) const DIFFERS: &[Differs] = &[];

fn typed<T: Resource>(value: &Value) -> Result<Arc<T>, String> {
    let object = Object::from_value(T::KIND, at_now(value)).map_err(|e| e.to_string())?;
    object.as_a::<T>().cloned().ok_or_else(|| "another kind".to_owned())
}

fn replica_sets(value: &Value) -> Result<Vec<Arc<ReplicaSet>>, String> {
    value.as_array().into_iter().flatten().map(typed).collect()
}

fn replica_set(name: &str, replicas: i32, available: i32) -> ReplicaSet {
    let mut set = ReplicaSet::default();
    set.meta.name = name.into();
    set.spec.replicas = replicas;
    set.status.available_replicas = available;
    set
}

/// The spec of a Deployment, from the members that the units have in common.
pub(crate) fn spec(input: &Value) -> Result<DeploymentSpec, String> {
    let limits = json!({
        "maxSurge": input["maxSurge"],
        "maxUnavailable": input["maxUnavailable"],
    });
    let kind = input["strategy"].as_str().unwrap_or("RollingUpdate");
    let mut spec = json!({
        "replicas": input["replicas"],
        "strategy": { "type": kind, "rollingUpdate": limits },
        "progressDeadlineSeconds": input["progressDeadlineSeconds"],
        "revisionHistoryLimit": input["revisionHistoryLimit"],
        "template": input["template"],
    });
    wavetank::api::core::pod::strip_nulls(&mut spec);
    serde_json::from_value(spec).map_err(|e| e.to_string())
}

fn deployment_of(input: &Value) -> Result<Deployment, String> {
    Ok(Deployment { spec: Arc::new(spec(input)?), ..Deployment::default() })
}

fn annotation_number(case: &Case<'_>) -> Result<(), String> {
    let annotations = case.input["annotations"].clone();
    let annotations = serde_json::from_value(annotations).map_err(|e| e.to_string())?;
    let number = revision::number(&annotations, "test");
    same(&json!({ "value": number.unwrap_or(0), "valid": number.is_some() }), case.want)
}

fn annotations_need_update(case: &Case<'_>) -> Result<(), String> {
    let set: Arc<ReplicaSet> = typed(&case.input["replicaSet"])?;
    let sizes = Sizes { desired: 10, max: 20 };
    same(&json!({ "needUpdate": sizes.differ_from(&set.meta.annotations) }), case.want)
}

/// The old `ReplicaSets` of a case, oldest first.
fn old_sets(input: &Value) -> Result<Vec<Arc<ReplicaSet>>, String> {
    let one = |value: &Value| -> Result<Arc<ReplicaSet>, String> {
        let (replicas, available) = (small(&value["replicas"])?, small(&value["available"])?);
        let mut set = replica_set(text(&value["name"])?, replicas, available);
        set.meta.creation = Some(Time(NOW.0 + int(&value["createdMinute"])? * 60_000_000_000));
        Ok(Arc::new(set))
    };
    let mut all: Vec<_> =
        input["old"].as_array().into_iter().flatten().map(one).collect::<Result<_, _>>()?;
    all.sort_by_key(|s| (s.meta.creation, s.meta.name.clone()));
    Ok(all)
}

fn new_set(input: &Value) -> Result<Option<Arc<ReplicaSet>>, String> {
    let value = &input["new"];
    if value.is_null() {
        return Ok(None);
    }
    let (replicas, available) = (small(&value["replicas"])?, small(&value["available"])?);
    Ok(Some(Arc::new(replica_set("new", replicas, available))))
}

/// Sizes by name after some changes.
fn sizes_after(before: &[Arc<ReplicaSet>], changes: &[Resize]) -> BTreeMap<Name, i32> {
    let mut sizes: BTreeMap<_, _> =
        before.iter().map(|s| (s.meta.name.clone(), s.spec.replicas)).collect();
    for change in changes {
        sizes.insert(change.set.meta.name.clone(), change.to);
    }
    sizes
}

/// How many pods go.
fn lost(changes: &[Resize]) -> i32 {
    changes.iter().map(|c| c.set.spec.replicas - c.to).sum()
}

fn cleanup_unhealthy(case: &Case<'_>) -> Result<(), String> {
    let before = old_sets(case.input)?;
    let mut old = before.clone();
    let got = match rolling::clean_up_unhealthy(&mut old, small(&case.input["maxCleanup"])?) {
        Err(_) => json!({ "error": true }),
        Ok(changes) => json!({
            "cleaned": lost(&changes),
            "error": false,
            "old": sizes_after(&before, &changes),
        }),
    };
    same(&got, case.want)
}

fn scale_down_old(case: &Case<'_>) -> Result<(), String> {
    let before = old_sets(case.input)?;
    let new = new_set(case.input)?;
    let mut old = before.clone();
    let available = counts(before.iter().chain(&new)).available;
    let got = match rolling::shrink_available(&spec(case.input)?, &mut old, available) {
        Err(_) => json!({ "error": true }),
        Ok(changes) => json!({
            "error": false,
            "old": sizes_after(&before, &changes),
            "scaledDownBy": lost(&changes),
        }),
    };
    same(&got, case.want)
}

fn reconcile_old(case: &Case<'_>) -> Result<(), String> {
    let sets = Sets { new: new_set(case.input)?, old: old_sets(case.input)? };
    let got = match rolling::shrink_old(&spec(case.input)?, &sets) {
        Err(_) => json!({ "error": true }),
        Ok(changes) => json!({
            "error": false,
            "old": sizes_after(&sets.old, &changes),
            "scaled": !changes.is_empty(),
        }),
    };
    same(&got, case.want)
}

/// One new and one old `ReplicaSet` of the sizes of a case.
fn pair(input: &Value) -> Result<Sets, String> {
    let new = replica_set("new", small(&input["newReplicas"])?, 0);
    let old = replica_set("old", small(&input["oldReplicas"])?, 0);
    Ok(Sets { new: Some(Arc::new(new)), old: vec![Arc::new(old)] })
}

fn reconcile_new(case: &Case<'_>) -> Result<(), String> {
    let sets = pair(case.input)?;
    let got = match rolling::grow_new(&spec(case.input)?, &sets) {
        Err(_) => json!({ "error": true }),
        Ok(change) => json!({
            "error": false,
            "newReplicas": change.as_ref().map_or(small(&case.input["newReplicas"])?, |c| c.to),
            "scaled": change.is_some(),
        }),
    };
    same(&got, case.want)
}

fn new_rs_replicas(case: &Case<'_>) -> Result<(), String> {
    let new = small(&case.input["newReplicas"])?;
    let total = new + small(&case.input["oldReplicas"])?;
    let got = match bounds::new_size(&spec(case.input)?, total, new) {
        Err(_) => json!({ "error": true, "newReplicas": 0 }),
        Ok(size) => json!({ "error": false, "newReplicas": size }),
    };
    same(&got, case.want)
}

fn deployment_bounds(case: &Case<'_>) -> Result<(), String> {
    let got = bounds::bounds(&spec(case.input)?);
    let got = json!({
        "maxSurge": got.max_surge,
        "maxUnavailable": got.max_unavailable,
        "minAvailable": got.min_available,
    });
    same(&got, case.want)
}

fn resolve_fenceposts(case: &Case<'_>) -> Result<(), String> {
    let value = |key: &str| -> Result<Option<IntOrPercent>, String> {
        serde_json::from_value(case.input[key].clone()).map_err(|e| e.to_string())
    };
    let (surge, unavailable) = (value("maxSurge")?, value("maxUnavailable")?);
    let desired = small(&case.input["desired"])?;
    let got = match bounds::fenceposts(surge.as_ref(), unavailable.as_ref(), desired) {
        Err(_) => json!({ "error": true, "surge": 0, "unavailable": 0 }),
        Ok((surge, unavailable)) => {
            json!({ "error": false, "surge": surge, "unavailable": unavailable })
        }
    };
    same(&got, case.want)
}

/// The short names that the units give the numbers of a status.
fn short_status(value: &Value) -> Result<DeploymentStatus, String> {
    let number = |key: &str| if value[key].is_null() { Ok(0) } else { small(&value[key]) };
    Ok(DeploymentStatus {
        replicas: number("replicas")?,
        updated_replicas: number("updated")?,
        ready_replicas: number("ready")?,
        available_replicas: number("available")?,
        observed_generation: number("observedGeneration")?.into(),
        ..DeploymentStatus::default()
    })
}

fn deployment_complete(case: &Case<'_>) -> Result<(), String> {
    let mut deployment = deployment_of(case.input)?;
    if !case.input["generation"].is_null() {
        deployment.meta.generation = int(&case.input["generation"])?;
    }
    let status = short_status(&case.input["status"])?;
    same(&json!({ "complete": status::is_complete(&deployment, &status) }), case.want)
}

fn deployment_progressing(case: &Case<'_>) -> Result<(), String> {
    let (old, new) = (short_status(&case.input["old"])?, short_status(&case.input["new"])?);
    same(&json!({ "progressing": status::is_progressing(&old, &new) }), case.want)
}

fn deployment_timed_out(case: &Case<'_>) -> Result<(), String> {
    let mut input = case.input.clone();
    input["replicas"] = json!(1);
    let deployment = deployment_of(&input)?;
    let mut status = DeploymentStatus::default();
    let condition = &case.input["progressingCondition"];
    if !condition.is_null() {
        let since = Time(NOW.0 - int(&case.input["secondsSinceLastUpdate"])? * 1_000_000_000);
        let mut condition = condition.clone();
        condition["type"] = json!("Progressing");
        let condition: Condition = serde_json::from_value(condition).map_err(|e| e.to_string())?;
        status.conditions = vec![Condition { last_update_time: Some(since), ..condition }];
    }
    same(&json!({ "timedOut": status::has_timed_out(&deployment, &status, NOW) }), case.want)
}

fn told_apart(case: &Case<'_>) -> Result<Sets, String> {
    let deployment: Arc<Deployment> = typed(&case.input["deployment"])?;
    let all = replica_sets(&case.input["replicaSets"])?;
    let mut comparisons = template::Comparisons::default();
    Ok(template::told_apart(all, &deployment.spec.template, &mut comparisons))
}

fn find_new(case: &Case<'_>) -> Result<(), String> {
    let new = told_apart(case)?.new;
    same(&json!({ "new": new.map(|s| s.meta.name.clone()) }), case.want)
}

/// The names, sorted; null for none, as the cases have it.
fn names(sets: &[Arc<ReplicaSet>]) -> Value {
    let mut all: Vec<_> = sets.iter().map(|s| s.meta.name.clone()).collect();
    all.sort();
    if all.is_empty() { Value::Null } else { json!(all) }
}

fn find_old(case: &Case<'_>) -> Result<(), String> {
    let sets = told_apart(case)?;
    let mut want = case.want.clone();
    for list in want.as_object_mut().ok_or("want")?.values_mut() {
        if let Some(list) = list.as_array_mut() {
            list.sort_by_key(ToString::to_string);
        }
    }
    let got = json!({
        "allOld": names(&sets.old),
        "oldWithReplicas": names(&sets.active_old()),
    });
    same(&got, &want)
}

/// The old `ReplicaSets` that the history limit of a case deletes.
fn surplus(case: &Case<'_>) -> Result<Vec<Arc<ReplicaSet>>, String> {
    let spec = DeploymentSpec {
        revision_history_limit: Some(small(&case.input["revisionHistoryLimit"])?),
        ..DeploymentSpec::default()
    };
    Ok(history::surplus(&spec, &replica_sets(&case.input["oldReplicaSets"])?))
}

fn history_cleanup(case: &Case<'_>) -> Result<(), String> {
    same(&json!({ "deletions": surplus(case)?.len() }), case.want)
}

fn history_cleanup_order(case: &Case<'_>) -> Result<(), String> {
    let mut want = case.want["deleted"].as_array().cloned().unwrap_or_default();
    want.sort_by_key(ToString::to_string);
    let want = if want.is_empty() { Value::Null } else { json!(want) };
    same(&names(&surplus(case)?), &want)
}

fn old_pods_running(case: &Case<'_>) -> Result<(), String> {
    let new = match &case.input["newReplicaSet"] {
        Value::Null => None,
        value => Some(typed(value)?),
    };
    let sets = Sets { new, old: replica_sets(&case.input["oldReplicaSets"])? };
    let mut all: Vec<(Uid, Arc<Pod>)> = Vec::new();
    for (owner, list) in case.input["podsByReplicaSetUID"].as_object().into_iter().flatten() {
        all.extend(pods(list)?.into_iter().map(|pod| (Uid::parse(owner), pod)));
    }
    let running = recreate::old_pods_running(&sets, all.iter().map(|(uid, pod)| (*uid, pod)));
    same(&json!({ "oldPodsRunning": running }), case.want)
}

/// A `ReplicaSet` of the scaling tables.
fn annotated_set(value: &Value) -> Result<Arc<ReplicaSet>, String> {
    let mut set = replica_set(text(&value["name"])?, small(&value["replicas"])?, 0);
    set.meta.creation = Some(Time::parse(text(&value["created"])?).ok_or("created")?);
    let notes = [
        (revision::DESIRED_REPLICAS, &value["desiredReplicasAnnotation"]),
        (revision::MAX_REPLICAS, &value["maxReplicasAnnotation"]),
    ];
    for (key, note) in notes {
        if let Some(note) = note.as_str() {
            set.meta.annotations = set.meta.annotations.with(key, note);
        }
    }
    Ok(Arc::new(set))
}

fn proportional_scale(case: &Case<'_>) -> Result<(), String> {
    let deployment = deployment_of(case.input)?;
    let new = &case.input["new"];
    let new = if new.is_null() { None } else { Some(annotated_set(new)?) };
    let old = case.input["old"].as_array().into_iter().flatten().map(annotated_set);
    let mut old: Vec<_> = old.collect::<Result<_, _>>()?;
    old.sort_by_key(|s| s.meta.creation);
    let sets = Sets { new, old };
    let mut after: BTreeMap<Name, Arc<ReplicaSet>> =
        sets.all().map(|s| (s.meta.name.clone(), s.clone())).collect();
    let mut order = Vec::new();
    for resize in scale::sizes(&deployment, &sets) {
        if let Some(version) = resize.version(&deployment.spec) {
            order.push(version.meta.name.clone());
            after.insert(version.meta.name.clone(), Arc::new(version));
        }
    }
    let shown = |set: &ReplicaSet| {
        let note = |key| set.meta.annotations.get(key).map_or("", Name::as_str).to_owned();
        json!({
            "desiredReplicasAnnotation": note(revision::DESIRED_REPLICAS),
            "maxReplicasAnnotation": note(revision::MAX_REPLICAS),
            "replicas": set.spec.replicas,
        })
    };
    let after: BTreeMap<_, _> = after.iter().map(|(n, s)| (n, shown(s))).collect();
    let order = if order.is_empty() { Value::Null } else { json!(order) };
    same(&json!({ "error": false, "replicaSets": after, "updatedInOrder": order }), case.want)
}

fn replicaset_fraction(case: &Case<'_>) -> Result<(), String> {
    let mut input = case.input.clone();
    input["replicas"] = input["deploymentReplicas"].clone();
    let mut deployment = deployment_of(&input)?;
    let replicas = small(&input["deploymentStatusReplicas"])?;
    deployment.status = Arc::new(DeploymentStatus { replicas, ..DeploymentStatus::default() });
    let mut set = replica_set("rs", small(&input["rsReplicas"])?, 0);
    if !input["rsAnnotations"].is_null() {
        let annotations = serde_json::from_value(input["rsAnnotations"].clone());
        set.meta.annotations = annotations.map_err(|e| e.to_string())?;
    }
    same(&json!({ "fraction": scale::fraction(&deployment, &set) }), case.want)
}

fn replica_counts(case: &Case<'_>) -> Result<(), String> {
    let sets = replica_sets(&case.input["replicaSets"])?;
    let sum = counts(sets.iter());
    let got = json!({
        "specSum": sum.wanted,
        "statusSum": sum.actual,
        "terminatingSum": sum.terminating,
    });
    same(&got, case.want)
}

fn requeue_stuck(case: &Case<'_>) -> Result<(), String> {
    let deployment: Arc<Deployment> = typed(&case.input["deployment"])?;
    let status = serde_json::from_value(case.input["newStatus"].clone());
    let status: DeploymentStatus = status.map_err(|e| e.to_string())?;
    let now = match &case.input["now"] {
        Value::Null => NOW,
        value => Time::parse(text(value)?).ok_or("now")?,
    };
    let after = match status::stuck(&deployment, &status, now) {
        LookAgain::Never => "-1ns".to_owned(),
        LookAgain::Soon => "0s".to_owned(),
        LookAgain::After(left) => left.to_string(),
    };
    same(&json!({ "requeueAfter": after }), case.want)
}

fn revisions(case: &Case<'_>) -> Result<(), String> {
    let mut sets = Vec::new();
    for annotation in case.input["revisionAnnotations"].as_array().into_iter().flatten() {
        let mut set = ReplicaSet::default();
        match text(annotation)? {
            "none" => {}
            note => set.meta.annotations = set.meta.annotations.with(revision::REVISION, note),
        }
        sets.push(Arc::new(set));
    }
    let max = revision::max_revision(sets.iter());
    let got = json!({
        "max": max,
        "nextNewRevision": max + 1,
        "secondHighest": revision::last_revision(sets.iter()),
    });
    same(&got, case.want)
}

fn set_condition(case: &Case<'_>) -> Result<(), String> {
    let status = at_now(&case.input["status"]);
    let mut status: DeploymentStatus = serde_json::from_value(status).map_err(|e| e.to_string())?;
    let condition = serde_json::from_value(at_now(&case.input["condition"]));
    status::set_condition(&mut status.conditions, condition.map_err(|e| e.to_string())?);
    let mut got = json!({});
    if !status.conditions.is_empty() {
        got["conditions"] = json!(status.conditions);
    }
    same(&json!({ "status": got }), &at_now(case.want))
}

fn sync_rollout_status(case: &Case<'_>) -> Result<(), String> {
    let deployment: Arc<Deployment> = typed(&case.input["deployment"])?;
    let new = match &case.input["newReplicaSet"] {
        Value::Null => None,
        value => Some(typed(value)?),
    };
    let sets = Sets { new, old: replica_sets(&case.input["oldReplicaSets"])? };
    let status = status::after_step(&deployment, &sets, NOW);
    let found = status.conditions.iter().find(|c| c.kind == status::PROGRESSING);
    let got = match found {
        None => json!({ "conditionType": "", "status": "", "reason": "" }),
        Some(c) => json!({ "conditionType": c.kind, "status": c.status, "reason": c.reason }),
    };
    same(&got, case.want)
}
