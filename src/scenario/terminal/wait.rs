//! `kubectl wait`.

use serde_json::Value;

use crate::api::meta::Uid;
use crate::api::object::Object;
use crate::api::refusal::{GroupResource, Reason, Refusal};
use crate::api::time::Time;
use crate::scenario::kubectl::{Wait, WaitFor};
use crate::scenario::print::jsonpath::{self, Template};
use crate::scenario::terminal::Scene;
use crate::scenario::terminal::choice::{self, Choice, Fetch, Info};
use crate::scenario::terminal::delete::{WEEK, is_gone, timed_out};
use crate::scenario::terminal::failure::Failure;
use crate::scenario::terminal::follow::{self, Sight};
use crate::scenario::terminal::script::{Play, Round, Script};
use crate::sim::time::SimDuration;

/// How long lies between two looks for an object that is to be created.
const LOOK_AGAIN: SimDuration = SimDuration::millis(500);

/// Runs `kubectl wait`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/wait/wait.go, `RunWait`
pub(super) fn wait(script: &mut Script<'_>, scene: &Scene, wait: &Wait) -> Play<()> {
    let deadline = match u64::try_from(wait.timeout.0) {
        Ok(span) => script.now().plus(SimDuration(span)),
        Err(_) => script.now().plus(WEEK),
    };
    let for_delete = wait.goal == WaitFor::Delete;
    let choice = Choice {
        files: Some(&wait.files),
        labels: wait.selection.selector.as_ref(),
        fields: wait.selection.field_selector.as_ref(),
        all: wait.all,
        all_namespaces: wait.selection.all_namespaces,
        ignore_not_found: for_delete,
        fetch: if for_delete { Fetch::Never } else { Fetch::Each },
        ..Choice::new(wait.targets())?
    };
    if wait.goal == WaitFor::Create {
        created(script, scene, &choice, deadline)?;
    }
    let count = choice::visit(script, scene, &choice, |script, info| {
        match &wait.goal {
            WaitFor::Create => {}
            WaitFor::Delete => gone(script, wait, info, deadline)?,
            WaitFor::Condition { name, status } => {
                met(script, wait, info, deadline, |object| {
                    Ok(has_condition(object, name, status))
                })?;
            }
            WaitFor::Jsonpath { path, value } => {
                let value = value.as_deref().map(|v| v.trim_matches(['\'', '"']));
                met(script, wait, info, deadline, |object| gives(object, path, value))?;
            }
        }
        script.say(&format!("{} condition met", info.shown()));
        Ok(())
    })?;
    if count == 0 && !for_delete {
        return Err(Failure::text("no matching resources found").into());
    }
    Ok(())
}

fn gone(script: &mut Script<'_>, wait: &Wait, info: &Info, deadline: Time) -> Play<()> {
    let uid = info.object.as_ref().map_or(Uid::default(), |object| object.meta().uid);
    if wait.timeout.0 == 0 {
        return match script.attempt(|script| script.get(&info.key))? {
            Err(failure) if failure.is(Reason::NotFound) => Ok(()),
            Err(failure) => Err(failure.into()),
            Ok(_) => Err(not_met(info).into()),
        };
    }
    is_gone(script, &info.key, uid, deadline)
}

fn not_met(info: &Info) -> Failure {
    Failure::Text(format!("condition not met for {}", info.object_name()))
}

/// Looks until all objects of the choice are there.
fn created(
    script: &mut Script<'_>,
    scene: &Scene,
    choice: &Choice<'_>,
    deadline: Time,
) -> Play<()> {
    script.repeat((), |script, ()| {
        let found = choice::find(script, scene, choice)?;
        let failed = found.iter().find_map(|info| info.as_ref().err());
        match failed {
            None if !found.is_empty() => return Ok(Round::Done(())),
            Some(failure) if !failure.is(Reason::NotFound) => return Err(failure.clone().into()),
            Some(_) | None => {}
        }
        let now = script.now();
        if now >= deadline {
            return Err(Failure::text("timed out waiting for the condition").into());
        }
        script.sleep_until(now.plus(LOOK_AGAIN).min(deadline))?;
        Ok(Round::Again(()))
    })
}

/// Waits until an object is as wanted.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/wait/wait.go,
/// `getObjAndCheckCondition`
fn met(
    script: &mut Script<'_>,
    wait: &Wait,
    info: &Info,
    deadline: Time,
    check: impl Fn(&Object) -> Result<bool, Failure>,
) -> Play<()> {
    if wait.timeout.0 == 0 {
        let object = script.get(&info.key)?;
        return if check(&object)? { Ok(()) } else { Err(not_met(info).into()) };
    }
    let met = follow::until(script, &info.key, Some(deadline), |_, sight| match sight {
        Sight::There(object) => Ok(check(object)?.then_some(())),
        Sight::Gone => Ok(None),
        Sight::Missing => {
            let row = info.kind().row();
            let resource = GroupResource::new(row.group, row.plural);
            Err(Refusal::not_found(&resource, &info.key.name).into())
        }
    })?;
    met.ok_or_else(|| timed_out(&info.key).into())
}

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/wait/condition.go, `checkCondition`
fn has_condition(object: &Object, name: &str, status: &str) -> bool {
    let value = object.to_value();
    let conditions = value.pointer("/status/conditions").and_then(Value::as_array);
    let text = |condition: &Value, key: &str| condition[key].as_str().map(str::to_owned);
    let of_name = |c: &&Value| text(c, "type").is_some_and(|t| t.eq_ignore_ascii_case(name));
    let Some(condition) = conditions.into_iter().flatten().find(of_name) else { return false };
    let observed = condition["observedGeneration"].as_i64();
    let observed = observed.or_else(|| value.pointer("/status/observedGeneration")?.as_i64());
    let generation = value.pointer("/metadata/generation").and_then(Value::as_i64);
    if let (Some(observed), Some(generation)) = (observed, generation)
        && observed < generation
    {
        return false;
    }
    text(condition, "status").is_some_and(|s| s.eq_ignore_ascii_case(status))
}

/// Whether a path gives a value, or this one.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/wait/json.go, `checkCondition`
fn gives(object: &Object, path: &str, wanted: Option<&str>) -> Result<bool, Failure> {
    let value = object.to_value();
    let template = jsonpath::relaxed(path).and_then(|path| Template::parse(&path));
    let template = template.map_err(Failure::Text)?;
    let found = template.all(&value).map_err(Failure::Text)?;
    match (&found[..], wanted) {
        ([], _) => Ok(false),
        ([_], None) => Ok(true),
        ([Value::Object(_) | Value::Array(_)], Some(_)) => {
            Err(Failure::text("jsonpath leads to a nested object or list which is not supported"))
        }
        ([Value::String(text)], Some(wanted)) => Ok(text == wanted),
        ([other], Some(wanted)) => Ok(wanted == scalar_text(other)),
        (_, _) => Err(Failure::text("given jsonpath expression matches more than one value")),
    }
}

/// A value that is no text, as Go prints it.
fn scalar_text(value: &Value) -> String {
    value.to_string()
}
