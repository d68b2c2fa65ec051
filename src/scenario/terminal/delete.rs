//! `kubectl delete`, and waiting until objects are gone.

use std::sync::Arc;

use crate::api::Name;
use crate::api::meta::Uid;
use crate::api::object::ObjectKey;
use crate::api::refusal::Reason;
use crate::api::request::{Answer, DeleteOptions, Propagation, Verb};
use crate::api::time::Time;
use crate::scenario::kubectl::{Cascade, Delete, DryRun, Output};
use crate::scenario::terminal::Scene;
use crate::scenario::terminal::choice::{self, Choice, Fetch, Info};
use crate::scenario::terminal::failure::Failure;
use crate::scenario::terminal::follow::{self, Sight};
use crate::scenario::terminal::name;
use crate::scenario::terminal::script::{Play, Round, Script};
use crate::sim::time::SimDuration;

/// A week: what "for ever" is to kubectl.
pub(super) const WEEK: SimDuration = SimDuration::secs(168 * 3600);

/// The grace and force that the flags come to.
struct How {
    grace_period: i64,
    is_forced: bool,
}

/// Runs `kubectl delete`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/delete/delete.go, `RunDelete`
pub(super) fn delete(script: &mut Script<'_>, scene: &Scene, delete: &Delete) -> Play<()> {
    let how = how(delete)?;
    if how.is_forced && how.grace_period == 0 {
        script.say(
            "Warning: Immediate deletion does not wait for confirmation that the running resource \
             has been terminated. The resource may continue to run on the cluster indefinitely.",
        );
    }
    let by_choice = delete.all || delete.selection.selector.is_some();
    let choice = Choice {
        files: Some(&delete.files),
        labels: delete.selection.selector.as_ref(),
        fields: delete.selection.field_selector.as_ref(),
        all: delete.all,
        all_namespaces: delete.selection.all_namespaces,
        ignore_not_found: delete.ignore_not_found || by_choice,
        fetch: Fetch::Never,
        ..Choice::new(delete.targets())?
    };
    let found = script.keep(|script| choice::find(script, scene, &choice).map(Arc::new))?;
    let (deleted, failures) = script.repeat(
        (0, Vec::<(ObjectKey, Uid)>::new(), Vec::new()),
        |script, (at, mut deleted, mut failures)| {
            let Some(next) = found.get(at) else {
                return Ok(Round::Done((Arc::new(deleted), failures)));
            };
            match next {
                Err(failure) => failures.push(failure.clone()),
                Ok(info) => match script.attempt(|script| one(script, delete, &how, info))? {
                    Ok(uid) => deleted.push((info.key.clone(), uid)),
                    Err(why) if choice.ignore_not_found && why.is(Reason::NotFound) => {}
                    Err(failure) => failures.push(failure),
                },
            }
            Ok(Round::Again((at + 1, deleted, failures)))
        },
    )?;
    Failure::all(failures)?;
    if deleted.is_empty() {
        script.say("No resources found");
        return Ok(());
    }
    if delete.wait && delete.dry_run == DryRun::None {
        let span = u64::try_from(delete.timeout.0).unwrap_or(0);
        let span = if span == 0 { WEEK } else { SimDuration(span) };
        let deadline = script.now().plus(span);
        await_gone(script, &deleted, deadline)?;
    }
    Ok(())
}

fn how(delete: &Delete) -> Result<How, Failure> {
    let mut grace_period = delete.grace_period;
    if delete.now {
        if grace_period != -1 {
            return Err(Failure::text("--now and --grace-period cannot be specified together"));
        }
        grace_period = 1;
    }
    if grace_period == 0 && !delete.force {
        grace_period = 1;
    }
    if delete.force && grace_period < 0 {
        grace_period = 0;
    }
    if delete.force && grace_period > 0 {
        let text = "--force and --grace-period greater than 0 cannot be specified together";
        return Err(Failure::text(text));
    }
    let selects = delete.selection.selector.is_some() || delete.selection.field_selector.is_some();
    if delete.all && delete.selection.selector.is_some() {
        return Err(Failure::text("cannot set --all and --selector at the same time"));
    }
    if selects && delete.targets().is_ok_and(|all| all.iter().any(|t| t.name.is_some())) {
        return Err(Failure::text("name cannot be provided when a selector is specified"));
    }
    Ok(How { grace_period, is_forced: delete.force })
}

fn one(script: &mut Script<'_>, delete: &Delete, how: &How, info: &Info) -> Play<Uid> {
    let mut uid = Uid::default();
    if delete.dry_run == DryRun::None {
        let options = DeleteOptions {
            grace_period_seconds: (how.grace_period >= 0).then_some(how.grace_period),
            propagation_policy: Some(match delete.cascade {
                Cascade::Background => Propagation::Background,
                Cascade::Foreground => Propagation::Foreground,
                Cascade::Orphan => Propagation::Orphan,
            }),
            ..DeleteOptions::default()
        };
        let verb = Verb::Delete { key: info.key.clone(), options };
        let answer = script.attempt(|script| script.ask(&verb))?;
        match answer.map_err(|why| why.with_source("deleting", &info.source))? {
            Answer::Object(object) | Answer::Deleted(object) => uid = object.meta().uid,
            Answer::List(_) | Answer::Watching | Answer::Done | Answer::Refused(_) => {}
        }
    } else if delete.dry_run == DryRun::Server {
        script.get(&info.key)?;
    }
    script.say(&said(delete, how, &info.key));
    Ok(uid)
}

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/delete/delete.go, `PrintObj`
fn said(delete: &Delete, how: &How, key: &ObjectKey) -> String {
    let kind = name::singular(key.kind);
    if delete.output == Some(Output::Name) {
        return format!("{kind}/{}", key.name);
    }
    let forced = if how.grace_period == 0 { "force deleted" } else { "deleted" };
    let suffix = name::dry_run_suffix(delete.dry_run);
    let text = format!("{kind} {:?} {forced}{suffix}", key.name.as_str());
    if key.namespace.is_empty() { text } else { format!("{text} from {} namespace", key.namespace) }
}

/// Waits until objects are gone, one after the other.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/wait/delete.go, `IsDeleted`
pub(super) fn await_gone(
    script: &mut Script<'_>,
    objects: &[(ObjectKey, Uid)],
    deadline: Time,
) -> Play<()> {
    let failures = script.repeat((0, Vec::new()), |script, (at, mut failures)| {
        let Some((key, uid)) = objects.get(at) else { return Ok(Round::Done(failures)) };
        let result = script.attempt(|script| is_gone(script, key, *uid, deadline))?;
        failures.extend(result.err());
        Ok(Round::Again((at + 1, failures)))
    })?;
    Ok(Failure::all(failures)?)
}

/// Waits until an object, or this incarnation of it, is gone.
pub(super) fn is_gone(
    script: &mut Script<'_>,
    key: &ObjectKey,
    uid: Uid,
    deadline: Time,
) -> Play<()> {
    match script.attempt(|script| script.get(key))? {
        Err(failure) if failure.is(Reason::NotFound) => return Ok(()),
        Err(failure) => return Err(failure.into()),
        Ok(object) if !uid.is_none() && object.meta().uid != uid => return Ok(()),
        Ok(_) => {}
    }
    let gone = follow::until(script, key, Some(deadline), |_, sight| {
        Ok(match sight {
            Sight::There(_) => None,
            Sight::Gone | Sight::Missing => Some(()),
        })
    })?;
    match gone {
        Some(()) => Ok(()),
        None => Err(timed_out(key).into()),
    }
}

/// What is said of an object for which the time was up.
pub(super) fn timed_out(key: &ObjectKey) -> Failure {
    let (plural, name): (&str, &Name) = (key.kind.row().plural, &key.name);
    Failure::Text(format!("timed out waiting for the condition on {plural}/{name}"))
}
