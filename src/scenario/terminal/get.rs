//! `kubectl get`, `describe`, `events`.

use std::sync::Arc;

use crate::api::Name;
use crate::api::coordination::lease::Lease;
use crate::api::core::pod::Pod;
use crate::api::labels::Labels;
use crate::api::object::{Kind, Object, ObjectKey, Resource};
use crate::api::request::{ListOptions, WatchOptions};
use crate::api::selector::{FieldSelector, Selector};
use crate::scenario::kubectl::{Describe, Events, Get};
use crate::scenario::print::{self, Related};
use crate::scenario::terminal::Scene;
use crate::scenario::terminal::choice::{self, Choice, Info};
use crate::scenario::terminal::failure::Failure;
use crate::scenario::terminal::script::{Play, Round, Script, Seen};
use crate::scenario::terminal::seam;

/// Runs `kubectl get`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/get/get.go, `Run`
pub(super) fn get(script: &mut Script<'_>, scene: &Scene, get: &Get) -> Play<()> {
    if get.watch || get.watch_only {
        return watch(script, scene, get);
    }
    let choice = chosen(get)?;
    let (objects, failures) = objects(script, scene, &choice)?;
    let now = script.now();
    if objects.is_empty() && failures.is_empty() {
        if get.output.is_none() || get.output == Some(crate::scenario::kubectl::Output::Wide) {
            if !get.ignore_not_found {
                script.say(&nothing(scene, &choice)?);
            }
            return Ok(());
        }
        script.print(&seam::many(&objects, get, true, now)?);
        return Ok(());
    }
    if !objects.is_empty() {
        script.print(&seam::many(&objects, get, true, now)?);
    }
    Ok(Failure::all(failures)?)
}

fn chosen(get: &Get) -> Result<Choice<'_>, Failure> {
    Ok(Choice {
        files: Some(&get.files),
        labels: get.selection.selector.as_ref(),
        fields: get.selection.field_selector.as_ref(),
        all: true,
        all_namespaces: get.selection.all_namespaces,
        ignore_not_found: get.ignore_not_found,
        ..Choice::new(get.targets())?
    })
}

/// The objects of a choice, and what could not be found.
fn objects(
    script: &mut Script<'_>,
    scene: &Scene,
    choice: &Choice<'_>,
) -> Play<(Vec<Object>, Vec<Failure>)> {
    script.keep(|script| {
        let mut objects = Vec::new();
        let mut failures = Vec::new();
        for found in choice::find(script, scene, choice)? {
            match found {
                Ok(Info { object, .. }) => objects.extend(object),
                Err(failure) => failures.push(failure),
            }
        }
        Ok((objects, failures))
    })
}

/// What is said when there is nothing to show.
fn nothing(scene: &Scene, choice: &Choice<'_>) -> Result<String, Failure> {
    let mut is_namespaced = false;
    for target in &choice.targets {
        is_namespaced |= choice::kind_of(target)?.row().namespaced;
    }
    if is_namespaced && !choice.all_namespaces {
        return Ok(format!("No resources found in {} namespace.", scene.namespace));
    }
    Ok("No resources found".to_owned())
}

/// Shows objects, then every change of them, for ever.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/get/get.go, `watch`
fn watch(script: &mut Script<'_>, scene: &Scene, get: &Get) -> Play<()> {
    let choice = chosen(get)?;
    let [target] = &choice.targets[..] else {
        let text = "you may only specify a single resource type";
        return Err(Failure::text(text).into());
    };
    let kind = choice::kind_of(target)?;
    let namespace = if get.selection.all_namespaces {
        Name::default()
    } else {
        choice::namespace_of(kind, &scene.namespace)
    };
    let fields = match &target.name {
        Some(name) => FieldSelector::equals("metadata.name", name),
        None => get.selection.field_selector.clone().unwrap_or_default(),
    };
    let labels = get.selection.selector.clone().unwrap_or_default();
    let list = ListOptions { namespace, labels, fields, ..ListOptions::all(kind) };
    let (items, revision) =
        script.keep(|script| script.list(&list).map(|l| (l.items, l.resource_version)))?;
    let is_missing = items.is_empty();
    if let (true, Some(name)) = (is_missing, &target.name) {
        let row = kind.row();
        let resource = crate::api::refusal::GroupResource::new(row.group, row.plural);
        return Err(crate::api::refusal::Refusal::not_found(&resource, name).into());
    }
    if !get.watch_only && !is_missing {
        let now = script.now();
        script.print(&seam::watched(&items, get, true, now)?);
    }
    let with_headings = is_missing || get.watch_only;
    let options = WatchOptions {
        kind,
        namespace: list.namespace.clone(),
        labels: list.labels.clone(),
        fields: list.fields.clone(),
        resource_version: Name::new(revision.to_string()),
        bookmarks: false,
        send_initial_events: false,
    };
    let token = script.watch(&options)??;
    script.repeat(with_headings, |script, with_headings| match script.next(token, None)? {
        Seen::Event(event) => {
            let now = script.now();
            let rows = seam::watched(std::slice::from_ref(&event.object), get, with_headings, now)?;
            script.print(&rows);
            Ok(Round::Again(false))
        }
        Seen::Closed(Some(refusal)) => Err(refusal.into()),
        Seen::Closed(None) | Seen::TimedOut => Ok(Round::Done(())),
    })
}

/// Runs `kubectl describe`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/describe/describe.go, `Run`
pub(super) fn describe(script: &mut Script<'_>, scene: &Scene, describe: &Describe) -> Play<()> {
    let choice = Choice {
        files: Some(&describe.files),
        labels: describe.selector.as_ref(),
        all: true,
        all_namespaces: describe.all_namespaces,
        ..Choice::new(describe.targets())?
    };
    let (objects, failures) = objects(script, scene, &choice)?;
    script.repeat(0, |script, at| {
        let Some(object) = objects.get(at) else { return Ok(Round::Done(())) };
        let related = related(script, object, describe.show_events)?;
        let now = script.now();
        if at > 0 {
            script.print("\n\n");
        }
        script.print(&print::describe(object, &related, now));
        Ok(Round::Again(at + 1))
    })?;
    if objects.is_empty() && failures.is_empty() {
        script.say(&nothing(scene, &choice)?);
    }
    Ok(Failure::all(failures)?)
}

/// What a description tells beside the object.
fn related(script: &mut Script<'_>, object: &Object, with_events: bool) -> Play<Related> {
    let mut related = Related::default();
    let meta = object.meta();
    let list = |kind| ListOptions { namespace: meta.namespace.clone(), ..ListOptions::all(kind) };
    match object.kind() {
        Kind::NODE => of_node(script, &meta.name, &mut related)?,
        Kind::NAMESPACE => {
            let quotas = ListOptions {
                namespace: meta.name.clone(),
                ..ListOptions::all(Kind::RESOURCE_QUOTA)
            };
            related.quotas = script.list(&quotas)?.items;
        }
        Kind::SERVICE => {
            let labels = Labels::from([("kubernetes.io/service-name", meta.name.as_str())]);
            let labels = Selector::of_labels(&labels);
            let slices = ListOptions { labels, ..list(Kind::ENDPOINT_SLICE) };
            related.slices = typed(&script.list(&slices)?.items);
        }
        Kind::PERSISTENT_VOLUME_CLAIM => {
            let pods: Vec<Arc<Pod>> = typed(&script.list(&list(Kind::POD))?.items);
            related.pods = pods.into_iter().filter(|p| p.uses_claim(&meta.name)).collect();
        }
        _ => of_workload(script, object, &mut related)?,
    }
    if with_events {
        let (kind, name) = (object.kind().name(), &meta.name);
        let fields = format!("involvedObject.name={name},involvedObject.kind={kind}");
        let fields = fields.parse().unwrap_or_default();
        let events = ListOptions { fields, ..list(Kind::EVENT) };
        related.events = Some(typed(&script.list(&events)?.items));
    }
    Ok(related)
}

fn typed<T: Resource>(objects: &[Object]) -> Vec<Arc<T>> {
    objects.iter().filter_map(|object| object.as_a::<T>().cloned()).collect()
}

/// The pods of a node, and its sign of life.
fn of_node(script: &mut Script<'_>, name: &Name, related: &mut Related) -> Play<()> {
    let fields = FieldSelector::equals("spec.nodeName", name);
    let pods = ListOptions { fields, ..ListOptions::all(Kind::POD) };
    related.pods = typed(&script.list(&pods)?.items);
    let key = ObjectKey::new(Kind::LEASE, "kube-node-lease", name);
    let lease = script.attempt(|script| script.get(&key))?;
    related.lease = lease.ok().and_then(|lease| lease.as_a::<Lease>().cloned());
    Ok(())
}

/// The pods that a workload controls, and the ReplicaSets of a Deployment.
fn of_workload(script: &mut Script<'_>, object: &Object, related: &mut Related) -> Play<()> {
    const WORKLOADS: [Kind; 6] = [
        Kind::DEPLOYMENT,
        Kind::REPLICA_SET,
        Kind::STATEFUL_SET,
        Kind::DAEMON_SET,
        Kind::JOB,
        Kind::REPLICATION_CONTROLLER,
    ];
    let selector = object.to_value().pointer("/spec/selector").cloned().and_then(selector_of);
    let Some(labels) = selector.filter(|_| WORKLOADS.contains(&object.kind())) else {
        return Ok(());
    };
    let list = |kind| ListOptions {
        namespace: object.meta().namespace.clone(),
        labels: labels.clone(),
        ..ListOptions::all(kind)
    };
    let mine = |mut all: Vec<Object>| {
        all.retain(|owned| is_controlled(owned, object));
        all
    };
    if object.kind() == Kind::DEPLOYMENT {
        let sets = script.list(&list(Kind::REPLICA_SET))?.items;
        related.replica_sets = typed(&mine(sets));
        return Ok(());
    }
    let pods = script.list(&list(Kind::POD))?.items;
    related.pods = typed(&mine(pods));
    Ok(())
}

/// Whether one object is the controller of another.
pub(super) fn is_controlled(owned: &Object, by: &Object) -> bool {
    owned.meta().controller().is_some_and(|owner| owner.uid == by.meta().uid)
}

/// The selector of an object's spec; plain maps are those of Services.
pub(super) fn selector_of(value: serde_json::Value) -> Option<Selector> {
    if value.get("matchLabels").is_some() || value.get("matchExpressions").is_some() {
        let selector = serde_json::from_value(value).ok()?;
        return crate::api::selector::LabelSelector::to_selector(Some(&selector)).ok();
    }
    let labels: crate::api::labels::Labels = serde_json::from_value(value).ok()?;
    (!labels.is_empty()).then(|| Selector::of_labels(&labels))
}

/// Runs `kubectl events`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/events/events.go, `Run`
pub(super) fn events(script: &mut Script<'_>, scene: &Scene, how: &Events) -> Play<()> {
    let mut list = ListOptions::all(Kind::EVENT);
    if !how.all_namespaces {
        list.namespace = scene.namespace.clone();
    }
    if let Some(target) = choice::read(how.about())? {
        let (kind, name) = (choice::kind_of(&target)?, target.name.unwrap_or_default());
        let text = format!("involvedObject.kind={},involvedObject.name={name}", kind.name());
        list.fields = text.parse().unwrap_or_default();
    }
    let (items, revision) =
        script.keep(|script| script.list(&list).map(|l| (l.items, l.resource_version)))?;
    let is_wanted = |object: &Object| is_of_types(object, &how.types);
    let mut items: Vec<Object> = items.into_iter().filter(is_wanted).collect();
    items.sort_by_key(happened);
    let now = script.now();
    if !items.is_empty() {
        script.print(&seam::events(&items, how, now)?);
    } else if !how.watch {
        script.say(&if how.all_namespaces {
            "No events found.".to_owned()
        } else {
            format!("No events found in {} namespace.", scene.namespace)
        });
    }
    if !how.watch {
        return Ok(());
    }
    let options = WatchOptions {
        kind: Kind::EVENT,
        namespace: list.namespace.clone(),
        labels: Selector::default(),
        fields: list.fields.clone(),
        resource_version: Name::new(revision.to_string()),
        bookmarks: false,
        send_initial_events: false,
    };
    let token = script.watch(&options)??;
    let bare = Events { no_headers: true, ..how.clone() };
    script.repeat(items.is_empty(), |script, is_first| match script.next(token, None)? {
        Seen::Event(event) => {
            let is_told = event.change != crate::api::request::Change::Deleted;
            if is_told && is_of_types(&event.object, &how.types) {
                let now = script.now();
                let how = if is_first { how } else { &bare };
                script.print(&seam::events(std::slice::from_ref(&event.object), how, now)?);
                return Ok(Round::Again(false));
            }
            Ok(Round::Again(is_first))
        }
        Seen::Closed(Some(refusal)) => Err(refusal.into()),
        Seen::Closed(None) | Seen::TimedOut => Ok(Round::Done(())),
    })
}

fn is_of_types(object: &Object, types: &[String]) -> bool {
    let value = object.to_value();
    let kind = value["type"].as_str().unwrap_or_default();
    types.is_empty() || types.iter().any(|wanted| wanted.eq_ignore_ascii_case(kind))
}

/// When an event happened last, and its name.
fn happened(object: &Object) -> (String, Name) {
    let value = object.to_value();
    let times = ["/series/lastObservedTime", "/lastTimestamp", "/eventTime"];
    let text = times.iter().find_map(|path| value.pointer(path)?.as_str().map(str::to_owned));
    (text.unwrap_or_default(), object.meta().name.clone())
}
