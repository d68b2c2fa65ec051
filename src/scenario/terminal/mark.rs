//! `kubectl label` and `kubectl annotate`.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::api::labels::Labels;
use crate::api::request::{Patch, Subresource, Verb};
use crate::scenario::kubectl::{Annotate, Change, DryRun, Label, Selection, Target};
use crate::scenario::terminal::Scene;
use crate::scenario::terminal::choice::{self, Choice, Info, read};
use crate::scenario::terminal::failure::Failure;
use crate::scenario::terminal::report;
use crate::scenario::terminal::script::{Play, Script};

/// Which of the two maps is changed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Labels,
    Annotations,
}

/// What both commands are told.
struct Work<'a> {
    part: Part,
    targets: Vec<Target>,
    changes: Vec<Change>,
    selection: &'a Selection,
    all: bool,
    overwrite: bool,
    dry_run: DryRun,
}

/// Runs `kubectl label`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/label/label.go, `RunLabel`
pub(super) fn label(script: &mut Script<'_>, scene: &Scene, label: &Label) -> Play<()> {
    let (targets, changes) = read(label.parts())?;
    let Label { selection, all, overwrite, dry_run, .. } = label;
    let (all, overwrite, dry_run) = (*all, *overwrite, *dry_run);
    let part = Part::Labels;
    run(script, scene, &Work { part, targets, changes, selection, all, overwrite, dry_run })
}

/// Runs `kubectl annotate`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/annotate/annotate.go, `RunAnnotate`
pub(super) fn annotate(script: &mut Script<'_>, scene: &Scene, annotate: &Annotate) -> Play<()> {
    let (targets, changes) = read(annotate.parts())?;
    let Annotate { selection, all, overwrite, dry_run, .. } = annotate;
    let (all, overwrite, dry_run) = (*all, *overwrite, *dry_run);
    let part = Part::Annotations;
    run(script, scene, &Work { part, targets, changes, selection, all, overwrite, dry_run })
}

fn run(script: &mut Script<'_>, scene: &Scene, work: &Work<'_>) -> Play<()> {
    let choice = Choice {
        labels: work.selection.selector.as_ref(),
        fields: work.selection.field_selector.as_ref(),
        all: work.all,
        all_namespaces: work.selection.all_namespaces,
        ..Choice::new(Ok(work.targets.clone()))?
    };
    let count = choice::visit(script, scene, &choice, |script, info| one(script, work, info))?;
    if count == 0 {
        script.say("No resources found");
    }
    Ok(())
}

fn one(script: &mut Script<'_>, work: &Work<'_>, info: &Info) -> Play<()> {
    let meta = info.fetched()?.meta();
    let (old, key) = match work.part {
        Part::Labels => (&meta.labels, "labels"),
        Part::Annotations => (&meta.annotations, "annotations"),
    };
    if !work.overwrite {
        not_taken(work, old)?;
    }
    let mut new = old.clone();
    let mut patch = Map::new();
    for change in &work.changes {
        match change {
            Change::Set(name, value) => {
                new = new.with(name, value);
                if old.get(name).is_none_or(|there| there != value) {
                    patch.insert(name.clone(), value.as_str().into());
                }
            }
            Change::Remove(name) => {
                if old.get(name).is_none() && work.part == Part::Labels {
                    script.say(&format!("label {name:?} not found."));
                }
                if old.get(name).is_some() {
                    patch.insert(name.clone(), Value::Null);
                }
                new = new.without(name);
            }
        }
    }
    let patch = if patch.is_empty() { json!({}) } else { json!({ "metadata": { key: patch } }) };
    if work.dry_run != DryRun::Client {
        script.object(&Verb::Patch {
            key: info.key.clone(),
            part: Subresource::Main,
            patch: Patch::Merge(Arc::new(patch)),
            dry_run: work.dry_run == DryRun::Server,
        })?;
    }
    report(script, info, done(work, old, &new), work.dry_run, None)
}

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/label/label.go,
/// `updateDataChangeMsg`
fn done(work: &Work<'_>, old: &Labels, new: &Labels) -> &'static str {
    match work.part {
        Part::Annotations => "annotated",
        Part::Labels if old == new => "not labeled",
        Part::Labels if !work.overwrite && new.len() < old.len() => "unlabeled",
        Part::Labels => "labeled",
    }
}

/// Whether no key that is to be set has a value.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/label/label.go,
/// `validateNoOverwrites`; annotate/annotate.go, `validateNoAnnotationOverwrites`
fn not_taken(work: &Work<'_>, old: &Labels) -> Result<(), Failure> {
    let mut taken = Vec::new();
    for change in &work.changes {
        let Change::Set(name, value) = change else { continue };
        match old.get(name) {
            Some(there) if there != value => {
                taken.push(format!("'{name}' already has a value ({there})"));
            }
            Some(_) | None => {}
        }
    }
    if taken.is_empty() {
        return Ok(());
    }
    Err(match work.part {
        Part::Labels => Failure::Many(
            taken
                .iter()
                .map(|one| Failure::Text(format!("{one}, and --overwrite is false")))
                .collect(),
        )
        .single(),
        Part::Annotations => Failure::Text(format!(
            "--overwrite is false but found the following declared annotation(s): {}",
            taken.join("; ")
        )),
    })
}
