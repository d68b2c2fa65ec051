//! `kubectl drain`: keeps new pods from nodes and evicts those that run there.

use std::collections::BTreeMap;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::Reason;
use crate::api::request::{DeleteOptions, ListOptions, Verb};
use crate::api::selector::FieldSelector;
use crate::api::time::Time;
use crate::scenario::kubectl::{Drain, DryRun};
use crate::scenario::terminal::Scene;
use crate::scenario::terminal::choice::{self, Info, read};
use crate::scenario::terminal::failure::Failure;
use crate::scenario::terminal::node;
use crate::scenario::terminal::report;
use crate::scenario::terminal::script::{Play, Round, Script};
use crate::sim::time::SimDuration;

/// How long lies between two looks whether a pod is gone.
const LOOK_AGAIN: SimDuration = SimDuration::secs(1);
/// How long lies between two tries to evict a pod that a budget protects.
const TRY_AGAIN: SimDuration = SimDuration::secs(5);
/// What marks the pods that a kubelet has from a file.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// What becomes of a pod, with a warning or the reason why not.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/drain/filters.go
#[derive(Clone, PartialEq, Eq, Debug)]
enum Fate {
    Goes,
    GoesWithWarning(&'static str),
    Stays,
    StaysWithWarning(&'static str),
    Forbidden(String),
}

/// Runs `kubectl drain`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/drain/drain.go, `RunDrain`
pub(super) fn drain(script: &mut Script<'_>, scene: &Scene, drain: &Drain) -> Play<()> {
    let choice = choice::nodes(&read(drain.node_names())?, drain.selector.as_ref())?;
    let found = script.keep(|script| choice::find(script, scene, &choice))?;
    let nodes = node::all_found(found)?;
    node::mark(script, &nodes, true, drain.dry_run)?;
    let mut failures = Vec::new();
    let mut pending = Vec::new();
    for info in &nodes {
        match script.attempt(|script| empty(script, drain, info))? {
            Ok(()) => report(script, info, "drained", drain.dry_run, None)?,
            Err(why) => {
                let name = info.key.name.as_str();
                script.say(&format!(
                    "error: unable to drain node {name:?} due to error: {}, continuing command...",
                    why.quoted()
                ));
                pending.push(name);
                match why {
                    Failure::Many(all) => failures.extend(all),
                    Failure::Server(_) | Failure::Unreachable | Failure::Text(_) => {
                        failures.push(why);
                    }
                }
            }
        }
    }
    if !pending.is_empty() {
        script.say("There are pending nodes to be drained:");
        for name in pending {
            script.say(&format!(" {name}"));
        }
    }
    Ok(Failure::all(failures)?)
}

/// Empties one node.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/drain/drain.go,
/// `deleteOrEvictPodsSimple`
fn empty(script: &mut Script<'_>, drain: &Drain, node: &Info) -> Play<()> {
    let (pods, warnings) = script.keep(|script| pods_to_go(script, drain, &node.key.name))?;
    if !warnings.is_empty() {
        script.say(&format!("Warning: {warnings}"));
    }
    if drain.dry_run != DryRun::None {
        let suffix = if drain.dry_run == DryRun::Client { "dry run" } else { "server dry run" };
        for pod in &pods {
            let (namespace, name) = (&pod.meta().namespace, &pod.meta().name);
            script.say(&format!("evicting pod {namespace}/{name} ({suffix})"));
        }
        return Ok(());
    }
    let result = script.attempt(|script| {
        if drain.disable_eviction {
            delete_all(script, drain, &pods)
        } else {
            evict_all(script, drain, &pods)
        }
    })?;
    let Err(why) = result else { return Ok(()) };
    let left = script.attempt(|script| pods_to_go(script, drain, &node.key.name))?;
    match left {
        Ok((pods, _)) if pods.is_empty() => {}
        Ok((pods, _)) => {
            let (name, why) = (node.key.name.as_str(), why.quoted());
            script.say(&format!(
                "There are pending pods in node {name:?} when an error occurred: {why}"
            ));
            for pod in pods {
                script.say(&format!("pod/{}", pod.meta().name));
            }
        }
        Err(more) => script.say(&format!(
            "Following errors occurred while getting the list of pods to delete:\n{}",
            more.quoted()
        )),
    }
    Err(why.into())
}

/// The pods of a node that are to go, and the warnings about them and others.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/drain/drain.go, `GetPodsForDeletion`
fn pods_to_go(script: &mut Script<'_>, drain: &Drain, node: &str) -> Play<(Vec<Object>, String)> {
    let list = ListOptions {
        labels: drain.pod_selector.clone().unwrap_or_default(),
        fields: FieldSelector::equals("spec.nodeName", node),
        ..ListOptions::all(Kind::POD)
    };
    let mut going = Vec::new();
    let mut warnings: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut forbidden: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for object in script.list(&list)?.items {
        let Some(pod) = object.as_a::<Pod>() else { continue };
        let name = format!("{}/{}", pod.meta.namespace, pod.meta.name);
        match fate(script, drain, pod)? {
            Fate::Goes => going.push(object),
            Fate::GoesWithWarning(why) => {
                warnings.entry(why).or_default().push(name);
                going.push(object);
            }
            Fate::Stays => {}
            Fate::StaysWithWarning(why) => warnings.entry(why).or_default().push(name),
            Fate::Forbidden(why) => forbidden.entry(why).or_default().push(name),
        }
    }
    let complaint = |(why, names): (String, Vec<String>)| {
        Failure::Text(format!("cannot delete {why}: {}", names.join(", ")))
    };
    Failure::all(forbidden.into_iter().map(complaint).collect())?;
    let texts: Vec<String> =
        warnings.iter().map(|(why, names)| format!("{why}: {}", names.join(", "))).collect();
    Ok((going, texts.join("; ")))
}

/// What becomes of a pod: the first filter that keeps it decides, else the last one.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/drain/filters.go, `makeFilters`
fn fate(script: &mut Script<'_>, drain: &Drain, pod: &Pod) -> Play<Fate> {
    let now = script.now();
    if is_old_deletion(drain, pod, now) {
        return Ok(Fate::Stays);
    }
    let owner = pod.meta.controller();
    let is_finished = pod.is_terminal();
    if let Some(owner) = owner.filter(|owner| owner.kind == "DaemonSet" && !is_finished) {
        let key = ObjectKey::new(Kind::DAEMON_SET, &pod.meta.namespace, &owner.name);
        let found = script.attempt(|script| script.get(&key))?;
        match found {
            Err(why) if why.is(Reason::NotFound) && drain.force => {}
            Err(why) => return Ok(Fate::Forbidden(why.quoted())),
            Ok(_) if drain.ignore_daemonsets => {
                return Ok(Fate::StaysWithWarning("ignoring DaemonSet-managed Pods"));
            }
            Ok(_) => {
                let why = "DaemonSet-managed Pods (use --ignore-daemonsets to ignore)";
                return Ok(Fate::Forbidden(why.to_owned()));
            }
        }
    }
    if pod.meta.annotations.has(MIRROR) {
        return Ok(Fate::Stays);
    }
    if has_empty_dir(pod) && !is_finished && !drain.delete_emptydir_data {
        let why = "Pods with local storage (use --delete-emptydir-data to override)";
        return Ok(Fate::Forbidden(why.to_owned()));
    }
    Ok(match (is_finished || owner.is_some(), drain.force) {
        (true, _) => Fate::Goes,
        (false, true) => Fate::GoesWithWarning("deleting Pods that declare no controller"),
        (false, false) => {
            let why = "Pods that declare no controller (use --force to override)";
            Fate::Forbidden(why.to_owned())
        }
    })
}

/// Whether a pod has been on its way for so long that nobody waits for it.
fn is_old_deletion(drain: &Drain, pod: &Pod, now: Time) -> bool {
    let limit = u64::try_from(drain.skip_wait_for_delete_timeout).unwrap_or(0);
    limit > 0 && pod.meta.deletion.is_some_and(|since| now.since(since) > SimDuration::secs(limit))
}

fn has_empty_dir(pod: &Pod) -> bool {
    let volumes = pod.spec.raw.get("volumes").and_then(serde_json::Value::as_array);
    volumes.into_iter().flatten().any(|volume| volume.get("emptyDir").is_some())
}

fn options(drain: &Drain) -> DeleteOptions {
    DeleteOptions {
        grace_period_seconds: (drain.grace_period >= 0).then_some(drain.grace_period),
        ..DeleteOptions::default()
    }
}

/// How long the command may take as a whole.
fn limit(drain: &Drain) -> Option<SimDuration> {
    u64::try_from(drain.timeout.0).ok().filter(|span| *span > 0).map(SimDuration)
}

/// Evicts pods, all at once, and waits until they are gone.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/drain/drain.go, `evictPods`
fn evict_all(script: &mut Script<'_>, drain: &Drain, pods: &[Object]) -> Play<()> {
    let begin = script.now();
    let deadline = limit(drain).map(|span| begin.plus(span));
    let results = script.side_by_side(pods.len(), |script, number| {
        script.attempt(|script| evict(script, drain, &pods[number], deadline))
    })?;
    Ok(Failure::all(results.into_iter().filter_map(Result::err).collect())?)
}

/// Evicts one pod, again and again while a budget protects it.
fn evict(script: &mut Script<'_>, drain: &Drain, pod: &Object, deadline: Option<Time>) -> Play<()> {
    let key = pod.key();
    let (namespace, name) = (key.namespace.as_str(), key.name.as_str());
    let is_gone = script.repeat((), |script, ()| {
        script.say(&format!("evicting pod {namespace}/{name}"));
        let now = script.now();
        if deadline.is_some_and(|deadline| deadline <= now) {
            let limit = limit(drain).unwrap_or_default();
            return Err(Failure::Text(format!(
                "error when evicting pods/{name:?} -n {namespace:?}: global timeout reached: \
                 {limit}"
            ))
            .into());
        }
        let verb = Verb::Evict { key: key.clone(), options: options(drain) };
        let failure = match script.attempt(|script| script.ask(&verb))? {
            Ok(_) => return Ok(Round::Done(false)),
            Err(failure) if failure.is(Reason::NotFound) => return Ok(Round::Done(true)),
            Err(failure) => failure,
        };
        let why = failure.quoted();
        if !failure.is(Reason::TooManyRequests) && !is_ending(&failure) {
            return Err(Failure::Text(format!(
                "error when evicting pods/{name:?} -n {namespace:?}: {why}"
            ))
            .into());
        }
        script.say(&format!(
            "error when evicting pods/{name:?} -n {namespace:?} (will retry after 5s): {why}"
        ));
        script.sleep(TRY_AGAIN)?;
        Ok(Round::Again(()))
    })?;
    if is_gone {
        return Ok(());
    }
    let pods = std::slice::from_ref(pod);
    let waited = script.attempt(|script| await_gone(script, drain, pods, deadline, "evicted"))?;
    Ok(waited.map_err(|why| {
        let why = why.quoted();
        Failure::Text(format!(
            "error when waiting for pod {name:?} in namespace {namespace:?} to terminate: {why}"
        ))
    })?)
}

/// Whether the pod's namespace is on its way out, which will take the pod with it.
fn is_ending(failure: &Failure) -> bool {
    matches!(failure, Failure::Server(refusal)
        if refusal.is(Reason::Forbidden) && refusal.has_cause("NamespaceTerminating"))
}

/// Deletes pods, past all budgets, and waits until they are gone.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/drain/drain.go, `deletePods`
fn delete_all(script: &mut Script<'_>, drain: &Drain, pods: &[Object]) -> Play<()> {
    let begin = script.now();
    let deadline = limit(drain).map(|span| begin.plus(span));
    for pod in pods {
        let verb = Verb::Delete { key: pod.key(), options: options(drain) };
        match script.attempt(|script| script.ask(&verb))? {
            Err(failure) if !failure.is(Reason::NotFound) => return Err(failure.into()),
            Ok(_) | Err(_) => {}
        }
    }
    await_gone(script, drain, pods, deadline, "deleted")
}

/// Looks every second until pods are gone.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/drain/drain.go, `waitForDelete`
fn await_gone(
    script: &mut Script<'_>,
    drain: &Drain,
    pods: &[Object],
    deadline: Option<Time>,
    done: &str,
) -> Play<()> {
    let all: Vec<(ObjectKey, crate::api::meta::Uid)> =
        pods.iter().map(|pod| (pod.key(), pod.meta().uid)).collect();
    script.repeat(all, |script, all| {
        let mut left = Vec::new();
        for (key, uid) in all {
            let found = script.attempt(|script| script.get(&key))?;
            let now = script.now();
            match found {
                Err(failure) if !failure.is(Reason::NotFound) => return Err(failure.into()),
                Ok(object) if object.meta().uid == uid => {
                    let pod = object.as_a::<Pod>();
                    if pod.is_some_and(|pod| is_old_deletion(drain, pod, now)) {
                        skip(script, drain, &key.name);
                    } else {
                        left.push((key, uid));
                    }
                }
                Ok(_) | Err(_) => script.say(&format!("pod/{} {done}", key.name)),
            }
        }
        if left.is_empty() {
            return Ok(Round::Done(()));
        }
        let now = script.now();
        if deadline.is_some_and(|deadline| deadline <= now) {
            let limit = limit(drain).unwrap_or_default();
            return Err(Failure::Text(format!("global timeout reached: {limit}")).into());
        }
        let then = now.plus(LOOK_AGAIN);
        script.sleep_until(deadline.map_or(then, |deadline| deadline.min(then)))?;
        Ok(Round::Again(left))
    })
}

fn skip(script: &mut Script<'_>, drain: &Drain, name: &Name) {
    let limit = drain.skip_wait_for_delete_timeout;
    let name = name.as_str();
    script.say(&format!("pod {name:?} has DeletionTimestamp older than {limit} seconds, skipping"));
}
