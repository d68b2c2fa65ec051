//! `kubectl rollout status`, `restart`, `pause`, `resume`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::object::{Kind, Object};
use crate::api::refusal::{GroupResource, Refusal};
use crate::api::request::{Patch, Subresource, Verb};
use crate::scenario::kubectl::{DryRun, RolloutStatus, RolloutTargets};
use crate::scenario::terminal::Scene;
use crate::scenario::terminal::choice::{self, Choice, Info};
use crate::scenario::terminal::failure::Failure;
use crate::scenario::terminal::follow::{self, Sight};
use crate::scenario::terminal::name;
use crate::scenario::terminal::report;
use crate::scenario::terminal::script::{Play, Script};
use crate::sim::time::SimDuration;

/// The objects that a rollout command is about.
pub(super) fn choice(which: &RolloutTargets) -> Result<Choice<'_>, Failure> {
    Ok(Choice { labels: which.selector.as_ref(), ..Choice::new(which.targets())? })
}

/// Runs `kubectl rollout status`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/rollout/rollout_status.go, `Run`
pub(super) fn status(script: &mut Script<'_>, scene: &Scene, status: &RolloutStatus) -> Play<()> {
    let choice = choice(&status.which)?;
    let count = choice::visit(script, scene, &choice, |script, info| follow(script, status, info))?;
    if count == 0 {
        let namespace = &scene.namespace;
        script.say(&format!("No resources found in {namespace} namespace."));
    }
    Ok(())
}

fn follow(script: &mut Script<'_>, status: &RolloutStatus, info: &Info) -> Play<()> {
    let kind = info.kind();
    if ![Kind::DEPLOYMENT, Kind::DAEMON_SET, Kind::STATEFUL_SET].contains(&kind) {
        let kind = dotted(kind);
        return Err(
            Failure::Text(format!("no status viewer has been implemented for {kind}")).into()
        );
    }
    let begin = script.now();
    let span = u64::try_from(status.timeout.0).ok().filter(|span| *span > 0);
    let deadline = span.map(|span| begin.plus(SimDuration(span)));
    let done = follow::until(script, &info.key, deadline, |script, sight| match sight {
        Sight::There(object) => {
            let (line, is_done) = viewed(object, status.revision)?;
            script.say(&line);
            Ok((is_done || !status.watch).then_some(()))
        }
        Sight::Gone => Err(Failure::text("object has been deleted").into()),
        Sight::Missing => {
            let row = kind.row();
            let resource = GroupResource::new(row.group, row.plural);
            Err(Refusal::not_found(&resource, &info.key.name).into())
        }
    })?;
    done.ok_or_else(|| Failure::text("timed out waiting for the condition").into())
}

/// `Job.batch`, or `Pod`.
pub(super) fn dotted(kind: Kind) -> String {
    let row = kind.row();
    if row.group.is_empty() { row.name.to_owned() } else { format!("{}.{}", row.name, row.group) }
}

/// How far a rollout is, and whether it is complete.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go
fn viewed(object: &Object, revision: i64) -> Result<(String, bool), Failure> {
    let view = View(object.to_value());
    match object.kind() {
        Kind::DEPLOYMENT => deployment(object, &view, revision),
        Kind::DAEMON_SET => daemon_set(object, &view),
        _ => stateful_set(&view),
    }
}

/// An object's numbers and texts by their path.
struct View(Value);

impl View {
    fn number(&self, path: &str) -> Option<i64> {
        self.0.pointer(path).and_then(Value::as_i64)
    }

    /// A number that Go would print as 0 when it is not there.
    fn count(&self, path: &str) -> i64 {
        self.number(path).unwrap_or(0)
    }

    fn text(&self, path: &str) -> &str {
        self.0.pointer(path).and_then(Value::as_str).unwrap_or_default()
    }

    fn is_observed(&self) -> bool {
        self.count("/metadata/generation") <= self.count("/status/observedGeneration")
    }
}

fn deployment(object: &Object, view: &View, revision: i64) -> Result<(String, bool), Failure> {
    let name = object.meta().name.as_str();
    if revision > 0 {
        let annotation = object.meta().annotations.get("deployment.kubernetes.io/revision");
        let running = annotation.map_or(0, |text| text.parse().unwrap_or(0));
        if running != revision {
            return Err(Failure::Text(format!(
                "desired revision ({revision}) is different from the running revision ({running})"
            )));
        }
    }
    if !view.is_observed() {
        return Ok(("Waiting for deployment spec update to be observed...".to_owned(), false));
    }
    let conditions = view.0.pointer("/status/conditions").and_then(Value::as_array);
    let is_late =
        |c: &Value| c["type"] == "Progressing" && c["reason"] == "ProgressDeadlineExceeded";
    if conditions.into_iter().flatten().any(is_late) {
        return Err(Failure::Text(format!("deployment {name:?} exceeded its progress deadline")));
    }
    let (wanted, has) = (view.number("/spec/replicas"), view.count("/status/replicas"));
    let updated = view.count("/status/updatedReplicas");
    let available = view.count("/status/availableReplicas");
    let waiting = |what: String| {
        Ok((format!("Waiting for deployment {name:?} rollout to finish: {what}..."), false))
    };
    match wanted {
        Some(wanted) if updated < wanted => {
            return waiting(format!("{updated} out of {wanted} new replicas have been updated"));
        }
        Some(_) | None => {}
    }
    if has > updated {
        return waiting(format!("{} old replicas are pending termination", has - updated));
    }
    if available < updated {
        return waiting(format!("{available} of {updated} updated replicas are available"));
    }
    Ok((format!("deployment {name:?} successfully rolled out"), true))
}

/// The strategy that status can be told of.
fn is_rolling(view: &View) -> Result<(), Failure> {
    if view.text("/spec/updateStrategy/type") == "RollingUpdate" {
        return Ok(());
    }
    Err(Failure::text("rollout status is only available for RollingUpdate strategy type"))
}

fn daemon_set(object: &Object, view: &View) -> Result<(String, bool), Failure> {
    is_rolling(view)?;
    let name = object.meta().name.as_str();
    if !view.is_observed() {
        return Ok(("Waiting for daemon set spec update to be observed...".to_owned(), false));
    }
    let desired = view.count("/status/desiredNumberScheduled");
    let updated = view.count("/status/updatedNumberScheduled");
    let available = view.count("/status/numberAvailable");
    let start = format!("Waiting for daemon set {name:?} rollout to finish:");
    if updated < desired {
        let text = format!("{start} {updated} out of {desired} new pods have been updated...");
        return Ok((text, false));
    }
    if available < desired {
        return Ok((
            format!("{start} {available} of {desired} updated pods are available..."),
            false,
        ));
    }
    Ok((format!("daemon set {name:?} successfully rolled out"), true))
}

fn stateful_set(view: &View) -> Result<(String, bool), Failure> {
    is_rolling(view)?;
    if view.count("/status/observedGeneration") == 0 || !view.is_observed() {
        return Ok(("Waiting for statefulset spec update to be observed...".to_owned(), false));
    }
    let wanted = view.number("/spec/replicas");
    let ready = view.count("/status/readyReplicas");
    let updated = view.count("/status/updatedReplicas");
    if let Some(wanted) = wanted.filter(|wanted| ready < *wanted) {
        return Ok((format!("Waiting for {} pods to be ready...", wanted - ready), false));
    }
    if view.0.pointer("/spec/updateStrategy/rollingUpdate").is_some_and(Value::is_object) {
        let partition = view.number("/spec/updateStrategy/rollingUpdate/partition");
        if let (Some(wanted), Some(partition)) = (wanted, partition)
            && updated < wanted - partition
        {
            let text = format!(
                "Waiting for partitioned roll out to finish: {updated} out of {} new pods have \
                 been updated...",
                wanted - partition
            );
            return Ok((text, false));
        }
        let text =
            format!("partitioned roll out complete: {updated} new pods have been updated...");
        return Ok((text, true));
    }
    let (newest, current) =
        (view.text("/status/updateRevision"), view.text("/status/currentRevision"));
    if newest != current {
        let text = format!(
            "waiting for statefulset rolling update to complete {updated} pods at revision \
             {newest}..."
        );
        return Ok((text, false));
    }
    let at = view.count("/status/currentReplicas");
    Ok((format!("statefulset rolling update complete {at} pods at revision {current}..."), true))
}

/// Runs `kubectl rollout restart`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/polymorphichelpers/objectrestarter.go,
/// `defaultObjectRestarter`
pub(super) fn restart(script: &mut Script<'_>, scene: &Scene, which: &RolloutTargets) -> Play<()> {
    let count = choice::visit(script, scene, &choice(which)?, |script, info| {
        let kind = info.kind();
        if ![Kind::DEPLOYMENT, Kind::DAEMON_SET, Kind::STATEFUL_SET].contains(&kind) {
            return Err(refused(info, "restarting is not supported").into());
        }
        if kind == Kind::DEPLOYMENT && is_paused(info)? {
            let why = "can't restart paused deployment (run rollout resume first)";
            return Err(refused(info, why).into());
        }
        let now = script.now().to_string();
        let restarted = "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt";
        if info.fetched()?.to_value().pointer(restarted).and_then(Value::as_str) == Some(&now) {
            return Err(Failure::Text(format!(
                "failed to create patch for {}: if restart has already been triggered within the \
                 past second, please wait before attempting to trigger another",
                info.key.name
            ))
            .into());
        }
        let annotation = json!({ "kubectl.kubernetes.io/restartedAt": now });
        let patch = json!({"spec": {"template": {"metadata": {"annotations": annotation}}}});
        change(script, info, patch)?;
        report(script, info, "restarted", DryRun::None, None)
    })?;
    nothing(count)
}

fn nothing(count: usize) -> Play<()> {
    if count == 0 {
        return Err(Failure::text("no resources found").into());
    }
    Ok(())
}

/// Runs `kubectl rollout pause`.
pub(super) fn pause(script: &mut Script<'_>, scene: &Scene, which: &RolloutTargets) -> Play<()> {
    let count = choice::visit(script, scene, &choice(which)?, |script, info| {
        if info.kind() != Kind::DEPLOYMENT {
            return Err(refused(info, "pausing is not supported").into());
        }
        if is_paused(info)? {
            return Err(refused(info, "is already paused").into());
        }
        change(script, info, json!({ "spec": { "paused": true } }))?;
        report(script, info, "paused", DryRun::None, None)
    })?;
    nothing(count)
}

/// Runs `kubectl rollout resume`.
pub(super) fn resume(script: &mut Script<'_>, scene: &Scene, which: &RolloutTargets) -> Play<()> {
    let count = choice::visit(script, scene, &choice(which)?, |script, info| {
        if info.kind() != Kind::DEPLOYMENT {
            return Err(refused(info, "resuming is not supported").into());
        }
        if !is_paused(info)? {
            return Err(refused(info, "is not paused").into());
        }
        change(script, info, json!({ "spec": { "paused": null } }))?;
        report(script, info, "resumed", DryRun::None, None)
    })?;
    nothing(count)
}

fn is_paused(info: &Info) -> Result<bool, Failure> {
    Ok(info.fetched()?.to_value().pointer("/spec/paused") == Some(&Value::Bool(true)))
}

fn refused(info: &Info, why: &str) -> Failure {
    let (resource, name) = (name::resource(info.kind()), info.key.name.as_str());
    Failure::Text(format!("error: {resource} {name:?} {why}"))
}

fn change(script: &mut Script<'_>, info: &Info, patch: Value) -> Play<Object> {
    let patch = Patch::Strategic(Arc::new(patch));
    let verb =
        Verb::Patch { key: info.key.clone(), part: Subresource::Main, patch, dry_run: false };
    let object = script.attempt(|script| script.object(&verb))?;
    Ok(object.map_err(|why| Failure::Text(format!("failed to patch: {}", why.quoted())))?)
}
