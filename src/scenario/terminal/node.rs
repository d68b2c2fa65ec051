//! `kubectl taint`, `cordon`, `uncordon`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::core::node::Node;
use crate::api::patch::strategic;
use crate::api::request::{Patch, Subresource, Verb};
use crate::api::schema::Schema;
use crate::api::taint::TaintChange;
use crate::scenario::kubectl::{Cordon, DryRun, Taint};
use crate::scenario::terminal::Scene;
use crate::scenario::terminal::choice::{self, Choice, Info, read};
use crate::scenario::terminal::failure::Failure;
use crate::scenario::terminal::report;
use crate::scenario::terminal::script::{Play, Script};

/// Runs `kubectl cordon`.
pub(super) fn cordon(script: &mut Script<'_>, scene: &Scene, cordon: &Cordon) -> Play<()> {
    mark_all(script, scene, cordon, true)
}

/// Runs `kubectl uncordon`.
pub(super) fn uncordon(script: &mut Script<'_>, scene: &Scene, cordon: &Cordon) -> Play<()> {
    mark_all(script, scene, cordon, false)
}

fn mark_all(script: &mut Script<'_>, scene: &Scene, cordon: &Cordon, desired: bool) -> Play<()> {
    let choice = choice::nodes(&read(cordon.node_names())?, cordon.selector.as_ref())?;
    let found = script.keep(|script| choice::find(script, scene, &choice))?;
    let nodes = all_found(found)?;
    mark(script, &nodes, desired, cordon.dry_run)
}

/// All nodes, or the complaint about the first that is not there.
pub(super) fn all_found(found: Vec<Result<Info, Failure>>) -> Result<Vec<Info>, Failure> {
    found.into_iter().collect()
}

/// Keeps new pods from nodes, or lets them in again; a node that cannot be marked is told and left.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/drain/drain.go,
/// `RunCordonOrUncordon`
pub(super) fn mark(
    script: &mut Script<'_>,
    nodes: &[Info],
    desired: bool,
    dry_run: DryRun,
) -> Play<()> {
    let word = if desired { "cordon" } else { "uncordon" };
    let nodes: Vec<Result<Info, Failure>> = nodes.iter().cloned().map(Ok).collect();
    choice::for_each(script, &nodes, |script, info| {
        let is_marked = info.fetched()?.as_a::<Node>().is_some_and(|node| node.spec.unschedulable);
        if is_marked == desired {
            return report(script, info, &format!("already {word}ed"), dry_run, None);
        }
        if dry_run != DryRun::Client {
            let value = if desired { json!(true) } else { Value::Null };
            let patch = Patch::Strategic(Arc::new(json!({ "spec": { "unschedulable": value } })));
            let sent = script.attempt(|script| script.object(&change(info, patch, dry_run)))?;
            if let Err(why) = sent {
                let (name, why) = (info.key.name.as_str(), why.quoted());
                script.say(&format!("error: unable to {word} node {name:?}: {why}"));
                return Ok(());
            }
        }
        report(script, info, &format!("{word}ed"), dry_run, None)
    })?;
    Ok(())
}

fn change(info: &Info, patch: Patch, dry_run: DryRun) -> Verb {
    let dry_run = dry_run == DryRun::Server;
    Verb::Patch { key: info.key.clone(), part: Subresource::Main, patch, dry_run }
}

/// Runs `kubectl taint`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/taint/taint.go, `RunTaint`
pub(super) fn taint(script: &mut Script<'_>, scene: &Scene, taint: &Taint) -> Play<()> {
    let (targets, wanted) = read(taint.parts())?;
    let choice =
        Choice { labels: taint.selector.as_ref(), all: taint.all, ..Choice::new(Ok(targets))? };
    choice::visit(script, scene, &choice, |script, info| one(script, taint, &wanted, info))?;
    Ok(())
}

fn one(script: &mut Script<'_>, taint: &Taint, wanted: &TaintChange, info: &Info) -> Play<()> {
    let before = info.fetched()?.to_value();
    let taints = before.pointer("/spec/taints").and_then(Value::as_array);
    let old = taints.cloned().unwrap_or_default();
    if !taint.overwrite {
        not_taken(&old, wanted, &info.key.name)?;
    }
    let (new, done) = reorganized(&old, wanted)?;
    let mut after = before.clone();
    match (new.is_empty(), after.get_mut("spec").and_then(Value::as_object_mut)) {
        (true, Some(spec)) => drop(spec.shift_remove("taints")),
        (false, Some(spec)) => drop(spec.insert("taints".into(), new.into())),
        (_, None) => after["spec"] = json!({ "taints": new }),
    }
    if taint.dry_run != DryRun::Client {
        let schema = Schema::of("Node").ok_or_else(|| Failure::text("nodes have no fields"))?;
        let patch = strategic::two_way(&before, &after, schema)
            .map_err(|why| Failure::Text(why.to_string()))?;
        script.object(&change(info, Patch::Strategic(Arc::new(patch)), taint.dry_run))?;
    }
    report(script, info, done, taint.dry_run, None)
}

/// Whether no taint that is to be put on is there already.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/taint/taint.go,
/// `checkIfTaintsAlreadyExists`
fn not_taken(old: &[Value], wanted: &TaintChange, node: &str) -> Result<(), Failure> {
    let is_there = |taint: &&crate::api::taint::Taint| {
        old.iter().any(|o| o["key"] == taint.key.as_str() && o["effect"] == taint.effect.name())
    };
    let taken: Vec<&str> =
        wanted.add.iter().filter(is_there).map(|taint| taint.key.as_str()).collect();
    if taken.is_empty() {
        return Ok(());
    }
    let taken = taken.join(",");
    Err(Failure::Text(format!(
        "node {node} already has {taken} taint(s) with same effect(s) and --overwrite is false"
    )))
}

/// The taints after a change, and the word for it.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/taint/utils.go, `reorganizeTaints`
fn reorganized(old: &[Value], wanted: &TaintChange) -> Result<(Vec<Value>, &'static str), Failure> {
    let mut new: Vec<Value> = Vec::new();
    for taint in &wanted.add {
        let mut value = json!({ "key": taint.key.as_str(), "effect": taint.effect.name() });
        if !taint.value.is_empty() {
            value["value"] = taint.value.as_str().into();
        }
        new.push(value);
    }
    let same = |a: &Value, b: &Value| a["key"] == b["key"] && a["effect"] == b["effect"];
    let kept: Vec<Value> =
        old.iter().filter(|o| !new.iter().any(|n| same(n, o))).cloned().collect();
    new.extend(kept);
    let mut missing = Vec::new();
    for (key, effect) in &wanted.remove {
        let fits = |taint: &Value| {
            taint["key"] == key.as_str() && effect.is_none_or(|e| taint["effect"] == e.name())
        };
        if !new.iter().any(fits) {
            let text = effect.map_or(key.to_string(), |effect| format!("{key}:{}", effect.name()));
            missing.push(Failure::Text(format!("taint {text:?} not found")));
        }
        new.retain(|taint| !fits(taint));
    }
    Failure::all(missing)?;
    let done = match (wanted.add.is_empty(), wanted.remove.is_empty()) {
        (false, true) => "tainted",
        (true, false) => "untainted",
        (_, _) => "modified",
    };
    Ok((new, done))
}
