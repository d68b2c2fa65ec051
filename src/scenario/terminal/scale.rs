//! `kubectl scale`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::object::Object;
use crate::api::refusal::Reason;
use crate::api::request::{Patch, Subresource, Verb};
use crate::scenario::kubectl::{DryRun, Scale};
use crate::scenario::terminal::Scene;
use crate::scenario::terminal::choice::{self, Choice, Info};
use crate::scenario::terminal::failure::Failure;
use crate::scenario::terminal::report;
use crate::scenario::terminal::script::{Play, Round, Script};
use crate::sim::time::SimDuration;

/// Runs `kubectl scale`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/scale/scale.go, `RunScale`
pub(super) fn scale(script: &mut Script<'_>, scene: &Scene, scale: &Scale) -> Play<()> {
    if scale.replicas < 0 {
        let text =
            "The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0";
        return Err(Failure::text(text).into());
    }
    let choice = Choice {
        files: Some(&scale.files),
        labels: scale.selector.as_ref(),
        all: scale.all,
        ..Choice::new(scale.targets())?
    };
    let count = choice::visit(script, scene, &choice, |script, info| one(script, scale, info))?;
    if count == 0 {
        return Err(Failure::text("no objects passed to scale").into());
    }
    Ok(())
}

fn one(script: &mut Script<'_>, scale: &Scale, info: &Info) -> Play<()> {
    if scale.dry_run == DryRun::Client {
        return report(script, info, "scaled", scale.dry_run, None);
    }
    if scale.current_replicas < 0 && scale.resource_version.is_none() {
        send(script, scale, info, None)?;
    } else {
        conditional(script, scale, info)?;
    }
    report(script, info, "scaled", scale.dry_run, None)?;
    if scale.timeout.0 > 0 && scale.dry_run == DryRun::None {
        synced(script, scale, info)?;
    }
    Ok(())
}

/// Patches the scale, at a version if one is given.
fn send(script: &mut Script<'_>, scale: &Scale, info: &Info, version: Option<u64>) -> Play<Object> {
    let mut value = json!({ "spec": { "replicas": scale.replicas } });
    if let Some(version) = version {
        value["metadata"]["resourceVersion"] = version.to_string().into();
    }
    script.object(&Verb::Patch {
        key: info.key.clone(),
        part: Subresource::Scale,
        patch: Patch::Merge(Arc::new(value)),
        dry_run: scale.dry_run == DryRun::Server,
    })
}

/// Scales an object that is as it is expected to be; again when somebody changed it in between.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/scale/scale.go, `ScaleCondition`
fn conditional(script: &mut Script<'_>, scale: &Scale, info: &Info) -> Play<()> {
    script.repeat((), |script, ()| {
        let object = script.get(&info.key)?;
        let replicas = spec_replicas(&object);
        if scale.current_replicas >= 0 && replicas != Some(i64::from(scale.current_replicas)) {
            let (want, have) = (scale.current_replicas, replicas.unwrap_or(0));
            return Err(expected("replicas", &want.to_string(), &have.to_string()).into());
        }
        let version = object.meta().resource_version;
        if let Some(want) =
            scale.resource_version.as_ref().filter(|want| **want != version.to_string())
        {
            return Err(expected("resource version", want, &version.to_string()).into());
        }
        match script.attempt(|script| send(script, scale, info, Some(version)))? {
            Ok(_) => Ok(Round::Done(())),
            Err(failure) if failure.is(Reason::Conflict) => {
                script.sleep(SimDuration::secs(1))?;
                Ok(Round::Again(()))
            }
            Err(failure) => Err(failure.into()),
        }
    })
}

fn expected(what: &str, want: &str, have: &str) -> Failure {
    Failure::Text(format!("Expected {what} to be {want}, was {have}"))
}

/// Waits until there are as many as wanted.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/scale/scale.go,
/// `WaitForScaleHasDesiredReplicas`
fn synced(script: &mut Script<'_>, scale: &Scale, info: &Info) -> Play<()> {
    let span = SimDuration(u64::try_from(scale.timeout.0).unwrap_or(0));
    let deadline = script.now().plus(span);
    script.repeat((), |script, ()| {
        let object = script.get(&info.key)?;
        let has = object.to_value().pointer("/status/replicas").and_then(Value::as_i64);
        let is_there = spec_replicas(&object) == Some(i64::from(scale.replicas))
            && has.unwrap_or(0) == i64::from(scale.replicas);
        if is_there {
            return Ok(Round::Done(()));
        }
        let now = script.now();
        if now >= deadline {
            let name = info.key.name.as_str();
            return Err(
                Failure::Text(format!("timed out waiting for {name:?} to be synced")).into()
            );
        }
        script.sleep_until(now.plus(SimDuration::secs(1)).min(deadline))?;
        Ok(Round::Again(()))
    })
}

fn spec_replicas(object: &Object) -> Option<i64> {
    object.to_value().pointer("/spec/replicas").and_then(Value::as_i64)
}
