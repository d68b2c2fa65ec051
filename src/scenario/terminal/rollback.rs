//! `kubectl rollout undo`.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::api::object::{Kind, Object};
use crate::api::request::{Patch, Subresource, Verb};
use crate::scenario::kubectl::{DryRun, RolloutUndo};
use crate::scenario::terminal::Scene;
use crate::scenario::terminal::apply::LAST_APPLIED;
use crate::scenario::terminal::choice::{self, Info};
use crate::scenario::terminal::failure::Failure;
use crate::scenario::terminal::history::{self, Revision};
use crate::scenario::terminal::report;
use crate::scenario::terminal::rollout::{self, dotted};
use crate::scenario::terminal::script::{Play, Script};

/// The label by which ReplicaSets of a Deployment tell their pods apart.
const HASH: &str = "pod-template-hash";

/// Annotations that a rollback leaves as the Deployment has them.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollback.go,
/// `annotationsToSkip`
const KEPT: [&str; 6] = [
    LAST_APPLIED,
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

/// Runs `kubectl rollout undo`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/rollout/rollout_undo.go, `RunUndo`
pub(super) fn undo(script: &mut Script<'_>, scene: &Scene, undo: &RolloutUndo) -> Play<()> {
    let choice = rollout::choice(&undo.which)?;
    choice::visit(script, scene, &choice, |script, info| {
        let done = match info.kind() {
            Kind::DEPLOYMENT => deployment(script, undo, info)?,
            Kind::DAEMON_SET | Kind::STATEFUL_SET => other(script, undo, info)?,
            kind => {
                let kind = dotted(kind);
                let text = format!("no rollbacker has been implemented for {kind:?}");
                return Err(Failure::Text(text).into());
            }
        };
        report(script, info, &done, undo.dry_run, None)
    })?;
    Ok(())
}

fn not_found(revision: i64) -> Failure {
    Failure::Text(format!("unable to find specified revision {revision} in history"))
}

fn skipped(revision: i64) -> String {
    format!("skipped rollback (current template already matches revision {revision})")
}

/// Puts the template of an older ReplicaSet back.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollback.go,
/// `DeploymentRollbacker.Rollback`
fn deployment(script: &mut Script<'_>, undo: &RolloutUndo, info: &Info) -> Play<String> {
    let to = undo.to_revision;
    if to < 0 {
        return Err(not_found(to).into());
    }
    let object = script.get(&info.key)?;
    let revisions = history::revisions(script, &object)?;
    let revision = chosen(&revisions, to, &info.key.name)?;
    let mut template = history::template(&object, revision)?;
    without_hash(&mut template);
    if undo.dry_run == DryRun::Client {
        return Ok(history::template_text(&template));
    }
    let value = object.to_value();
    if value.pointer("/spec/paused") == Some(&Value::Bool(true)) {
        let name = &info.key.name;
        return Err(Failure::Text(format!(
            "you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume \
             deployment/{name}' and try again"
        ))
        .into());
    }
    let mut current = value.pointer("/spec/template").cloned().unwrap_or_default();
    without_hash(&mut current);
    if current == template {
        return Ok(skipped(to));
    }
    let annotations = annotations(&object, &revision.holder);
    let patch = json!([
        { "op": "replace", "path": "/spec/template", "value": template },
        { "op": "replace", "path": "/metadata/annotations", "value": annotations },
    ]);
    send(script, undo, info, Patch::Json(Arc::new(patch)))
}

/// The revision with a number; for 0 the last but one.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollback.go,
/// `deploymentRevision`
fn chosen<'r>(revisions: &'r [Revision], to: i64, name: &str) -> Result<&'r Revision, Failure> {
    if to > 0 {
        return revisions.iter().find(|r| r.number == to).ok_or_else(|| not_found(to));
    }
    revisions
        .iter()
        .rev()
        .nth(1)
        .ok_or_else(|| Failure::Text(format!("no rollout history found for deployment {name:?}")))
}

/// Takes the label away that tells ReplicaSets apart.
fn without_hash(template: &mut Value) {
    let labels = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut);
    if let Some(labels) = labels {
        labels.shift_remove(HASH);
    }
}

fn annotations(deployment: &Object, set: &Object) -> Map<String, Value> {
    let pairs = |object: &Object, keep: bool| -> Vec<(String, Value)> {
        let all = object.meta().annotations.iter();
        let chosen = all.filter(|(key, _)| KEPT.contains(&key.as_str()) == keep);
        chosen.map(|(key, value)| (key.to_string(), value.as_str().into())).collect()
    };
    pairs(deployment, true).into_iter().chain(pairs(set, false)).collect()
}

/// Applies an older ControllerRevision.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollback.go,
/// `StatefulSetRollbacker.Rollback`, `findHistory`
fn other(script: &mut Script<'_>, undo: &RolloutUndo, info: &Info) -> Play<String> {
    let to = undo.to_revision;
    if to < 0 {
        return Err(not_found(to).into());
    }
    let object = script.get(&info.key)?;
    let revisions = history::revisions(script, &object)?;
    if to == 0 && revisions.len() <= 1 {
        return Err(Failure::text("no last revision to roll back to").into());
    }
    let revision = match to {
        0 => revisions.iter().rev().nth(1),
        to => revisions.iter().find(|revision| revision.number == to),
    };
    let revision = revision.ok_or_else(|| not_found(to))?;
    let template = history::template(&object, revision)?;
    if undo.dry_run == DryRun::Client {
        return Ok(history::template_text(&template));
    }
    if object.to_value().pointer("/spec/template") == Some(&template) {
        return Ok(skipped(to));
    }
    let data = revision.holder.to_value()["data"].clone();
    send(script, undo, info, Patch::Strategic(Arc::new(data)))
}

fn send(script: &mut Script<'_>, undo: &RolloutUndo, info: &Info, patch: Patch) -> Play<String> {
    let verb = Verb::Patch {
        key: info.key.clone(),
        part: Subresource::Main,
        patch,
        dry_run: undo.dry_run == DryRun::Server,
    };
    let sent = script.attempt(|script| script.object(&verb))?;
    sent.map_err(|why| {
        Failure::Text(format!("failed restoring revision {}: {}", undo.to_revision, why.quoted()))
    })?;
    Ok("rolled back".to_owned())
}
