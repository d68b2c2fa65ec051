//! `kubectl set image`, `env`, `resources`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::object::Kind;
use crate::api::patch::strategic;
use crate::api::request::{Patch, Subresource, Verb};
use crate::api::schema::Schema;
use crate::api::selector::Selector;
use crate::scenario::kubectl::{Change, DryRun, SetPairs, SetResources, Target};
use crate::scenario::terminal::Scene;
use crate::scenario::terminal::choice::{self, Choice, Info, read};
use crate::scenario::terminal::failure::Failure;
use crate::scenario::terminal::name;
use crate::scenario::terminal::report;
use crate::scenario::terminal::script::{Play, Script};

/// What is done to the pod template of each object, and the words for it.
struct Work<'a> {
    targets: Vec<Target>,
    all: bool,
    labels: Option<&'a Selector>,
    dry_run: DryRun,
    done: &'static str,
}

/// Runs `kubectl set image`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/set/set_image.go, `Run`
pub(super) fn image(script: &mut Script<'_>, scene: &Scene, pairs: &SetPairs) -> Play<()> {
    let (targets, changes) = read(pairs.parts())?;
    let work = Work {
        targets,
        all: pairs.all,
        labels: pairs.selector.as_ref(),
        dry_run: pairs.dry_run,
        done: "image updated",
    };
    each(script, scene, &work, |spec| {
        for change in &changes {
            let Change::Set(wanted, image) = change else {
                return Err(Failure::text("an image cannot be removed"));
            };
            let mut is_found = false;
            for list in ["initContainers", "containers"] {
                for container in containers(spec, list) {
                    if wanted == "*" || container["name"] == wanted.as_str() {
                        container["image"] = image.as_str().into();
                        is_found = true;
                    }
                }
            }
            if !is_found {
                return Err(Failure::Text(format!("unable to find container named {wanted:?}")));
            }
        }
        Ok(())
    })
}

/// Runs `kubectl set env`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/set/set_env.go, `RunEnv`
pub(super) fn env(script: &mut Script<'_>, scene: &Scene, pairs: &SetPairs) -> Play<()> {
    let (targets, changes) = read(pairs.parts())?;
    let work = Work {
        targets,
        all: pairs.all,
        labels: pairs.selector.as_ref(),
        dry_run: pairs.dry_run,
        done: "env updated",
    };
    each(script, scene, &work, |spec| {
        on_containers(spec, &pairs.containers, &["initContainers", "containers"], |container| {
            let mut vars = container["env"].as_array().cloned().unwrap_or_default();
            for change in &changes {
                set_variable(&mut vars, change);
            }
            match (vars.is_empty(), container.as_object_mut()) {
                (true, Some(container)) => drop(container.shift_remove("env")),
                (false, Some(container)) => drop(container.insert("env".into(), vars.into())),
                (_, None) => {}
            }
        })
    })
}

fn set_variable(vars: &mut Vec<Value>, change: &Change) {
    match change {
        Change::Remove(name) => vars.retain(|var| var["name"] != name.as_str()),
        Change::Set(name, value) => {
            let new = json!({ "name": name, "value": value });
            match vars.iter_mut().find(|var| var["name"] == name.as_str()) {
                Some(var) => *var = new,
                None => vars.push(new),
            }
        }
    }
}

/// Runs `kubectl set resources`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/set/set_resources.go, `Run`
pub(super) fn resources(script: &mut Script<'_>, scene: &Scene, set: &SetResources) -> Play<()> {
    let [limits, requests] = read(set.amounts())?;
    let work = Work {
        targets: read(set.targets())?,
        all: set.all,
        labels: set.selector.as_ref(),
        dry_run: set.dry_run,
        done: "resource requirements updated",
    };
    each(script, scene, &work, |spec| {
        on_containers(spec, &set.containers, &["containers"], |container| {
            for (part, amounts) in [("limits", &limits), ("requests", &requests)] {
                for (name, amount) in amounts {
                    container["resources"][part][name] = amount.as_str().into();
                }
            }
        })
    })
}

/// The containers of a list, to change.
fn containers<'v>(spec: &'v mut Value, list: &str) -> impl Iterator<Item = &'v mut Value> {
    spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten()
}

/// Does something to each container whose name fits a pattern.
fn on_containers(
    spec: &mut Value,
    pattern: &str,
    lists: &[&str],
    change: impl Fn(&mut Value),
) -> Result<(), Failure> {
    let mut is_found = false;
    for list in lists {
        for container in containers(spec, list) {
            if fits(pattern, container["name"].as_str().unwrap_or_default()) {
                change(container);
                is_found = true;
            }
        }
    }
    if is_found { Ok(()) } else { Err(Failure::Text(format!("no container matches {pattern:?}"))) }
}

/// Whether a name fits a pattern in which `*` stands for anything.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(left) = name.strip_prefix(start) else { return false };
    left.char_indices().map(|(at, _)| at).chain([left.len()]).any(|at| fits(rest, &left[at..]))
}

/// Changes the pod template of each object and sends the difference.
fn each(
    script: &mut Script<'_>,
    scene: &Scene,
    work: &Work<'_>,
    change: impl Fn(&mut Value) -> Result<(), Failure>,
) -> Play<()> {
    let choice =
        Choice { labels: work.labels, all: work.all, ..Choice::new(Ok(work.targets.clone()))? };
    choice::visit(script, scene, &choice, |script, info| one(script, work, info, &change))?;
    Ok(())
}

fn one(
    script: &mut Script<'_>,
    work: &Work<'_>,
    info: &Info,
    change: &impl Fn(&mut Value) -> Result<(), Failure>,
) -> Play<()> {
    let before = info.fetched()?.to_value();
    let mut after = before.clone();
    let Some(spec) = spec_of(&mut after, info.kind()) else {
        let kind = info.kind().name();
        return Err(Failure::Text(format!(
            "the object is not a pod or does not have a pod template: {kind}"
        ))
        .into());
    };
    let failed = |why: &Failure| {
        let (resource, name) = (name::resource(info.kind()), &info.key.name);
        Failure::Text(format!("error: {resource}/{name} {}", why.quoted()))
    };
    change(spec).map_err(|why| match why {
        Failure::Text(ref text) if text.starts_with("unable to find") => why,
        Failure::Server(_) | Failure::Unreachable | Failure::Text(_) | Failure::Many(_) => {
            failed(&why)
        }
    })?;
    let schema = Schema::of(info.kind().name());
    let schema = schema.ok_or_else(|| Failure::text("the kind has no known fields"))?;
    let patch = strategic::two_way(&before, &after, schema)
        .map_err(|why| Failure::Text(why.to_string()))?;
    if patch.as_object().is_some_and(serde_json::Map::is_empty) {
        return Ok(());
    }
    if work.dry_run != DryRun::Client {
        let verb = Verb::Patch {
            key: info.key.clone(),
            part: Subresource::Main,
            patch: Patch::Strategic(Arc::new(patch)),
            dry_run: work.dry_run == DryRun::Server,
        };
        let sent = script.attempt(|script| script.object(&verb))?;
        sent.map_err(|why| sending(&why, work.done))?;
    }
    report(script, info, work.done, work.dry_run, None)
}

/// A patch that was refused, in the words of the command that sent it.
fn sending(why: &Failure, done: &str) -> Failure {
    let what = if done.starts_with("image") {
        "failed to patch image update to pod template"
    } else if done.starts_with("env") {
        "failed to patch env update to pod template"
    } else {
        "failed to patch resources update to pod template"
    };
    Failure::Text(format!("{what}: {}", why.quoted()))
}

/// The pod spec inside an object.
fn spec_of(value: &mut Value, kind: Kind) -> Option<&mut Value> {
    let path = match kind {
        Kind::POD => "/spec",
        Kind::CRON_JOB => "/spec/jobTemplate/spec/template/spec",
        _ => "/spec/template/spec",
    };
    value.pointer_mut(path)
}
